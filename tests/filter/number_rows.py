"""Rows for the reason `numbers` whose label follows from how they are made; prints JSONL.

    number_rows.py SHARED_DATA > tests/filter/data/numbers.jsonl

Half of the rows hold one number that contradicts the document or is worked out wrongly, the other
half hold numbers that do not stand in the document and are right: sums, shares, roundings, spans of
years, conversions, suppositions, questions. The wording is not that of labelled.jsonl.
"""
import gzip
import json
import random
import re
import sys

random_source = random.Random(20)
choice = random_source.choice


def read(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file.read().split("\n") if line.strip()]


def wrong(written):
    """Another number of about this size; None where there is none."""
    plain = written.replace(",", "")
    for _ in range(60):
        way = random_source.randrange(4)
        if "." in plain or way == 0:
            digits = 2 if "." in plain else 0
            other = f"{float(plain) * choice([0.6, 0.75, 0.9, 1.1, 1.25, 1.5, 3]):.{digits}f}"
            other = re.sub(r"\.0+$", "", other)
        elif way == 1 and len(plain) > 1:
            at = random_source.randrange(len(plain) - 1)
            other = plain[:at] + plain[at + 1] + plain[at] + plain[at + 2:]
        elif way == 2:
            other = str(int(plain) + choice([-10, 10, -3, 3, -6, 6, 30, -30]))
        else:
            at = random_source.randrange(len(plain))
            other = plain[:at] + str(random_source.randrange(10)) + plain[at + 1:]
        if other[0] in "-0":
            continue
        if abs(float(other) - float(plain)) >= max(1, 0.02 * float(plain)):
            return f"{int(other):,}" if "," in written else other
    return None


# Sums as models write them down; the result stands last.
OPENINGS = ["Okay, so I need to work this out.", "Let me break the problem down.",
            "Alright, here is how I see it.", "We want the final amount.",
            "I will set this up carefully.", "The goal is clear enough."]
SIGNS = {"+": ["+"], "-": ["-", "\u2212"], "*": ["*", "\u00d7", "x"], "/": ["/", "\u00f7"]}
FORMS = ["So {a} {o} {b} = {v}.", "- Next: {a} {o} {b} = {v}", "**Step:** {a} {o} {b} = {v}.",
         "That gives {a} {o} {b} = {v} for this part.", "We get {a}{o}{b}={v}.",
         "({a} {o} {b} = {v})", "{a} {u} {o} {b} {u} = {v} {u}.", "This part comes out as {a} {o} {b} = {v} {u} in all."]
SPOKEN = {"+": ["{a} plus {b} is {v}.", "Adding {a} and {b} gives {v}.", "{a} plus {b} makes {v} {u}."],
          "-": ["{a} minus {b} is {v}.", "{a} minus {b} leaves {v} {u}.", "Taking {b} from {a} leaves {v}."],
          "*": ["{a} times {b} is {v}.", "{a} multiplied by {b} equals {v}.", "Multiplying {a} by {b} gives {v}."],
          "/": ["{a} divided by {b} is {v}.", "Splitting {a} into {b} parts gives {v} each."]}
UNITS = ["items", "dollars", "hours", "students", "boxes", "miles"]


def sums(problems, count):
    rows = []
    for problem in problems:
        steps = re.findall(r"<<(\d+(?:\.\d+)?)([-+*/])(\d+(?:\.\d+)?)=(\d+(?:\.\d+)?)>>", problem["answer"])
        if len(steps) < 2:
            continue
        bad = random_source.randrange(len(steps)) if len(rows) % 2 else -1
        unit = choice(UNITS)
        lines = [choice(OPENINGS)]
        for i, (a, operator, b, value) in enumerate(steps):
            if i == bad:
                value = wrong(value)
            if random_source.random() < 0.7:
                form = choice(FORMS[:6] if operator in "*/" else FORMS)
            else:
                form = choice(SPOKEN[operator])
            lines.append(form.format(a=a, b=b, v=value, u=unit, o=choice(SIGNS[operator])))
        if any("None" in line for line in lines):
            continue
        rows.append(("numbers" if bad >= 0 else "keep", "gsm8k",
                     "a result altered" if bad >= 0 else "told in another way",
                     problem["question"], "\n".join(lines)))
        if len(rows) == count:
            return rows
    return rows


def solutions(problems, count):
    rows = []
    for problem in problems:
        text = re.sub(r"<<[^>]*>>", "", problem["answer"].split("####")[0]).strip()
        if len(rows) % 2 == 0:
            rows.append(("keep", "gsm8k", "the solution as it was published", problem["question"], text))
        else:
            results = [m for m in re.finditer(r"= ?\$?(\d[\d,]*(?:\.\d+)?)", text)
                       if re.search(r"[-+*/x\u00d7\u00f7]\s*\(?\$?\d[^=\n]*$", text[max(0, m.start() - 60):m.start()])]
            if not results:
                continue
            result = choice(results)
            other = wrong(result.group(1))
            if other is None:
                continue
            rows.append(("numbers", "gsm8k", "a result altered in a published solution", problem["question"],
                         text[:result.start(1)] + other + text[result.end(1):]))
        if len(rows) == count:
            return rows
    return rows


NUMBER = re.compile(r"(?<![\w.,$/:-])(\d{1,3}(?:,\d{3})+|\d{2,7})(?![\w/:-]|[.,]\d|\))")
REMARKS = ["This anchors the rest of the passage.", "An expert would ask how this was established.",
           "The causal chain is what matters to me here.", "I want to connect it with the paragraph's purpose.",
           "Background knowledge fills in the gaps.", "The tone is that of a survey, not of an argument.",
           "One can see the structure: a claim, then its support."]
WHOLE = ["Key fact: {}.", "In short, {}.", "- {}.", "Summary: {}.", "The excerpt mentions that {}.",
         "What we learn: {}.", "The author writes: \"{}.\""]
PART = ["So we have {}, which sets the scene.", "The detail \"{}\" is easy to overlook.",
        "Notice {} here.", "It describes {} and moves on.", "This part, {}, carries weight."]


def restated(sentence, begin):
    body = sentence.rstrip(".!?")
    if random_source.random() < 0.6:
        return choice(WHOLE).format(body)
    words = body.split(" ")
    place = len(body[:begin].split(" ")) - 1
    first = max(0, place - random_source.randrange(5, 10))
    last = min(len(words), place + random_source.randrange(4, 9))
    return choice(PART).format(" ".join(words[first:last]).strip(" ,;:()\""))


def derived(written, paragraph):
    """A true statement with a number that need not stand in the document."""
    value = float(written.replace(",", ""))
    year = 1000 <= value < 2100 and "," not in written
    factor = choice([2, 3, 4, 5])
    span = random_source.randrange(5, 60)
    ways = [
        ("a multiple", f"Compare {factor} times that: {written} \u00d7 {factor} = {value * factor:,.0f}."),
        ("a share", f"A quarter of {written} is {value / 4:.10g}, which helps me picture it."),
        ("a percentage", f"30% of {written} is {0.3 * value:.10g}."),
        ("a rounding", f"Call it {float(f'{value:.1g}'):,.0f} or so for an estimate."),
        ("a conversion", f"If it were minutes, {written} minutes / 60 = {value / 60:.1f} hours."),
        ("a conversion", f"In other units {written} m would be {value / 1000:.3g} km, or about {value * 3.28:.0f} feet."),
        ("mixed units", "1 hour + 45 minutes = 105 minutes, and 3 feet + 6 inches = 42 inches."),
        ("a rate", f"15 minutes * $40 per hour = $10, nothing beside {written}."),
        ("a supposition", f"Imagine it had been {int(value) + span} instead of {written}; little would change."),
        ("a question", f"Was it {int(value) - span}? No, the passage has {written}."),
        ("another example", f"A similar case elsewhere has {int(value) + span} of them."),
        ("a remainder", f"Dividing by ten leaves a remainder: {int(value)} mod 10 = {int(value) % 10}."),
    ]
    if year:
        ways += 3 * [("a span of years", f"From {written} to {int(value) + span} is {span} years: "
                      f"{int(value) + span} - {written} = {span}."),
                     ("a later year", f"By {int(value) + span} the situation had surely changed.")]
    return choice(ways)


def passages(documents, count):
    rows = []
    while len(rows) < count:
        source, text = choice(documents)
        paragraphs = [p for p in re.split(r"\n+", text) if 300 < len(p) < 1400]
        random_source.shuffle(paragraphs)
        for paragraph in paragraphs:
            sentences = [s for s in re.split(r"(?<=[.!?]) (?=[A-Z])", paragraph)
                         if 50 < len(s) < 260 and NUMBER.search(s) and "$" not in s and "\\" not in s]
            if sentences:
                break
        else:
            continue
        sentence = choice(sentences)
        number = choice(list(NUMBER.finditer(sentence)))
        remarks = random_source.sample(REMARKS, random_source.randrange(1, 4))
        if len(rows) % 2:
            other = wrong(number.group(1))
            if other is None or re.search(rf"(?<!\d){other}(?!\d)", paragraph):
                continue
            told = restated(sentence[:number.start()] + other + sentence[number.end():], number.start())
            row = ["numbers", source, "another number than in the document"]
        elif random_source.random() < 0.25:
            told = restated(sentence, number.start())
            row = ["keep", source, "restated as it is"]
        else:
            note, told = derived(number.group(1), paragraph)
            row = ["keep", source, note]
        remarks.insert(random_source.randrange(len(remarks) + 1), told)
        rows.append((*row, paragraph, " ".join(remarks)))
    return rows


def main(folder):
    problems = read(f"{folder}/gsm8k/train.jsonl.gz")[1::2]
    random_source.shuffle(problems)
    documents = []
    for name, part in [("openstax_astronomy", slice(None)), ("openstax_physics_v1", slice(None)),
                       ("openstax_us_history", slice(1, None, 2)), ("sherlock_holmes", slice(None)),
                       ("rust_book", slice(None))]:
        documents += [(name, d["text"]) for d in read(f"{folder}/docs/{name}.jsonl.gz")[part]]
    rows = solutions(problems[:2000], 120) + sums(problems[2000:], 120) + passages(documents, 200)
    for i, (label, source, note, document, thinking) in enumerate(rows):
        print(json.dumps({"id": f"n{i}", "part": "numbers", "label": label, "source": source, "note": note,
                          "finish": "stop", "document": document, "thinking": thinking}, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1])
