//! The input of detectors that weigh evidence: connections, their owners, and what is normal.

use super::appraisal::Appraisal;
use crate::Result;
use crate::model::detector::{Context, Outcome, Output};
use crate::model::finding::Finding;
use crate::model::orientation::Orientation;
use crate::model::peers::{Peer, PeerId, Peers};
use crate::model::processes::Processes;
use crate::model::records::TextId;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Sockets};
use crate::model::surroundings::Surroundings;

/// The connections of a capture, with everything needed to judge one of them.
pub struct Scene<'a> {
    /// Every connection.
    pub sockets: Sockets<'a>,
    /// Every process.
    pub processes: Processes<'a>,
    /// What is normal in this capture.
    pub surroundings: &'a Surroundings<'a>,
    /// Which end opened each connection.
    pub orientation: &'a Orientation<'a>,
    /// Every connection by client and service.
    peers: &'a Peers,
}

/// The two ends of a connection, by their address ids; sorted like the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ends {
    /// Address of the originator.
    pub client: TextId,
    /// Address of the responder.
    pub server: TextId,
    /// Port of the server; 0 if the protocol has no ports.
    pub port: u16,
}

/// A client and a service, with the rows of their connections in time order.
pub type ByPeer<'a> = (Peer<'a>, Vec<usize>);

impl<'a> Scene<'a> {
    /// The input of a detector. Expensive parts are computed once for all detectors.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a table lacks a column: a bug.
    pub fn of<'c: 'a>(context: &'a Context<'c>) -> Result<Self> {
        let sockets = Sockets::new(context.tables)?;
        Ok(Self {
            processes: Processes::of(context.tables)?,
            surroundings: context.surroundings(&sockets),
            orientation: context.orientation(&sockets),
            peers: context.peers(&sockets),
            sockets,
        })
    }

    /// Appraises the connections of a finding: their programs and their destination.
    pub fn appraise(&self, members: SocketSubset<'_, '_>) -> Appraisal {
        Appraisal::new(members, &self.processes, self.surroundings)
    }

    /// Client, server and server port of the connection in a row; `None` if it has no remote.
    pub fn ends(&self, row: usize) -> Option<Ends> {
        let socket = self.sockets.get(row);
        let (local, remote) = (self.sockets.local_addr_id(row), self.sockets.remote_addr_id(row)?);
        Some(if self.orientation.is_originator(&socket) {
            Ends { client: local, server: remote, port: socket.remote_port.unwrap_or_default() }
        } else {
            Ends { client: remote, server: local, port: socket.local_port() }
        })
    }

    /// The connections that `is_wanted` accepts, of every client and service that `is_asked`
    /// accepts by id and number of connections: most are rejected by that, and their texts are
    /// never read. Sorted by peer.
    pub fn by_peer<'s>(
        &'s self,
        is_asked: impl Fn(&PeerId, usize) -> bool + 's,
        is_wanted: impl Fn(&Socket<'a>) -> bool + 's,
    ) -> impl Iterator<Item = ByPeer<'a>> + 's {
        let asked = self.peers.iter().filter(move |(peer, rows)| is_asked(peer, rows.len()));
        asked.filter_map(move |(peer, rows)| {
            let rows = rows.iter().map(|row| *row as usize);
            let rows: Vec<usize> = rows.filter(|row| is_wanted(&self.sockets.get(*row))).collect();
            (!rows.is_empty()).then(|| (self.sockets.peer(peer), rows))
        })
    }
}

/// Runs a detector of connections opened during the recording: skipped if that is unknown; the
/// findings of `find` are sorted worst first.
///
/// # Errors
/// [`crate::Error::Analysis`] if a table lacks a column: a bug.
pub fn detect<'a, 'c: 'a>(
    context: &'a Context<'c>,
    find: impl FnOnce(&Scene<'a>) -> Result<Found>,
) -> Result<Outcome> {
    let scene = Scene::of(context)?;
    if let Some(skipped) = Outcome::skipped_if_nothing_opened(context.tables, &scene.sockets) {
        return Ok(skipped);
    }
    let Found { mut findings, limits } = find(&scene)?;
    findings.sort_by(Finding::worst_first);
    Ok(Outcome::Ran(Output { findings, limits, ..Output::default() }))
}

/// The findings of a detector, and the limits of the capture.
#[derive(Debug, Default)]
pub struct Found {
    /// In any order.
    pub findings: Vec<Finding>,
    /// One sentence each.
    pub limits: Vec<String>,
}

impl From<Vec<Finding>> for Found {
    fn from(findings: Vec<Finding>) -> Self {
        Self { findings, limits: Vec::new() }
    }
}
