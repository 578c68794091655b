#!/usr/bin/env python3
"""What netrec misses in a storm of short connections, counted exactly.

    storm.py [--netrec target/release/netrec] [--storm target/release/examples/connect_storm]
             [--rate 10000] [--seconds 10] [--clients 4] [--interval 1s]

Records while connect_storm runs (400 bytes to the server, 200 back, then both ends close), and
compares the connections with the rows of kind `closed` in the capture, for both ends: how many are there,
with exact bytes, with the right process. Prints the losses stated in the capture, and the CPU time of
the recorder and of the storm. Needs pyarrow (pip install pyarrow).
"""

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COLUMNS = ["kind", "conn_id", "local_port", "remote_port", "bytes_sent", "bytes_received", "pid", "process_name"]


def storm(arguments):
    """Runs the generator: connections made, its line, port, server and clients."""
    command = [arguments.storm, str(arguments.rate), str(arguments.seconds), "400", str(arguments.clients)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    line, roles = said.strip().splitlines()
    port, server, *clients = map(int, re.findall(r"\d+", roles))
    return int(line.split()[0]), f"{line} ({cpu_s:.1f} s of CPU)", port, server, clients


def share(part, whole):
    return f"{part} of {whole} ({100 * part / max(whole, 1):.3f} %)"


def count(name, table, made, exact, pids):
    """Prints how many of one end's connections are there, and how many of them are right."""
    sent, received = exact
    right_bytes = pc.and_kleene(
        pc.equal(table["bytes_sent"], sent), pc.equal(table["bytes_received"], received)
    )
    known = table.filter(pc.is_valid(table["pid"]))
    right = known.filter(pc.is_in(known["pid"], pids)).num_rows
    ids = pc.count_distinct(table["conn_id"]).as_py()
    print(f"{name}: recorded {share(ids, made)} in {table.num_rows} rows")
    print(f"  exact bytes {share(pc.sum(pc.fill_null(right_bytes, False)).as_py() or 0, made)}")
    print(f"  right process {share(right, made)}, wrong {known.num_rows - right}")


def account(path, made, port, server, clients):
    """Prints what the capture has of the storm, and what it says of itself."""
    table = pq.read_table(path, columns=COLUMNS)
    closed = table.filter(pc.equal(table["kind"], "closed"))
    of_clients = closed.filter(pc.equal(closed["remote_port"], port))
    of_server = closed.filter(pc.equal(closed["local_port"], port))
    # The listening socket closes too.
    of_server = of_server.filter(pc.is_valid(of_server["remote_port"]))
    pids = lambda ids: pa.array(ids, closed["pid"].type)
    count("clients", of_clients, made, (400, 200), pids(clients))
    count("server", of_server, made, (200, 400), pids([server]))
    for key, value in (pq.read_metadata(path).metadata or {}).items():
        name = key.decode().rsplit(".", 1)[-1]
        if name in ("events_lost", "ticks_late", "ticks_taken"):
            print(f"{name} {value.decode()}")
        if name == "sources":
            for source in json.loads(value):
                if source["status"] != "ran":
                    print(f"{source['name']} {source['status']}: {source['detail']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--netrec", default="target/release/netrec")
    parser.add_argument("--storm", default="target/release/examples/connect_storm")
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--interval", default="1s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "storm.parquet")
        command = [arguments.netrec, "record", "--interval", arguments.interval, "-o", path]
        recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(2)
        made, line, *roles = storm(arguments)
        time.sleep(3)
        recorder.send_signal(signal.SIGINT)
        _, _, usage = os.wait4(recorder.pid, 0)
        print(f"{line}; the recorder {usage.ru_utime + usage.ru_stime:.1f} s of CPU, {usage.ru_maxrss >> 10} MB")
        account(path, made, *roles)


if __name__ == "__main__":
    main()
