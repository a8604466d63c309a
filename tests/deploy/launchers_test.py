"""Trains by two processes that a real torchrun or srun starts, and holds the losses to those of one process.

  launchers_test.py torchrun|srun TPT

Exits with 77 and a word on stdout where the launcher is not installed.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from slurm_cluster import Cluster, missing

OPTIONS = ["--train-tokens", "10000", "--seq-length", "64", "--batch-rows", "4", "--hidden-size", "32", "--num-layers", "2",
           "--num-heads", "4", "--threads", "1", "--log-every-steps", "1", "--bucket-mib", "0.02", "--shard-optimizer",
           "--compare-weights-every-steps", "7"]


def tpt(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def write_shards(program, folder):
    tpt(program, "lab", "--documents", 300, "--questions", 10, "--examples", 10, "--held-out-documents", 10, "--out",
        folder / "lab")
    tpt(program, "augment", folder / "lab/documents.jsonl", "--engine", "expert", "--out", folder / "augmented")
    tpt(program, "pack", folder / "augmented", "--tokenizer", "bytes", "--out", folder / "shards")


def losses(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["tokens"], line["loss"], line["grad_norm"]) for line in lines]


def torchrun(program, arguments):
    launcher = Path(sys.executable).parent / "torchrun"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([launcher, "--standalone", "--no-python", "--nproc-per-node", "2", program, *arguments],
                          env=environment, capture_output=True, text=True)


def srun(program, arguments):
    with tempfile.TemporaryDirectory() as folder, Cluster(folder) as cluster:
        return subprocess.run(["srun", "-n", "2", program, *arguments], env=cluster.environment, capture_output=True,
                              text=True)


def main():
    launcher, program = sys.argv[1:3]
    lacking = missing() if launcher == "srun" else ""
    if launcher == "torchrun" and not (Path(sys.executable).parent / "torchrun").exists():
        lacking = "torchrun is not installed"
    if lacking:
        print(lacking)
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shards(program, folder)
        tpt(program, "train", folder / "shards", *OPTIONS, "--out", folder / "one")
        arguments = ["train", str(folder / "shards"), *OPTIONS, "--out", str(folder / "two")]
        start = torchrun if launcher == "torchrun" else srun
        done = start(program, arguments)
        assert done.returncode == 0, done.stderr
        results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert len(results) == 1 and results[0]["steps"] == 40, done.stdout
        one, two = losses(folder / "one"), losses(folder / "two")
        assert len(one) == len(two) == 40, (len(one), len(two))
        for expected, got in zip(one, two):
            assert expected[:2] == got[:2], (expected, got)
            assert all(abs(a - b) < 1e-5 * abs(a) for a, b in zip(expected[2:], got[2:])), (expected, got)
        state = json.loads(next((folder / "two").glob("state-*/state.json")).read_text())
        assert state["processes"] == 2 and state["sharded"], state
        # A finished run is not done again, by any of them.
        again = start(program, arguments)
        assert again.returncode == 0 and "finished already" in again.stderr, again.stderr
        print(f"{launcher}: the losses of one process, {len(one)} steps")
    return 0


sys.exit(main())
