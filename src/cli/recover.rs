//! `netrec recover`: turns an interrupted recording into a finished capture.

use std::path::PathBuf;

use clap::Args;

use super::record::say_owner;
use super::{Done, paths, shown};
use crate::capture::{self, Overwrite};
use crate::escape;
use crate::{Result, humanize};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n\
                  \x20 netrec recover broken.parquet\n\
                  \x20 netrec recover broken.parquet.d -o copy.parquet\n\n\
                  Other commands read an unfinished recording as it is and write nothing; this one finishes it. \
                  Parts that cannot be read completely are copied as far as possible, and the folder is kept.\n\n\
                  Exit codes: 0 all snapshots are in the capture · 1 failed · 3 a part could not be read")]
pub(super) struct Arguments {
    /// The intended capture, its unfinished folder (FILE.d), or a capture with a damaged end
    #[arg(value_parser = paths::local_capture())]
    capture: PathBuf,
    /// The capture to write; the folder's contents are then copied, and the folder is kept [default: the
    /// intended name, or one with -recovered]
    #[arg(short, long, value_name = "FILE", value_parser = paths::new_capture())]
    output: Option<PathBuf>,
    /// Replace an existing capture
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let overwrite = if arguments.force { Overwrite::Allowed } else { Overwrite::Never };
    let recovered = capture::recover(&arguments.capture, arguments.output.as_deref(), overwrite)?;
    let finished = &recovered.finished;
    let (bytes, rows) = (finished.bytes as f64, finished.rows);
    tell!("{}: {}, {}", shown(&recovered.path), humanize::bytes(bytes), humanize::plural(rows, "row"));
    if let Some(sha256) = finished.sha256 {
        tell!("  SHA-256: {sha256}");
    }
    say_owner(finished);
    if let Some(reason) = &recovered.kept {
        tell!("  kept: {} ({})", shown(&recovered.source), escape::terminal(reason));
    }
    super::warn_recovered(&recovered.metadata);
    Ok(Done::of(!recovered.is_complete))
}
