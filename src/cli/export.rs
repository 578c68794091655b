//! `netrec export`: writes the connections of a capture for other programs.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{Done, paths, progress, shown, sources, stdout};
use crate::analyze::{Config, pass};
use crate::capture::{Metadata, Overwrite};
use crate::export::{EXPORTERS, Exporter, Target};
use crate::geo::Databases;
use crate::model::Tables;
use crate::replay::When;
use crate::{Error, Result};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec export web-01.parquet --format zeek\n\
\x20 netrec export web-01.parquet --format csv -o - | head\n\
\x20 netrec export web-01.parquet --format ocsf-parquet";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The capture to export; several files, a folder or a pattern for a recording of several files
    #[arg(required = true, value_name = "CAPTURE", value_parser = paths::capture())]
    captures: Vec<PathBuf>,
    /// Only what was recorded from this time on (UTC: 14:02, 2026-06-01T10:00:00Z, +30s from the start,
    /// -5m from the end)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<When>,
    /// Only what was recorded up to this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<When>,
    /// The format to write
    #[arg(long, alias = "to", value_name = "FORMAT", value_parser = PossibleValuesParser::new(EXPORTERS.iter().map(|e| e.id)))]
    format: String,
    /// The file to write, - for standard output [default: the capture's name with the format's
    /// ending, in this folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace files that netrec exported before
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    // clap accepts only known ids.
    let Some(exporter) = Exporter::find(&arguments.format) else { return Ok(Done::Well) };
    let to_stream = arguments.output.as_deref().is_some_and(paths::is_stream);
    if to_stream && exporter.beside.is_some() {
        let format = exporter.id;
        let reason =
            format!("--format {format} writes two files, so it cannot go to standard output: name a file");
        return Err(Error::Usage(reason));
    }
    let capture = sources::open_one(&arguments.captures)?;
    let capture = sources::within(capture, arguments.since, arguments.until)?;
    let path =
        arguments.output.clone().unwrap_or_else(|| default_output(&sources::stem_of(&capture), exporter));
    let overwrite = if arguments.force { Overwrite::Allowed } else { Overwrite::Never };
    let mut files = if to_stream { None } else { Some(Target::file(exporter, &path, overwrite)?) };
    let stages = progress::Stages::of_rows(&["reading", "building tables", "writing"], capture.rows());
    // The capture in another format: nothing is left out, and where it has a place is_own says whose it is.
    let config = Config::default().with_all_namespaces();
    let geo = Databases::open(&[])?;
    let recorded = pass::run(&capture, config.analysis(), &geo, &|rows| stages.show(rows))?;
    let metadata = capture.metadata_as_read();
    let tables = Tables::build(recorded, &metadata)?;
    stages.enter(2);
    if let Some(target) = &mut files {
        let counts = (exporter.write)(&tables, &metadata, target)?;
        drop(stages);
        let made: Vec<String> = target.made.iter().map(|path| shown(path)).collect();
        tell!("{}: {counts}", made.join(" and "));
    } else {
        to_standard_output(exporter, &tables, &metadata)?;
    }
    Ok(Done::of(metadata.is_degraded()))
}

/// The summary goes to standard error, because standard output carries the data.
fn to_standard_output(exporter: &Exporter, tables: &Tables, metadata: &Metadata) -> Result<()> {
    let mut outcome = Ok(None);
    stdout::document(|out| match (exporter.write)(tables, metadata, &mut Target::stream(out)) {
        Err(Error::Stdout(error)) => Err(error),
        other => {
            outcome = other.map(Some);
            Ok(())
        }
    });
    if let Some(counts) = outcome? {
        super::note(&format!("written: {counts}"));
    }
    Ok(())
}

/// `web-01` → `web-01.conn.log`, in the current folder.
fn default_output(stem: &Path, exporter: &Exporter) -> PathBuf {
    PathBuf::from(format!("{}.{}", stem.display(), exporter.extension))
}
