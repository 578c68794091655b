"""The job that `netrec fleet submit` gives to Spark: maps batches of captures, then runs the statements.

Its argument is the plan, which netrec wrote. A task of the map runs `netrec fleet map` on one batch. Its files are
named by the captures that they are made of and renamed when they are whole, so that a task that runs twice (an
executor was lost, a slow task was started again) leaves the same files.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
from pyspark import SparkFiles, TaskContext
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

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


def place_of(name):
    """A file system and the path in it, for a path or the URL of an object or prefix.

    Object storage is read and written with the settings that netrec itself takes. It needs no part of Hadoop.
    """
    url = urlsplit(name)
    if url.scheme != "s3":
        return pyarrow.fs.LocalFileSystem(), name
    environment = os.environ
    settings = {"tls_ca_file_path": environment.get("AWS_CA_BUNDLE"), "region": environment.get("AWS_REGION")}
    endpoint = urlsplit(environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or "")
    if endpoint.netloc:
        settings.update(scheme=endpoint.scheme, endpoint_override=endpoint.netloc)
    return pyarrow.fs.S3FileSystem(**settings), name.removeprefix("s3://").rstrip("/")


def check_storage(plan):
    """Ends the job before the work, rather than after it, if the driver cannot use the place of the results."""
    try:
        files, folder = place_of(plan["results"])
        files.get_file_info(folder)
    except OSError as error:
        sys.exit(f"{plan['results']} cannot be used from Spark's driver: {str(error).strip()[:500]}")


def names_in(folder):
    files, path = place_of(folder)
    return sorted(info.base_name for info in files.get_file_info(pyarrow.fs.FileSelector(path, allow_not_found=True)))


def read_files(names):
    """The batches of rows in the Parquet files that a worker gets."""
    for batch in names:
        for name in batch.column("name").to_pylist():
            files, path = place_of(name)
            with files.open_input_file(path) as file:
                yield from pq.ParquetFile(file).iter_batches()


def frame_of(spark, folder, names):
    """A data frame of these Parquet files of a folder, with a task for each."""
    paths = [f"{folder}/{name}" for name in names]
    files, path = place_of(paths[0])
    with files.open_input_file(path) as file:
        schema = from_arrow_schema(pq.read_schema(file))
    rows = spark.sparkContext.parallelize([(path,) for path in paths], len(paths))
    return spark.createDataFrame(rows, "name string").mapInArrow(read_files, schema)


def table(spark, plan, name):
    names = [file for file in names_in(plan["tables"]) if file.startswith(f"{name}-")]
    if not names:
        sys.exit(f"the map step left no {name}-*.parquet in {plan['tables']}")
    return frame_of(spark, plan["tables"], names)


def write(frame, folder):
    """Writes a data frame as Parquet files, one for each partition that has rows, from the workers; gives their names.

    Each attempt at a task writes a file of its own. Those of attempts that were lost or came second are removed.
    """
    schema = to_arrow_schema(frame.schema)

    def write_partition(batches):
        task = TaskContext.get()
        first = next((batch for batch in batches if batch.num_rows), None)
        if first is None:
            return
        name = f"part-{task.partitionId():05}-{task.taskAttemptId()}.parquet"
        files, path = place_of(f"{folder}/{name}")
        with files.open_output_stream(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in itertools.chain([first], batches):
                writer.write_batch(batch.cast(schema))
        yield pa.record_batch([[name]], ["name"])

    files, path = place_of(folder)
    if isinstance(files, pyarrow.fs.LocalFileSystem):
        files.create_dir(path)
    names = sorted(row["name"] for row in frame.mapInArrow(write_partition, "name string").collect())
    if not names:
        # Without rows there may be no partition at all, and so no task.
        names = ["part-00000.parquet"]
        with files.open_output_stream(f"{path}/{names[0]}") as file:
            pq.write_table(schema.empty_table(), file)
    for stray in set(names_in(folder)) - set(names):
        files.delete_file(f"{path}/{stray}")
    return names


def refuse_too_many_failed(spark, plan):
    captures = table(spark, plan, "captures")
    counts = {row["status"]: row["count"] for row in captures.groupBy("status").count().collect()}
    failed = counts.get("error", 0)
    read = counts.get("ok", 0) + counts.get("degraded", 0)
    if read == 0 or failed > plan["max_failed"] * (failed + read):
        sys.exit(f"{failed} of {failed + read} captures could not be read, so that nothing is concluded")


def reduce_tables(spark, plan):
    for name in ("connections", "host_addresses"):
        table(spark, plan, name).createOrReplaceTempView(name)
    for name, statement in plan["statements"]:
        folder = f"{plan['results'] if name in plan['kept'] else plan['work']}/{name}.parquet"
        # Later statements read the files. From a plan that holds all earlier ones, Spark would begin again each time.
        names = write(spark.sql(statement), folder)
        frame_of(spark, folder, names).createOrReplaceTempView(name)
    files, path = place_of(plan["work"])
    files.delete_dir(path)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    for folder in ("tables", "results", "work"):
        plan[folder] = plan[folder].rstrip("/")
    spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        check_storage(plan)
        batches = spark.sparkContext.parallelize(plan["batches"], len(plan["batches"]))
        task = {key: plan[key] for key in ("program", "tables", "arguments")}
        batches.map(lambda captures: map_batch(captures, task)).collect()
        refuse_too_many_failed(spark, plan)
        reduce_tables(spark, plan)
    finally:
        spark.stop()


main()
