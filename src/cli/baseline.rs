//! `netrec baseline`: learns from recordings what is normal.

use std::path::PathBuf;

use clap::Args;

use super::sources::{self, Opened};
use super::{Done, paths, progress, shown};
use crate::analyze::{Config, learn, pass};
use crate::baseline::{Baseline, Kind, LEAST_DAYS};
use crate::capture::CaptureFile;
use crate::geo::Databases;
use crate::model::Tables;
use crate::{Result, humanize};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec baseline /var/lib/netrec -o web.baseline\n\
\x20 netrec baseline today.parquet -o web.baseline --update\n\
\x20 netrec analyze web-01.parquet --baseline known.baseline -o checked\n\n\
Everything learned counts as normal, so learn only from recordings that you have reviewed.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The recordings to learn from: files, folders or patterns, of one host or of many
    #[arg(required = true, value_name = "CAPTURE", value_parser = paths::capture())]
    captures: Vec<PathBuf>,
    /// The file to write
    #[arg(short, long, value_name = "FILE", value_parser = paths::file())]
    output: PathBuf,
    /// Add to the existing baseline; recordings that it has already learned from are skipped
    #[arg(long)]
    update: bool,
    /// Replace an existing baseline
    #[arg(long, conflicts_with = "update")]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let mut baseline = if arguments.update && arguments.output.exists() {
        Baseline::load(&arguments.output)?
    } else {
        Baseline::default()
    };
    let Opened { files, failed } = sources::open(sources::expand(&arguments.captures)?);
    let mut is_partial = false;
    for (source, error) in failed {
        if source.is_named {
            return Err(error);
        }
        sources::said(&error);
        is_partial = true;
    }
    let (mut learned, mut known, mut foreign) = (0_u64, 0_u64, 0_u64);
    // File by file: a baseline counts days, and learns each file once.
    for file in in_order(files) {
        is_partial |= file.metadata().is_degraded();
        match learn_file(&mut baseline, &file)? {
            Some(left_out) => (learned, foreign) = (learned + 1, foreign + left_out),
            None => known += 1,
        }
    }
    baseline.save(&arguments.output, arguments.force || arguments.update)?;
    tell!(
        "{}: {} learned, {} known before; {} of {}",
        shown(&arguments.output),
        humanize::plural(learned, "file"),
        humanize::count(known),
        humanize::plural(u64::from(baseline.covered_days()), "day"),
        humanize::plural(baseline.host_count() as u64, "host"),
    );
    for kind in Kind::ALL {
        tell!("  {:<32} {}", kind.words(), humanize::count(baseline.count(kind) as u64));
    }
    if foreign > 0 {
        tell!("  {} of other network namespaces left out", humanize::plural(foreign, "socket"));
    }
    if baseline.dropped() > 0 {
        tell!(
            "  the {} oldest facts were dropped for lack of room: nothing is reported as new",
            humanize::count(baseline.dropped())
        );
    }
    if baseline.covered_days() < LEAST_DAYS {
        tell!("  fewer than {LEAST_DAYS} days: nothing is reported as new or usual yet");
    }
    Ok(Done::of(is_partial))
}

/// Sorted by time within each host.
fn in_order(files: Vec<CaptureFile>) -> Vec<CaptureFile> {
    sources::sorted(files).into_iter().flatten().collect()
}

/// Learns from a file unless that was done before; returns the number of sockets that are not the
/// host's own.
fn learn_file(baseline: &mut Baseline, capture: &CaptureFile) -> Result<Option<u64>> {
    let capture_id = capture.sha256()?.to_string();
    if baseline.has_learned(&capture_id) {
        return Ok(None);
    }
    let stages = progress::Stages::of_rows(&["reading", "learning"], capture.rows());
    let (config, geo) = (Config::default(), Databases::default());
    let recorded = pass::run(capture, config.analysis(), &geo, &|rows| stages.show(rows))?;
    let metadata = capture.metadata_as_read();
    let tables = Tables::build(recorded, &metadata)?;
    learn::learn(baseline, &tables, &metadata, &capture_id)?;
    Ok(Some(tables.foreign.height() as u64))
}
