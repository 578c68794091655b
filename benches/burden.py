#!/usr/bin/env python3
"""Overhead for the observed applications: a traffic generator alone, with netrec, with nethogs.

    burden.py [--netrec target/release/netrec] [--storm target/release/examples/connect_storm]
              [--rate 1000] [--seconds 3] [--rounds 20] [--watchers netrec,nethogs]

In each of many short rounds the generator runs once for every watcher, in rotating order, so that other
load on the machine affects all of them equally. Per watcher: CPU time of the generator for a connection
(both ends, with what the kernel does for the watcher in their context), median time from connect to
answer, the rate that was reached, and the CPU of the watcher itself: medians over the rounds, in brackets
the middle half. What a watcher adds is the median of the rounds' differences to the generator alone, in
brackets the range in which that median lies with 95 % confidence: where it holds 0, nothing was shown. A
rate of 0 is as fast as it can. Needs root; nethogs is left out where it is not installed.
"""

import argparse
import math
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import tempfile
import time


def start(watcher, arguments, folder):
    """Starts a watcher as a user would; none is no process."""
    if watcher == "nobody":
        return None
    path = os.path.join(folder, "burden.parquet")
    commands = {
        "netrec": [arguments.netrec, "record", "-i", "1s", "-o", path, "--force"],
        "nethogs": ["nethogs", "-t", "-d", "1", "-a", "lo"],
    }
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(commands[watcher], stdin=quiet, stdout=quiet, stderr=quiet)
    time.sleep(1.5)
    if process.poll() is not None:
        raise SystemExit(f"{watcher} ended at once, with {process.returncode}")
    return process


def cpu_s(pid):
    """CPU time of all threads so far; those that have ended are counted by the process alone."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(watcher, arguments, folder):
    process = start(watcher, arguments, folder)
    try:
        watcher_before_s = cpu_s(process.pid) if process else 0
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [arguments.storm, str(arguments.rate), str(arguments.seconds), "400", "2"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        watcher_s = cpu_s(process.pid) - watcher_before_s if process else 0
    finally:
        if process:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                # nethogs may wait for a packet before it looks at its signals.
                process.kill()
                process.wait()
    made, rate, each_us = map(int, re.match(r"(\d+) .*, (\d+) a second, (\d+)", said).groups())
    generator_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "generator_us": generator_s / made * 1e6,
        "each_us": each_us,
        "rate": rate,
        "watcher_us": watcher_s / made * 1e6,
    }


def spread(values):
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"


def added(runs, alone, key):
    """Median of the differences in percent, and its 95 % confidence interval by the sign test."""
    shares = sorted(100 * (one[key] / other[key] - 1) for one, other in zip(runs, alone))
    count, below, rank = len(shares), 0.0, 0
    while (below := below + math.comb(count, rank) / 2**count) <= 0.025:
        rank += 1
    # With fewer than six rounds the extremes are all that can be said.
    low, high = shares[max(rank - 1, 0)], shares[min(count - rank, count - 1)]
    return f"{statistics.median(shares):+.1f} % ({low:+.1f} to {high:+.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--netrec", default="target/release/netrec")
    parser.add_argument("--storm", default="target/release/examples/connect_storm")
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--watchers", default="netrec,nethogs")
    arguments = parser.parse_args()
    watchers = ["nobody"] + arguments.watchers.split(",")
    if not shutil.which("nethogs"):
        watchers = [watcher for watcher in watchers if watcher != "nethogs"]
    results = {watcher: [] for watcher in watchers}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.rounds):
            for place in range(len(watchers)):
                watcher = watchers[(turn + place) % len(watchers)]
                results[watcher].append(run(watcher, arguments, folder))
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
          f"{arguments.rounds} rounds of {arguments.seconds} s, asked for {arguments.rate} connections a second\n")
    print("| watched by | generator, CPU µs per connection | more | from connect to answer, µs | more "
          "| connections a second | watcher, CPU µs per connection |")
    print("|---|---|---|---|---|---|---|")
    alone = results["nobody"]
    for watcher, runs in results.items():
        more = {key: added(runs, alone, key) if watcher != "nobody" else "–" for key in ("generator_us", "each_us")}
        values = {key: spread([one[key] for one in runs]) for key in runs[0]}
        print(f"| {watcher} | {values['generator_us']} | {more['generator_us']} | {values['each_us']} "
              f"| {more['each_us']} | {values['rate']} | {values['watcher_us']} |")


if __name__ == "__main__":
    main()
