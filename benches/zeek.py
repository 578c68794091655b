#!/usr/bin/env python3
"""Speed of `netrec import` on a generated conn.log: as Zeek's own notation, compressed, as JSON.

    cargo build --release && benches/zeek.py [NETREC] [LINES]

CPU time of the whole program: reading, hashing the file, sorting by time, writing the capture.
Lines are sorted by the end of the connection, as in Zeek.
"""

import gzip
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time

FIELDS = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state "
    "local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
).split()
TEXTS = {"uid", "id.orig_h", "id.resp_h", "proto", "service", "conn_state", "history"}


def connections(lines: int) -> list[list[str]]:
    """A network of 500 hosts that talk with 20,000 others, a thousand connections a second."""
    chance = random.Random(1)
    rows = []
    for number in range(lines):
        start, duration = 1_700_000_000 + number / 1000, chance.expovariate(0.2)
        host, server = chance.randrange(500), int(20_000 * chance.random() ** 3)
        sent, received = int(chance.expovariate(1e-3)), int(chance.expovariate(1e-4))
        rows.append((start + duration, [
            f"{start:.6f}", f"C{number:016x}", f"10.0.{host // 250}.{host % 250}", str(chance.randrange(1024, 65536)),
            f"198.51.{server // 250}.{server % 250}", chance.choice(["443", "80", "53", "22"]), "tcp", "ssl",
            f"{duration:.6f}", str(sent), str(received), "SF", "T", "F", "0", "ShADadFf", str(4 + sent // 1000),
            str(sent + 300), str(4 + received // 1000), str(received + 300), "-",
        ]))
    rows.sort()
    return [row for _, row in rows]


def tsv(rows: list[list[str]]) -> str:
    head = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn"]
    return "\n".join([*head, "#fields\t" + "\t".join(FIELDS), *map("\t".join, rows), ""])


def as_json(row: list[str]) -> str:
    def value(name: str, text: str) -> object:
        if name in TEXTS:
            return text
        return text == "T" if name.startswith("local_") else json.loads(text)

    return json.dumps({name: value(name, text) for name, text in zip(FIELDS, row) if text != "-"})


def measure(netrec: str, path: str, lines: int) -> None:
    begun = time.monotonic()
    output = path + ".parquet"
    program = subprocess.Popen([netrec, "import", path, "-o", output, "--force"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(program.pid, 0)
    took, cpu = time.monotonic() - begun, usage.ru_utime + usage.ru_stime
    assert status == 0, status
    name = os.path.basename(path)
    print(f"{name}: {os.path.getsize(path) / 1e6:.0f} MB, {lines / 1e6:g} M lines, {cpu:.2f} s of CPU, {took:.2f} s, "
          f"{lines / cpu / 1e6:.2f} M lines/s, peak {usage.ru_maxrss // 1024} MB, "
          f"capture {os.path.getsize(output) / 1e6:.0f} MB")


def write(folder: str, lines: int) -> None:
    rows = connections(lines)
    text = tsv(rows).encode()
    with open(os.path.join(folder, "conn.log"), "wb") as file:
        file.write(text)
    with gzip.open(os.path.join(folder, "conn.log.gz"), "wb", compresslevel=6) as file:
        file.write(text)
    with open(os.path.join(folder, "conn.json"), "w", encoding="ascii") as file:
        file.writelines(as_json(row) + "\n" for row in rows)


def main() -> None:
    netrec = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/netrec")
    lines = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a child's peak memory begins with that of the process that starts it.
        writer = multiprocessing.Process(target=write, args=(folder, lines))
        writer.start()
        writer.join()
        assert writer.exitcode == 0
        for name in ("conn.log", "conn.log.gz", "conn.json"):
            measure(netrec, os.path.join(folder, name), lines)


if __name__ == "__main__":
    main()
