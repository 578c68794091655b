#!/usr/bin/env python3
"""Prints a software bill of materials (CycloneDX 1.5, JSON) of the binary: every linked crate.

    sbom.py VERSION

From `cargo metadata` and Cargo.lock alone: name, version, license, checksum and dependencies of each crate.
"""
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tomllib

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent


def metadata():
    host = next(line.split()[1] for line in subprocess.check_output(["rustc", "-vV"], text=True).splitlines()
                if line.startswith("host:"))
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    return json.loads(subprocess.check_output(command, cwd=PROJECT, text=True))


def linked(data):
    """Ids of all crates of the binary: neither tests nor the programs of build scripts need be there."""
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    found, todo = {}, [data["resolve"]["root"]]
    while todo:
        identity = todo.pop()
        if identity in found:
            continue
        normal = [dependency["pkg"] for dependency in nodes[identity]["deps"]
                  if any(kind["kind"] is None for kind in dependency["dep_kinds"])]
        found[identity] = normal
        todo += normal
    return found


def main():
    data = metadata()
    packages = {package["id"]: package for package in data["packages"]}
    checksums = {(package["name"], package["version"]): package.get("checksum")
                 for package in tomllib.loads((PROJECT / "Cargo.lock").read_text())["package"]}
    reference = lambda identity: f"pkg:cargo/{packages[identity]['name']}@{packages[identity]['version']}"
    found = linked(data)
    root = data["resolve"]["root"]
    components = []
    for identity in sorted(found, key=reference):
        package = packages[identity]
        component = {"type": "application" if identity == root else "library", "bom-ref": reference(identity),
                     "name": package["name"], "version": package["version"], "purl": reference(identity)}
        if package.get("license"):
            component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        if checksum := checksums.get((package["name"], package["version"])):
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        components.append(component)
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    bom = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": next(component for component in components if component["type"] == "application"),
        },
        "components": [component for component in components if component["type"] == "library"],
        "dependencies": [{"ref": reference(identity), "dependsOn": sorted({reference(child) for child in found[identity]})}
                         for identity in sorted(found, key=reference)],
    }
    assert packages[root]["version"] == sys.argv[1], f"the binary is {sys.argv[1]}, the sources {packages[root]['version']}"
    print(json.dumps(bom, indent=1))


main()
