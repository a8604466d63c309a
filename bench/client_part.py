"""`tpt augment` as a client, against a bare aiohttp loop and the three generation tools.

Every side asks the same mock server for the same documents in one run: prompts of 1 KiB, answers of
4 KiB. The server is kept on one core and the client on another. Ours is the whole program: JSONL
in, every answer journaled, Parquet out. Requests per processor second count user and system time of
the client's processes: ours with its start and end, the others without their imports.
"""
import json
import shutil
import statistics
import sys
from pathlib import Path

from loopback import Mock, Nginx
from measuring import CACHE, ROOT, measure, on_core

CLIENT_CORE, SERVER_CORE = 0, 1
MODEL = "gpt-4o-mini"  # a name whose price and limits curator knows; the server knows no other
PROMPT_BYTES, ANSWER_BYTES = 1024, 4096
AIOHTTP_GOAL, BEST_PEER_GOAL = 4, 50
PEERS = {"aiohttp": ("aiohttp", "aiohttp_loop.py"), "datatrove": ("datatrove", "datatrove_runner.py"),
         "curator": ("curator", "curator_llm.py"), "data-designer": ("data-designer", "data_designer_columns.py")}
TIKTOKEN_NAME = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"  # sha1 of the address of cl100k_base


def write_documents(path, count):
    """`count` documents of 1 KiB each, pieces of the sample's texts, no two alike."""
    texts = []
    for file in sorted((ROOT / "data" / "sample").glob("*.jsonl")):
        texts += [json.loads(line)["text"] for line in file.open(encoding="utf-8")]
    source = "\n".join(texts)
    with open(path, "w", encoding="utf-8") as out:
        for number in range(count):
            at = number * 397 % (len(source) - PROMPT_BYTES)
            text = f"Document {number}. " + source[at:at + PROMPT_BYTES]
            text = text.encode()[:PROMPT_BYTES].decode(errors="ignore")
            out.write(json.dumps({"id": f"doc-{number}", "text": text}, ensure_ascii=False) + "\n")


def our_command(program, documents, urls, out, in_flight, settings=()):
    """The whole step: the prompt is the document, as the peers send it."""
    prompt = Path(out).parent / "prompt.txt"
    prompt.write_text("{{CONTEXT}}\n")
    command = [program, "augment", documents, "--engine", "http", "--out", out, "--prompt", prompt,
               "--context-tokens", 4096, "--max-thinking-tokens", 4096, "--think-start", "",
               "--start-in-flight", -(-in_flight // len(urls)), "--in-flight", -(-in_flight // len(urls)),
               "--window-documents", max(4096, 2 * in_flight)]
    for url in urls:
        command += ["--url", url]
    return [*command, *settings]


def rate(answers, done):
    return {"answers": answers, "seconds": round(done["seconds"], 3), "cpu_seconds": round(done["cpu_seconds"], 3),
            "per_cpu_second": round(answers / done["cpu_seconds"], 1), "per_second": round(answers / done["seconds"], 1)}


def measure_ours(program, folder, documents, urls, requests, in_flight, settings=(), environment=None):
    out = Path(folder) / "ours"
    shutil.rmtree(out, ignore_errors=True)
    few = Path(folder) / f"documents-{requests}.jsonl"
    if not few.exists():
        with open(documents, encoding="utf-8") as lines:
            few.write_text("".join(line for line, _ in zip(lines, range(requests))), encoding="utf-8")
    command = on_core(CLIENT_CORE, our_command(program, few, urls, out, in_flight, settings))
    done = measure(command, environment)
    if done.status:
        sys.exit(f"tpt augment failed with {done.status}:\n{done.errors[-3000:]}")
    counts = done.last_json()
    if counts["rows"] + counts["rejected"] != requests:
        sys.exit(f"tpt augment gave {counts} of {requests} documents")
    figures = rate(requests, {"seconds": done.seconds, "cpu_seconds": done.cpu_seconds})
    return figures | {"peak_bytes": done.peak_bytes, "samples": done.samples,
                      "rejected": counts["rejected"]}


def peer_environment(folder):
    """Where the tools keep what they keep, and the vocabulary two of them count tokens with."""
    tiktoken = Path(folder) / "tiktoken"
    tiktoken.mkdir(exist_ok=True)
    found = ROOT.parent / "shared" / "data" / "tokenizers" / "openai" / "cl100k_base.tiktoken"
    if found.exists():
        shutil.copyfile(found, tiktoken / TIKTOKEN_NAME)
    return {"TIKTOKEN_CACHE_DIR": str(tiktoken), "HOME": str(folder), "CURATOR_CACHE_DIR": f"{folder}/curator"}


def measure_peer(name, folder, documents, url, requests, in_flight):
    """None with a word where the peer is not set up or does not run."""
    environment, script = PEERS[name]
    python = CACHE / "peers" / environment / "bin" / "python"
    if not python.exists():
        print(f"bench: {name} is not set up: run scripts/setup --bench", flush=True)
        return None
    out = Path(folder) / name
    shutil.rmtree(out, ignore_errors=True)
    command = [python, ROOT / "bench" / "peers" / script, "--url", url, "--documents", documents,
               "--requests", requests, "--in-flight", in_flight, "--out", out, "--model", MODEL]
    done = measure(on_core(CLIENT_CORE, command), peer_environment(folder), timeout=900)
    try:
        found = done.last_json()
    except (ValueError, IndexError):
        found = {"answers": 0}
    if done.status or found["answers"] != requests:
        print(f"bench: {name} got {found['answers']} of {requests} answers:\n{done.errors[-1500:]}", flush=True)
        return None
    return rate(requests, found) | {"peak_bytes": done.peak_bytes}


def median_of(measured):
    """The round in the middle, by requests per processor second."""
    measured = sorted(measured, key=lambda one: one["per_cpu_second"])
    return measured[(len(measured) - 1) // 2] if measured else None


def show(name, in_flight, figures):
    if figures:
        print(f"  {name:34} {in_flight:6} in flight {figures['per_cpu_second']:10.0f} a CPU second "
              f"{figures['per_second']:10.0f} a second  {figures['peak_bytes'] / 1e6:7.0f} MB", flush=True)


def row_of(name, in_flight, figures):
    kept = {key: value for key, value in figures.items() if key != "samples"}
    return {"name": name, "in_flight": in_flight} | kept


def server_of(kind, program, folder):
    if kind == "nginx":
        return Nginx(folder, ANSWER_BYTES, SERVER_CORE)
    return Mock(program, folder, SERVER_CORE, answer_bytes=ANSWER_BYTES, model=MODEL)


def against_aiohttp(program, folder, documents, url, in_flight, requests, rounds, rows):
    """Ours (gate off, gate on) and the loop in turns; how many times as many we ask for."""
    sides = {"tpt augment": [], "tpt augment, quality gate on": [], "aiohttp loop": []}
    for _ in range(rounds):
        sides["tpt augment"].append(
            measure_ours(program, folder, documents, [url], requests, in_flight))
        sides["tpt augment, quality gate on"].append(
            measure_ours(program, folder, documents, [url], requests, in_flight, ["--gate"]))
        sides["aiohttp loop"].append(
            measure_peer("aiohttp", folder, documents, url, requests // 4, in_flight))
    middle = {}
    for name, measured in sides.items():
        middle[name] = median_of([one for one in measured if one])
        if middle[name]:
            rows.append(row_of(name, in_flight, middle[name]))
            show(name, in_flight, middle[name])
    ratios = [ours["per_cpu_second"] / theirs["per_cpu_second"]
              for ours, theirs in zip(sides["tpt augment"], sides["aiohttp loop"]) if theirs]
    return middle["tpt augment"], statistics.median(ratios) if ratios else None


def measure_client(program, folder, server, requests, rounds, flights=(64, 512, 4096, 20000)):
    """Rows of the table, and the ratios that the goals are about."""
    documents = Path(folder) / "documents.jsonl"
    write_documents(documents, requests)
    rows, ratios = [], {}
    with server_of(server, program, folder) as mock:
        for in_flight in flights:
            ours, ratio = against_aiohttp(program, folder, documents, mock.url, in_flight, requests,
                                          rounds if in_flight == 512 else 1, rows)
            if ratio:
                ratios[f"aiohttp at {in_flight}"] = round(ratio, 2)
            if in_flight != 512:
                continue
            best = 0
            for name in ("datatrove", "curator", "data-designer"):
                found = measure_peer(name, folder, documents, mock.url, min(requests, 4000), in_flight)
                if found:
                    rows.append(row_of(name, in_flight, found))
                    show(name, in_flight, found)
                    best = max(best, found["per_cpu_second"])
            if best:
                ratios["best of the three at 512"] = round(ours["per_cpu_second"] / best, 1)
    goals = {"aiohttp at 512": AIOHTTP_GOAL, "best of the three at 512": BEST_PEER_GOAL}
    for name, ratio in ratios.items():
        goal = f" (goal {goals[name]})" if name in goals else ""
        print(f"  ours / {name}: {ratio}{goal}", flush=True)
    return {"server": server, "rows": rows, "ratios": ratios, "goals": goals}
