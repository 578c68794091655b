#!/usr/bin/env python3
"""Checks every dependency against deny.toml: its license is allowed, it comes from crates.io, and it is not
banned.

    scripts/check-dependencies.py

The same as cargo-deny with that file, except for advisories, without a tool that takes minutes to build.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met with the licences that are allowed."""
    tokens = re.findall(r"\(|\)|[^\s()/]+(?:\s+WITH\s+[^\s()]+)?|/", expression)

    def either(at: int) -> tuple[bool, int]:
        value, at = both(at)
        while at < len(tokens) and tokens[at] in ("OR", "/"):
            other, at = both(at + 1)
            value = value or other
        return value, at

    def both(at: int) -> tuple[bool, int]:
        value, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            other, at = one(at + 1)
            value = value and other
        return value, at

    def one(at: int) -> tuple[bool, int]:
        if tokens[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        return tokens[at] in allowed, at + 1

    return bool(tokens) and either(0)[0]


def faults(policy: dict, packages: list[dict]) -> list[str]:
    """What is wrong with each package, in words."""
    allowed = set(policy["licenses"]["allow"])
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in policy["licenses"].get("exceptions", [])}
    banned = {entry["crate"]: entry["reason"] for entry in policy["bans"]["deny"]}
    found = []
    for package in packages:
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']}"
        licence = package["license"] or ""
        # What names a file instead of an expression needs an exception that was made after reading it.
        is_excepted = not licence and package["license_file"] and package["name"] in exceptions
        if not is_excepted and not is_allowed(licence, allowed | exceptions.get(package["name"], set())):
            found.append(f"{name}: its licence {licence or '(none is stated)'!r} is not allowed by deny.toml")
        if package["name"] in banned:
            found.append(f"{name}: {banned[package['name']]}")
        if package["source"] != CRATES_IO:
            found.append(f"{name}: it comes from {package['source']}, not from crates.io")
    return found


def main() -> int:
    policy = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    for target in policy["graph"]["targets"]:
        command += ["--filter-platform", target]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    packages = [package for package in metadata["packages"] if package["id"] in used]
    found = faults(policy, packages)
    print("\n".join(found) or f"{len(packages)} packages are as deny.toml wants them")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
