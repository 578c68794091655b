//! `netrec dump`: the sockets of a moment or of a stretch of time, for scripts and grep.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Done;
use crate::capture::{CaptureFile, Cursor, Kind, Place, Row, Toward};
use crate::filter::Filter;
use crate::replay::When;
use crate::replay::listing::{self, Form};
use crate::{Error, Result};

#[derive(Debug, Args)]
#[command(after_help = super::FILTER_HELP)]
pub(super) struct Arguments {
    /// The capture to look into
    capture: PathBuf,
    /// The snapshot at or after this time, with what happened since the one before (UTC: 14:02,
    /// 2026-06-01T10:00:00Z, +30s from the start, -5m from the end)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, required_unless_present = "between")]
    at: Option<When>,
    /// Every connection and DNS question between two times, a connection as it was seen last
    #[arg(long, value_names = ["FROM", "TO"], num_args = 2, allow_hyphen_values = true, conflicts_with = "at")]
    between: Option<Vec<When>>,
    /// With --between: every row, and not the last one of each connection
    #[arg(long, requires = "between")]
    all_rows: bool,
    /// Only what fits, such as `process:curl port:443 remote:10.0.0.0/8`
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<Filter>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let capture = Arc::new(super::open(&arguments.capture)?);
    let mut cursor = Cursor::new(Arc::clone(&capture))?;
    let filter = arguments.filter.clone().unwrap_or_default();
    let rows = match (cursor.span_us(), &arguments.at, arguments.between.as_deref()) {
        (Some(span_us), Some(at), _) => rows_at(&mut cursor, at.resolve(span_us, None), &filter)?,
        (Some(span_us), None, Some([from, to])) => {
            let ends = (from.resolve(span_us, None), to.resolve(span_us, None));
            rows_between(&mut cursor, ends, &filter, arguments.all_rows)?
        }
        // A capture without a row has nothing to show.
        _ => Vec::new(),
    };
    write(arguments.format, &rows)?;
    Ok(ending(&capture))
}

/// The snapshot that shows a moment, and the events before it.
fn rows_at(cursor: &mut Cursor, at_us: i64, filter: &Filter) -> Result<Vec<Row>> {
    let Some(sample) = cursor.showing(at_us)? else { return Ok(Vec::new()) };
    let is_slice = cursor.slice_us().is_some();
    // Of a slice, the rows are the last ones of the events.
    let snapshots = sample.rows.into_iter().filter(|row| !is_slice || row.kind == Kind::Snapshot);
    Ok(sample.events.into_iter().chain(snapshots).filter(|row| filter.matches(row)).collect())
}

/// The rows between two moments, both included, in the order of time: all of them, or the last one
/// of each connection. DNS questions are no connections, and all of them are there.
fn rows_between(
    cursor: &mut Cursor,
    (from, to): (i64, i64),
    filter: &Filter,
    all_rows: bool,
) -> Result<Vec<Row>> {
    let mut every = Vec::new();
    let mut last: BTreeMap<u64, Row> = BTreeMap::new();
    let mut next = cursor.at(Place::Time(from), Toward::Later)?;
    while let Some(sample) = next {
        let is_behind = sample.ts_us > to;
        let after = sample.tick.checked_add(1);
        let rows = sample.events.into_iter().chain(sample.rows);
        for row in rows.filter(|row| (from..=to).contains(&row.ts_us) && filter.matches(row)) {
            if all_rows || row.kind == Kind::Query {
                every.push(row);
            } else {
                last.insert(row.conn_id, row);
            }
        }
        next = match after {
            Some(tick) if !is_behind => cursor.at(Place::Tick(tick), Toward::Later)?,
            _ => None,
        };
    }
    every.extend(last.into_values());
    every.sort_by_key(|row| (row.ts_us, row.conn_id));
    Ok(every)
}

fn write(form: Form, rows: &[Row]) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = listing::write(&mut out, form, rows).and_then(|()| out.flush());
    match written {
        // `netrec dump … | head` has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::io("write", "standard output")),
    }
}

/// Degraded also when a row group that was needed turned out to be damaged, which is said.
fn ending(capture: &CaptureFile) -> Done {
    let metadata = capture.metadata_as_read();
    if metadata.recovered != capture.metadata().recovered {
        super::warn_recovered(&metadata);
    }
    Done::of(metadata.is_degraded())
}
