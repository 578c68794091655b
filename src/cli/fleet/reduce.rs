//! `netrec fleet reduce`: from tables to the report.

use std::path::PathBuf;

use clap::Args;

use super::super::{Done, paths, shown};
use super::{Bounds, output};
use crate::Result;
use crate::fleet::Reducer;
use crate::report::Folder;

const HELP: &str = "Examples:\n\
\x20 netrec fleet map a/*.parquet -o tables\n\
\x20 netrec fleet map b/*.parquet -o tables\n\
\x20 netrec fleet reduce tables -o fleet\n\n\
Exit codes: 0 done · 1 failed, or too many captures could not be read · 3 a capture could not be read, or is degraded";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Folder with the tables
    #[arg(value_name = "TABLES", value_parser = paths::folder())]
    tables: PathBuf,
    /// Folder for the report and the results
    #[arg(short, long, value_name = "DIR", value_parser = paths::folder())]
    output: PathBuf,
    /// Replace an earlier report; a folder with anything else in it is left alone
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    bounds: Bounds,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let folder = Folder::prepare(&arguments.output, arguments.force)?;
    let reducer = Reducer::default();
    reducer.read(&arguments.tables)?;
    let report = reducer.finish(arguments.bounds.limits(), &folder)?;
    folder.finish()?;
    output::tell(&report);
    tell!("report     {}", shown(&arguments.output.join("fleet.html")));
    Ok(output::done(&report))
}
