#!/usr/bin/env python3
"""Compares the clusters with scikit-learn's DBSCAN on the same matrix, and times a million rows.

    python -m venv v && v/bin/pip install scikit-learn
    v/bin/python benches/clusters.py [--golden tests/data/clusters]

Generates matrices, has netrec standardize, round and group them, and has scikit-learn group the same
standardized and rounded matrix with the same radius and number of points. Prints the adjusted Rand
index (1 is the same partition) and how many rows have the same label. --golden writes the small matrix
with scikit-learn's labels that a test of the crate reads.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import sklearn
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

MIN_POINTS = 5
STEP = 0.05


def blobs(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Round groups that touch, in noise."""
    centres = rng.uniform(-4, 4, (9, 6))
    groups = centres[rng.integers(9, size=rows)] + rng.normal(0, 0.5, (rows, 6))
    return np.where(rng.random((rows, 1)) < 0.1, rng.uniform(-6, 6, (rows, 6)), groups)


def chains(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Groups of two numbers in a row with gaps, so that many points lie at the edge of two."""
    along = rng.integers(60, size=rows) + rng.normal(0, 0.25, rows)
    return np.c_[along, rng.normal(0, 0.4, rows)]


def habits(rng: np.random.Generator, rows: int) -> np.ndarray:
    """As connections are: a few habits, most rows of a habit the same, amounts by their logarithm."""
    centres = rng.uniform(0, 7, (12, 11))
    habit = rng.integers(12, size=rows)
    noise = rng.normal(0, 0.3, (rows, 11)) * (rng.random((rows, 11)) < 0.15)
    return np.round(centres[habit], 1) + np.round(noise, 1)


CASES = {"blobs": (blobs, 4_000), "chains": (chains, 6_000), "habits": (habits, 6_000)}


def write_golden(folder: Path) -> None:
    """A small matrix with scikit-learn's labels, made without netrec."""
    rows = np.round(chains(np.random.default_rng(4), 240), 3).astype("f4").astype(float)
    matrix = np.round((rows - rows.mean(0)) / rows.std(0) / STEP) * STEP
    radius = np.sqrt(26.5) * STEP
    labels = DBSCAN(eps=radius, min_samples=MIN_POINTS).fit_predict(matrix)
    lines = [f"{x:.3f},{y:.3f},{label}" for (x, y), label in zip(rows, labels)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chains.csv").write_text("\n".join([f"# radius {radius}", *lines]) + "\n")
    print(f"{labels.max() + 1} groups, {(labels < 0).sum()} rows in none")


def group(name: str, rows: np.ndarray, folder: Path) -> tuple[np.ndarray, np.ndarray, float, str]:
    """What netrec makes of a matrix: as it compares it, the labels, the radius, and what it took."""
    raw, out = folder / f"{name}.csv", folder / f"{name}.out"
    np.savetxt(raw, rows, delimiter=",", fmt="%.6g")
    environment = {**os.environ, "NETREC_MATRIX": str(raw), "NETREC_GROUPED": str(out)}
    command = ["cargo", "test", "--release", "--lib", "--", "--ignored", "--nocapture", "groups_of_a_matrix"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    said = re.search(r"radius ([\d.]+), (.*)", done.stdout)
    if done.returncode != 0 or not said:
        sys.exit(done.stdout + done.stderr)
    grouped = np.loadtxt(out, delimiter=",", ndmin=2)
    return grouped[:, :-1] * STEP, grouped[:, -1].astype(int), float(said[1]), said[2]


def by_first_row(labels: np.ndarray) -> np.ndarray:
    """The labels in the order in which they come, noise -1."""
    names = {label: number for number, label in enumerate(dict.fromkeys(labels[labels >= 0]))}
    return np.array([names.get(label, -1) for label in labels])


def compare(name: str, rows: np.ndarray, folder: Path) -> None:
    matrix, ours, radius, took = group(name, rows, folder)
    standard = np.loadtxt(folder / f"{name}.csv", delimiter=",")
    standard = (standard - standard.mean(0)) / standard.std(0)
    off = np.abs(standard - matrix).max()
    theirs = DBSCAN(eps=radius, min_samples=MIN_POINTS).fit_predict(matrix)
    same = (by_first_row(ours) == by_first_row(theirs)).mean()
    print(f"| {name} | {len(rows)} × {rows.shape[1]} | {radius:.4f} | {theirs.max() + 1} | {(theirs < 0).sum()} "
          f"| {adjusted_rand_score(theirs, ours):.6f} | {100 * same:.2f} % | {off:.3f} | {took} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", type=Path, help="folder for the matrix and labels of the crate's test")
    parser.add_argument("--million", action="store_true", help="also a million rows, which netrec samples")
    a = parser.parse_args()
    if a.golden:
        write_golden(a.golden)
        return
    print(f"scikit-learn {sklearn.__version__}, min_samples {MIN_POINTS}\n")
    print("| matrix | size | radius | groups | in none | adjusted Rand index | same label | rounded by at most | netrec |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for seed, (name, (make, size)) in enumerate(CASES.items()):
            rows = make(np.random.default_rng(seed), size)
            compare(name, rows, Path(folder))
        if a.million:
            _, labels, radius, took = group("million", habits(np.random.default_rng(9), 1_000_000), Path(folder))
            print(f"\n1 M × 11: {labels.max() + 1} groups, {(labels < 0).sum()} rows in none, radius {radius}: {took}")


if __name__ == "__main__":
    main()
