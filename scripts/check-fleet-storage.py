#!/usr/bin/env python3
"""netrec fleet submit from and to object storage, on a real Spark, against netrec fleet analyze on the same files.

    check-fleet-storage.py CAPTURES

A server of the S3 protocol (moto) holds the captures, and gets the tables and results. Results must be equal row by
row, tables byte by byte. NETREC is the program, SPARK_VENV a virtual environment with pyspark[sql]. Requires moto and duckdb.
"""

import base64
import contextlib
import filecmp
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent
NETREC = os.path.realpath(os.environ.get("NETREC", HERE / "target/release/netrec"))
SPARK = pathlib.Path(os.environ.get("SPARK_VENV", HERE / "target/spark")).resolve() / "bin"
SETTINGS = ("spark.ui.enabled=false", "spark.sql.shuffle.partitions=2", "spark.log.level=ERROR",
            "spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1")


class Storage:
    """The server, which ends with its input."""

    def __init__(self, server):
        self.server = server
        port, key, secret = json.loads(server.stdout.readline())
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
        }

    def ask(self, **command):
        self.server.stdin.write(json.dumps(command) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def put(self, bucket, folder, prefix):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = base64.b64encode(path.read_bytes()).decode()
            self.ask(bucket=bucket, put={f"{prefix}{path.relative_to(folder)}": content})

    def get(self, bucket, folder):
        # Arrow leaves an empty object that stands for the folder in which it removed another.
        for key in (key for key in self.ask(list=bucket) if not key.endswith("/")):
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(self.ask(bucket=bucket, get=key)))


@contextlib.contextmanager
def storage():
    script = HERE / "tests/integration/storage/s3_server.py"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, script], **pipes) as server:
        yield Storage(server)
        server.stdin.close()


def main():
    if not (SPARK / "spark-submit").exists():
        sys.exit(print(f"skipped: there is no Spark in {SPARK}"))
    captures = pathlib.Path(sys.argv[1]).resolve()
    with storage() as objects, tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        subprocess.run([NETREC, "fleet", "analyze", captures, "-o", place / "here"], check=True)
        objects.put("captures", captures, "fleet/")
        environment = os.environ | objects.environment | {"PYSPARK_PYTHON": str(SPARK / "python")}
        submit = [NETREC, "fleet", "submit", "s3://captures/fleet/", "-o", "s3://reports/spark/", "--master", "local[2]",
                  "--spark-submit", SPARK / "spark-submit", *(part for setting in SETTINGS for part in ("--conf", setting))]
        subprocess.run(submit, check=True, env=environment)
        objects.get("reports", place)
        names = sorted(path.name for path in (place / "spark").iterdir())
        assert names == ["report", "results", "tables"], f"beside the output there is something else: {names}"
        compare = [sys.executable, HERE / "scripts/compare-fleet.py", place / "here", place / "spark/results"]
        subprocess.run(compare, check=True)
        reports = filecmp.dircmp(place / "here/results", place / "spark/report/results")
        assert not (reports.diff_files or reports.left_only or reports.right_only), reports.diff_files


main()
