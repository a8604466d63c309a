"""recipes/scale/shard_rows.py on a shard: prints the order of its sequences, then a row a line.

  scale_rows_oracle.py RECIPES FOLDER SEQ_LENGTH

A row: input ids, the last label, kinds of the labels, positions. Two ranks take turns; one is stopped and goes on from its
state. Every rank's rows of one epoch are printed in the order of the rows.
"""
import sys

sys.path.insert(0, sys.argv[1])
from shard_rows import ShardRows

folder, seq_length = sys.argv[2], int(sys.argv[3])
ranks = [ShardRows(folder, seq_length, rank=rank, ranks=2, seed=5, epochs=1) for rank in range(2)]
print(*ranks[0]._order(0).tolist())

stopped = iter(ranks[1])
own = [next(stopped), next(stopped)]
again = ShardRows(folder, seq_length, rank=1, ranks=2, seed=5, epochs=1)
again.load_state_dict(ranks[1].state_dict())
own += list(again)

whole = [list(ranks[0]), own]
for number in range(len(whole[0]) + len(whole[1])):
    row = whole[number % 2][number // 2]
    print(*row["input"].tolist(), row["labels"][-1], "|", *row["kinds"].tolist(), "|", *row["positions"].tolist())
