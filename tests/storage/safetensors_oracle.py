"""What Python's `safetensors` makes of many files that stand in one, each after its length.

    safetensors_oracle.py BLOB

A line of JSON a file: null where it is refused, else [[name, type, shape], ...] sorted by name.
"""
import json
import struct
import sys

import safetensors

blob = open(sys.argv[1], "rb").read()
place = 0
while place < len(blob):
    (size,) = struct.unpack_from("<Q", blob, place)
    one = blob[place + 8 : place + 8 + size]
    place += 8 + size
    try:
        tensors = safetensors.deserialize(one)
        print(json.dumps(sorted([name, t["dtype"], list(t["shape"])] for name, t in tensors)))
    except Exception:
        print("null")
