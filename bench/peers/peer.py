"""What the peers have in common: how they are called and how their work is counted.

  python NAME.py --url http://127.0.0.1:8000/v1 --documents FILE.jsonl --requests 1000 \
      --in-flight 512 --out FOLDER

The last line on stdout is JSON: the answers, and the wall and processor seconds of the work itself,
with the imports and the start of the interpreter left out in the peer's favour.
"""
import argparse
import itertools
import json
import resource
import sys
import time


def cpu_seconds():
    """user + system of this process and of the children it has waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def texts(task):
    """The first `requests` documents."""
    with open(task.documents, encoding="utf-8") as lines:
        for line in itertools.islice(lines, task.requests):
            yield json.loads(line)["text"]


def main(work):
    """`work(task)` asks for every document and returns how many answers it got."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--documents", required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--max-tokens", type=int, default=4096)
    task = parser.parse_args()
    wall, cpu = time.perf_counter(), cpu_seconds()
    answers = work(task)
    result = {"answers": answers, "seconds": time.perf_counter() - wall, "cpu_seconds": cpu_seconds() - cpu}
    sys.stdout.flush()
    print("\n" + json.dumps(result), flush=True)
