#!/usr/bin/env python3
"""Labeled traffic that the detectors were not tuned to: attacks and their ordinary counterparts, from seeds.

    benches/scenarios.py DIR [--seeds N] [--first SEED] [KIND…]
    cargo run --release --example evaluate -- DIR

Each set is one kind of behavior, with what varies in the field drawn by chance: period, jitter, sizes, ports, where the
other end is, what the payload is, how long the capture is and where in the behavior it starts and ends, with or without ordinary traffic beside
it, as Zeek logs (with or without the logs that tell names) or as packets. `truth.json` says what is malicious. Kinds and their
figures are those of public descriptions of the tools, and not of any capture.
"""

import argparse
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from scenarios import attacks, botnets, campaigns, families, field, implants, intrusions, lookalikes, offices, ordinary, payload, tradecraft, wire  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args()
    of_both = {**families.KINDS, **field.KINDS, **tradecraft.KINDS, **campaigns.KINDS}
    of_attacks = {kind: make for kind, make in of_both.items() if not kind.startswith("benign")}
    truth, malicious = {}, {**attacks.KINDS, **botnets.KINDS, **implants.KINDS, **intrusions.KINDS, **of_attacks}
    for kind, make in {**malicious, **ordinary.KINDS, **lookalikes.KINDS, **offices.KINDS, **of_both}.items():
        if options.kinds and kind not in options.kinds:
            continue
        for seed in range(options.first, options.first + options.seeds):
            name = f"{kind}_{seed}"
            chance = random.Random(f"{kind} {seed}")
            scene = make(chance)
            if kind in malicious:
                ordinary.surround(scene, chance)
                attacks.cut(scene, chance)
            payload.assign(scene, random.Random(f"payload of {kind} {seed}"))
            truth[name] = {"positives": scene.positives}
            wire.write(scene, os.path.join(options.folder, name), chance)
    with open(os.path.join(options.folder, "truth.json"), "w", encoding="ascii") as file:
        json.dump(truth, file, indent=1)
    print(f"{len(truth)} sets in {options.folder}")


if __name__ == "__main__":
    main()
