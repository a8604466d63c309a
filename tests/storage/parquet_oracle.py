"""What pyarrow writes and reads, for parquet_test.cpp.

    parquet_oracle.py write FOLDER   Parquet files of many types and layouts, the cells as JSONL beside each
    parquet_oracle.py read FILE      the rows of a file as JSONL, with its column types first
"""
import datetime
import decimal
import json
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1000


def some_table():
    numbers = list(range(ROWS))
    missing = lambda values: [None if i % 7 == 3 else v for i, v in enumerate(values)]
    texts = [f"text {i} é \u2028 \U0001F600 \0 end" for i in numbers]
    day = datetime.date(2024, 2, 28)
    columns = {
        "text": pa.array(missing(texts)),
        "large": pa.array(missing(texts), pa.large_string()),
        "words": pa.array(missing([f"w{i % 5}" for i in numbers])).dictionary_encode(),
        "bytes": pa.array([f"b{i}".encode() for i in numbers]),
        "flag": pa.array(missing([i % 2 == 0 for i in numbers])),
        "i8": pa.array([i % 256 - 128 for i in numbers], pa.int8()),
        "i64": pa.array(missing([i - 2**63 for i in numbers]), pa.int64()),
        "u32": pa.array([2**32 - 1 - i for i in numbers], pa.uint32()),
        "u64": pa.array([2**64 - 1 - i for i in numbers], pa.uint64()),
        "f64": pa.array(missing([i / 3 for i in numbers])),
        "f32": pa.array([i / 4 for i in numbers], pa.float32()),
        "f16": pa.array([np.float16(i / 4 - 100) for i in numbers], pa.float16()),
        "halves": pa.array([[np.float16(i / 4 - 100)] for i in numbers], pa.list_(pa.float16())),
        "list": pa.array(missing([[i, None, i + 1][: i % 4] for i in numbers])),
        "texts": pa.array([[f'a"{i}', "b\\", "\n"] for i in numbers]),
        "struct": pa.array([{"k": i, "deep": {"x": [f"{i}"], "y": i % 2 == 0}} for i in numbers]),
        "day": pa.array([day + datetime.timedelta(days=i) for i in numbers]),
        "money": pa.array([decimal.Decimal(i).scaleb(-2) for i in numbers], pa.decimal128(10, 2)),
    }
    return pa.table(columns)


def expected(name, value):
    if value is None:
        return None
    if name == "f16":
        return float(value)
    if name == "halves":
        return [float(half) for half in value]
    if name in ("list", "texts", "struct"):
        return value
    if name == "bytes":
        return value.decode()
    return str(value) if name in ("day", "money", "u64") else value


def write(folder):
    table = some_table()
    layouts = {
        "plain": {"compression": "none", "use_dictionary": False},
        "snappy": {"compression": "snappy", "row_group_size": 100},
        "gzip_v2": {"compression": "gzip", "data_page_version": "2.0", "version": "2.6"},
        "zstd_pages": {"compression": "zstd", "data_page_size": 500, "write_page_checksum": True},
        "delta": {"use_dictionary": False, "column_encoding": {"i64": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY"}},
    }
    for name, options in layouts.items():
        pq.write_table(table, folder / f"{name}.parquet", **options)
    pq.write_table(table.slice(0, 0), folder / "no_rows.parquet")
    bad = pa.array([b"good", b"\xff\xfe", b"good too"]).view(pa.utf8())
    pq.write_table(pa.table({"text": bad}), folder / "not_utf8.parquet")
    with open(folder / "expected.jsonl", "w", encoding="utf-8", newline="\n") as file:
        for row in table.to_pylist():
            file.write(json.dumps({name: expected(name, value) for name, value in row.items()}) + "\n")


def read(path):
    table = pq.read_table(path)
    table.validate(full=True)
    print(json.dumps({field.name: str(field.type) for field in table.schema}))
    for row in table.to_pylist():
        print(json.dumps(row))


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](pathlib.Path(sys.argv[2]))
