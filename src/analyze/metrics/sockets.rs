//! The columns of the table of connections that the metrics read.

use polars::prelude::{DataFrame, Float64Type, UInt16Type, UInt32Type, UInt64Type};

use crate::Result;
use crate::model::view::{Flags, Numbers, Words};

/// The table of connections, by column.
pub(super) struct Sockets<'a> {
    pub(super) len: usize,
    /// Whether the row is a connection: a socket with a remote.
    pub(super) is_connection: Vec<bool>,
    /// Whether it is one of TCP.
    is_tcp_connection: Vec<bool>,
    pub(super) role: Words<'a>,
    pub(super) protocol: Words<'a>,
    pub(super) local_addr: Words<'a>,
    pub(super) local_port: Numbers<'a, UInt16Type>,
    pub(super) remote_port: Numbers<'a, UInt16Type>,
    pub(super) remote_scope: Words<'a>,
    pub(super) country_code: Words<'a>,
    pub(super) direction: Words<'a>,
    pub(super) state: Words<'a>,
    pub(super) duration_s: Numbers<'a, Float64Type>,
    pub(super) opened: Flags<'a>,
    pub(super) closed: Flags<'a>,
    pub(super) bytes_sent: Numbers<'a, UInt64Type>,
    pub(super) bytes_received: Numbers<'a, UInt64Type>,
    pub(super) packets_sent: Numbers<'a, UInt64Type>,
    pub(super) packets_received: Numbers<'a, UInt64Type>,
    pub(super) retransmits: Numbers<'a, UInt32Type>,
    pub(super) rtt_us: Numbers<'a, UInt32Type>,
    pub(super) recorded_sent: Numbers<'a, UInt64Type>,
    pub(super) recorded_received: Numbers<'a, UInt64Type>,
    pub(super) process: Numbers<'a, UInt32Type>,
    pub(super) process_name: Words<'a>,
    pub(super) endpoint: Numbers<'a, UInt32Type>,
}

impl<'a> Sockets<'a> {
    pub(super) fn of(table: &'a DataFrame) -> Result<Self> {
        let (len, role) = (table.height(), Words::of(table, "role")?);
        let protocol = Words::of(table, "protocol")?;
        let is_connection: Vec<bool> = (0..len).map(|row| role.get(row) == Some("connection")).collect();
        let is_tcp =
            |(row, is_connection): (usize, &bool)| *is_connection && protocol.get(row) == Some("tcp");
        Ok(Self {
            len,
            is_tcp_connection: is_connection.iter().enumerate().map(is_tcp).collect(),
            is_connection,
            role,
            protocol,
            local_addr: Words::of(table, "local_addr")?,
            local_port: Numbers::of(table, "local_port")?,
            remote_port: Numbers::of(table, "remote_port")?,
            remote_scope: Words::of(table, "remote_scope")?,
            country_code: Words::of(table, "country_code")?,
            direction: Words::of(table, "direction")?,
            state: Words::of(table, "state")?,
            duration_s: Numbers::of(table, "duration_s")?,
            opened: Flags::of(table, "opened_in_recording")?,
            closed: Flags::of(table, "closed_in_recording")?,
            bytes_sent: Numbers::of(table, "bytes_sent")?,
            bytes_received: Numbers::of(table, "bytes_received")?,
            packets_sent: Numbers::of(table, "packets_sent")?,
            packets_received: Numbers::of(table, "packets_received")?,
            retransmits: Numbers::of(table, "retransmits")?,
            rtt_us: Numbers::of(table, "rtt_us")?,
            recorded_sent: Numbers::of(table, "recorded_sent")?,
            recorded_received: Numbers::of(table, "recorded_received")?,
            process: Numbers::of(table, "process")?,
            process_name: Words::of(table, "process_name")?,
            endpoint: Numbers::of(table, "endpoint")?,
        })
    }

    /// The rows that are connections.
    pub(super) fn connections(&self) -> impl Iterator<Item = usize> {
        (0..self.len).filter(|row| self.is_connection[*row])
    }

    /// The rows that are TCP connections.
    pub(super) fn tcp_connections(&self) -> impl Iterator<Item = usize> {
        (0..self.len).filter(|row| self.is_tcp_connection[*row])
    }

    /// Whether a row has a byte count in either direction.
    pub(super) fn is_counted(&self, row: usize) -> bool {
        self.recorded_sent.get(row).is_some() || self.recorded_received.get(row).is_some()
    }
}
