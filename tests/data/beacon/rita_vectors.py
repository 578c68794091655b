#!/usr/bin/env python3
"""Writes rita-vectors.json: RITA v5's beacon score of some pairs, computed with exact fractions and the standard library.

An independent calculation to hold the Rust one against; only the description of the score is shared.
    python3 rita_vectors.py > rita-vectors.json
"""
import json
import math
import random
from collections import Counter
from fractions import Fraction as F
from statistics import median


def nearest3(x):
    """Half away from zero, as Go's math.Round does."""
    return math.floor(F(x).limit_denominator(10**12) * 1000 + F(1, 2)) / 1000


def even(values, fallback):
    v = sorted(F(x) for x in values)
    lower, upper = v[: len(v) // 2], v[(len(v) + 1) // 2 :]
    q1, q2, q3 = median(lower), median(v), median(upper)
    skew = F(0) if q3 - q1 < 10 or q2 in (q1, q3) else (q1 + q3 - 2 * q2) / (q3 - q1)
    mad = median(abs(x - q2) for x in v)
    near = F(fallback) if q2 < 1 else max(F(0), (q2 - mad) / q2)
    return nearest3((1 - abs(skew) + near) / 2)


def bins_of(starts, first, last):
    edges = [first + F(last - first) * i / 24 for i in range(25)]
    return [sum(1 for s in starts if lo <= s < hi or (s == last and hi == last)) for lo, hi in zip(edges, edges[1:])]


def hist(bins):
    mean = F(sum(bins), 24)
    cv = math.sqrt(sum((b - mean) ** 2 for b in bins) / 24) / float(mean)
    flat = 0 if cv > 1 else nearest3(1 - cv)
    full = [b for b in bins if b]
    if len(full) < 11:
        return flat
    width = math.ceil(F(max(bins)) * F(1, 20))
    top = sum(n for _, n in Counter(b // width * width for b in full).most_common(2))
    return max(flat, nearest3(min(F(1), F(top, max(len(full) - 1, 1)))))


def dur(starts, first, last, bins):
    if sum(1 for b in bins if b) < 6:
        return 0.0
    coverage = math.ceil(F(max(starts) - min(starts), last - first) * 1000) / 1000
    runs = "".join("x" if b else " " for b in bins * 2).split()
    run = min(24, max(len(r) for r in runs))
    return min(1.0, max(coverage, math.ceil(F(run, 12) * 1000) / 1000))


def vector(name, starts, sizes, window):
    starts = sorted(starts)
    gaps = [b - a for a, b in zip(starts, starts[1:]) if b > a]
    ts, ds = even(gaps, 1), even(sizes, 0)
    bins = bins_of(starts, *window)
    h, d = hist(bins), dur(starts, *window, bins)
    score = nearest3((F(str(ts)) + F(str(ds)) + F(str(h)) + F(str(d))) / 4)
    return dict(name=name, starts_s=starts, sizes=sizes, window_s=window, ts=ts, ds=ds, hist=h, dur=d, score=score)


def main():
    rng = random.Random(20)
    every = lambda gap, n, at=0: [at + gap * i for i in range(n)]
    jitter = lambda gap, n, share: [round(gap * i + rng.uniform(-share, share) * gap) + gap for i in range(n)]
    poisson = sorted(rng.randrange(86_400) for _ in range(400))
    out = [
        vector("fixed 60 s for 10 min", every(60, 11), [100] * 11, (0, 600)),
        vector("fixed 120 s", every(120, 6), [100] * 6, (0, 600)),
        vector("2 s for a minute", every(2, 30), [64] * 30, (0, 60)),
        vector("2 s for a minute of an hour", every(2, 30, 1_000), [64] * 30, (0, 3_600)),
        vector("60 s with 20 % jitter for an hour", jitter(60, 58, 0.2), [250] * 58, (0, 3_600)),
        vector("300 s with a third of the check-ins missed", [t for t in every(300, 96) if t % 900], [80] * 64, (0, 28_800)),
        vector("sizes without order", every(600, 24), [rng.randrange(100_000) for _ in range(24)], (0, 14_400)),
        vector("skewed gaps", [0, 10, 20, 30, 40, 140, 260, 400, 700, 1_100], [5] * 10, (0, 1_100)),
        vector("sizes of zero", every(60, 11), [0] * 11, (0, 600)),
        vector("several starts in one second", sorted(every(60, 11) * 3), [100] * 33, (0, 600)),
        vector("Poisson noise, 400 in 24 h", poisson, [rng.randrange(100, 2_000) for _ in poisson], (0, 86_400)),
        vector("round the end of the window", every(60, 20) + every(60, 20, 2_400), [10] * 40, (0, 3_600)),
        vector("busy first half, calm second half", every(10, 180) + every(60, 30, 1_800), [9] * 210, (0, 3_600)),
        vector("four starts", [3, 20, 41, 59], [1, 500, 20_000, 3], (0, 60)),
        vector("window that starts at a date", every(900, 30, 1_700_000_100), [700] * 15 + [730] * 15, (1_700_000_000, 1_700_030_000)),
    ]
    print(json.dumps(out, indent=None).replace("}, {", "},\n{"))


main()
