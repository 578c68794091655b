#!/usr/bin/env python3
"""How well a recorder captures traffic with known ground truth: seen, right process and remote, bytes within 1 %.

    sudo benches/fidelity.py [--runs 5] [--only NAME] [--with netrec,ss,nethogs,bpftrace] [--netrec PATH] [--json FILE]

Each scenario (benches/fidelity/scenarios.py) is a small program that reports what it did. They run one after the
other while the recorder under test is running, and are looked up in its output. A scenario counts if it holds for every
connection in every run. Needs root, cc, and for the other recorders `apt install nethogs bpftrace`; traffic stays on loopback and
in network namespaces that the bench makes. A run takes about two minutes.

bpftrace's program hangs on the tracepoint of netrec's events, which takes them from every other reader: it runs alone.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "fidelity"))
from recorders import RECORDERS  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402
from stage import Stage  # noqa: E402

HOLDS = ("seen", "attributed", "exact")

# Run only where they are asked for: they take minutes.
ON_DEMAND = ("load",)


def near(found, truth):
    """Within 1 %; a truth of -1 is not asked for, and nothing is as good as 0."""
    return truth == -1 or abs((found or 0) - truth) <= truth / 100


def judge(truth, connections):
    """Which of HOLDS are true of one connection of a scenario, and whether another process is blamed for it."""
    def fits(found):
        return (found["protocol"] == truth["protocol"]
                and (truth["local_port"] == -1 or found["local_port"] == truth["local_port"])
                and (not truth["remote_port"] or found["remote_port"] == truth["remote_port"])
                and truth["since"] <= found["first_seen"] <= truth["until"])
    candidates = [found for found in connections if fits(found)]
    is_right = lambda found: (found["pid"] == truth["pid"] and (found["name"] or "")[:15] == truth["name"][:15]
                              and (truth["protocol"] == "packet" or found["remote"] == truth["remote"]))
    is_exact = lambda found: near(found["sent"], truth["sent"]) and near(found["received"], truth["received"])
    right = [found for found in candidates if is_right(found)]
    is_blamed = not right and any(found["name"] is not None for found in candidates)
    return bool(candidates), bool(right), any(is_exact(found) for found in right), is_blamed


def run_all(recorder, names, netrec):
    """Truths of every scenario with the verdicts; None for a scenario that could not run here."""
    place = tempfile.mkdtemp(prefix="fidelity-")
    results = {}
    with Stage(place) as stage:
        running = recorder(place, netrec)
        time.sleep(1.2)
        for name in names:
            since = time.time()
            try:
                truths = SCENARIOS[name][1](stage)
            except (OSError, subprocess.SubprocessError, RuntimeError) as problem:
                print(f"  {name}: not run: {problem}", file=sys.stderr)
                continue
            for truth in truths:
                # A tick before, as what is found in a snapshot is as old as that.
                truth.update(since=since - 1.5, until=time.time() + 2.5)
            results[name] = truths
        time.sleep(2.2)
        connections = running.stop()
    shutil.rmtree(place, ignore_errors=True)
    return {name: [judge(truth, by_protocol(connections, truth)) for truth in truths] for name, truths in results.items()}


def by_protocol(connections, truth):
    return connections.get((truth["protocol"], truth["local_port"]), []) if truth["local_port"] != -1 else connections[truth["protocol"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", action="append", help="scenario or group (tcp, endings, processes, servers, containers, udp, others; load: not run otherwise)")
    parser.add_argument("--with", dest="recorders", default="netrec")
    parser.add_argument("--netrec", default=shutil.which("netrec") or "target/release/netrec")
    parser.add_argument("--json", help="every verdict, for a closer look")
    options = parser.parse_args()
    wanted = options.only or []
    names = [name for name, (group, _) in SCENARIOS.items() if (not wanted and group not in ON_DEMAND) or name in wanted or group in wanted]
    if not names:
        parser.error(f"no such scenario; there are {', '.join(SCENARIOS)}")
    table = {}
    for recorder in options.recorders.split(","):
        verdicts = {}
        for number in range(options.runs):
            begin = time.time()
            for name, found in run_all(RECORDERS[recorder], names, os.path.abspath(options.netrec)).items():
                verdicts.setdefault(name, []).append(found)
            print(f"{recorder}, run {number + 1} of {options.runs}: {time.time() - begin:.0f} s", file=sys.stderr)
        table[recorder] = verdicts
    report(table, names)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(table, file)


def report(table, names):
    """Each scenario: in how many runs everything held, and of how many connections otherwise."""
    print("| scenario |" + "".join(f" {recorder}: {hold} |" for recorder in table for hold in HOLDS))
    print("|---|" + "---|" * len(table) * len(HOLDS))
    whole = {(recorder, hold): 0 for recorder in table for hold in HOLDS}
    ran = [name for name in names if any(name in verdicts for verdicts in table.values())]
    for name in ran:
        cells = []
        for recorder, verdicts in table.items():
            for at, hold in enumerate(HOLDS):
                runs = [[verdict[at] for verdict in found] for found in verdicts.get(name, [])]
                good = sum(all(run) and bool(run) for run in runs)
                whole[recorder, hold] += good == len(runs) and bool(runs)
                cells.append(f"{good}/{len(runs)}" if good == len(runs) else
                             f"{good}/{len(runs)} ({sum(map(sum, runs))} of {sum(map(len, runs))})")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"| **all {len(ran)}** | " + " | ".join(f"**{whole[key]}**" for key in whole) + " |")
    print()
    for recorder, verdicts in table.items():
        found = [verdict for runs in verdicts.values() for run in runs for verdict in run]
        print(f"{recorder}: of {len(found)} connections, {sum(verdict[3] for verdict in found)} with a wrong process")


main()
