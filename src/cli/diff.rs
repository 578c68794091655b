//! `netrec diff`: shows what is new between two captures of a host.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Done, paths, progress, sources, stdout};
use crate::Result;
use crate::analyze::{Config, pass};
use crate::capture::Metadata;
use crate::diff::{self, Side};
use crate::escape;
use crate::geo::Databases;
use crate::model::Tables;
use crate::report::json;

const EXAMPLES: &str = "Examples:\n\
\x20 netrec diff before.parquet after.parquet\n\
\x20 netrec diff before.parquet after.parquet --json --fail-on-new";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The earlier capture; a folder or a pattern for a recording of several files
    #[arg(value_parser = paths::capture())]
    before: PathBuf,
    /// The later capture
    #[arg(value_parser = paths::capture())]
    after: PathBuf,
    /// Everything as JSON, by schemas/diff.v1.schema.json; the text shortens long lists
    #[arg(long)]
    json: bool,
    /// Exit with code 10 if something is new or changed in the later capture
    #[arg(long)]
    fail_on_new: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let (before, after) = (Read::new(&arguments.before)?, Read::new(&arguments.after)?);
    let diff = diff::compare(&before.side(), &after.side())?;
    if arguments.json {
        stdout::document(|out| json::write(&diff, out));
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

/// A capture and what was read from it.
struct Read {
    file: String,
    metadata: Metadata,
    tables: Tables,
}

impl Read {
    fn new(path: &Path) -> Result<Self> {
        let capture = sources::open_one(&[path.to_path_buf()])?;
        let stages = progress::Stages::of_rows(&["reading", "building tables"], capture.rows());
        let progress = |rows| stages.show(rows);
        let recorded = pass::run(&capture, Config::default().analysis(), &Databases::default(), &progress)?;
        let metadata = capture.metadata_as_read();
        let tables = Tables::build(recorded, &metadata)?;
        let file = sources::name_of(&capture);
        Ok(Self { file, metadata, tables })
    }

    fn side(&self) -> Side<'_> {
        Side { file: &self.file, metadata: &self.metadata, tables: &self.tables }
    }
}
