"""Runs deploy/slurm/augment.sbatch as an array of four on a real Slurm, kills one task, has another drain and come back,
and holds the result to a run without any of that.

  slurm_test.py TPT SOURCE_FOLDER

Exits with 77 and a word on stdout where Slurm is not installed.
"""
import contextlib
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slurm_cluster import Cluster, missing

TASKS = 4
DOCUMENTS = 6000
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}


def write_corpus(file):
    with open(file, "w") as output:
        for number in range(DOCUMENTS):
            text = f"Document {number} says {number * 7919 % 1000}. " * (1 + number % 17)
            output.write(json.dumps({"id": f"d{number}", "text": text, "n": number}) + "\n")


def digests(folder):
    """Every Parquet file below the folder, by its name."""
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.rglob("*.parquet"))}


def tpt(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return json.loads(done.stdout)


def processes_of(shard):
    """The tpt that works as that shard of the array."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"augment" in words and f"SLURM_ARRAY_TASK_ID={shard}".encode() in environment:
            found.append(int(folder.name))
    return found


def answers_in(folder):
    """Whether answers stand in the shard's journal and the shard is not finished."""
    if not (folder / "journal.sqlite").exists() or (folder / "manifest.json").exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder}/journal.sqlite?mode=ro", uri=True)) as journal:
            return journal.execute("SELECT count(*) FROM finished").fetchone()[0] >= 100
    except sqlite3.OperationalError:
        return False  # it is being made


class MockServer:
    """tpt's own, whose answers take a while and depend on the request alone."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "mock-server", "--listen", "127.0.0.1:0", "--answer-tokens", "40",
                                         "--latency-seconds", "0.2", "--latency-spread", "lognormal"],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.url = re.search(r"http://\S+", line).group(0)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.terminate()
        self.process.wait()


def wait_until(condition, what, seconds=240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


def main(program, source):
    lacking = missing()
    if lacking:
        print(lacking)
        return 77
    with tempfile.TemporaryDirectory(prefix="tpt-slurm-") as name:
        folder = Path(name)
        (folder / "slurm").mkdir()
        corpus, out = folder / "corpus.jsonl", folder / "out"
        write_corpus(corpus)
        started = time.monotonic()
        with MockServer(program) as server:
            options = ["--engine", server.url, "--rows-per-part", "500", "--in-flight"]
            tpt(program, "augment", corpus, "--out", folder / "whole", *options, "256")
            before = time.monotonic()
            with Cluster(folder / "slurm") as cluster:
                print(f"Slurm is up after {time.monotonic() - before:.1f} s")
                run_array(cluster, program, source, folder, corpus, out, [*options, "32"])
                print(f"four tasks, a kill and a drain took {time.monotonic() - before:.1f} s with the start")
            compare(program, folder, corpus, out, [*options, "256"])
        print(f"whole test: {time.monotonic() - started:.1f} s")
    return 0


def run_array(cluster, program, source, folder, corpus, out, options):
    job = cluster.submit(f"--array=0-{TASKS - 1}", "--cpus-per-task=1", "--mem=200", "--time=10",
                         f"--export=ALL,TPT={program}", f"--output={folder}/%a.log", f"--chdir={folder}",
                         f"{source}/deploy/slurm/augment.sbatch", str(corpus), str(out), *options)
    shards = [out / f"shard-{index:05}-of-{TASKS:05}" for index in range(TASKS)]
    wait_until(lambda: answers_in(shards[1]), "answers of task 1")
    for process in wait_until(lambda: processes_of(1), "the process of task 1"):
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: answers_in(shards[2]), "answers of task 2")
    cluster.run("scancel", "--batch", "--signal=USR1", f"{job}_2")
    wait_until(lambda: cluster.state(f"{job}_1")[0] in FINAL, "the end of the killed task")
    assert not (shards[1] / "manifest.json").exists(), "the task was to be killed before its end"
    cluster.run("scontrol", "requeue", f"{job}_1")
    for task in range(TASKS):
        wait_until(lambda number=task: cluster.state(f"{job}_{number}")[0] == "COMPLETED", f"task {task}: {cluster.logs()}")
    restarts = [cluster.state(f"{job}_{task}")[1] for task in range(TASKS)]
    assert restarts == [0, 1, 1, 0], restarts
    drained = (folder / "2.log").read_text()
    assert "back into the queue" in drained, drained
    for task in (1, 2):
        again = re.findall(r'"from_journal":(\d+)', (folder / f"{task}.log").read_text())
        assert again and int(again[-1]) > 0, f"task {task} went on from nothing: {again}"


def compare(program, folder, corpus, out, options):
    undisturbed = folder / "undisturbed"
    for index in range(TASKS):
        tpt(program, "augment", corpus, "--out", undisturbed, "--shard", f"{index}/{TASKS}", *options)
    assert digests(out) == digests(undisturbed), "a shard has other bytes than one that nobody killed"
    assert len(digests(out)) >= TASKS * 3
    # The shards read as one are the run on one machine.
    for name in ("out", "whole"):
        tpt(program, "filter", folder / name, "--out", folder / f"filtered-{name}", "--min-tokens", "0")
    merged, whole = digests(folder / "filtered-out"), digests(folder / "filtered-whole")
    assert merged == whole and len(whole) >= 2, (merged, whole)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
