#!/usr/bin/env python3
"""Compares the results of a fleet row by row with those of another engine.

    compare-fleet.py DIR              runs DIR/sql in DuckDB on DIR/tables, and compares with DIR/results
    compare-fleet.py DIR RESULTS      compares DIR/results with those in RESULTS (of Spark, for example)

DIR is the output of `netrec fleet analyze` or `netrec fleet reduce`; set TABLES=FOLDER if the tables are elsewhere.
Exit code 1 with some of the rows that differ. Requires duckdb.
"""

import glob
import os
import sys

import duckdb


def parquet(folder, name):
    """The files of a result: one of netrec's, or a folder of Spark's."""
    path = f"{folder}/{name}.parquet"
    return f"read_parquet('{path}/*.parquet')" if os.path.isdir(path) else f"read_parquet('{path}')"


def run_statements(database, folder):
    tables = os.environ.get("TABLES", f"{folder}/tables")
    for table in ("connections", "host_addresses"):
        database.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{tables}/{table}-*.parquet')")
    for path in sorted(glob.glob(f"{folder}/sql/*.sql")):
        name = os.path.basename(path).removesuffix(".sql").split("_", 1)[1]
        with open(path, encoding="utf-8") as file:
            database.execute(f"CREATE TABLE {name} AS {file.read()}")


def differences(database, ours, theirs):
    columns = ", ".join(row[0] for row in database.execute(f"DESCRIBE SELECT * FROM {ours}").fetchall())
    for one, other, who in ((ours, theirs, "only netrec"), (theirs, ours, "only the other")):
        rows = database.execute(
            f"SELECT {columns} FROM {one} EXCEPT ALL SELECT {columns} FROM {other} LIMIT 5"
        ).fetchall()
        yield from (f"  {who}: {row}" for row in rows)


def main():
    folder = sys.argv[1]
    database = duckdb.connect()
    if len(sys.argv) < 3:
        run_statements(database, folder)
    failed = 0
    paths = sorted(glob.glob(f"{folder}/results/*.parquet"))
    for path in paths:
        name = os.path.basename(path).removesuffix(".parquet")
        ours, theirs = parquet(f"{folder}/results", name), parquet(sys.argv[2], name) if len(sys.argv) > 2 else name
        count = database.execute(f"SELECT COUNT(*) FROM {ours}").fetchone()[0]
        wrong = list(differences(database, ours, theirs))
        print(f"{name}: {count} rows, {'DIFFERENT' if wrong else 'equal'}")
        print("\n".join(wrong), end="\n" if wrong else "")
        failed += bool(wrong)
    print(f"{len(paths) - failed} of {len(paths)} results are equal")
    sys.exit(failed > 0 or not paths)


main()
