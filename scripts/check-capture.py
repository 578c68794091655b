#!/usr/bin/env python3
"""Opens captures with other programs, and compares them with the published schema.

    check-capture.py [--every-column] CAPTURE.parquet...

A capture from an earlier version may lack nullable columns that were added later, and may have stricter
types than today's schema. With --every-column, a capture must be exactly what this version writes.

Needs: pip install polars duckdb pyarrow (2.1, 2.0 and 26 were tried). Exit code 1 and a sentence at the first difference.
"""
import json
import pathlib
import sys

import duckdb
import polars
import pyarrow.parquet

SCHEMA = json.loads((pathlib.Path(__file__).parent.parent / "schemas/capture.v1.json").read_text())
ARROW_NAMES = {"float32": "float", "dictionary<int32, string>": "dictionary<values=string, indices=int32, ordered=0>",
               "timestamp[us, UTC]": "timestamp[us, tz=UTC]"}


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, expected {wanted!r}")


def check(path, every_column):
    file = pyarrow.parquet.ParquetFile(path)
    there = set(file.schema_arrow.names)
    columns = [column for column in SCHEMA["columns"] if column["name"] in there or every_column or not column["nullable"]]
    names = [column["name"] for column in columns]
    expect(f"{path}: columns by pyarrow", file.schema_arrow.names, names)
    for column in columns:
        field = file.schema_arrow.field(column["name"])
        expect(f"{path}: type of {column['name']}", str(field.type), ARROW_NAMES.get(column["type"], column["type"]))
        if every_column or not column["nullable"]:
            expect(f"{path}: nullability of {column['name']}", field.nullable, column["nullable"])
    metadata = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
    prefix = SCHEMA["metadata_prefix"]
    unknown = {key.removeprefix(prefix) for key in metadata if key.startswith(prefix)} - set(SCHEMA["metadata"]) - set(SCHEMA["evidence"])
    expect(f"{path}: metadata that the schema does not describe", unknown, set())
    expect(f"{path}: rows in the metadata", int(metadata[prefix + "rows"]), file.metadata.num_rows)
    for group in range(file.metadata.num_row_groups):
        table = file.read_row_group(group, columns=["conn_id", "ts"]).to_pydict()
        keys = list(zip(table["conn_id"], table["ts"]))
        expect(f"{path}: order of row group {group}", keys == sorted(keys), True)

    frame = polars.read_parquet(path)
    expect(f"{path}: columns by polars", frame.columns, names)
    rows, sockets, sent = duckdb.sql(
        f"select count(*), count(distinct conn_id), coalesce(sum(bytes_sent), 0) from read_parquet('{path}')").fetchall()[0]
    expect(f"{path}: rows by DuckDB", rows, file.metadata.num_rows)
    expect(f"{path}: rows by polars", frame.height, rows)
    expect(f"{path}: sockets", frame["conn_id"].n_unique(), sockets)
    expect(f"{path}: bytes sent", frame["bytes_sent"].cast(polars.Int128).sum(), sent)
    for column in columns:
        if "values" in column and not column["open"]:
            found = set(frame[column["name"]].cast(polars.String).drop_nulls().unique())
            expect(f"{path}: unknown values of {column['name']}", found - set(column["values"]), set())
    print(f"{path}: {rows} rows, {sockets} sockets; pyarrow, polars and DuckDB agree with the schema")


paths = [argument for argument in sys.argv[1:] if argument != "--every-column"]
for path in paths:
    check(path, every_column="--every-column" in sys.argv)
