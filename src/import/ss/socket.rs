//! A socket as a tool prints it.

use super::end;
use super::end::{End, Fault, Fit};
use crate::capture::{Counters, Owner, Protocol, TcpState, stable_id};

/// A line of a table of sockets, and for `ss -i` the line of details below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Socket {
    pub(super) protocol: Protocol,
    /// Whether the line or the table said which protocol it is.
    pub(super) has_protocol: bool,
    pub(super) state: Option<TcpState>,
    pub(super) local: End,
    pub(super) remote: Option<End>,
    pub(super) counters: Counters,
    /// Whether there were details of `ss -i`, in which counters could stand.
    pub(super) has_details: bool,
    pub(super) owner: Owner,
    /// The kernel's cookie, where it was asked for (`-e`).
    pub(super) cookie: Option<u64>,
    pub(super) inode: Option<u64>,
    /// Whether its state is in words that are not known.
    pub(super) has_unknown_state: bool,
    /// Whether an end may be a part of another one.
    pub(super) fit: Fit,
}

impl Socket {
    /// A socket with these ends and nothing else.
    pub(super) fn between(local: &str, remote: &str, protocol: Protocol) -> Result<Self, Fault> {
        let (local_end, remote_end) = (end::parse(local, protocol)?, end::parse(remote, protocol)?);
        Ok(Self {
            protocol,
            has_protocol: true,
            state: None,
            local: local_end,
            // A port alone names nobody: a table has that for sockets without a peer.
            remote: Some(remote_end).filter(|(addr, port)| *port != 0 && !addr.is_unspecified()),
            counters: Counters::default(),
            has_details: false,
            owner: Owner::default(),
            cookie: None,
            inode: None,
            has_unknown_state: false,
            fit: Fit::Whole,
        })
    }

    /// The kernel's cookie; where it was not asked for, a hash of what names the socket.
    pub(super) fn conn_id(&self) -> u64 {
        let pointer = match self.cookie {
            // Early versions print where the socket lies in memory, and that is used again.
            Some(cookie) if cookie >> 48 == 0 => return cookie,
            pointer => pointer,
        };
        let name = match pointer {
            Some(pointer) => format!("{:?} {:?} {:?} {pointer:x}", self.protocol, self.local, self.remote),
            None => format!("{:?} {:?} {:?}", self.protocol, self.local, self.remote),
        };
        stable_id(name.as_bytes())
    }
}

/// What a line is.
#[derive(Debug)]
pub(super) enum Parsed {
    Socket(Box<Socket>),
    /// A socket of TCP or UDP that cannot be used, and why.
    Fault(Fault),
    /// A socket of another family, or of a protocol that is called so.
    Other(String),
    /// No socket.
    Nothing,
}

impl From<Result<Socket, Fault>> for Parsed {
    fn from(socket: Result<Socket, Fault>) -> Self {
        socket.map_or_else(Self::Fault, |socket| Self::Socket(Box::new(socket)))
    }
}

/// A name that a tool printed, bounded.
pub(super) fn process_name(text: &str) -> Option<String> {
    let name: String = text.trim().chars().take(255).collect();
    (!name.is_empty()).then_some(name)
}
