//! The table of connections as the metrics read it.

use std::ops::Deref;

use crate::Result;
use crate::capture::Protocol;
use crate::model::frame::DataFrame;
use crate::model::records::Role;
use crate::model::tables::SocketColumns;

/// The table of connections, by column, with what the metrics ask of every row.
pub(super) struct Sockets<'a> {
    columns: SocketColumns<'a>,
    /// Whether the row is a connection: a socket with a remote.
    is_connection: Vec<bool>,
    /// Whether it is one of TCP.
    is_tcp_connection: Vec<bool>,
}

impl<'a> Sockets<'a> {
    pub(super) fn new(table: &'a DataFrame) -> Result<Self> {
        let columns = SocketColumns::of(table)?;
        let is_connection: Vec<bool> =
            (0..columns.len()).map(|row| columns.role(row) == Role::Connection).collect();
        let is_tcp =
            |(row, is_connection): (usize, &bool)| *is_connection && columns.protocol(row) == Protocol::Tcp;
        let is_tcp_connection = is_connection.iter().enumerate().map(is_tcp).collect();
        Ok(Self { columns, is_connection, is_tcp_connection })
    }

    /// The rows that are connections.
    pub(super) fn connections(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|row| self.is_connection[*row])
    }

    /// The rows that are TCP connections.
    pub(super) fn tcp_connections(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|row| self.is_tcp_connection[*row])
    }

    /// Whether a row has a byte count in either direction.
    pub(super) fn is_counted(&self, row: usize) -> bool {
        self.recorded_sent(row).is_some() || self.recorded_received(row).is_some()
    }
}

impl<'a> Deref for Sockets<'a> {
    type Target = SocketColumns<'a>;

    fn deref(&self) -> &SocketColumns<'a> {
        &self.columns
    }
}
