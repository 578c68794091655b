//! `netrec dump`: lists the sockets at a moment or in a time range, for scripts and grep.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Done, paths, sources, stdout};
use crate::capture::{CaptureFile, Cursor, Kind, Row};
use crate::filter::Filter;
use crate::geo::Databases;
use crate::replay::listing::{self, Form};
use crate::replay::{Range, When};
use crate::{Error, Result};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec dump web-01.parquet --at +10s\n\
\x20 netrec dump web-01.parquet --at end --filter 'state:LISTEN' --format csv\n\
\x20 netrec dump web-01.parquet --between start +20s --filter 'bytes>1M'";

#[derive(Debug, Args)]
#[command(after_help = super::with_filters(EXAMPLES))]
pub(super) struct Arguments {
    /// The capture to look into; several files, a folder or a pattern for a recording of several files
    #[arg(required = true, value_name = "CAPTURE", value_parser = paths::capture())]
    captures: Vec<PathBuf>,
    /// The snapshot at or after this time, with the events since the previous one (UTC: 14:02,
    /// 2026-06-01T10:00:00Z, +30s from the start, -5m from the end)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, required_unless_present = "between")]
    at: Option<When>,
    /// Every connection and DNS query between two times, each connection as it was last seen
    #[arg(long, value_names = ["FROM", "TO"], num_args = 2, allow_hyphen_values = true, conflicts_with = "at")]
    between: Option<Vec<When>>,
    /// With --between: every row instead of the last one of each connection
    #[arg(long, requires = "between")]
    all_rows: bool,
    /// Only matching rows, such as `process:curl port:443 remote:10.0.0.0/8`
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<Filter>,
    /// Geolocation database (`.mmdb`) for the countries of a filter; may be given several times
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    geoip: Vec<PathBuf>,
    /// The format to write; ndjson is one JSON object a line
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
    /// Show the times of a table in the local time zone (TZ), with its offset; data stays in UTC
    #[arg(long)]
    local_time: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    if arguments.local_time && arguments.format != Form::Table {
        let reason = "--local-time is for --format table: times in data are always in UTC";
        return Err(Error::Usage(reason.to_owned()));
    }
    let mut filter = arguments.filter.clone().unwrap_or_default();
    if !arguments.geoip.is_empty() && !filter.asks_for_countries() {
        let reason = "--geoip locates addresses for a country filter, and there is none: add --filter \
             'country:NL', for example";
        return Err(Error::Usage(reason.to_owned()));
    }
    let capture = Arc::new(sources::open_one(&arguments.captures)?);
    let mut cursor = Cursor::new(Arc::clone(&capture))?;
    let span_us = super::span_us(&cursor)?;
    if filter.asks_for_countries() {
        filter = filter.with_countries(Arc::new(Databases::open(&arguments.geoip)?));
    }
    let (rows, is_whole) = match (&arguments.at, arguments.between.as_deref()) {
        (_, Some([from, to])) => {
            let range = Range::between(*from, *to, span_us).map_err(super::time_error(capture.path()))?;
            (rows_between(&cursor, range.ends_us, &filter, arguments.all_rows), is_whole(range))
        }
        (at, _) => {
            // clap guarantees that one of the two is set.
            let at = at.unwrap_or(When::Start).resolve(span_us, None);
            let at = at.map_err(super::time_error(capture.path()))?;
            (rows_at(&mut cursor, at, &filter)?, true)
        }
    };
    if rows.is_empty() {
        let reason = if filter.is_empty() {
            "nothing was recorded at this time"
        } else {
            "no row of this time matches the filter"
        };
        super::note(reason);
    }
    stdout::document(|out| listing::write(out, arguments.format, arguments.local_time, &rows));
    Ok(if is_whole { ending(&capture) } else { Done::Degraded })
}

/// Whether the recording covers the whole range; prints a note if not.
fn is_whole(range: Range) -> bool {
    if let Some(missing) = range.missing {
        super::note(&format!("limited to the recorded range: {missing}"));
    }
    range.missing.is_none()
}

/// The snapshot that covers a moment, and the events before it.
fn rows_at(cursor: &mut Cursor, at_us: i64, filter: &Filter) -> Result<Vec<Row>> {
    let Some(sample) = cursor.showing(at_us)? else { return Ok(Vec::new()) };
    let is_slice = cursor.slice_us().is_some();
    // In a slice, the rows are each connection's last event rows.
    let snapshots = sample.rows.into_iter().filter(|row| !is_slice || row.kind == Kind::Snapshot);
    Ok(sample.events.into_iter().chain(snapshots).filter(|row| filter.matches(row)).collect())
}

/// The rows between two moments, both included, in time order: all of them, or the last row of each
/// connection. DNS queries are always all listed.
fn rows_between(cursor: &Cursor, ends_us: (i64, i64), filter: &Filter, all_rows: bool) -> Vec<Row> {
    let mut every = Vec::new();
    let mut last: BTreeMap<u64, Row> = BTreeMap::new();
    cursor.each_row_between(ends_us, &mut |row| {
        if !filter.matches(row) {
            return;
        }
        if all_rows || row.kind == Kind::Query {
            every.push(row.clone());
        } else if last.get(&row.conn_id).is_none_or(|before| before.ts_us <= row.ts_us) {
            last.insert(row.conn_id, row.clone());
        }
    });
    every.extend(last.into_values());
    every.sort_by_key(|row| (row.ts_us, row.conn_id));
    every
}

/// Degraded also if a row group that was needed is damaged, which is reported.
fn ending(capture: &CaptureFile) -> Done {
    let metadata = capture.metadata_as_read();
    if metadata.recovered != capture.metadata().recovered {
        super::warn_recovered(&metadata);
    }
    Done::of(metadata.is_degraded())
}
