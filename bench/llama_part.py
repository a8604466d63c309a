"""The llama engine against llama.cpp's own batched benchmark.

Both sides load the same model file and, with the same threads, read as many prompts and write as
many answers of one length as there are sequences, batched; ours also tokenises, samples
(temperature 0.6, top-p 0.9) and watches for stop strings, the peer takes random tokens. Ours and
the peer run one after the other in pairs, so that a noisy machine is noisy for both; a case's ratio
is the median of the pairs' ratios.
"""
import json
import statistics
import sys

from measuring import library_settings, measure, run

GOAL = 0.95
# name, sequences, prompt tokens, generated tokens a sequence
CASES = [("16 sequences, short prompts", 16, 128, 128), ("16 sequences, longer prompts", 16, 512, 256),
         ("32 sequences, short prompts", 32, 128, 128), ("32 sequences, longer prompts", 32, 512, 256)]


def measure_peer(program, model, threads, parallel, prompt, generated):
    done = measure([program, "-m", model, "-npp", prompt, "-ntg", generated, "-npl", parallel, "-t", threads,
                    "-tb", threads, "-b", 512, "-ub", 512, "-c", parallel * (prompt + generated + 64),
                    "--output-format", "jsonl"])
    if done.status:
        sys.exit(f"{program} failed:\n{done.errors[-3000:]}")
    found = done.last_json()
    return {"whole": parallel * generated / found["t"], "generating": found["speed_tg"], "cpu": done.cpu_seconds}


def measure_ours(program, model, threads, parallel, prompt, generated):
    found = json.loads(run([program, model, threads, parallel, prompt, generated]).splitlines()[-1])
    return found | {"cpu": found["cpu_seconds"]}


def compare(case, measured):
    """Two rows of the table, from the pairs of one case."""
    name, parallel, prompt, generated = case
    rows = []
    for kind in ("whole", "generating"):
        row = {"name": f"{name} ({prompt} + {generated} tokens), {kind}", "sequences": parallel,
               "ours": round(statistics.median(ours[kind] for ours, _ in measured), 1),
               "peer": round(statistics.median(peer[kind] for _, peer in measured), 1),
               "ratio": round(statistics.median(ours[kind] / peer[kind] for ours, peer in measured), 3),
               "goal": GOAL, "unit": "generated tokens/s"}
        if kind == "whole":
            # Where other programs disturb the clock, the time of the processors still tells; the peer's
            # holds the loading of the model, ours does not.
            row["ours_cpu_seconds"] = round(statistics.median(ours["cpu"] for ours, _ in measured), 1)
            row["peer_cpu_seconds"] = round(statistics.median(peer["cpu"] for _, peer in measured), 1)
        rows.append(row)
    return rows


def measure_llama(build, pairs, threads, only_sequences=None):
    """Every case, as rows with ours, peer and their ratio."""
    settings = library_settings()
    peer = settings.get("TPT_LLAMA_BATCHED_BENCH", "")
    if not settings.get("TPT_LLAMA_SOURCE"):
        sys.exit("bench: needs the source of llama.cpp; unset TPT_LLAMA_DIR and run scripts/setup --bench")
    run(["ninja", "-C", build, "tpt_augment_bench"])
    ours, model = build / "tpt_augment_bench", settings["TPT_SMOLLM2"]
    rows = []
    for case in CASES:
        if only_sequences and case[1] != only_sequences:
            continue
        measured = [(measure_ours(ours, model, threads, *case[1:]), measure_peer(peer, model, threads, *case[1:]))
                    for _ in range(pairs)]
        rows += compare(case, measured)
        for row in rows[-2:]:
            print(f"{row['name']}: ours {row['ours']}, peer {row['peer']}, ratio {row['ratio']}", flush=True)
    return rows
