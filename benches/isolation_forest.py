#!/usr/bin/env python3
"""Compares the isolation forest with scikit-learn's: detection quality, and the time for a million rows.

    python -m venv v && v/bin/pip install scikit-learn
    v/bin/python benches/isolation_forest.py FOLDER

FOLDER contains labeled sets as ADBench packages them (`*.npz` with `X` and `y`, 1 for an anomaly): shuttle,
mammography, breastw, cardio, ionosphere, pendigits. Prints the area under the ROC curve of each over
five seeds, 100 trees of 256 rows in both, and whether netrec's is within the range of scikit-learn's. Times are of this
process and of its children, in turns on the same machine; other work bends the wall time most.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

SEEDS = range(5)


def forest(seed: int) -> IsolationForest:
    return IsolationForest(n_estimators=100, max_samples=256, random_state=seed)


def run_test(name: str, folder: str = "") -> list[str]:
    """The lines that one of the forest's measurements prints."""
    command = ["cargo", "test", "--release", "--lib", "--", "--ignored", "--nocapture", f"forest::tests::{name}"]
    environment = {**os.environ, "NETREC_ANOMALY_DIR": folder}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return done.stdout.splitlines()


def quality(sets: Path) -> None:
    theirs = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(sets.glob("*.npz")):
            data = np.load(path, allow_pickle=True)
            rows, labels = data["X"].astype("<f4"), data["y"].ravel().astype(int)
            np.savetxt(Path(folder, f"{path.stem}.csv"), np.c_[rows, labels], delimiter=",", fmt="%.9g")
            scores = [roc_auc_score(labels, -forest(seed).fit(rows).score_samples(rows)) for seed in SEEDS]
            theirs[path.stem] = (rows.shape, scores)
        ours = dict(re.findall(r"/([^/ ]+)\.csv ([\d.]+)", "\n".join(run_test("anomaly_sets_of_a_folder", folder))))
    print("| set | rows × columns | netrec, mean | scikit-learn, mean | its spread | within |\n|---|---|---|---|---|---|")
    for name, (shape, scores) in theirs.items():
        mean = float(ours[name])
        low, high = min(scores), max(scores)
        within = "yes" if round(low, 4) <= mean <= round(high, 4) else "no"
        print(
            f"| {name} | {shape[0]} × {shape[1]} | {mean:.4f} | {np.mean(scores):.4f} | {low:.4f} to {high:.4f} | {within} |"
        )


def speed() -> None:
    rows = np.random.default_rng(3).random((1_000_000, 8), dtype="f4")
    wall, cpu = time.perf_counter(), time.process_time()
    forest(1).fit(rows).score_samples(rows)
    print(f"\n1 M × 8, grown and scored by scikit-learn: {time.perf_counter() - wall:.2f} s, "
          f"{time.process_time() - cpu:.2f} s of CPU; by netrec:")
    print("\n".join(line for line in run_test("million_rows_of_eight_columns") if re.match(r"grow|\d+ thread", line)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path)
    a = parser.parse_args()
    quality(a.sets)
    speed()


if __name__ == "__main__":
    main()
