"""docs/performance.md out of what bench/train measured; a part that was not measured is said to be missing."""
PAGE = """# How fast training is

Written by `bench/train BUILD --page docs/performance.md` from what it measured; no figure here was typed. `make bench-train` measures again
and writes `build/bench/train.json`; `--part` and `--case` measure one thing alone.

{parts}
"""

PAIRS = """## Against PyTorch

{origin}

Tokens a second, higher is better. Ours is the whole of `tpt train` but the writing of states: rows, batches, loss, clip, step, metrics each step. The peers are a
hand-written Llama in PyTorch (`bench/train_peer.py`: SDPA, fused AdamW, clipping; before each run it is compared with `transformers`), eager
and compiled by inductor; same shape, rows and length. All sides of a case stand ready and take turns; a ratio is the median of
the rounds' ratios. Each side runs in the better of fp32 and bf16, each tried once. "Share" is the
share of the machine's rate of matrix products, measured in the same rounds, with the operations that the documents need (`docs/training.md`) for all sides.

| case | parameters | tokens a step | ours | eager | compiled | ours / eager | ours / compiled | ours / better | goal | |
|---|---|---|---|---|---|---|---|---|---|---|
{rates}

| case | precision (ours, eager, compiled) | GEMM, GFLOP/s | share: ours | eager | compiled | goal | | peak MB: ours | eager | compiled | rounds |
|---|---|---|---|---|---|---|---|---|---|---|---|
{shares}

{shapes}

{words}
"""

LENGTHS = """## Over length and batch

{origin}

Seconds a step and peak memory of `tpt train` in fp32 on a network of {shape}; the peak holds the copies that a state is written from.
Recomputed: `recompute_layers`.

| rows | length | s a step | tokens/s | peak MB | s a step, recomputed | tokens/s | peak MB |
|---|---|---|---|---|---|---|---|
{rows}
"""

FIRST_STEP = """## The first step

{origin}

From the start of the process `tpt train SHARDS --from FOLDER` to the end of its first step, on SmolLM2-135M's shape with random weights, the files in
the page cache; median of {rounds}. Before the loop: digests, shards, weights; in the loop: the copies of the first state and the step itself.

| rows | length | s to the end of the first step | before the loop | in the loop | goal | |
|---|---|---|---|---|---|---|
{rows}
"""


def origin_of(part):
    return f"{part['machine']}; {part['threads']} threads; {part['date']}, commit `{part['commit'][:12]}`."


def verdict(value, goal, is_met):
    if goal is None:
        return ""
    return "reached" if is_met else f"**{abs(value / goal - 1):.0%} off**"


def line(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def megabytes(count):
    return f"{count / 1e6:,.0f}"


def name_of(case, first):
    """Cases of one run are told from those that were measured by themselves at another commit."""
    same = (case["commit"], case["date"]) == (first["commit"], first["date"])
    return case["case"] if same else f"{case['case']} ({case['date']}, `{case['commit'][:12]}`)"


def rates_row(case, first):
    rates, ratio = case["tokens_per_second"], case["ratio"]
    return line(name_of(case, first), f"{case['parameters']:,}", f"{case['rows']} x {case['seq_length']}",
                *(f"{rates[side]:,.0f}" for side in ("ours", "eager", "compiled")),
                f"{ratio['eager']:.2f}", f"{ratio['compiled']:.2f}", f"{case['ratio_to_better']:.2f}", case["goal"] or "",
                verdict(case["ratio_to_better"], case["goal"], case["ratio_to_better"] >= (case["goal"] or 0)))


def shares_row(case, first):
    sides, share, goal = ("ours", "eager", "compiled"), case["gemm_share"], case["goal_gemm_share"]
    return line(name_of(case, first), ", ".join(case["precision"][side] for side in sides),
                f"{case['gemm_flops'] / 1e9:.0f}", *(f"{share[side]:.2f}" for side in sides), goal or "",
                verdict(share["ours"], goal, share["ours"] >= (goal or 0)),
                *(megabytes(case["peak_bytes"][side]) for side in sides), case["rounds"])


def shape_text(shape):
    return (f"vocabulary {shape['vocab_size']}, width {shape['hidden_size']}, {shape['num_layers']} layers, "
            f"{shape['num_heads']} heads ({shape['num_kv_heads']} of keys), inner width {shape['intermediate_size']}")


def missed(cases):
    """One sentence for each figure that is below its goal."""
    found = []
    for case in cases:
        if case["goal"] and case["ratio_to_better"] < case["goal"]:
            found.append(f"{case['case']} {case['ratio_to_better']:.2f} times the better peer instead of {case['goal']}")
        share, goal = case["gemm_share"]["ours"], case["goal_gemm_share"]
        if goal and share < goal:
            found.append(f"{case['case']} {share:.2f} of the GEMM rate instead of {goal}")
    return "Below the goal: " + "; ".join(found) + "." if found else "All goals are reached."


def pairs_text(part):
    cases = list(part.values())
    shapes = "Shapes: " + "; ".join(f"{case['case']}: {shape_text(case['shape'])}" for case in cases) + "."
    others = [f"{case['case']}: {ratio:.2f} times the Llama of {peer} ({case['tokens_per_second'][peer]:,.0f} tokens/s)"
              for case in cases for peer, ratio in case["ratio"].items() if peer not in ("eager", "compiled")]
    return PAIRS.format(origin=origin_of(cases[0]), rates="\n".join(rates_row(case, cases[0]) for case in cases),
                        shares="\n".join(shares_row(case, cases[0]) for case in cases), shapes=shapes,
                        words=" ".join(["; ".join(others) + "." if others else "", missed(cases)]).strip())


def lengths_text(part):
    points = {(one["rows"], one["seq_length"], one["recompute"]): one for one in part["figures"]["points"]}
    rows = []
    for rows_count, length in sorted({key[:2] for key in points}):
        cells = []
        for recompute in (False, True):
            point = points[rows_count, length, recompute]
            cells += [f"{point['step_seconds']:.3f}", f"{point['tokens_per_second']:,.0f}", megabytes(point["peak_bytes"])]
        rows.append(line(rows_count, length, *cells))
    return LENGTHS.format(origin=origin_of(part), shape=shape_text(part["figures"]["shape"]), rows="\n".join(rows))


def first_step_text(part):
    rows = [line(one["rows"], one["seq_length"], f"{one['seconds']:.2f}", f"{one['seconds'] - one['loop_seconds']:.2f}",
                 f"{one['loop_seconds']:.2f}", one["goal_seconds"],
                 verdict(one["seconds"], one["goal_seconds"], one["seconds"] <= one["goal_seconds"]))
            for one in part["figures"]]
    return FIRST_STEP.format(origin=origin_of(part), rounds=part["figures"][0]["rounds"], rows="\n".join(rows))


def write_page(path, parts):
    writers = {"pairs": pairs_text, "first_step": first_step_text, "lengths": lengths_text}
    texts = [writer(parts[part]) if part in parts else f"The part `{part}` was not measured.\n"
             for part, writer in writers.items()]
    path.write_text(PAGE.format(parts="\n".join(texts)).rstrip() + "\n")
    print(f"bench: wrote {path}", flush=True)
