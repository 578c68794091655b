//! `netrec fleet map`: the map task that a cluster runs.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::{Done, paths, progress, shown, sources, storage};
use super::captures::{AnySource, Outage};
use super::{With, output};
use crate::fleet::{self, Batch, Inputs, Outcome, Source};
use crate::s3::{Body, Put};
use crate::safe_fs::Replace;
use crate::{Error, Result, humanize, tables};

/// Maximum number of captures in a list.
const MOST_LISTED: usize = 1_000_000;

const HELP: &str = "Examples:\n\
\x20 netrec fleet map web-*.parquet -o tables\n\
\x20 netrec fleet map --list batch.txt -o /mnt/shared/tables\n\
\x20 netrec fleet map s3://captures/web-01/ -o s3://reports/tables/\n\n\
All captures are one batch. Its files are named TABLE-BATCH.parquet, where BATCH is the beginning of the SHA-256 of the \
captures' names, sorted and joined by line feeds: a batch that is mapped again leaves the same files. A capture that \
cannot be read is a row of the table captures with its error, and no reason to run again.\n\n\
Exit codes: 0 done · 3 done, but a capture could not be read or is degraded · anything else: run it again";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The captures: folders, patterns or files, here or in object storage (s3://)
    #[arg(required_unless_present = "list", value_name = "SOURCE", value_parser = paths::capture())]
    sources: Vec<PathBuf>,
    /// A file that lists captures, one a line; after a tab, the name by which the tables call it
    #[arg(long, value_name = "FILE", conflicts_with = "sources", value_parser = paths::file())]
    list: Option<PathBuf>,
    /// Folder for the tables, which may hold those of other batches; or `s3://BUCKET/PREFIX/`
    #[arg(short, long, value_name = "DIR", value_parser = paths::folder_or_url())]
    output: PathBuf,
    #[command(flatten)]
    with: With,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let (config, geo) = arguments.with.load()?;
    let sources = match &arguments.list {
        Some(list) => listed(list)?,
        None => sources::expand_existing(&arguments.sources)?.into_iter().map(Source::from).collect(),
    };
    let remote = storage::url_of(&arguments.output)?;
    if remote.is_none() {
        output::make_folder(&arguments.output)?;
    }
    sources::raise_file_limit();
    let stages = progress::Stages::of_rows(&["analyzing captures"], sources.len() as u64);
    let from = AnySource::new(Outage::Fails);
    let inputs = Inputs { config: &config, geo: &geo, captures: &from, progress: &|done| stages.show(done) };
    let batch = Batch { sources };
    let put = |name: &str, bytes: &[u8]| match &remote {
        None => put(&arguments.output.join(name), bytes),
        Some(url) => storage::client()?.put(&url.join(name), Body::Bytes(bytes), Put::Over).map(drop),
    };
    let outcome = fleet::map(std::slice::from_ref(&batch), &inputs, &put, &|_, _| Ok(()))?;
    drop(stages);
    let Outcome { analyzed, degraded, failed, copies } = outcome;
    tell!(
        "{}: {} analyzed, {} degraded, {} could not be read, {} passed over",
        shown(&arguments.output.join(format!("*-{}.parquet", batch.name()))),
        humanize::plural(analyzed, "capture"),
        humanize::count(degraded),
        humanize::count(failed),
        humanize::plural(copies, "copy"),
    );
    Ok(Done::of(degraded > 0 || failed > 0))
}

/// Writes a table; replaces only a table that netrec wrote.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if path.symlink_metadata().is_ok() && !tables::is_table(path) {
        let reason = "it is not a table by netrec".to_owned();
        return Err(Error::Foreign { path: path.to_path_buf(), reason });
    }
    output::write(path, bytes, Replace::Yes)
}

/// Reads the captures from a list.
fn listed(list: &Path) -> Result<Vec<Source>> {
    let file = File::open(list).map_err(Error::io("read", list))?;
    let mut sources = Vec::new();
    for line in BufReader::new(file).lines().take(MOST_LISTED) {
        let line = line.map_err(Error::io("read", list))?;
        if line.is_empty() {
            continue;
        }
        let (path, name) = line.split_once('\t').unwrap_or((&line, &line));
        sources.push(Source { path: PathBuf::from(path), name: name.to_owned() });
    }
    if sources.is_empty() {
        return Err(Error::NotACapture {
            path: list.to_path_buf(),
            reason: "it lists no capture".to_owned(),
        });
    }
    Ok(sources)
}
