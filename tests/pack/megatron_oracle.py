"""Megatron-core on a shard: reads every sequence, then writes them anew with its own builder.

  megatron_oracle.py PREFIX REBUILT_PREFIX VOCAB_SIZE

Prints the ids, one sequence a line.
"""
import sys
import warnings

warnings.filterwarnings("ignore")

import numpy
import torch
from megatron.core.datasets.indexed_dataset import DType, IndexedDataset, IndexedDatasetBuilder

prefix, rebuilt, vocab_size = sys.argv[1], sys.argv[2], int(sys.argv[3])
dataset = IndexedDataset(prefix, multimodal=False, mmap=True)
builder = IndexedDatasetBuilder(rebuilt + ".bin", dtype=DType.optimal_dtype(vocab_size))
for i in range(len(dataset)):
    ids = dataset[i]
    print(*ids.tolist())
    builder.add_document(torch.from_numpy(ids.astype(numpy.int64)), [len(ids)])
builder.finalize(rebuilt + ".idx")
assert list(dataset.document_indices) == list(range(len(dataset) + 1))
