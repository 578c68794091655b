//! The tables over time: slices of the recording, and changes of state.

use super::columns::TextColumns;
use super::declare::table;
use crate::Result;
use crate::capture::TcpState;
use crate::model::frame::DataFrame;
use crate::model::records::{EndpointBin, ProcessBin, TimeBin, Transition};

table! {
    /// The table of slices, column by column.
    TimeBinColumns of
    /// A slice of the recording. Slices are equal, and have no gaps.
    TimeBinRow {
        /// When it begins, µs since the Unix epoch.
        start_us: i64,
        /// Sockets with a remote at its fullest tick; of imported packets and logs, connections at its
        /// fullest moment.
        open_connections: u32,
        /// Connections of which the first row lies in it, if they were opened in the recording.
        opened: u32,
        /// Connections of which the last row lies in it, if they were closed in the recording.
        closed: u32,
        /// Payload bytes sent.
        bytes_sent: u64,
        /// Payload bytes received.
        bytes_received: u64,
        /// Segments retransmitted.
        retransmits: u64,
    }
}

table! {
    /// The table of slices per process, column by column.
    ProcessBinColumns of
    /// A slice of the recording for one process, where it had a socket. Rows lie by slice, then process.
    ProcessBinRow {
        /// The slice's row.
        bin: u32,
        /// The process's row.
        process: u32,
        /// Its sockets with a remote at its own fullest tick of the slice.
        open_connections: u32,
        /// Payload bytes sent.
        bytes_sent: u64,
        /// Payload bytes received.
        bytes_received: u64,
        /// Mean CPU use over the slice's ticks, percent of one core.
        cpu_percent: f32 or null,
        /// Largest resident memory of the slice's ticks, bytes.
        memory_rss_bytes: u64 or null,
    }
}

table! {
    /// The table of slices per remote address, column by column.
    EndpointBinColumns of
    /// A slice of the recording for one remote address, where there were bytes. Rows lie by slice, then
    /// address; of very many, the smallest are missing.
    EndpointBinRow {
        /// The slice's row.
        bin: u32,
        /// The remote address's row.
        endpoint: u32,
        /// Payload bytes sent.
        bytes_sent: u64,
        /// Payload bytes received.
        bytes_received: u64,
    }
}

table! {
    /// The table of changes of state, column by column.
    TransitionColumns of
    /// How often connections went from one TCP state to another. Rows lie by how often, most first.
    TransitionRow {
        /// The state before.
        from_state: TcpState,
        /// The state after.
        to_state: TcpState,
        /// How often.
        count: u64,
    }
}

pub(super) fn time_bins(bins: &[TimeBin], texts: &TextColumns) -> Result<DataFrame> {
    TimeBinRow::frame(bins, texts, |bin| TimeBinRow {
        start_us: bin.start_us,
        open_connections: bin.open_connections,
        opened: bin.opened,
        closed: bin.closed,
        bytes_sent: bin.bytes_sent,
        bytes_received: bin.bytes_received,
        retransmits: bin.retransmits,
    })
}

pub(super) fn process_bins(bins: &[ProcessBin], texts: &TextColumns) -> Result<DataFrame> {
    ProcessBinRow::frame(bins, texts, |bin| ProcessBinRow {
        bin: bin.bin,
        process: bin.process.get(),
        open_connections: bin.open_connections,
        bytes_sent: bin.bytes_sent,
        bytes_received: bin.bytes_received,
        cpu_percent: bin.cpu_percent,
        memory_rss_bytes: bin.memory_rss_bytes,
    })
}

pub(super) fn endpoint_bins(bins: &[EndpointBin], texts: &TextColumns) -> Result<DataFrame> {
    EndpointBinRow::frame(bins, texts, |bin| EndpointBinRow {
        bin: bin.bin,
        endpoint: bin.endpoint.get(),
        bytes_sent: bin.bytes_sent,
        bytes_received: bin.bytes_received,
    })
}

pub(super) fn transitions(transitions: &[Transition], texts: &TextColumns) -> Result<DataFrame> {
    TransitionRow::frame(transitions, texts, |change| TransitionRow {
        from_state: change.from,
        to_state: change.to,
        count: change.count,
    })
}
