//! `netrec fleet submit`: the fleet analysis on Apache Spark.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;

use super::super::{Done, paths, shown, sources, storage};
use super::captures::{AnyPlace, Outage};
use super::{Bounds, With, output};
use crate::fleet::{self, Batch, RESULTS, Reducer, STATEMENTS, Source};
use crate::report::Folder;
use crate::safe_fs::Replace;
use crate::{Error, Result, humanize};

/// The job that Spark runs.
const JOB: &str = include_str!("../../fleet/spark/job.py");

const HELP: &str = "Examples:\n\
\x20 netrec fleet submit /srv/captures --master spark://head:7077 -o /srv/fleet\n\
\x20 netrec fleet submit /srv/captures --master 'local-cluster[2,1,1024]' -o fleet\n\
\x20 netrec fleet submit /srv/captures --master yarn --conf spark.executor.memory=4g -o /srv/fleet\n\n\
This program is sent to the workers, each of which maps batches of captures; then Spark runs the statements of sql/ on \
the tables. The captures and the output folder must be at the same path on every worker. DIR/tables and DIR/results \
have what Spark wrote, DIR/report the report of netrec fleet reduce. Requires spark-submit and Python with pyspark, both of \
the user's.\n\n\
Exit codes: 0 done · 1 failed, or too many captures could not be read · 3 a capture could not be read, or is degraded";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The captures: folders, patterns or files, of any number of hosts
    #[arg(required = true, value_name = "SOURCE", value_parser = paths::capture())]
    sources: Vec<PathBuf>,
    /// Address of the cluster, as spark-submit takes it
    #[arg(long, value_name = "URL")]
    master: String,
    /// Folder for the tables, the results and the report; it must not be there yet
    #[arg(short, long, value_name = "DIR", value_parser = paths::folder())]
    output: PathBuf,
    /// The program to call
    #[arg(long, value_name = "PATH", default_value = "spark-submit")]
    spark_submit: PathBuf,
    /// A setting of Spark, KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    conf: Vec<String>,
    #[command(flatten)]
    with: With,
    #[command(flatten)]
    bounds: Bounds,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    // Errors in the inputs are reported here rather than by every worker.
    arguments.with.load()?;
    let output = output::absolute(&arguments.output)?;
    if output.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: arguments.output.clone() });
    }
    let captures = sources::expand_existing(&arguments.sources)?;
    let absolute = |path: &PathBuf| match storage::url_of(path)? {
        Some(_) => Ok(Source::from(path.clone())),
        None => output::absolute(path).map(Source::from),
    };
    let captures: Result<Vec<Source>> = captures.iter().map(absolute).collect();
    let batches = fleet::batches(listable(captures?)?, &AnyPlace::new(Outage::Fails));
    for folder in [output.clone(), output.join("tables"), output.join("job")] {
        output::make_folder(&folder)?;
    }
    let job = output.join("job/job.py");
    let plan = output.join("job/plan.json");
    output::write(&job, JOB.as_bytes(), Replace::No)?;
    output::write(&plan, plan_of(arguments, &batches, &output)?.as_bytes(), Replace::No)?;
    spark(arguments, &job, &plan)?;

    let folder = Folder::prepare(&output.join("report"), false)?;
    let reducer = Reducer::default();
    reducer.read(&output.join("tables"))?;
    let report = reducer.finish(arguments.bounds.limits(), &folder)?;
    folder.finish()?;
    output::tell(&report);
    tell!("spark      {}", humanize::plural(batches.len() as u64, "batch"));
    tell!("report     {}", shown(&arguments.output.join("report/fleet.html")));
    Ok(output::done(&report))
}

/// The captures, if all their names fit into a list with one name a line.
fn listable(captures: Vec<Source>) -> Result<Vec<Source>> {
    match captures.iter().find(|source| source.name.contains(['\t', '\n'])) {
        None => Ok(captures),
        Some(source) => {
            let reason = "a list of captures cannot hold its name, which has a tab or a line feed".to_owned();
            Err(Error::NotACapture { path: source.path.clone(), reason })
        }
    }
}

/// The plan for the job.
fn plan_of(arguments: &Arguments, batches: &[Batch], output: &Path) -> Result<String> {
    let names = |batch: &Batch| batch.sources.iter().map(|source| source.name.clone()).collect::<Vec<_>>();
    let program = std::env::current_exe().map_err(Error::io("find", "netrec"))?;
    let plan = json!({
        "batches": batches.iter().map(names).collect::<Vec<_>>(),
        "program": program.file_name().map(|name| name.to_string_lossy()),
        "arguments": arguments.with.to_arguments()?,
        "tables": output.join("tables"),
        "results": output.join("results"),
        "work": output.join("work"),
        "max_failed": arguments.bounds.limits().most_failed,
        "statements": STATEMENTS.iter().map(|(name, statement)| json!([name, statement])).collect::<Vec<_>>(),
        "kept": RESULTS.iter().map(|table| table.name).collect::<Vec<_>>(),
    });
    Ok(plan.to_string())
}

/// Runs spark-submit; all of its output goes to standard error.
fn spark(arguments: &Arguments, job: &Path, plan: &Path) -> Result<()> {
    let program = std::env::current_exe().map_err(Error::io("find", "netrec"))?;
    let mut command = Command::new(&arguments.spark_submit);
    command.args(["--master", &arguments.master, "--name", "netrec fleet", "--files"]).arg(program);
    for setting in &arguments.conf {
        command.args(["--conf", setting]);
    }
    let status = command.arg(job).arg(plan).stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.map_err(Error::io("run", &arguments.spark_submit))?;
    if status.success() {
        return Ok(());
    }
    let reason = format!("it failed with {status}; its output is above");
    Err(Error::io("finish", &arguments.spark_submit)(std::io::Error::other(reason)))
}
