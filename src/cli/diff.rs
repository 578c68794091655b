//! `netrec diff`: what is new between two captures of a host.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Done, progress};
use crate::analyze::{Config, pass};
use crate::capture::Metadata;
use crate::diff::{self, Side};
use crate::geo::Databases;
use crate::model::Tables;
use crate::report::{escape, json};
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The earlier capture
    before: PathBuf,
    /// The later capture
    after: PathBuf,
    /// Everything as JSON, by schemas/diff.v1.schema.json; the text shortens long lists
    #[arg(long)]
    json: bool,
    /// End with exit code 10 if something is new or changed in the later capture
    #[arg(long)]
    fail_on_new: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let (before, after) = (Read::of(&arguments.before)?, Read::of(&arguments.after)?);
    let diff = diff::compare(&before.side(), &after.side())?;
    if arguments.json {
        match json::write(&diff, &mut io::stdout().lock()) {
            // The reader has seen enough: `netrec diff --json A B | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.map_err(Error::io("write", "standard output"))?,
        }
    } else {
        for line in diff::text::lines(&diff) {
            say!("{}", escape::terminal(&line));
        }
    }
    let is_degraded = before.metadata.is_degraded() || after.metadata.is_degraded();
    Ok(match (arguments.fail_on_new && diff.has_news(), is_degraded) {
        (true, _) => Done::Found,
        (false, true) => Done::Degraded,
        (false, false) => Done::Well,
    })
}

/// A capture that was read.
struct Read {
    file: String,
    metadata: Metadata,
    tables: Tables,
}

impl Read {
    fn of(path: &Path) -> Result<Self> {
        let capture = super::open(path)?;
        let bar = progress::rows(capture.rows());
        let progress = |rows| bar.set_position(rows);
        let recorded = pass::run(&capture, Config::default().analysis(), &Databases::default(), &progress)?;
        bar.finish_and_clear();
        let metadata = capture.metadata_as_read();
        let tables = Tables::build(recorded, &metadata)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file, metadata, tables })
    }

    fn side(&self) -> Side<'_> {
        Side { file: &self.file, metadata: &self.metadata, tables: &self.tables }
    }
}
