"""Step time and peak memory of the trainer over the length of rows and their number, with and
without recomputed layers.
"""
from pairs_part import shape
from train_sides import Case, start

MIDDLE = shape(4096, 256, 6, 8, 704)
LENGTHS, ROWS, LENGTH_OF_ROWS = (128, 512, 2048, 4096), (1, 4, 16), 512
POINTS = tuple(dict.fromkeys([(1, length) for length in LENGTHS] + [(rows, LENGTH_OF_ROWS) for rows in ROWS]))


def measure_point(rows, seq_length, recompute, options, folder):
    case = Case(f"{rows} x {seq_length}", MIDDLE, rows, seq_length, recompute=recompute)
    side = start(case, "ours", "fp32", options.threads, options.build, folder)
    try:
        side.warm_up()
        done = side.train(min(options.seconds, 2))
        return {"rows": rows, "seq_length": seq_length, "recompute": recompute,
                "step_seconds": round(done["seconds"] / done["steps"], 4), "steps": done["steps"],
                "tokens_per_second": round(done["tokens"] / done["seconds"], 1), "peak_bytes": side.peak_bytes()}
    finally:
        side.stop()


def measure_lengths(options, folder):
    found = []
    for rows, seq_length in POINTS:
        for recompute in (False, True):
            found.append(measure_point(rows, seq_length, recompute, options, folder))
            print(f"  {rows} x {seq_length}{', recomputed' if recompute else ''}: "
                  f"{found[-1]['step_seconds'] * 1e3:.0f} ms a step, peak {found[-1]['peak_bytes'] / 1e6:.0f} MB",
                  flush=True)
    return {"shape": MIDDLE, "points": found}
