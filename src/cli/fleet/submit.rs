//! `netrec fleet submit`: the fleet analysis on Apache Spark.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;
use tempfile::TempDir;

use super::super::{Done, paths, shown, sources, storage};
use super::captures::{AnySource, Outage};
use super::report_output::{self, ReportOutput};
use super::{Bounds, With, output};
use crate::fleet::{self, Batch, RESULTS, Reducer, STATEMENTS, Source};
use crate::s3::Url;
use crate::safe_fs::Replace;
use crate::{Error, Result, humanize};

/// The job that Spark runs.
const JOB: &str = include_str!("../../fleet/spark/job.py");

const HELP: &str = "Examples:\n\
\x20 netrec fleet submit /srv/captures --master spark://head:7077 -o /srv/fleet\n\
\x20 netrec fleet submit /srv/captures --master 'local-cluster[2,1,1024]' -o fleet\n\
\x20 netrec fleet submit /srv/captures --master yarn --conf spark.executor.memory=4g -o /srv/fleet\n\
\x20 netrec fleet submit s3://captures/2026/ --master yarn -o s3://reports/2026/\n\n\
This program is sent to the workers, each of which maps batches of captures; then Spark runs the statements of sql/ on \
the tables. Captures and output must be at the same path on every worker, or in object storage. DIR/tables and \
DIR/results have what Spark wrote, DIR/report the report of netrec fleet reduce. Requires spark-submit, and Python with \
pyspark, pandas and pyarrow (pip install 'pyspark[sql]') on all workers.\n\n\
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
    /// Folder for the tables, the results and the report, which must not be there yet; or `s3://BUCKET/PREFIX/`
    #[arg(short, long, value_name = "DIR", value_parser = paths::folder_or_url())]
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
    let output = Output::new(&arguments.output)?;
    let captures = sources::expand_existing(&arguments.sources)?;
    let absolute = |path: &PathBuf| match storage::url_of(path)? {
        Some(_) => Ok(Source::from(path.clone())),
        None => output::absolute(path).map(Source::from),
    };
    let captures: Result<Vec<Source>> = captures.iter().map(absolute).collect();
    let batches = fleet::batches(listable(captures?)?, &AnySource::new(Outage::Fails));
    let job = output.write_job(&plan_of(arguments, &batches, &output)?)?;
    spark(arguments, &job)?;

    let output_folder = ReportOutput::prepare(&output.path_of("report"), false)?;
    let reducer = Reducer::default();
    report_output::read_tables(&reducer, &output.path_of("tables"))?;
    let report = reducer.finish(arguments.bounds.limits(), output_folder.folder())?;
    output_folder.finish()?;
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
fn plan_of(arguments: &Arguments, batches: &[Batch], output: &Output) -> Result<String> {
    let names = |batch: &Batch| batch.sources.iter().map(|source| source.name.clone()).collect::<Vec<_>>();
    let program = std::env::current_exe().map_err(Error::io("find", "netrec"))?;
    let plan = json!({
        "batches": batches.iter().map(names).collect::<Vec<_>>(),
        "program": program.file_name().map(|name| name.to_string_lossy()),
        "arguments": arguments.with.to_arguments()?,
        "tables": output.path_of("tables"),
        "results": output.path_of("results"),
        "work": output.path_of("work"),
        "max_failed": arguments.bounds.limits().most_failed,
        "statements": STATEMENTS.iter().map(|(name, statement)| json!([name, statement])).collect::<Vec<_>>(),
        "kept": RESULTS.iter().map(|table| table.name).collect::<Vec<_>>(),
    });
    Ok(plan.to_string())
}

/// Where the tables, the results and the report go.
enum Output {
    Folder(PathBuf),
    /// With a folder here for the job.
    Remote(Url, TempDir),
}

/// The job and its plan, which spark-submit reads.
struct Job {
    script: PathBuf,
    plan: PathBuf,
}

impl Output {
    /// Checks that nothing is there yet.
    fn new(path: &Path) -> Result<Self> {
        let exists = || Error::Exists { path: path.to_path_buf() };
        let Some(url) = storage::url_of(path)? else {
            let folder = output::absolute(path)?;
            return if folder.symlink_metadata().is_ok() { Err(exists()) } else { Ok(Self::Folder(folder)) };
        };
        let url = url.as_folder();
        let there = storage::client()?.list(&url)?;
        if !there.objects.is_empty() || !there.refused.is_empty() {
            return Err(exists());
        }
        let temporary = tempfile::tempdir().map_err(Error::io("create a folder in", std::env::temp_dir()))?;
        Ok(Self::Remote(url, temporary))
    }

    /// One of its folders.
    fn path_of(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(name),
            Self::Remote(url, _) => url.join(name).as_folder().to_path(),
        }
    }

    /// Writes the job and its plan.
    fn write_job(&self, plan: &str) -> Result<Job> {
        let folder = match self {
            Self::Folder(folder) => {
                for folder in [folder.clone(), folder.join("tables"), folder.join("job")] {
                    output::make_folder(&folder)?;
                }
                folder.join("job")
            }
            Self::Remote(_, temporary) => temporary.path().to_path_buf(),
        };
        let job = Job { script: folder.join("job.py"), plan: folder.join("plan.json") };
        output::write(&job.script, JOB.as_bytes(), Replace::No)?;
        output::write(&job.plan, plan.as_bytes(), Replace::No)?;
        Ok(job)
    }
}

/// Runs spark-submit; all of its output goes to standard error.
fn spark(arguments: &Arguments, job: &Job) -> Result<()> {
    let program = std::env::current_exe().map_err(Error::io("find", "netrec"))?;
    let mut command = Command::new(&arguments.spark_submit);
    command.args(["--master", &arguments.master, "--name", "netrec fleet", "--files"]).arg(program);
    for setting in &arguments.conf {
        command.args(["--conf", setting]);
    }
    let status =
        command.arg(&job.script).arg(&job.plan).stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.map_err(Error::io("run", &arguments.spark_submit))?;
    if status.success() {
        return Ok(());
    }
    let reason = format!("it failed with {status}; its output is above");
    Err(Error::io("finish", &arguments.spark_submit)(std::io::Error::other(reason)))
}
