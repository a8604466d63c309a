"""Rows of tpt's shards for a trainer in Python, torchtitan among them; needs numpy alone.

    rows = ShardRows("build/shards", seq_length=8192, rank=dp_rank, ranks=dp_degree, seed=1)
    for row in rows:
        row["input"], row["labels"]    # int64 [seq_length]
        row["positions"]               # restart with each document: what a varlen or block-causal mask is made of
        row["kinds"]                   # of the labels: 0 document, 1 thinking, 2 special, 3 prompt, 4 answer
    state = rows.state_dict()          # and load_state_dict(state): goes on with the next row

Sequences are joined and cut into rows of seq_length + 1 ids, in one order an epoch that depends on the seed alone; the
ranks share each epoch's rows in turn. Boundaries come from the index and never from a search for the end of text.
"""
import json
from pathlib import Path

import numpy as np


class Shards:
    """The files of docs/formats.md, mapped into memory."""

    def __init__(self, folder):
        folder = Path(folder)
        self.info = json.loads((folder / "shard.json").read_text())
        prefix = folder / self.info["prefix"]
        index = np.memmap(f"{prefix}.idx", np.uint8, "r")
        if bytes(index[:9]) != b"MMIDIDX\0\0":
            raise ValueError(f"{prefix}.idx: not an index of Megatron")
        code = int(index[17])
        if code not in (4, 8):
            raise ValueError(f"{prefix}.idx: ids of type {code}; expected 4 (int32) or 8 (uint16)")
        self.sequences = int(index[18:26].view(np.uint64)[0])
        n = self.sequences
        self.lengths = np.frombuffer(index, np.int32, n, 34)
        self.ids = np.memmap(f"{prefix}.bin", np.int32 if code == 4 else np.uint16, "r")
        if int(self.lengths.sum(dtype=np.int64)) != len(self.ids):
            raise ValueError(f"{prefix}: the index counts {self.lengths.sum(dtype=np.int64)} ids, .bin has {len(self.ids)}")
        self.starts = np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)])
        spans = Path(f"{prefix}.spans")
        self.runs = self._runs(spans) if spans.exists() else None

    def _runs(self, file):
        raw = np.memmap(file, np.uint8, "r")
        if bytes(raw[:8]) != b"TPTSPAN\0" or int(raw[16:24].view(np.uint64)[0]) != self.sequences:
            raise ValueError(f"{file}: not the spans of these shards")
        first = np.frombuffer(raw, np.uint64, self.sequences + 1, 32).astype(np.int64)
        runs = np.frombuffer(raw, np.dtype([("kind", "u1"), ("tokens", "<i4")]), int(first[-1]),
                             32 + 8 * (self.sequences + 1))
        return first, runs

    def sequence(self, number):
        """Ids and kinds of one sequence."""
        ids = np.asarray(self.ids[self.starts[number]:self.starts[number + 1]], np.int64)
        if self.runs is None:
            return ids, np.zeros(len(ids), np.uint8)
        first, runs = self.runs
        own = runs[first[number]:first[number + 1]]
        kinds = np.repeat(own["kind"], own["tokens"])
        if len(kinds) != len(ids):
            raise ValueError(f"sequence {number}: {len(kinds)} kinds for {len(ids)} ids")
        return ids, kinds


class ShardRows:
    def __init__(self, folder, seq_length, rank=0, ranks=1, seed=1, epochs=None):
        self.shards = Shards(folder)
        self.seq_length, self.rank, self.ranks, self.seed, self.epochs = seq_length, rank, ranks, seed, epochs
        self.epoch = self.row = 0
        self.rows = (len(self.shards.ids) - 1) // seq_length
        if self.rows < ranks:
            raise ValueError(f"{self.rows} rows of {seq_length} for {ranks} ranks")

    def _order(self, epoch):
        return np.random.Generator(np.random.PCG64([self.seed, epoch])).permutation(self.shards.sequences)

    def __iter__(self):
        while self.epochs is None or self.epoch < self.epochs:
            order = self._order(self.epoch)
            ends = np.cumsum(self.shards.lengths[order], dtype=np.int64)
            while self.row < self.rows:
                here, self.row = self.row, self.row + 1
                if here % self.ranks == self.rank:
                    yield self._cut(order, ends, here)
            self.epoch, self.row = self.epoch + 1, 0

    def _cut(self, order, ends, row):
        begin, end = row * self.seq_length, (row + 1) * self.seq_length + 1
        ids, kinds, positions = [], [], []
        place = int(np.searchsorted(ends, begin, side="right"))
        while begin < end:
            some, some_kinds = self.shards.sequence(order[place])
            start = int(ends[place]) - len(some)
            part = slice(begin - start, min(end - start, len(some)))
            ids.append(some[part])
            kinds.append(some_kinds[part])
            # Within the row: a document that is cut begins anew, as its earlier part is not there.
            positions.append(np.arange(part.stop - part.start))
            begin, place = start + part.stop, place + 1
        ids, kinds = np.concatenate(ids), np.concatenate(kinds)
        return {"input": ids[:-1], "labels": ids[1:], "kinds": kinds[1:],
                "positions": np.concatenate(positions)[:-1].astype(np.int64)}

    def state_dict(self):
        return {"epoch": self.epoch, "row": self.row, "seed": self.seed, "seq_length": self.seq_length}

    def load_state_dict(self, state):
        for name in ("seed", "seq_length"):
            if state[name] != getattr(self, name):
                raise ValueError(f"{name}: the state has {state[name]}, this run {getattr(self, name)}")
        self.epoch, self.row = state["epoch"], state["row"]
