#!/usr/bin/env python3
"""Runs the same query on a capture in DuckDB, polars and pandas, and checks that the results agree.

    query-capture.py CAPTURE.parquet [REPORT.json]

With the report of the same capture, the totals must also match the report.

Needs: pip install polars duckdb pyarrow pandas (2.1, 2.0, 26 and 3.0 were tried).
"""
import json
import pathlib
import sys

import duckdb
import pandas
import polars as pl

MACROS = (pathlib.Path(__file__).parent / "netrec.sql").read_text()


def by_duckdb(path):
    """Bytes sent and received per program, from the macros."""
    with duckdb.connect() as database:
        database.execute(MACROS)
        rows = database.execute(
            "select process_name, sum(bytes_sent)::bigint, sum(bytes_received)::bigint from netrec_connections(?) "
            "group by process_name", [path]).fetchall()
    return {name: (sent, received) for name, sent, received in rows}


def by_polars(path):
    connections = (
        pl.scan_parquet(path)
        .with_columns(pl.col("kind", "process_name").cast(pl.String))
        .filter(pl.col("kind") != "query")
        .sort("ts")
        .group_by("conn_id")
        .agg(pl.col("process_name").drop_nulls().last(), pl.col("bytes_sent", "bytes_received").max())
    )
    # A sum of nothing but nulls is unknown, and polars would call it 0.
    total = lambda name: pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).cast(pl.Int64)
    answer = connections.group_by("process_name").agg(
        total("bytes_sent").alias("sent"), total("bytes_received").alias("received")).collect()
    return {name: (sent, received) for name, sent, received in answer.iter_rows()}


def by_pandas(path):
    rows = pandas.read_parquet(path, dtype_backend="numpy_nullable")
    rows = rows[rows["kind"].astype("string") != "query"].astype({"process_name": "string"}).sort_values("ts")
    connections = rows.groupby("conn_id").agg(
        process_name=("process_name", "last"), sent=("bytes_sent", "max"), received=("bytes_received", "max"))
    totals = connections.groupby("process_name", dropna=False)[["sent", "received"]].sum(min_count=1)
    known = lambda value: None if pandas.isna(value) else int(value)
    return {known_name(name): (known(row.sent), known(row.received)) for name, row in zip(totals.index, totals.itertuples())}


def known_name(name):
    return None if pandas.isna(name) else name


def steps_add_up(path):
    """What the steps of each connection add up to, beside what the connections say was moved in the recording."""
    with duckdb.connect() as database:
        database.execute(MACROS)
        return database.execute("""
            select c.conn_id, c.bytes_sent_recorded, t.sent, c.bytes_received_recorded, t.received
            from netrec_connections($1) c
            left join (select host_file, conn_id, sum(sent_delta) sent, sum(received_delta) received
                       from netrec_traffic($1) group by all) t using (host_file, conn_id)
            where c.bytes_sent_recorded <> coalesce(t.sent, 0) or c.bytes_received_recorded <> coalesce(t.received, 0)
            """, [path]).fetchall()


def totals(path):
    with duckdb.connect() as database:
        database.execute(MACROS)
        return database.execute(
            "select sum(bytes_sent_recorded)::bigint, sum(bytes_received_recorded)::bigint from netrec_connections(?)",
            [path]).fetchone()


def main():
    path = sys.argv[1]
    answers = {name: ask(path) for name, ask in [("DuckDB", by_duckdb), ("polars", by_polars), ("pandas", by_pandas)]}
    for name, answer in answers.items():
        if answer != answers["DuckDB"]:
            differences = {key for key in answer.keys() | answers["DuckDB"].keys() if answer.get(key) != answers["DuckDB"].get(key)}
            sys.exit(f"{path}: {name} and DuckDB differ about {differences}")
    if wrong := steps_add_up(path):
        sys.exit(f"{path}: the steps of these connections do not add up: {wrong[:5]}")
    with duckdb.connect() as database:
        database.execute(MACROS)
        for macro in ["rows", "queries", "connections", "traffic", "processes", "destinations"]:
            database.execute(f"select count(*) from netrec_{macro}(?)", [path]).fetchall()
    if len(sys.argv) > 2:
        protocols = json.loads(pathlib.Path(sys.argv[2]).read_text())["metrics"]["overview"]["by_protocol"]
        expected = tuple(sum(protocol[field] or 0 for protocol in protocols) for field in ["bytes_sent", "bytes_received"])
        if totals(path) != expected:
            sys.exit(f"{path}: the report says {expected} bytes sent and received, the macros {totals(path)}")
    shown = sorted(answers["DuckDB"].items(), key=lambda item: -(item[1][0] or 0))
    for name, (sent, received) in shown[:10]:
        print(f"{name or 'unknown':<20} {sent if sent is not None else 'unknown':>12} {received if received is not None else 'unknown':>12}")
    print(f"{path}: DuckDB, polars and pandas agree")


main()
