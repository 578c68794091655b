//! The connections of a capture, grouped by client and service.

use super::groups::Groups;
use super::ids::SourceId;
use super::orientation::Orientation;
use super::records::{Direction, TextId};
use super::sockets::{Sockets, Source};
use crate::capture::Protocol;

/// The role of the local side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The local side opened the connection.
    Client,
    /// The remote opened it.
    Server,
}

/// A client and a service: all connections between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer<'a> {
    /// Whether the local side is the client or the server.
    pub side: Side,
    /// The local side: its process, or its address.
    pub source: Source<'a>,
    /// Local address.
    pub local_addr: &'a str,
    /// Remote address.
    pub remote_addr: &'a str,
    /// Port of the service.
    pub port: u16,
    /// Transport protocol.
    pub protocol: Protocol,
}

impl<'a> Peer<'a> {
    /// The client's address, and the server's.
    pub fn client_and_server(&self) -> (&'a str, &'a str) {
        match self.side {
            Side::Client => (self.local_addr, self.remote_addr),
            Side::Server => (self.remote_addr, self.local_addr),
        }
    }
}

/// A [`Peer`] as ids, which sort in the order of peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    /// Whether the local side is the client or the server.
    pub side: Side,
    /// The local side: its process, or its address.
    pub source: SourceId,
    /// Local address.
    pub local_addr: TextId,
    /// Remote address.
    pub remote_addr: TextId,
    /// Port of the service.
    pub port: u16,
    /// Transport protocol.
    pub protocol: Protocol,
}

impl PeerId {
    /// The client's address, and the server's.
    pub fn client_and_server(&self) -> (TextId, TextId) {
        match self.side {
            Side::Client => (self.local_addr, self.remote_addr),
            Side::Server => (self.remote_addr, self.local_addr),
        }
    }
}

/// The rows of every pair of client and service.
#[derive(Debug)]
pub struct Peers(Groups<PeerId>);

impl Peers {
    /// From every connection, except the accepting end if the capture also has the other end.
    pub fn new(sockets: &Sockets<'_>, orientation: &Orientation<'_>) -> Self {
        let mut keyed = Vec::with_capacity(sockets.len());
        for (row, socket) in sockets.iter().enumerate() {
            let Some(remote_addr) = sockets.remote_addr_id(row) else { continue };
            let is_inbound = socket.direction == Some(Direction::Inbound);
            if !is_inbound && !orientation.is_originator(&socket) {
                continue;
            }
            let port = if is_inbound { socket.local_port } else { socket.remote_port };
            let peer = PeerId {
                side: if is_inbound { Side::Server } else { Side::Client },
                source: sockets.source_id(row),
                local_addr: sockets.local_addr_id(row),
                remote_addr,
                port: port.unwrap_or_default(),
                protocol: socket.protocol,
            };
            keyed.push((peer, row as u32));
        }
        Self(Groups::new(keyed))
    }

    /// Every pair of client and service with the rows of its connections.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, &[u32])> {
        self.0.iter()
    }
}

impl<'a> Sockets<'a> {
    /// The peer of an id.
    pub fn peer(&self, id: PeerId) -> Peer<'a> {
        let PeerId { side, source, local_addr, remote_addr, port, protocol } = id;
        Peer {
            side,
            source: self.source(source),
            local_addr: self.text(local_addr),
            remote_addr: self.text(remote_addr),
            port,
            protocol,
        }
    }
}
