//! The columns of the table of connections that the metrics read.

use polars::prelude::*;

use crate::Result;

/// The table of connections, by column.
pub(super) struct Sockets<'a> {
    pub(super) len: usize,
    /// Whether the row is a connection: a socket with a remote.
    pub(super) is_connection: Vec<bool>,
    pub(super) role: &'a StringChunked,
    pub(super) protocol: &'a StringChunked,
    pub(super) local_addr: &'a StringChunked,
    pub(super) local_port: &'a UInt16Chunked,
    pub(super) remote_port: &'a UInt16Chunked,
    pub(super) remote_scope: &'a StringChunked,
    pub(super) country_code: &'a StringChunked,
    pub(super) direction: &'a StringChunked,
    pub(super) state: &'a StringChunked,
    pub(super) duration_s: &'a Float64Chunked,
    pub(super) opened: &'a BooleanChunked,
    pub(super) closed: &'a BooleanChunked,
    pub(super) bytes_sent: &'a UInt64Chunked,
    pub(super) bytes_received: &'a UInt64Chunked,
    pub(super) packets_sent: &'a UInt64Chunked,
    pub(super) packets_received: &'a UInt64Chunked,
    pub(super) retransmits: &'a UInt32Chunked,
    pub(super) rtt_us: &'a UInt32Chunked,
    pub(super) recorded_sent: &'a UInt64Chunked,
    pub(super) recorded_received: &'a UInt64Chunked,
    pub(super) process: &'a UInt32Chunked,
    pub(super) process_name: &'a StringChunked,
    pub(super) endpoint: &'a UInt32Chunked,
}

impl<'a> Sockets<'a> {
    pub(super) fn of(table: &'a DataFrame) -> Result<Self> {
        let role = table.column("role")?.str()?;
        Ok(Self {
            len: table.height(),
            is_connection: role.iter().map(|role| role == Some("connection")).collect(),
            role,
            protocol: table.column("protocol")?.str()?,
            local_addr: table.column("local_addr")?.str()?,
            local_port: table.column("local_port")?.u16()?,
            remote_port: table.column("remote_port")?.u16()?,
            remote_scope: table.column("remote_scope")?.str()?,
            country_code: table.column("country_code")?.str()?,
            direction: table.column("direction")?.str()?,
            state: table.column("state")?.str()?,
            duration_s: table.column("duration_s")?.f64()?,
            opened: table.column("opened_in_recording")?.bool()?,
            closed: table.column("closed_in_recording")?.bool()?,
            bytes_sent: table.column("bytes_sent")?.u64()?,
            bytes_received: table.column("bytes_received")?.u64()?,
            packets_sent: table.column("packets_sent")?.u64()?,
            packets_received: table.column("packets_received")?.u64()?,
            retransmits: table.column("retransmits")?.u32()?,
            rtt_us: table.column("rtt_us")?.u32()?,
            recorded_sent: table.column("recorded_sent")?.u64()?,
            recorded_received: table.column("recorded_received")?.u64()?,
            process: table.column("process")?.u32()?,
            process_name: table.column("process_name")?.str()?,
            endpoint: table.column("endpoint")?.u32()?,
        })
    }

    /// The rows that are connections.
    pub(super) fn connections(&self) -> impl Iterator<Item = usize> {
        (0..self.len).filter(|row| self.is_connection[*row])
    }

    /// The rows that are TCP connections.
    pub(super) fn tcp_connections(&self) -> impl Iterator<Item = usize> {
        self.connections().filter(|row| self.protocol.get(*row) == Some("tcp"))
    }

    /// Whether a row has a byte count in either direction.
    pub(super) fn is_counted(&self, row: usize) -> bool {
        self.recorded_sent.get(row).is_some() || self.recorded_received.get(row).is_some()
    }
}
