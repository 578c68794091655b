//! `netrec export`: the connections of a capture for other programs.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{Done, progress};
use crate::Result;
use crate::analyze::{Config, pass};
use crate::capture::Overwrite;
use crate::export::{EXPORTERS, Exporter, Target};
use crate::geo::Databases;
use crate::model::Tables;
use crate::report::escape;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The capture to export
    capture: PathBuf,
    /// The format to write
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(EXPORTERS.iter().map(|e| e.id)))]
    to: String,
    /// The file to write [default: the capture's name with the format's ending, in this folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    // clap has let only known ids through.
    let Some(exporter) = Exporter::find(&arguments.to) else { return Ok(Done::Well) };
    let capture = super::open(&arguments.capture)?;
    let path = arguments.output.clone().unwrap_or_else(|| default_output(&arguments.capture, exporter));
    let bar = progress::rows(capture.rows());
    let config = Config::default();
    let geo = Databases::open(&[])?;
    let recorded = pass::run(&capture, config.analysis(), &geo, &|rows| bar.set_position(rows))?;
    let metadata = capture.metadata_as_read();
    let tables = Tables::build(recorded, &metadata)?;
    bar.finish_and_clear();
    let overwrite = if arguments.force { Overwrite::Allowed } else { Overwrite::Never };
    let mut target = Target { path: &path, overwrite, made: Vec::new() };
    let connections = (exporter.write)(&tables, &mut target)?;
    let made = target.made.iter().map(|path| escape::terminal(&path.display().to_string()));
    say!("{}: {connections} connections", made.collect::<Vec<_>>().join(" and "));
    Ok(Done::of(metadata.is_degraded()))
}

/// `web-01.parquet` → `web-01.conn.log`, in the current folder.
fn default_output(capture: &Path, exporter: &Exporter) -> PathBuf {
    let stem = capture.file_stem().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("{stem}.{}", exporter.extension))
}
