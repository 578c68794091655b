"""The job that `netrec fleet submit` gives to Spark: maps batches of captures, then runs the statements.

Its argument is the plan, which netrec wrote. A task of the map runs `netrec fleet map` on one batch. Its files are
named by the captures that they are made of and renamed when they are whole, so that a task that runs twice (an
executor was lost, a slow task was started again) leaves the same files.
"""

import json
import os
import subprocess
import sys
import tempfile

from pyspark import SparkFiles
from pyspark.sql import SparkSession

# Exit codes of `netrec fleet map` with which a batch is done; with any other Spark runs the task again.
DONE = (0, 3)


def map_batch(captures, plan):
    """Maps one batch on a worker; gives netrec's exit code."""
    program = SparkFiles.get(plan["program"])
    with tempfile.TemporaryDirectory(prefix="netrec-") as folder:
        listed = os.path.join(folder, "captures")
        with open(listed, "w", encoding="utf-8") as out:
            out.writelines(f"{capture}\n" for capture in captures)
        command = [program, "--quiet", "fleet", "map", "--list", listed, "-o", plan["tables"], *plan["arguments"]]
        ran = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if ran.returncode not in DONE:
        raise RuntimeError(f"netrec ended with {ran.returncode}: {ran.stderr.decode(errors='replace')[-2000:]}")
    return ran.returncode


def file_system(spark, folder):
    """A folder as Hadoop's path, and the file system that holds it."""
    path = spark._jvm.org.apache.hadoop.fs.Path(folder)
    return path, path.getFileSystem(spark._jsc.hadoopConfiguration())


def check_storage(spark, plan):
    """Ends the job before the work, rather than after it, if Spark cannot use the object storage."""
    try:
        folder, files = file_system(spark, plan["results"])
        files.exists(folder)
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:500]
        sys.exit(
            f"Spark cannot use {plan['results']} ({reason}). It needs hadoop-aws (--conf spark.jars.packages="
            "org.apache.hadoop:hadoop-aws:VERSION, with the version of Spark's Hadoop) and access (--conf spark.hadoop.fs.s3a.…)"
        )


def refuse_too_many_failed(spark, plan):
    captures = spark.read.parquet(f"{plan['spark_tables']}/captures-*.parquet")
    counts = {row["status"]: row["count"] for row in captures.groupBy("status").count().collect()}
    failed = counts.get("error", 0)
    read = counts.get("ok", 0) + counts.get("degraded", 0)
    if read == 0 or failed > plan["max_failed"] * (failed + read):
        sys.exit(f"{failed} of {failed + read} captures could not be read, so that nothing is concluded")


def reduce_tables(spark, plan):
    for table in ("connections", "host_addresses"):
        spark.read.parquet(f"{plan['spark_tables']}/{table}-*.parquet").createOrReplaceTempView(table)
    for name, statement in plan["statements"]:
        folder = plan["results"] if name in plan["kept"] else plan["work"]
        place = f"{folder}/{name}.parquet"
        spark.sql(statement).write.mode("overwrite").parquet(place)
        spark.read.parquet(place).createOrReplaceTempView(name)
    folder, files = file_system(spark, plan["work"])
    files.delete(folder, True)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        if plan["is_remote"]:
            check_storage(spark, plan)
        batches = spark.sparkContext.parallelize(plan["batches"], len(plan["batches"]))
        task = {key: plan[key] for key in ("program", "tables", "arguments")}
        batches.map(lambda captures: map_batch(captures, task)).collect()
        refuse_too_many_failed(spark, plan)
        reduce_tables(spark, plan)
    finally:
        spark.stop()


main()
