"""Reads a page of metrics as Prometheus' own client does and prints its samples.

  metrics_oracle.py PAGE    -> one JSON object: "name{label=value,...}" to number, and the types
"""
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

page = open(sys.argv[1], newline="", encoding="utf-8").read()
samples, types = {}, {}
for family in text_string_to_metric_families(page):
    types[family.name] = family.type
    assert family.documentation, family.name
    for sample in family.samples:
        key = json.dumps([sample.name, sample.labels], sort_keys=True)
        assert key not in samples, f"two samples of {key}"
        samples[key] = sample.value
        assert family.type != "counter" or sample.name.endswith("_total"), sample.name
        assert family.type != "counter" or sample.value >= 0, sample
# The parser drops what it does not understand: every line must have come out as a sample.
lines = [line for line in page.split("\n") if line and not line.startswith("#")]
assert len(lines) == len(samples), (len(lines), len(samples))
assert page.endswith("\n")
print(json.dumps({"samples": samples, "types": types}))
