#!/usr/bin/env python3
"""Compares the run time of `netrec analyze` with another program on the same rows, alternating in one run.

    benches/analyze.py c1m.netrec.parquet c10m.netrec.parquet \\
        --baseline "python baseline_analyze.py" --baseline-captures c1m.parquet c10m.parquet

Prints wall and CPU seconds and the peak resident memory of each, the median of --runs. A capture of
the benchmark's generator becomes one of netrec's with scripts/convert-gen-capture.py. CPU time and
memory are those that the kernel counts for the finished child (wait4), so nothing but Python's
standard library is needed. Other work on the machine bends wall time most, CPU time less, memory not.
"""
from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """What a run took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: list[str], log: Path) -> Run:
    """Runs a command to its end; stops the benchmark if it fails."""
    with log.open("wb") as output:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    # 3: netrec is done, and says that the capture is degraded.
    if child.returncode not in (0, 3):
        said = log.read_text(errors="replace")[-2000:]
        sys.exit(f"{shlex.join(command)} ended with {child.returncode}:\n{said}")
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(runs: list[Run]) -> Run:
    """The median of each column."""
    return Run(*(statistics.median(column) for column in zip(*runs)))


def row(what: str, r: Run) -> str:
    """A row of the table."""
    return f"| {what} | {r.wall_s:.2f} | {r.cpu_s:.2f} | {r.peak_mb:.0f} |"


def measure(netrec: str, capture: str, baseline: list[str], baseline_capture: str | None, runs: int) -> None:
    """Runs both programs in turns, so that both see the same other work on the machine."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        for n in range(runs):
            ours.append(run([netrec, "analyze", capture, "-o", str(Path(folder, f"report{n}"))], log))
            if baseline_capture:
                other = Path(folder, f"baseline{n}")
                other.mkdir()
                theirs.append(run([*baseline, baseline_capture, str(other)], log))
    a = median(ours)
    print(row(f"netrec, {Path(capture).name}", a))
    if theirs and baseline_capture:
        b = median(theirs)
        print(row(f"baseline, {Path(baseline_capture).name}", b))
        times = [f"{theirs / ours:.1f} ×" for ours, theirs in zip(a, b)]
        print(f"| – baseline ÷ netrec | {' | '.join(times)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captures", nargs="+", help="captures of netrec's")
    parser.add_argument("--netrec", default="target/release/netrec")
    parser.add_argument("--baseline", help="command that takes a capture and a folder for its output")
    parser.add_argument("--baseline-captures", nargs="*", default=[], help="the same rows for the baseline")
    parser.add_argument("--runs", type=int, default=3)
    a = parser.parse_args()
    if a.baseline and len(a.baseline_captures) != len(a.captures):
        parser.error("give a capture for the baseline for each of netrec's")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs, median of {a.runs}\n")
    print("| | wall s | CPU s | peak MB |\n|---|---|---|---|")
    for n, capture in enumerate(a.captures):
        other = a.baseline_captures[n] if a.baseline else None
        measure(a.netrec, capture, shlex.split(a.baseline or ""), other, a.runs)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
