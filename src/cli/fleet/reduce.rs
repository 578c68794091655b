//! `netrec fleet reduce`: reduces tables to the report.

use std::path::PathBuf;

use clap::Args;

use super::super::{Done, paths, shown};
use super::report_output::{self, ReportOutput};
use super::{Bounds, output};
use crate::Result;
use crate::fleet::Reducer;

const HELP: &str = "Examples:\n\
\x20 netrec fleet map a/*.parquet -o tables\n\
\x20 netrec fleet map b/*.parquet -o tables\n\
\x20 netrec fleet reduce tables -o fleet\n\n\
Exit codes: 0 done · 1 failed, or too many captures could not be read · 3 a capture could not be read, or is degraded";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Folder with the tables; or `s3://BUCKET/PREFIX/`
    #[arg(value_name = "TABLES", value_parser = paths::folder_or_url())]
    tables: PathBuf,
    /// Folder for the report and the results; or `s3://BUCKET/PREFIX/`
    #[arg(short, long, value_name = "DIR", value_parser = paths::folder_or_url())]
    output: PathBuf,
    /// Replace an earlier report; a folder with anything else in it is left alone
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    bounds: Bounds,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let output_folder = ReportOutput::prepare(&arguments.output, arguments.force)?;
    let reducer = Reducer::default();
    report_output::read_tables(&reducer, &arguments.tables)?;
    let report = reducer.finish(arguments.bounds.limits(), output_folder.folder())?;
    output_folder.finish()?;
    output::tell(&report);
    tell!("report     {}", shown(&arguments.output.join("fleet.html")));
    Ok(output::done(&report))
}
