"""Drives `tpt augment` against a real llama-server with SmolLM2-135M, and holds its rows against what
a plain Python client gets from the same server.

  llama_server.py TPT LLAMA_SERVER MODEL FOLDER

Prints a line for everything that is wrong; the exit status says whether anything was.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow.parquet

KEY = "a-key-of-the-test-314159"
NAME = "smollm2-135m"
CONTEXT_TOKENS = 1024  # of one sequence
TEXTS = ["The river runs from the hills to the sea, and the mill stands beside it.",
         "Seven houses stand in the street. Three of them are red and the rest are white.",
         "Water boils at one hundred degrees. \"Higher up,\" she said, \"it needs less.\"",
         "def area(side):\n    return side * side\n",
         "Élan vital, naïve café: ¿qué es la vida? 生命とは何か。"]
PROMPT = "{{CONTEXT}}\n\nSay in a few words what this text is about.\n"


class Checks:
    def __init__(self):
        self.scenario, self.wrong = "", 0

    def that(self, holds, what):
        if not holds:
            self.wrong += 1
            print(f"WRONG {self.scenario}: {what}", flush=True)


class LlamaServer:
    def __init__(self, program, model, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.log = open(folder / "llama-server.log", "wb")
        slots = 2
        self.child = subprocess.Popen(
            [program, "-m", model, "--alias", NAME, "--host", "127.0.0.1", "--port", str(self.port), "--api-key", KEY,
             "-c", str(CONTEXT_TOKENS * slots), "-np", str(slots), "-t", "2", "--no-webui"],
            stdout=self.log, stderr=self.log)
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise SystemExit("llama-server did not come up: " + (folder / "llama-server.log").read_text()[-2000:])

    def ask(self, path, body):
        """As a plain client does."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(),
                                         {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def busy_slots(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/slots",
                                         headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return sum(slot["is_processing"] for slot in json.load(answer))

    def stop(self):
        # Told to end it would first finish what it is asked: on a busy machine that takes long.
        self.child.kill()
        self.child.wait(20)


class Flow:
    def __init__(self, program, server, folder):
        self.program, self.server, self.folder, self.number = program, server, folder, 0
        self.prompt = folder / "prompt.txt"
        self.prompt.write_text(PROMPT)
        self.input = self.write("documents", TEXTS)

    def write(self, name, texts):
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"id": f"{name}-{at}", "text": text}) + "\n" for at, text in enumerate(texts)))
        return path

    def command(self, out, *settings, documents=None, url=None):
        return [self.program, "augment", documents or self.input, "--engine", url or self.server.url, "--out", out,
                "--prompt", self.prompt, "--temperature", "0", *settings]

    def start(self, *settings, key=KEY, out=None, **named):
        self.number += 1
        out = out or self.folder / f"out-{self.number}"
        words = [str(word) for word in self.command(out, *settings, **named)]
        environment = {**os.environ, "TPT_API_KEY": key}
        return out, subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def run(self, *settings, **named):
        """(folder, status, stdout, stderr)"""
        out, child = self.start(*settings, **named)
        output, errors = child.communicate(timeout=300)
        return out, child.returncode, output, errors

    def rows(self, out):
        rows = []
        for path in sorted(Path(out).glob("part-*.parquet")):
            rows += pyarrow.parquet.read_table(path).to_pylist()
        return rows


def rendered(text):
    return PROMPT.replace("{{CONTEXT}}", text).removesuffix("\n")


def compare_with_plain_client(flow, checks, api, stream):
    """Greedy, so that the same request gives the same text: what was asked is what the row holds."""
    out, status, _, errors = flow.run("--api", api, stream, "--max-thinking-tokens", 24,
                                      "--think-start", "", "--no-stop-loops", "--in-flight", 1,
                                      "--start-in-flight", 1)
    checks.that(status == 0, f"exit status {status}: {errors[-500:]}")
    rows = flow.rows(out)
    checks.that(len(rows) == len(TEXTS), f"{len(rows)} rows of {len(TEXTS)}")
    for row, text in zip(rows, TEXTS):
        sampling = {"temperature": 0, "top_p": 0.9, "max_tokens": 24, "stop": ["</think>"]}
        if api == "chat":
            answer = flow.server.ask("/chat/completions",
                                     {"messages": [{"role": "user", "content": rendered(text)}]} | sampling)
            said = answer["choices"][0]["message"]["content"]
        else:
            answer = flow.server.ask("/completions", {"prompt": rendered(text)} | sampling)
            said = answer["choices"][0]["text"]
        checks.that(row["text"] == text, f"{row['id']}: the document's text came back other than it went in")
        checks.that(row["thinking"].strip() == said.strip(),
                    f"{row['id']}: {row['thinking']!r}, a plain client gets {said!r}")
        usage = answer["usage"]
        counted = (row["prompt_tokens"], row["thinking_tokens"])
        checks.that(counted == (usage["prompt_tokens"], usage["completion_tokens"]), f"{row['id']}: counts {counted}, {usage}")
        finish = answer["choices"][0]["finish_reason"]
        checks.that(row["finish_reason"] == finish, f"{row['id']}: finish {row['finish_reason']}, the server says {finish}")
        checks.that(NAME in row["engine"], f"engine is {row['engine']}")


def chat_whole(flow, checks):
    compare_with_plain_client(flow, checks, "chat", "--no-stream")


def chat_streamed(flow, checks):
    compare_with_plain_client(flow, checks, "chat", "--stream")


def completions_whole(flow, checks):
    compare_with_plain_client(flow, checks, "completions", "--no-stream")


def completions_streamed(flow, checks):
    compare_with_plain_client(flow, checks, "completions", "--stream")


def goes_on_from_the_start(flow, checks):
    """The server says the start of the answer back before what it adds; the row must not hold it."""
    for stream in ("--no-stream", "--stream"):
        out, status, _, errors = flow.run("--prefill", "continue", "--think-start", "<think>\nThis text",
                                          "--max-thinking-tokens", 16, stream)
        checks.that(status == 0, f"exit status {status}: {errors[-500:]}")
        rows = flow.rows(out)
        checks.that(len(rows) == len(TEXTS), f"{len(rows)} rows")
        for row in rows:
            checks.that("<think>" not in row["thinking"], f"a tag in {row['thinking']!r}")
            checks.that(row["thinking"].count("This text") <= 1, f"said twice: {row['thinking']!r}")


def continues_at_the_cap(flow, checks):
    """--at-cap continue asks for more from where the answer stopped."""
    short, status, _, errors = flow.run("--max-thinking-tokens", 16, "--prefill", "continue", "--at-cap", "keep")
    checks.that(status == 0, f"exit status {status}: {errors[-500:]}")
    longer, status, _, errors = flow.run("--max-thinking-tokens", 16, "--prefill", "continue", "--at-cap", "continue",
                                         "--max-continuations", 2)
    checks.that(status == 0, f"exit status {status}: {errors[-500:]}")
    before, after = flow.rows(short), flow.rows(longer)
    checks.that(len(before) == len(after) == len(TEXTS), f"{len(before)} and {len(after)} rows")
    grown = 0
    for one, more in zip(before, after):
        if one["finish_reason"] == "length":
            checks.that(more["thinking"].startswith(one["thinking"].rstrip()[:20]), "it began anew")
            grown += len(more["thinking"]) > len(one["thinking"])
    checks.that(grown > 0, "no answer grew")


def too_long_is_shortened(flow, checks):
    """A document beyond the context: the real server's refusal, and a row all the same."""
    long_text = " ".join(f"Line {number} tells of the river and the stone." for number in range(600))
    documents = flow.write("long", [long_text, TEXTS[0]])
    out, status, output, errors = flow.run("--context-tokens", 100000, "--max-thinking-tokens", 16, documents=documents)
    rows = {row["id"]: row for row in flow.rows(out)}
    failed = (out / "failed.jsonl").read_text() if (out / "failed.jsonl").exists() else ""
    checks.that("long-1" in rows, f"the short document is not there: {status} {errors[-500:]}")
    if "long-0" in rows:
        checks.that(rows["long-0"]["text"] == long_text, "the document itself was cut")
        checks.that(0 < rows["long-0"]["context_bytes"] < len(long_text.encode()), "not shown less of it")
    else:
        checks.that("context" in failed, f"neither a row nor a reason: {failed} {output[-300:]} {errors[-500:]}")


def stop_frees_the_server(flow, checks):
    """Killed midway: the server stops writing for us, and going on gives every row once."""
    documents = flow.write("many", [f"{number}. {TEXTS[number % len(TEXTS)]}" for number in range(12)])
    settings = ("--max-thinking-tokens", 200, "--stream")
    out, child = flow.start(*settings, documents=documents)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and flow.server.busy_slots() == 0 and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and flow.server.busy_slots():
        time.sleep(0.1)
    checks.that(flow.server.busy_slots() == 0, "the server still writes for a client that is gone")
    _, status, _, errors = flow.run(*settings, documents=documents, out=out)
    checks.that(status == 0, f"exit status {status}: {errors[-500:]}")
    names = [row["id"] for row in flow.rows(out)]
    checks.that(sorted(names) == sorted(f"many-{number}" for number in range(12)), f"rows {names}")


def wrong_key_is_said(flow, checks):
    """One clear line, no row, and the key in none of the files and words."""
    out, status, output, errors = flow.run("--max-thinking-tokens", 8, key="not-the-key-271828")
    checks.that(status not in (0, 70) and status < 128, f"exit status {status}")
    checks.that("key" in errors.lower() or "401" in errors, f"it says {errors[-500:]}")
    checks.that("271828" not in output + errors, "the key is shown")


def key_is_nowhere(flow, checks):
    for path in flow.folder.rglob("*"):
        if path.is_file() and path.name != "llama-server.log":
            checks.that(KEY.encode() not in path.read_bytes(), f"the key stands in {path.relative_to(flow.folder)}")


def main():
    program, server_program, model, folder = sys.argv[1:5]
    folder, checks = Path(folder), Checks()
    server = LlamaServer(server_program, model, folder)
    try:
        flow = Flow(program, server, folder)
        for scenario in (chat_whole, chat_streamed, completions_whole, completions_streamed, goes_on_from_the_start,
                         continues_at_the_cap, too_long_is_shortened, stop_frees_the_server, wrong_key_is_said,
                         key_is_nowhere):
            checks.scenario, started = scenario.__name__, time.monotonic()
            try:
                scenario(flow, checks)
            except Exception as error:  # a scenario that breaks must not hide the others
                checks.that(False, f"{type(error).__name__}: {error}")
            print(f"{scenario.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    finally:
        server.stop()
    return 1 if checks.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
