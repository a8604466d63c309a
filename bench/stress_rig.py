"""What every case of `bench/stress` stands on: documents, the program as a process, and the proof
that a folder holds the rows that an undisturbed run writes, each once.
"""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from loopback import Mock, free_port
from measuring import ROOT

RETRIES = ["--retry-seconds", 0.05, "--max-retry-seconds", 1, "--probe-seconds", 0.1, "--max-probe-seconds", 1]


def lasting(documents, in_flight=32, seconds=6):
    """Options of the mock that make a run go on for so long, whatever its number of documents."""
    return {"latency_seconds": seconds * in_flight / documents}


@dataclass
class Finding:
    """What one case found. `wrong` holds a line for everything that is not as promised."""
    name: str
    runs: int = 0
    kills: int = 0
    documents: int = 0  # of all runs
    lost: int = 0
    twice: int = 0
    paid: int = 0     # requests that the server computed an answer for
    allowed: int = 0  # the most that may be paid; 0: not counted
    seconds: float = 0
    note: str = ""
    skipped: str = ""
    wrong: list = field(default_factory=list)


@dataclass
class Outcome:
    status: int  # exit status; 128 + signal where one ended it
    output: str
    errors: str
    seconds: float

    def last_error(self):
        lines = [line for line in self.errors.splitlines() if line.strip()]
        return lines[-1][:300] if lines else ""


class Running:
    """tpt as a process of its own."""

    def __init__(self, command, log, environment=None):
        self.out, self.err = Path(f"{log}.out"), Path(f"{log}.err")
        self.started = time.monotonic()
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.child = subprocess.Popen([str(part) for part in command], stdout=out, stderr=err, cwd=ROOT,
                                          stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})

    def signal(self, number):
        if self.child.poll() is None:
            self.child.send_signal(number)

    def running(self):
        return self.child.poll() is None

    def finish(self, timeout=300):
        """Waits; a program that hangs is ended, and reads as a status of 128 + SIGKILL."""
        try:
            status = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            status = self.child.wait()
        if status < 0:
            status = 128 - status
        return Outcome(status, self.out.read_text(errors="replace"), self.err.read_text(errors="replace"),
                       time.monotonic() - self.started)


class Rig:
    """One mock server's port, one set of documents, and the folder that runs write to.

    Rows name the file they came from and what wrote them, so all runs of a case share both.
    """

    def __init__(self, program, folder, documents, answer_bytes=600, in_flight=32, seed=1, **mock_options):
        self.program, self.folder = Path(program), Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.out = self.folder / "out"
        self.documents, self.in_flight = documents, in_flight
        self.random = random.Random(seed)
        self.port = free_port()
        self.mock_options = {"answer_bytes": answer_bytes, "length_spread": "lognormal"} | mock_options
        self.input = self.folder / "documents.jsonl"
        self.write_documents()
        self.reference = None
        self.begun_before = 0  # what the server had computed when the run began
        self.log_number = 0

    def write_documents(self):
        words = "river stone light water number proof table energy between seven house mean ratio force".split()
        with open(self.input, "w", encoding="utf-8") as out:
            for number in range(self.documents):
                said = [self.random.choice(words) for _ in range(self.random.randrange(20, 90))]
                text = f"Document {number} says: " + " ".join(said) + "."
                out.write(json.dumps({"id": f"doc-{number:05}", "text": text}) + "\n")

    def mock(self, port=None, **options):
        return Mock(self.program, self.folder, port=port or self.port, **(self.mock_options | options))

    def command(self, out=None, urls=None, settings=()):
        """The step over the mock; `urls` in place of its own."""
        command = [self.program, "augment", self.input, "--engine", "http", "--out", out or self.out,
                   "--context-tokens", 2000, "--max-thinking-tokens", 2000, "--start-in-flight", self.in_flight,
                   "--in-flight", self.in_flight, "--rows-per-part", 500, "--hedge-share", 0, *RETRIES]
        for url in urls if urls is not None else [f"http://127.0.0.1:{self.port}/v1"]:
            command += ["--url", url]
        return [*command, *settings]

    def start(self, command=None, environment=None):
        self.log_number += 1
        return Running(command or self.command(), self.folder / f"tpt-{self.log_number}", environment)

    def run(self, command=None, environment=None, timeout=300):
        return self.start(command, environment).finish(timeout)

    def clear(self):
        shutil.rmtree(self.out, ignore_errors=True)

    def learn(self, finding):
        """The undisturbed run that others are compared with; its seconds."""
        self.clear()
        with self.mock() as mock:
            outcome = self.run()
            paid = mock.statistics()["begun"]
        if outcome.status:
            finding.wrong.append(f"the undisturbed run failed with {outcome.status}: {outcome.last_error()}")
        elif paid != self.documents:
            finding.wrong.append(f"the undisturbed run paid for {paid} answers of {self.documents} documents")
        self.reference = results(self.out)
        if finding.wrong or not self.reference:
            raise SystemExit(f"stress: {finding.name}: {finding.wrong or 'the undisturbed run wrote no row'}")
        return outcome.seconds

    def judge(self, finding, outcome, paid=None, allowed=None, folder=None, same_bytes=True):
        """Adds what the finished folder holds to the finding."""
        folder = folder or self.out
        finding.runs += 1
        finding.documents += self.documents
        label = f"run {finding.runs}"
        if outcome.status:
            finding.wrong.append(f"{label}: exit status {outcome.status}: {outcome.last_error()}")
            return
        lost, twice = count_rows(folder, self.documents)
        finding.lost += lost
        finding.twice += twice
        if lost or twice:
            finding.wrong.append(f"{label}: {lost} rows lost, {twice} there twice")
        if same_bytes:
            found = results(folder)
            different = sorted(name for name in self.reference.keys() | found.keys()
                               if self.reference.get(name) != found.get(name))
            if different:
                finding.wrong.append(f"{label}: other bytes in {', '.join(different[:3])}")
        if paid is not None:
            finding.paid += paid
        if allowed is not None:
            finding.allowed += allowed
            if paid > allowed:
                finding.wrong.append(f"{label}: {paid} answers paid for, {allowed} allowed")


def results(folder):
    """Every file of rows, kept and rejected, by name and digest; and the documents that failed."""
    found = {}
    for path in sorted([*Path(folder).rglob("*.parquet"), *Path(folder).rglob("failed.jsonl")]):
        found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def count_rows(folder, documents):
    """(lost, twice): of the documents, over the rows written, rejected and failed."""
    import pyarrow.parquet

    seen = {}
    for path in Path(folder).rglob("*.parquet"):
        for name in pyarrow.parquet.read_table(path, columns=["id"]).column("id").to_pylist():
            seen[name] = seen.get(name, 0) + 1
    for path in Path(folder).rglob("failed.jsonl"):
        for line in path.read_text().splitlines():
            name = json.loads(line)["id"]
            seen[name] = seen.get(name, 0) + 1
    return documents - len(seen), sum(count - 1 for count in seen.values())


def wait_until(ready, seconds=60, every=0.01):
    """True once `ready()` is; False where the time ran out first."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(every)
    return False


KILL = signal.SIGKILL
