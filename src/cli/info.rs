//! `netrec info`: what is in a capture, from its metadata, at once.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::{Done, paths};
use crate::capture::{CaptureFile, IntervalChange, Metadata, SeriesPart, SourceStatus};
use crate::escape;
use crate::{Result, humanize};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec info web-01.parquet\n\
\x20 netrec info web-01.parquet --json | jq .host_name";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The capture to describe
    #[arg(value_parser = paths::capture())]
    capture: PathBuf,
    /// The metadata as JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Show times in the local time zone (TZ), with its offset
    #[arg(long, conflicts_with = "json")]
    local_time: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let capture = super::open(&arguments.capture)?;
    let metadata = capture.metadata();
    if arguments.json {
        let json = serde_json::to_string_pretty(metadata).unwrap_or_default();
        say!("{}", escape::json(&json));
    } else {
        say!("{}", describe(&capture, arguments.local_time).trim_end());
    }
    Ok(Done::of(metadata.is_degraded()))
}

/// The description, one `name  value` a line.
fn describe(capture: &CaptureFile, is_local: bool) -> String {
    let time = if is_local { humanize::second_local } else { humanize::second_utc };
    let metadata = capture.metadata();
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12} {}", escape::terminal(value));
    };
    line("capture", &capture.path().display().to_string());
    line(
        "size",
        &format!(
            "{}, {} in {}",
            humanize::bytes(capture.bytes() as f64),
            humanize::plural(capture.rows(), "row"),
            humanize::plural(capture.row_groups() as u64, "row group"),
        ),
    );
    line("format", &format!("version {}, by {}", metadata.format_version, metadata.tool_version));
    line("host", &host(metadata));
    line("start", &time(metadata.start_us));
    line("end", &time(metadata.end_us));
    line("duration", &humanize::seconds(metadata.duration_s()));
    line("ticks", &ticks(metadata));
    for change in &metadata.interval_changes {
        line("interval", &interval(change, time));
    }
    if let Some(part) = &metadata.series {
        line("series", &series(part));
    }
    if let Some(recovered) = &metadata.recovered {
        line("recovered", recovered);
    }
    line("events lost", &metadata.events_lost.map_or("not recorded".to_owned(), humanize::count));
    line("privileges", &or_none(&metadata.privileges));
    line("addresses", &or_none(&metadata.host_addresses));
    for source in &metadata.sources {
        let mark = match source.status {
            SourceStatus::Ran => "ran",
            SourceStatus::Partial => "partial",
            SourceStatus::Missing => "MISSING",
        };
        line("source", &format!("{:<16} {mark:<8} {}", source.name, source.detail));
    }
    if let Some(stats) = &metadata.import_stats {
        line("records", &stats.summary());
        for unused in stats.unused.iter().chain(&stats.files) {
            line("", &format!("{}: {}", unused.reason.words(), unused.describe_counted()));
        }
    }
    if !metadata.inside.is_empty() {
        line("inside", &metadata.inside.join(", "));
    }
    // A capture from before there were several has only the one.
    let imports = if metadata.imports.is_empty() { metadata.import.as_slice() } else { &metadata.imports };
    for import in imports {
        line("imported", &format!("{} ({}), SHA-256 {}", import.file, import.format, import.sha256));
    }
    text
}

fn host(metadata: &Metadata) -> String {
    let known: Vec<&str> = [&metadata.host_name, &metadata.os, &metadata.kernel]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    if known.is_empty() { "unknown".to_owned() } else { known.join(", ") }
}

fn ticks(metadata: &Metadata) -> String {
    let planned = metadata.ticks_planned;
    let planned =
        planned.map_or(String::new(), |planned| format!(" of {} planned", humanize::count(planned)));
    format!(
        "{} taken{planned}, every {}, {} late",
        humanize::count(metadata.ticks_taken),
        milliseconds(metadata.interval_ms),
        humanize::count(metadata.ticks_late),
    )
}

fn interval(change: &IntervalChange, time: fn(i64) -> String) -> String {
    let IntervalChange { at_us, tick, interval_ms, cpu_percent } = change;
    format!(
        "every {} from tick {} on ({}), after using {} of a core",
        milliseconds(*interval_ms),
        humanize::count(*tick),
        time(*at_us),
        humanize::ratio_percent(cpu_percent / 100.0),
    )
}

fn milliseconds(ms: u64) -> String {
    humanize::seconds(ms as f64 / 1000.0)
}

fn series(part: &SeriesPart) -> String {
    let before = part.previous.as_ref().map_or("the first file".to_owned(), |previous| {
        format!("after {}, SHA-256 {}", previous.file, previous.sha256)
    });
    format!("{}, part {}, {before}", part.name, part.part)
}

fn or_none(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}
