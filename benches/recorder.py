#!/usr/bin/env python3
"""The cost of a tick: netrec compared with `ss -tinap` and psutil, in the same run on the same sockets.

    recorder.py [--netrec target/release/netrec] [--sockets 100,1000,10000] [--ticks 60] [--interval 1.0]

Child processes hold the sockets: established loopback TCP connections, both ends. netrec
records them. Once it has found the owners of all and hashed their executables, which is done once and
told beside it, its CPU per tick is user plus system time of its whole process, completing the file
included, over the ticks. What its threads `hashes` and `execs` still have in it is due to programs that
others start meanwhile, and is told too. `ss -tinap` (output thrown
away) and one psutil.net_connections("inet") with the facts that netrec writes too (name, user,
CPU and memory of each owner) are measured in turns. Medians; CPU in ms, because a busy machine
bends the wall clock. Needs psutil (pip install psutil) and ss, and says so where one is missing.
"""

import argparse
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


# Of one process; the usual limit of descriptors is 20,000.
MOST_HELD = 16_000


def hold(count, network):
    """Holds `count` sockets until standard input is closed; a byte goes over each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if count + 64 > hard:
        sys.exit(f"{count} sockets need as many descriptors, and the limit is {hard}")
    ends = []
    group = 0
    while len(ends) < count:
        # A few thousand connections per address, so that ports do not run out.
        group += 1
        with socket.socket() as listener:
            listener.bind((f"127.{network}.{group // 250}.{group % 250 + 1}", 0))
            listener.listen(1024)
            for _ in range(min(4000, (count - len(ends) + 1) // 2)):
                client = socket.create_connection(listener.getsockname())
                server, _ = listener.accept()
                client.sendall(b"x")
                ends += [client, server]
    print("ready", flush=True)
    sys.stdin.read()


def cpu_s(pid):
    """User and system time of a process so far, in nanoseconds' resolution where the kernel has it."""
    total_ns = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total_ns += int(file.read().split()[0])
        return total_ns / 1e9
    except OSError:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def threads_ms(pid):
    """CPU time of each thread so far, by name; empty where the kernel does not count it."""
    times = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/comm") as name, \
                    open(f"/proc/{pid}/task/{task}/schedstat") as file:
                thread = "main" if int(task) == pid else name.read().strip()
                times[thread] = times.get(thread, 0) + int(file.read().split()[0]) / 1e6
        except OSError:
            pass
    return times


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmHWM"].split()[0]) / 1024


def wait_for_hashes(pid, begin, interval_s):
    """Waits a few ticks, and until the executables that own sockets are hashed: 30 s at most."""
    before_ms = -1
    while time.monotonic() < begin + 30:
        # Between two ticks.
        since_s = time.monotonic() - begin
        time.sleep((int(since_s / interval_s + 0.3) + 2.7) * interval_s - since_s)
        now_ms = threads_ms(pid).get("hashes", 0)
        if now_ms == before_ms:
            break
        before_ms = now_ms


def measure_netrec(netrec, folder, ticks, interval_s):
    """CPU per tick in ms, with and without the end of the file; before the first of them; peak MB."""
    path = os.path.join(folder, "c.parquet")
    command = [netrec, "record", "-i", f"{int(interval_s * 1000)}ms", "-o", path, "--force"]
    before_all = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    begin = time.monotonic()
    try:
        wait_for_hashes(child.pid, begin, interval_s)
        ticks_before = int((time.monotonic() - begin) / interval_s) + 1
        start_s, threads_before = cpu_s(child.pid), threads_ms(child.pid)
        time.sleep(ticks * interval_s)
        threads = {name: ms - threads_before.get(name, 0) for name, ms in threads_ms(child.pid).items()}
        ticks_s = cpu_s(child.pid) - start_s
        memory_mb = peak_mb(child.pid)
        child.send_signal(signal.SIGTERM)
        said = child.communicate(timeout=60)[0]
    finally:
        child.kill()
        child.wait()
    after_all = resource.getrusage(resource.RUSAGE_CHILDREN)
    all_s = after_all.ru_utime + after_all.ru_stime - before_all.ru_utime - before_all.ru_stime
    taken = int(said.split(" snapshots")[0].rsplit(" ", 1)[1]) - ticks_before
    return {
        "tick_ms": (all_s - start_s) / taken * 1000,
        "without_end_ms": ticks_s / taken * 1000,
        "start_ms": start_s * 1000,
        "ticks_before": ticks_before,
        "hashes_ms": threads_before.get("hashes", 0),
        "threads_ms": {name: ms / taken for name, ms in threads.items() if ms / taken >= 0.01},
        "memory_mb": memory_mb,
        "said": said.splitlines()[0].split(": ", 1)[1],
    }


def measure_ss(repeats):
    cpu_ms, wall_ms = [], []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        subprocess.run(["ss", "-tinap"], stdout=subprocess.DEVNULL, check=True)
        wall_ms.append((time.perf_counter() - begin) * 1000)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_ms.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    return statistics.median(cpu_ms), statistics.median(wall_ms)


def measure_psutil(repeats):
    import psutil

    processes = {}

    def tick():
        connections = psutil.net_connections(kind="inet")
        for pid in {connection.pid for connection in connections if connection.pid}:
            process = processes.setdefault(pid, psutil.Process(pid))
            try:
                with process.oneshot():
                    process.name(), process.username(), process.cpu_percent(), process.memory_info()
            except psutil.Error:
                processes.pop(pid, None)

    tick()
    cpu_ms, wall_ms = [], []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        tick()
        cpu_ms.append((time.process_time() - cpu) * 1000)
        wall_ms.append((time.perf_counter() - wall) * 1000)
    return statistics.median(cpu_ms), statistics.median(wall_ms)


def run(count, options):
    holders = []
    try:
        for network, first in enumerate(range(0, count, MOST_HELD), 1):
            part = [str(min(MOST_HELD, count - first)), str(network)]
            command = [sys.executable, os.path.abspath(__file__), "--hold", *part]
            holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            holders.append(holder)
            if holder.stdout.readline().strip() != "ready":
                sys.exit(f"{count} sockets could not be opened")
        with tempfile.TemporaryDirectory() as folder:
            netrec = measure_netrec(options.netrec, folder, options.ticks, options.interval)
        others = {}
        if options.repeats and shutil.which("ss"):
            others["ss -tinap"] = measure_ss(options.repeats)
        try:
            if options.repeats:
                others["psutil"] = measure_psutil(options.repeats)
        except ImportError:
            print("psutil is not installed: left out", file=sys.stderr)
        return netrec, others
    finally:
        for holder in holders:
            holder.stdin.close()
        for holder in holders:
            holder.wait(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--netrec", default="target/release/netrec")
    parser.add_argument("--sockets", default="100,1000,10000")
    parser.add_argument("--ticks", type=int, default=60)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=5, help="of ss and psutil; 0: netrec alone")
    parser.add_argument("--hold", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        return hold(*options.hold)
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
          f"{options.ticks} ticks of {options.interval} s\n")
    print("| sockets | tool | CPU ms per tick | wall ms | times netrec |")
    print("|---|---|---|---|---|")
    notes = []
    for count in (int(part) for part in options.sockets.split(",")):
        netrec, others = run(count, options)
        tick_ms = netrec["tick_ms"]
        print(f"| {count:,} | netrec, file included | {tick_ms:.2f} | – | 1 |")
        for name, (cpu_ms, wall_ms) in others.items():
            ratio = cpu_ms / tick_ms
            print(f"| {count:,} | {name} | {cpu_ms:.1f} | {wall_ms:.1f} | {ratio:.1f} |", flush=True)
        notes.append(
            f"- {count:,} sockets: {netrec['start_ms']:.0f} ms for the start and {netrec['ticks_before']} ticks, "
            f"of which {netrec['hashes_ms']:.0f} for executables, "
            f"{netrec['without_end_ms']:.2f} ms a tick without completing the file, "
            f"peak memory {netrec['memory_mb']:.1f} MB; {netrec['said']}; by thread "
            + ", ".join(f"{name} {ms:.2f}" for name, ms in sorted(netrec["threads_ms"].items()))
        )
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
