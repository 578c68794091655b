//! The cells of a row by their meaning, and the reason for the error where one says what no netrec writes.

use super::batch::{Batch, Reason, Words};
use crate::capture::{Column, Counters, Kind, Protocol};

/// What a row tells of.
pub(super) enum About {
    Socket,
    Query,
    /// A kind of row that only later versions know.
    NothingKnown,
}

pub(super) fn about(batch: &Batch, row: usize) -> Result<About, Reason> {
    let kind = batch.kind.get(row).ok_or_else(|| without_value(Column::Kind))?;
    Ok(match Kind::from_text(kind) {
        Some(Kind::Query) => About::Query,
        Some(_) => About::Socket,
        None => About::NothingKnown,
    })
}

#[allow(clippy::unnecessary_wraps, reason = "as `required` asks for it; a name of the future is other")]
pub(super) fn protocol(text: &str) -> Option<Protocol> {
    Some(Protocol::read(text))
}

pub(super) fn counters(batch: &Batch, row: usize) -> Counters {
    Counters {
        bytes_sent: batch.bytes_sent.get(row),
        bytes_received: batch.bytes_received.get(row),
        packets_sent: batch.packets_sent.get(row),
        packets_received: batch.packets_received.get(row),
        retransmits: batch.retransmits.get(row),
        rtt_us: batch.rtt_us.get(row),
    }
}

/// The row's member of a column that has few values.
pub(super) fn optional<T>(
    words: &Words,
    column: Column,
    row: usize,
    from_text: fn(&str) -> Option<T>,
) -> Result<Option<T>, Reason> {
    let Some(text) = words.get(row) else { return Ok(None) };
    match from_text(text) {
        Some(member) => Ok(Some(member)),
        None => {
            Err(format!("its column {} says {}, which is not one of its values", column.name(), quote(text)))
        }
    }
}

pub(super) fn required<T>(
    words: &Words,
    column: Column,
    row: usize,
    from_text: fn(&str) -> Option<T>,
) -> Result<T, Reason> {
    optional(words, column, row, from_text)?.ok_or_else(|| without_value(column))
}

pub(super) fn without_value(column: Column) -> Reason {
    format!("its column {} has a row without a value", column.name())
}

/// A text of the capture for an error message: quoted, and not longer than a line.
pub(super) fn quote(text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{start:?}{more}")
}
