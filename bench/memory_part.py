"""What a request in flight weighs, that nothing grows with time, what the journal costs, and eight
endpoints in place of one.
"""
import json
from pathlib import Path

from client_part import (ANSWER_BYTES, CLIENT_CORE, PROMPT_BYTES, SERVER_CORE, measure_ours, row_of, show,
                         write_documents)
from loopback import Mock
from measuring import on_core, run, slope

MOST_IN_FLIGHT, GOAL_BYTES = 20000, 1 << 30
FEW_IN_FLIGHT, IN_FLIGHT = 64, 512
GOAL_JOURNAL_SHARE = 0.20
ENDPOINTS = 8


def steady(samples):
    """The samples of the second half of a run, without its last moments."""
    return samples[len(samples) // 2:-2 or None]


def measure_memory(program, folder, requests):
    """20,000 in flight against a server slow enough that they are; the same with 64."""
    documents = Path(folder) / "documents.jsonl"
    write_documents(documents, requests)
    with Mock(program, folder, SERVER_CORE, answer_bytes=ANSWER_BYTES, latency_seconds=4) as mock:
        many = measure_ours(program, folder, documents, [mock.url], requests, MOST_IN_FLIGHT)
        reached = mock.statistics()["most_in_flight"]
    with Mock(program, folder, SERVER_CORE, answer_bytes=ANSWER_BYTES) as mock:
        few = measure_ours(program, folder, documents, [mock.url], requests, FEW_IN_FLIGHT)
    growth = slope(steady(few["samples"]))
    result = {"in_flight_reached": reached, "peak_bytes": many["peak_bytes"], "goal_bytes": GOAL_BYTES,
              "peak_bytes_few": few["peak_bytes"],
              "bytes_a_request": round((many["peak_bytes"] - few["peak_bytes"]) / max(1, reached - FEW_IN_FLIGHT)),
              "growth_bytes_a_second": round(growth),
              "growth_bytes_an_answer": round(growth / few["per_second"], 2)}
    print(f"  {reached} in flight: peak {many['peak_bytes'] / 1e6:.0f} MB (goal {GOAL_BYTES / 1e6:.0f}), "
          f"{result['bytes_a_request']} bytes a request; second half of a run of {requests}: "
          f"{result['growth_bytes_an_answer']} bytes an answer of growth", flush=True)
    return result


def measure_journal(build, program, folder, requests, rounds):
    """The journal by itself, as often committed as a run at 512 in flight does, against that run.

    There is no run without a journal: its share is what it takes alone, of the rest of the run.
    """
    run(["ninja", "-C", build, "tpt_augment_step_bench"])
    documents = Path(folder) / "documents.jsonl"
    write_documents(documents, requests)
    found = []
    with Mock(program, folder, SERVER_CORE, answer_bytes=ANSWER_BYTES) as mock:
        for _ in range(rounds):
            whole = measure_ours(program, folder, documents, [mock.url], requests, IN_FLIGHT)
            step = json.loads(run(on_core(CLIENT_CORE, [build / "tpt_augment_step_bench", Path(folder) / "step",
                                                        requests, IN_FLIGHT, PROMPT_BYTES, ANSWER_BYTES])))
            request_us = 1e6 * whole["cpu_seconds"] / requests
            found.append({"share": step["cpu_us_journal"] / (request_us - step["cpu_us_journal"]),
                          "journal_us": step["cpu_us_journal"], "step_us": step["cpu_us"], "request_us": request_us})
    found.sort(key=lambda one: one["share"])
    middle = {name: round(value, 3) for name, value in found[len(found) // 2].items()} | {"goal": GOAL_JOURNAL_SHARE}
    print(f"  the journal adds {middle['share']:.1%} to the processor's time (goal {GOAL_JOURNAL_SHARE:.0%}): "
          f"{middle['journal_us']:.0f} of {middle['request_us']:.0f} us a request; the step without engine and "
          f"transport {middle['step_us']:.0f}", flush=True)
    return middle


def measure_fleet(program, folder, requests):
    """512 in flight over eight endpoints, beside the same over one."""
    documents = Path(folder) / "documents.jsonl"
    write_documents(documents, requests)
    mocks = [Mock(program, folder, SERVER_CORE, answer_bytes=ANSWER_BYTES) for _ in range(ENDPOINTS)]
    try:
        for mock in mocks:
            mock.start()
        figures = measure_ours(program, folder, documents, [mock.url for mock in mocks], requests, IN_FLIGHT)
    finally:
        for mock in mocks:
            mock.stop()
    show(f"tpt augment, {ENDPOINTS} endpoints", IN_FLIGHT, figures)
    return row_of(f"tpt augment, {ENDPOINTS} endpoints", IN_FLIGHT, figures)
