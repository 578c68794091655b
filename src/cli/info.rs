//! `netrec info`: describes a capture from its metadata, without reading its rows.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Done, paths, sources};
use crate::capture::{
    CaptureFile, Gap, IntervalChange, Joined, JoinedFile, Metadata, SeriesPart, SourceStatus,
};
use crate::escape;
use crate::{Result, humanize};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec info web-01.parquet\n\
\x20 netrec info /var/lib/netrec\n\
\x20 netrec info web-01.parquet --json | jq .host_name";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The capture to describe; several files, a folder or a pattern for a recording of several files
    #[arg(required = true, value_name = "CAPTURE", value_parser = paths::capture())]
    captures: Vec<PathBuf>,
    /// The metadata as JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Show times in the local time zone (TZ), with its offset
    #[arg(long, conflicts_with = "json")]
    local_time: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let capture = sources::open_one(&arguments.captures)?;
    let metadata = capture.metadata();
    if arguments.json {
        let mut json = serde_json::to_value(metadata).unwrap_or_default();
        if let Some(joined) = &metadata.joined {
            json["files"] = files_json(joined);
            json["gaps"] = gaps_json(joined);
        }
        let json = serde_json::to_string_pretty(&json).unwrap_or_default();
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
    let name = match (&metadata.joined, sources::description(capture)) {
        (Some(joined), Some(files)) => format!("{}: {files}", joined.pattern),
        _ => capture.path().display().to_string(),
    };
    line("capture", &name);
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
    if let Some(joined) = &metadata.joined {
        if let (Some(first), Some(last)) = (joined.files.first(), joined.files.last()) {
            line("files", &format!("{} to {}", first.name(), last.name()));
        }
        for gap in &joined.gaps {
            line("gap", &gap_line(gap));
        }
        for sentence in &joined.unread {
            line("not read", sentence);
        }
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
    // Captures of older versions have only the singular field.
    let imports = if metadata.imports.is_empty() { metadata.import.as_slice() } else { &metadata.imports };
    for import in imports {
        line("imported", &format!("{} ({}), SHA-256 {}", import.file, import.format, import.sha256));
    }
    text
}

fn gap_line(gap: &Gap) -> String {
    let length_s = gap.to_us.saturating_sub(gap.from_us).max(0) as f64 / 1e6;
    let span = humanize::span_utc((gap.from_us, gap.to_us));
    format!("{span}, {}: {}", humanize::seconds(length_s), gap.reason.as_str().replace('-', " "))
}

fn files_json(joined: &Joined) -> Value {
    let file = |file: &JoinedFile| {
        json!({
            "path": file.path.display().to_string(), "bytes": file.bytes, "rows": file.rows,
            "start_us": file.start_us, "end_us": file.end_us,
        })
    };
    joined.files.iter().map(file).collect()
}

fn gaps_json(joined: &Joined) -> Value {
    let gap = |gap: &Gap| json!({"from_us": gap.from_us, "to_us": gap.to_us, "reason": gap.reason.as_str()});
    joined.gaps.iter().map(gap).collect()
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
    if metadata.import.is_some() && metadata.ticks_taken == 0 {
        return "none: the imported log has events, no snapshots".to_owned();
    }
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
