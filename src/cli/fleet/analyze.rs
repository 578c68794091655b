//! `netrec fleet analyze`: the whole fleet analysis on this machine.

use std::path::PathBuf;

use clap::Args;

use super::super::{Done, paths, progress, shown, sources};
use super::captures::{AnySource, Outage};
use super::report_output::ReportOutput;
use super::{Bounds, With, output};
use crate::Result;
use crate::fleet::{self, Inputs, Reducer, Source};

const HELP: &str = "Examples:\n\
\x20 netrec fleet analyze /srv/captures -o fleet\n\
\x20 netrec fleet analyze '/srv/captures/*/web-*.parquet' --baseline web.baseline -o fleet\n\
\x20 netrec fleet analyze s3://captures/2026/ -o s3://reports/2026/\n\n\
The folder has fleet.html for people and fleet.json for programs; tables/ with the tables of all hosts as Parquet, \
by schemas/fleet.v1.json; results/ with what only all hosts together show; sql/ with the same as statements for DuckDB \
and Spark.\n\n\
Exit codes: 0 done · 1 failed, or too many captures could not be read · 3 a capture could not be read, or is degraded";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The captures: folders, patterns or files, here or in object storage (s3://), of any number of hosts
    #[arg(required = true, value_name = "SOURCE", value_parser = paths::capture())]
    sources: Vec<PathBuf>,
    /// Folder for the report, the tables and the results; or `s3://BUCKET/PREFIX/`
    #[arg(short, long, value_name = "DIR", value_parser = paths::folder_or_url())]
    output: PathBuf,
    /// Replace an earlier report; a folder with anything else in it is left alone
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    with: With,
    #[command(flatten)]
    bounds: Bounds,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let (config, geo) = arguments.with.load()?;
    let captures: Vec<Source> =
        sources::expand_existing(&arguments.sources)?.into_iter().map(Source::from).collect();
    let output_folder = ReportOutput::prepare(&arguments.output, arguments.force)?;
    let folder = output_folder.folder();
    let from = AnySource::new(Outage::IsToldOf);
    let stages = progress::Stages::of_rows(&["analyzing captures", "joining hosts"], captures.len() as u64);
    sources::raise_file_limit();
    let reducer = Reducer::default();
    let inputs = Inputs { config: &config, geo: &geo, captures: &from, progress: &|done| stages.show(done) };
    let put = |name: &str, bytes: &[u8]| folder.put(&format!("tables/{name}"), bytes).map(drop);
    fleet::map(&fleet::batches(captures, &from), &inputs, &put, &|table, rows| reducer.take(table, rows))?;
    let report = reducer.finish(arguments.bounds.limits(), folder)?;
    drop(stages);
    output_folder.finish()?;
    output::tell(&report);
    tell!("report     {}", shown(&arguments.output.join("fleet.html")));
    Ok(output::done(&report))
}
