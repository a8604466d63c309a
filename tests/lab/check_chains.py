"""Checks lines "expression<TAB>result<TAB>working" with Python's own arithmetic."""
import sys

count = 0
for line in open(sys.argv[1], encoding="ascii"):
    expression, result, working = line.rstrip("\n").split("\t")
    value, steps = int(expression[0]), []
    for at in range(1, len(expression), 2):
        piece = expression[at:at + 2]
        following = eval(f"({value}){piece}") % 10
        steps.append(f"{value}{piece}={following}")
        value = following
    assert result == str(value), line
    assert working == " ".join(steps), (line, steps)
    count += 1
assert count == 10_000, count
