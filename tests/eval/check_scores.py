"""Accuracy and standard error of an answers.jsonl, worked out from the definition:
check_scores.py ANSWERS ACCURACY STANDARD_ERROR"""
import json
import math
import statistics
import sys
from collections import defaultdict

verdicts = defaultdict(list)
for line in open(sys.argv[1], encoding="utf-8"):
    answer = json.loads(line)
    verdicts[answer["id"]].append(answer["correct"])
means = [statistics.fmean(v) for v in verdicts.values()]
accuracy = statistics.fmean(means)
error = statistics.pstdev(means) / math.sqrt(len(means))
if all(len(v) == 1 for v in verdicts.values()):
    assert math.isclose(error, math.sqrt(accuracy * (1 - accuracy) / len(means)), rel_tol=1e-12)
assert math.isclose(accuracy, float(sys.argv[2]), rel_tol=1e-12), (accuracy, sys.argv[2])
assert math.isclose(error, float(sys.argv[3]), rel_tol=1e-12), (error, sys.argv[3])
