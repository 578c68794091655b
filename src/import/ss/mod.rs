//! What `ss` and `netstat` printed in a loop: the thing that people really have.
//!
//! Each table of sockets is a tick. Its time is that of the nearest line before it that is one, or
//! that before each of its lines; a table without a time is not used unless the user says when it
//! was made. What a version of a tool does not print is unknown.

pub(super) mod end;
mod iproute;
mod layout;
mod netstat;
pub(super) mod services;
mod socket;
mod solaris;
pub(super) mod state;
mod tables;
#[cfg(test)]
mod tests;
pub(super) mod time;

use self::layout::Layout;
use self::tables::{TableReader, Tables};
use super::{Begin, Importer, Input, Output};
use crate::capture::SourceStatus;
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "ss",
    title: "the output of ss or netstat",
    needs: "Connections come from TCP and UDP sockets in numbers: run `ss -tunap` or `netstat -tunap`.",
    recognises,
    import,
};

fn recognises(begin: &Begin) -> bool {
    text_lines(begin).any(|line| {
        let is_table =
            |line: &str| Layout::is_heading(line) || iproute::is_socket(line) || netstat::is_socket(line);
        is_table(&line) || time::prefix(&line, Some(0)).is_some_and(|(_, rest)| is_table(rest))
    })
}

/// The first lines, of which none is longer than a line of a table.
fn text_lines(begin: &Begin) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    let short = |line: &&[u8]| line.len() < 1000;
    begin.lines().filter(short).take(400).map(String::from_utf8_lossy)
}

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut tables = Tables::default();
    for input in in_order(inputs) {
        let (mut failed, taken_at_us) = (None, output.taken_at_us());
        let reader = output.reader(input)?;
        let mut take = |row| {
            failed = output.push(&row).err();
            failed.is_none()
        };
        let read = TableReader::new(&mut tables, taken_at_us, &mut take).read(reader);
        let (account, reader) = read.map_err(Error::io("read", &input.path))?;
        if let Some(error) = failed {
            return Err(error);
        }
        let source = reader.finish(output.format())?;
        output.imported(source);
        output.account(input, account);
    }
    if let (0, Some(first)) = (tables.ticks, inputs.first())
        && (tables.without_time > 0 || tables.lacks_year)
    {
        if !tables.lacks_year {
            return Err(super::snapshot::undated(&first.path, 0));
        }
        let reason =
            "its times have no year: give one of them with its year, --at 2026-11-24T10:00:00Z".to_owned();
        return Err(Error::Import { path: first.path.clone(), reason });
    }
    say(&tables, output);
    super::snapshot::note_host(inputs, output)
}

/// The files in the order of their first times, as ticks are numbered in the order of time.
fn in_order(inputs: &[Input]) -> Vec<&Input> {
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    inputs.sort_by_cached_key(|input| {
        text_lines(&input.begin).find_map(|line| {
            let first = time::stamp(&line).or_else(|| Some(time::prefix(&line, None)?.0));
            first.map(|stamp| stamp.ts_us)
        })
    });
    inputs
}

fn say(tables: &Tables, output: &mut Output<'_>) {
    let sockets = super::plural(output.stats().used, "socket");
    let detail = format!("{sockets} in {}", super::plural(u64::from(tables.ticks), "table"));
    output.source("tables", SourceStatus::Ran, detail);
    if tables.without_time > 0 {
        let detail = format!(
            "{} without a time: placed at the given time, or a second after the previous table, so \
             durations and rates are unreliable",
            super::plural(tables.without_time, "table")
        );
        output.source("times", SourceStatus::Partial, detail);
    }
    if tables.without_zone > 0 {
        let detail = "times without a known zone are read as UTC";
        output.source("time-zone", SourceStatus::Partial, detail);
    }
    if tables.unknown_states > 0 {
        let detail = format!(
            "{} in words that are not known, left out: run netstat in English (LC_ALL=C)",
            super::plural(tables.unknown_states, "state")
        );
        output.source("states", SourceStatus::Partial, detail);
    }
    let metadata = output.metadata();
    metadata.ticks_taken = u64::from(tables.ticks);
    metadata.start_us = tables.stamps_us.iter().copied().min().unwrap_or_default();
    metadata.end_us = tables.stamps_us.iter().copied().max().unwrap_or_default();
    metadata.interval_ms = interval_ms(&tables.stamps_us);
    metadata.host_addresses = tables.addresses.iter().map(ToString::to_string).collect();
}

/// The median of the times between tables, at least a millisecond; a second where there is none.
fn interval_ms(stamps_us: &[i64]) -> u64 {
    let mut gaps: Vec<i64> = stamps_us.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    gaps.retain(|gap| *gap > 0);
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).map_or(1000, |gap| (gap / 1000).max(1) as u64)
}
