//! What detectors that judge by evidence look at: connections, their owners, and what is normal.

use std::collections::BTreeMap;

use ahash::AHashMap;

use super::appraisal::Appraisal;
use super::peers::Peer;
use crate::Result;
use crate::model::detector::{Context, Outcome, Output};
use crate::model::finding::Finding;
use crate::model::members::Members;
use crate::model::orientation::Orientation;
use crate::model::processes::Processes;
use crate::model::sockets::{Socket, Sockets};
use crate::model::surroundings::Surroundings;

/// The connections of a capture, with everything that one of them is judged by.
pub struct Scene<'a> {
    /// Every connection.
    pub sockets: Sockets<'a>,
    /// Every process.
    pub processes: Processes<'a>,
    /// What is normal in this capture.
    pub surroundings: &'a Surroundings<'a>,
    /// Which end opened each connection.
    pub orientation: &'a Orientation<'a>,
}

impl<'a> Scene<'a> {
    /// What a detector is given, ready to be looked at. What is expensive is computed once for all detectors.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a table lacks a column: a bug.
    pub fn of<'c: 'a>(context: &'a Context<'c>) -> Result<Self> {
        let sockets = Sockets::new(context.tables)?;
        Ok(Self {
            processes: Processes::of(context.tables)?,
            surroundings: context.surroundings(&sockets),
            orientation: context.orientation(&sockets),
            sockets,
        })
    }

    /// What is known of the connections of a finding: their programs and their destination.
    pub fn appraise(&self, members: Members<'_, '_>) -> Appraisal {
        Appraisal::new(members, &self.processes, self.surroundings)
    }

    /// The rows of every client and service that `wanted` accepts, in the order of time; ordered by peer.
    pub fn by_peer(&self, wanted: impl Fn(&Socket<'a>, &Peer<'a>) -> bool) -> BTreeMap<Peer<'a>, Vec<usize>> {
        // By hash first: a flood has hundreds of thousands of peers, and each comparison of two reads their addresses.
        let mut peers: AHashMap<Peer<'a>, Vec<usize>> = AHashMap::new();
        for (row, socket) in self.sockets.iter().enumerate() {
            if let Some(peer) = Peer::new(&socket, self.orientation).filter(|peer| wanted(&socket, peer)) {
                peers.entry(peer).or_default().push(row);
            }
        }
        peers.into_iter().collect()
    }
}

/// Runs a detector of what was opened during the recording: skipped where that cannot be known, and what
/// `find` gives is told worst first.
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

/// What a detector found, and what the capture did not allow it to see.
#[derive(Debug, Default)]
pub struct Found {
    /// In any order.
    pub findings: Vec<Finding>,
    /// In sentences.
    pub limits: Vec<String>,
}

impl From<Vec<Finding>> for Found {
    fn from(findings: Vec<Finding>) -> Self {
        Self { findings, limits: Vec::new() }
    }
}
