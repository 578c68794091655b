#!/usr/bin/env python3
"""Converts a capture of the benchmark's generator (gen_capture.py) into a netrec capture.

    convert-gen-capture.py IN.parquet OUT.parquet [--interval-ms 1000]

Row groups of 262,144 rows in the order of time, inside each by conn_id, then ts, as the recorder
writes them. Columns that the generator lacks but a recorder writes (executables, command lines,
round-trip times, ...) are derived from names and counters, so that the file has the size and the
columns of a real one: useful for measurements, but meaningless. Needs pyarrow and numpy.
"""
from __future__ import annotations

import argparse
import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 262_144
PREFIX = "netrec."
NETNS = 4_026_531_840
UIDS = {"root": 0, "alice": 1000, "bob": 1001, "www-data": 33, "postgres": 113}

TEXT = pa.dictionary(pa.int32(), pa.string())
TIME = pa.timestamp("us", "UTC")
SCHEMA = pa.schema([
    pa.field("ts", TIME, nullable=False), pa.field("mono_ns", pa.int64(), nullable=False),
    pa.field("tick", pa.uint32(), nullable=False), pa.field("kind", TEXT, nullable=False),
    pa.field("conn_id", pa.uint64(), nullable=False), pa.field("protocol", TEXT, nullable=False),
    pa.field("local_addr", TEXT, nullable=False), pa.field("local_port", pa.uint16(), nullable=False),
    ("remote_addr", TEXT), ("remote_port", pa.uint16()), ("remote_name", TEXT), ("netns", pa.uint64()),
    ("state", TEXT), ("prev_state", TEXT), ("bytes_sent", pa.uint64()), ("bytes_received", pa.uint64()),
    ("packets_sent", pa.uint64()), ("packets_received", pa.uint64()), ("retransmits", pa.uint32()),
    ("rtt_us", pa.uint32()), ("pid", pa.uint32()), ("ppid", pa.uint32()), ("uid", pa.uint32()),
    ("process_name", TEXT), ("exe", TEXT), ("cmdline", TEXT), ("username", TEXT), ("parent_name", TEXT),
    ("container", TEXT), ("exe_sha256", TEXT), ("process_start", TIME), ("cpu_percent", pa.float32()),
    ("memory_rss_bytes", pa.uint64()), ("owner_source", TEXT),
])


def dictionary(codes: np.ndarray, values: list[str], null: np.ndarray | None = None) -> pa.Array:
    """A dictionary column of codes into values, without the values that no row has."""
    used, keys = np.unique(codes if null is None else codes[~null], return_inverse=True)
    all_keys = np.zeros(len(codes), "i4")
    all_keys[slice(None) if null is None else ~null] = keys
    values = [values[code] for code in used.tolist()]
    return pa.DictionaryArray.from_arrays(pa.array(all_keys, mask=null), pa.array(values, pa.string()))


def codes_of(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Codes, dictionary and null mask of a column of strings or dictionaries."""
    array = column.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    null = array.is_null().to_numpy(zero_copy_only=False)
    return array.indices.fill_null(0).to_numpy(), array.dictionary.to_pylist(), null


def numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Values and null mask of a column of numbers."""
    array = column.combine_chunks()
    null = array.is_null().to_numpy(zero_copy_only=False)
    return array.fill_null(0).to_numpy(zero_copy_only=False), null


def convert(table: pa.Table, t0_us: int, interval_us: int) -> pa.Table:
    """A row group of the generator's as a row group of netrec's."""
    ts = table["ts"].cast(pa.int64()).to_numpy()
    conn = table["cookie"].to_numpy()
    table = table.take(pa.array(np.lexsort((ts, conn))))
    ts, conn = table["ts"].cast(pa.int64()).to_numpy(), table["cookie"].to_numpy()
    rows = len(ts)
    nothing = np.ones(rows, bool)
    zero = np.zeros(rows, "i4")
    empty = dictionary(zero, [], nothing)

    state, states, _ = codes_of(table["state"])
    is_udp = state == states.index("NONE")
    is_listener = state == states.index("LISTEN")
    protocol, protocols, _ = codes_of(table["protocol"])
    local, addrs, _ = codes_of(table["local_addr"])
    remote, remote_addrs, _ = codes_of(table["remote_addr"])
    pid, no_owner = numbers(table["pid"])
    name, names, _ = codes_of(table["process_name"])
    user, users, _ = codes_of(table["username"])
    packets, no_counters = numbers(table["packets_sent"])
    tick = (ts - t0_us) // interval_us
    not_tcp = no_counters | is_udp | is_listener

    def counter(column: str) -> pa.Array:
        values, null = numbers(table[column])
        return pa.array(values.astype("u8"), mask=null)

    def owner_text(values: list[str]) -> pa.Array:
        return dictionary(name, values, no_owner)

    columns = [
        pa.array(ts, TIME), pa.array((ts - t0_us) * 1000 + 10**12), pa.array(tick.astype("u4")),
        dictionary(zero, ["snapshot"]), pa.array(conn.astype("u8")),
        dictionary(np.array([p.startswith("udp") for p in protocols])[protocol], ["tcp", "udp"]),
        dictionary(local, addrs), pa.array(table["local_port"].to_numpy().astype("u2")),
        dictionary(remote, remote_addrs, is_listener),
        pa.array(table["remote_port"].to_numpy().astype("u2"), mask=is_listener),
        empty, pa.array(np.full(rows, NETNS, "u8")), dictionary(state, states, is_udp), empty,
        counter("bytes_sent"), counter("bytes_received"), counter("packets_sent"), counter("packets_received"),
        pa.array((packets // 200).astype("u4"), mask=not_tcp),
        pa.array((20_000 + conn * 7919 % 30_000 + tick * 31 % 1000).astype("u4"), mask=not_tcp),
        pa.array(pid.astype("u4"), mask=no_owner), pa.array(np.ones(rows, "u4"), mask=no_owner),
        pa.array(np.array([UIDS.get(u, 900) for u in users], "u4")[user], mask=no_owner),
        owner_text(names), owner_text([f"/usr/bin/{n}" for n in names]),
        owner_text([f"/usr/bin/{n} --config /etc/{n}.conf" for n in names]),
        dictionary(user, users, no_owner), dictionary(zero, ["systemd"], no_owner), empty,
        owner_text([hashlib.sha256(n.encode()).hexdigest() for n in names]),
        pa.array(t0_us - pid.astype("i8") * 1_000_000, TIME, mask=no_owner),
        table["cpu_percent"].combine_chunks(), counter("memory_rss"),
        dictionary(zero, ["inode"], no_owner),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def metadata(first_us: int, last_us: int, rows: int, interval_ms: int) -> dict[str, str]:
    """The file metadata: strings as they are, the rest as JSON."""
    interval_us = interval_ms * 1000
    ticks = (last_us - first_us + interval_us // 2) // interval_us + 1
    fields = dict(
        format_version=1, tool_version="convert-gen-capture", host_name="synthetic", start_us=first_us,
        end_us=last_us, start_mono_ns=10**12, end_mono_ns=10**12 + (last_us - first_us) * 1000,
        interval_ms=interval_ms, privileges=["root"], ticks_planned=ticks, ticks_taken=ticks, ticks_late=0,
        rows=rows, host_addresses=["10.20.0.5", "2a00:1450:4001:80b::5", "127.0.0.1", "::1"],
        sources=[dict(name="synthetic", status="ran", detail="made by gen_capture.py")],
    )
    return {PREFIX + k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--interval-ms", type=int, default=1000)
    a = parser.parse_args()
    source = pq.ParquetFile(a.source)
    interval_us = a.interval_ms * 1000
    # The generator begins at a whole second, and observes each tick a few ms after its time.
    first_us = pq.read_table(a.source, columns=["ts"])["ts"].cast(pa.int64()).to_numpy()
    first_us, last_us = int(first_us.min()), int(first_us.max())
    t0_us = first_us // interval_us * interval_us
    with pq.ParquetWriter(a.target, SCHEMA, compression="zstd", compression_level=3) as writer:
        for batch in source.iter_batches(ROW_GROUP_ROWS):
            table = convert(pa.Table.from_batches([batch]), t0_us, interval_us)
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        writer.add_key_value_metadata(metadata(first_us, last_us, source.metadata.num_rows, a.interval_ms))


if __name__ == "__main__":
    main()
