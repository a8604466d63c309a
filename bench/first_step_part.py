"""From the start of `tpt train` to the end of its first step, on a Hugging Face folder of
SmolLM2-135M's shape with random weights and small shards in its tokens.
"""
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from measuring import ROOT, library_settings, run
from pairs_part import SMOLLM2

GOAL_SECONDS = 5.0
ROUNDS = 3
BATCHES = ((1, 128), (1, 512), (2, 512))  # rows, length
TEXT = "The pump has run since the morning. It moves {} litres an hour, which is {} in a day. "
LIMIT_SECONDS = 120


def make_shards(program, folder):
    documents = folder / "documents.jsonl"
    with documents.open("w") as out:
        for number in range(300):
            text = "".join(TEXT.format(number * 7 + part, 24 * (number * 7 + part)) for part in range(12))
            out.write(json.dumps({"id": str(number), "text": text}) + "\n")
    augmented, shards = folder / "augmented", folder / "shards"
    run([program, "augment", documents, "--engine", "fake", "--out", augmented])
    run([program, "pack", augmented, "--tokenizer", library_settings()["TPT_SMOLLM2"], "--out", shards])
    return shards


def make_model(program, shards, folder):
    """What the trainer itself saves after one step that changes no weight."""
    words = [word for name, value in SMOLLM2.items() for word in ("--" + name.replace("_", "-"), value)]
    out = folder / "made"
    run([program, "train", shards, "--out", out, *words, "--train-tokens", 1, "--batch-rows", 1, "--seq-length", 16,
         "--learning-rate", 0])
    model = folder / "model"
    next(out.glob("checkpoint-*")).rename(model)
    shutil.rmtree(out)
    return model


def first_line(path):
    try:
        text = path.read_text()
    except OSError:
        return None
    return json.loads(text.split("\n")[0]) if "\n" in text else None


def measure_start(program, shards, model, rows, seq_length, threads, out):
    """(seconds from the start of the process to the end of its first step, the line it wrote)."""
    with (out.parent / "errors.txt").open("w") as errors:
        started = time.monotonic()
        child = subprocess.Popen(
            [str(word) for word in (program, "train", shards, "--from", model, "--out", out, "--epochs", 1,
                                    "--threads", threads, "--batch-rows", rows, "--seq-length", seq_length,
                                    "--log-every-steps", 1)],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors, stdin=subprocess.DEVNULL)
        line = None
        while line is None and child.poll() is None and time.monotonic() - started < LIMIT_SECONDS:
            time.sleep(0.005)
            line = first_line(out / "metrics.jsonl")
        seconds = time.monotonic() - started
        child.kill()
        child.wait()
    if line is None:
        sys.exit(f"bench: no first step in {seconds:.0f} s: {(out.parent / 'errors.txt').read_text()[-2000:]}")
    shutil.rmtree(out)
    return seconds, line


def measure_first_step(options, folder):
    program, folder = (options.build / "tpt").resolve(), Path(folder).resolve()
    shards = make_shards(program, folder)
    model = make_model(program, shards, folder)
    found = []
    for rows, seq_length in BATCHES:
        starts = [measure_start(program, shards, model, rows, seq_length, options.threads, folder / "out")
                  for _ in range(ROUNDS)]
        seconds = statistics.median(seconds for seconds, _ in starts)
        loop = statistics.median(line["seconds"] for _, line in starts)
        found.append({"rows": rows, "seq_length": seq_length, "seconds": round(seconds, 3),
                      "loop_seconds": round(loop, 3), "first_loss": starts[0][1]["loss"], "rounds": ROUNDS,
                      "goal_seconds": GOAL_SECONDS})
        print(f"  {rows} x {seq_length}: {seconds:.2f} s from start to the end of the first step (goal "
              f"{GOAL_SECONDS:.0f}), {seconds - loop:.2f} s of them before the loop", flush=True)
    return found
