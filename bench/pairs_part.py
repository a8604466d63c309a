"""Training against PyTorch, eager and compiled: rounds in which each side has its turn.

Each side runs in the better of fp32 and bf16, tried once before; what was found is kept, by
processor, in BUILD/bench/train_precisions.json.
"""
import json
import math
import statistics
import sys

from measuring import machine
from train_sides import Case, start, try_precision

SMOLLM2 = {"vocab_size": 49152, "hidden_size": 576, "num_layers": 30, "num_heads": 9, "num_kv_heads": 3,
           "intermediate_size": 1536}


def shape(vocab_size, width, layers, heads, inner):
    return {"vocab_size": vocab_size, "hidden_size": width, "num_layers": layers, "num_heads": heads,
            "num_kv_heads": heads, "intermediate_size": inner}


CASES = (
    Case("lab", shape(272, 128, 3, 4, 352), 32, 128, text="sums", peers=("eager", "compiled", "transformers")),
    Case("d128", shape(512, 128, 4, 4, 352), 8, 256, goal=1.3),
    Case("d256", shape(4096, 256, 6, 8, 704), 4, 512, goal=1.3, goal_gemm_share=0.5),
    Case("d512", shape(8192, 512, 8, 8, 1376), 4, 512, goal=1.15, goal_gemm_share=0.5),
    Case("smollm2-135m", SMOLLM2, 2, 512, goal=1.15, goal_gemm_share=0.5),
)
# The compiler has this much processor time in a trial; the other sides as much as fp32 took.
COMPILE_CPU_SECONDS, SPARE_CPU_SECONDS = 180, 10
# Weights are random: a first loss this far from ln(vocabulary) is another network or other data.
LOSS_TOLERANCE = 0.25


def trial(case, side, options, folder):
    """{"fp32": tokens a second, "bf16": the same, or null where it was much slower}."""
    rates = {}
    rates["fp32"], used = try_precision(start(case, side, "fp32", options.threads, options.build, folder),
                                        options.seconds / 2)
    allowed = used + SPARE_CPU_SECONDS + (COMPILE_CPU_SECONDS if side == "compiled" else 0)
    rates["bf16"], _ = try_precision(start(case, side, "bf16", options.threads, options.build, folder),
                                     options.seconds / 2, allowed)
    print(f"  {side}, tried once: fp32 {rates['fp32']:.0f} tokens/s, bf16 "
          f"{'much slower' if rates['bf16'] is None else round(rates['bf16'])}", flush=True)
    return rates


def better_precisions(case, options, folder):
    """By side, the precision it is measured in."""
    path = options.build / "bench" / "train_precisions.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    processor = f"{machine().split(', ')[0]}, {options.threads} threads"
    found = known.setdefault(processor, {}).setdefault(case.name, {})
    for side in ("ours", *case.peers):
        if side not in found:
            found[side] = trial(case, side, options, folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(known, indent=2) + "\n")
    return {side: max(rates, key=lambda precision: rates[precision] or 0)
            for side, rates in found.items() if side in ("ours", *case.peers)}


def check_same_network(case, sides):
    counts = {side.name: side.facts["parameters"] for side in sides}
    if len(set(counts.values())) != 1:
        sys.exit(f"bench: {case.name}: the sides train different networks: {counts} parameters")
    expected = math.log(case.shape["vocab_size"])
    for side in sides:
        if not abs(side.facts["first_loss"] - expected) < LOSS_TOLERANCE:
            sys.exit(f"bench: {case.name}: {side.name} begins at a loss of {side.facts['first_loss']}, "
                     f"random weights at about {expected:.3f}")


def gemm_of(sides):
    """FLOP/s of the machine's faster precision, measured in the process of a peer."""
    peer = next(side for side in sides if side.name == "eager")
    return max(peer.gemm_flops("fp32"), peer.gemm_flops("bf16"))


def rounds_of(sides, options):
    """A list of {side: tokens a second, "gemm": FLOP/s}; who begins changes from round to round."""
    rounds = []
    for number in range(options.pairs):
        shift = number % len(sides)
        rates = {"gemm": gemm_of(sides)}
        for side in sides[shift:] + sides[:shift]:
            done = side.train(options.seconds)
            rates[side.name] = done["tokens"] / done["seconds"]
        rounds.append(rates)
    return rounds


def median_of(rounds, value):
    return statistics.median(value(rates) for rates in rounds)


def figures_of(case, precisions, sides, rounds):
    flops_per_token = next(side for side in sides if side.name == "ours").facts["flops_per_step"] / case.tokens
    compared = [side for side in case.peers if side in ("eager", "compiled")]
    names = [side.name for side in sides]
    return {
        "case": case.name, "shape": case.shape, "rows": case.rows, "seq_length": case.seq_length,
        "parameters": sides[0].facts["parameters"], "rounds": len(rounds), "precision": precisions,
        "tokens_per_second": {name: round(median_of(rounds, lambda r: r[name]), 1) for name in names},
        "ratio": {peer: round(median_of(rounds, lambda r: r["ours"] / r[peer]), 3) for peer in case.peers},
        "ratio_to_better": round(median_of(rounds, lambda r: r["ours"] / max(r[peer] for peer in compared)), 3),
        "goal": case.goal,
        "flops_per_token": flops_per_token,
        "gemm_flops": round(median_of(rounds, lambda r: r["gemm"])),
        "gemm_share": {name: round(median_of(rounds, lambda r: r[name] * flops_per_token / r["gemm"]), 3)
                       for name in names},
        "goal_gemm_share": case.goal_gemm_share,
        "peak_bytes": {side.name: side.peak_bytes() for side in sides},
        "first_loss": {side.name: side.facts["first_loss"] for side in sides}}


def show(figures):
    goal = f" (goal {figures['goal']})" if figures["goal"] else ""
    share_goal = f" (goal {figures['goal_gemm_share']})" if figures["goal_gemm_share"] else ""
    rates = ", ".join(f"{name} {rate:.0f} {figures['precision'][name]}"
                      for name, rate in figures["tokens_per_second"].items())
    print(f"  {figures['case']}: {rates} tokens/s; {figures['ratio_to_better']:.2f} of the better{goal}; "
          f"GEMM {figures['gemm_flops'] / 1e9:.0f} GFLOP/s, share {figures['gemm_share']['ours']:.2f}{share_goal}",
          flush=True)


def measure_pairs(options, folder):
    found = []
    for case in CASES:
        if options.case and case.name not in options.case.split(","):
            continue
        precisions = better_precisions(case, options, folder)
        sides = []
        try:
            for name, precision in precisions.items():
                sides.append(start(case, name, precision, options.threads, options.build, folder))
                sides[-1].warm_up()
            check_same_network(case, sides)
            found.append(figures_of(case, precisions, sides, rounds_of(sides, options)))
        finally:
            for side in sides:
                side.stop()
        show(found[-1])
    return found
