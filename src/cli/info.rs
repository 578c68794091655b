//! `netrec info`: what is in a capture, from its metadata, at once.

use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};

use super::Done;
use crate::Result;
use crate::capture::{CaptureFile, IntervalChange, Metadata, SeriesPart, SourceStatus};
use crate::report::escape;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The capture to describe
    capture: PathBuf,
    /// The metadata as JSON, for scripts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let capture = super::open(&arguments.capture)?;
    let metadata = capture.metadata();
    if arguments.json {
        let json = serde_json::to_string_pretty(metadata).unwrap_or_default();
        say!("{}", escape::json(&json));
    } else {
        say!("{}", describe(&capture).trim_end());
    }
    Ok(Done::of(metadata.is_degraded()))
}

/// The description, one `name  value` a line.
fn describe(capture: &CaptureFile) -> String {
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
            "{}, {} rows in {} row groups",
            HumanBytes(capture.bytes()),
            HumanCount(capture.rows()),
            capture.row_groups()
        ),
    );
    line("format", &format!("version {}, by {}", metadata.format_version, metadata.tool_version));
    line("host", &host(metadata));
    line("start", &utc(metadata.start_us));
    line("end", &utc(metadata.end_us));
    line("duration", &format!("{:.3} s", metadata.duration_s()));
    line("ticks", &ticks(metadata));
    for change in &metadata.interval_changes {
        line("interval", &interval(change));
    }
    if let Some(part) = &metadata.series {
        line("series", &series(part));
    }
    if let Some(recovered) = &metadata.recovered {
        line("recovered", recovered);
    }
    line("events lost", &metadata.events_lost.map_or("not recorded".to_owned(), |lost| lost.to_string()));
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
    if known.is_empty() { "not known".to_owned() } else { known.join(", ") }
}

fn ticks(metadata: &Metadata) -> String {
    let planned = metadata.ticks_planned.map_or(String::new(), |planned| format!(" of {planned} planned"));
    format!(
        "{} taken{planned}, every {} ms, {} late",
        metadata.ticks_taken, metadata.interval_ms, metadata.ticks_late
    )
}

fn interval(change: &IntervalChange) -> String {
    let IntervalChange { at_us, tick, interval_ms, cpu_percent } = change;
    format!(
        "every {interval_ms} ms from tick {tick} on ({}), after {cpu_percent:.2} % of a core",
        utc(*at_us)
    )
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

/// RFC 3339 with milliseconds; a number that is no time is shown as such.
fn utc(us: i64) -> String {
    DateTime::from_timestamp_micros(us)
        .map_or_else(|| format!("{us} µs"), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
