#!/usr/bin/env bash
# netrec fleet submit against netrec fleet analyze: the same captures, some of them bad, on a Spark cluster of two
# executors, one of which is killed while it works. Tables must be equal byte by byte, results row by row.
#
#   check-fleet-spark.sh CAPTURES      a folder of a made-up fleet: cargo run --release --example fleet -- CAPTURES 16
#
# NETREC is the program (target/release/netrec), PYTHON a Python with duckdb, SPARK_VENV where pyspark is or shall be.
# Skips with a message where there is no Java or pyspark cannot be installed.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
netrec=$(realpath "${NETREC:-$here/target/release/netrec}")
python=${PYTHON:-python3}
venv=${SPARK_VENV:-$here/target/spark}
captures=$(realpath "$1")

skip() { echo "skipped: $*"; exit 0; }
command -v java >/dev/null || skip "there is no Java"
if ! "$venv/bin/python" -c 'import pandas, pyarrow, pyspark' 2>/dev/null; then
  { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'pyspark[sql]>=4,<5' setuptools; } || skip "pyspark cannot be installed"
fi

place=$(mktemp -d)
trap 'rm -rf --one-file-system "$place"' EXIT
cp -r "$captures" "$place/captures"
first=$(find "$place/captures" -name '*.parquet' | sort | head -n 1)
head -c 2000 "$first" >"$place/captures/cut-short.parquet"
printf 'no capture' >"$place/captures/broken.parquet"

# Exit code 3: done, and some captures could not be read.
expect_3() { local code=0; "$@" || code=$?; [ "$code" = 3 ] || { echo "exit code $code instead of 3: $*"; exit 1; }; }
# All that a process has started, and what these have.
descendants() { local child; for child in $(ps -o pid= --ppid "$1"); do echo "$child"; descendants "$child"; done; }
executor_of() {
  local pid
  for pid in $(descendants "$1"); do
    if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q '^[^ ]*java .*ExecutorBackend'; then echo "$pid"; return; fi
  done
}

expect_3 "$netrec" fleet analyze "$place/captures" --max-failed 20 -o "$place/embedded"

PYSPARK_PYTHON=$venv/bin/python expect_3 "$netrec" fleet submit "$place/captures" --max-failed 20 \
  --master 'local-cluster[2,1,1024]' --spark-submit "$venv/bin/spark-submit" -o "$place/spark" \
  --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=2 --conf spark.log.level=ERROR \
  --conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 &
submitted=$!
killed=
for _ in $(seq 1200); do
  kill -0 "$submitted" 2>/dev/null || break
  if compgen -G "$place/spark/tables/captures-*.parquet" >/dev/null; then
    killed=$(executor_of "$submitted")
    [ -z "$killed" ] || { kill -9 "$killed"; break; }
  fi
  sleep 0.1
done
wait "$submitted"
if [ -n "$killed" ]; then echo "an executor ($killed) was killed"; else echo "skipped: the kill of an executor, as the job was over before"; fi

diff -r "$place/embedded/tables" "$place/spark/tables" && echo "the tables are equal byte by byte"
"$python" "$here/scripts/compare-fleet.py" "$place/embedded" "$place/spark/results"
diff -r "$place/embedded/results" "$place/spark/report/results" && echo "the results of netrec are equal byte by byte"
