//! A finding with the properties that a hypothesis can test.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ahash::{AHashMap, AHashSet};

use crate::Result;
use crate::model::finding::Finding;
use crate::model::records::Direction;
use crate::model::records::Scope;
use crate::model::scope::scope;
use crate::model::sockets::{Socket, Sockets};
use crate::model::tables::Tables;

/// A finding, and the connections that it lists.
#[derive(Debug)]
pub struct Fact<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// Whether one of its connections goes outside the host's own and private networks.
    pub is_beyond: bool,
    /// Whether all of its connections were opened by their remote.
    pub is_inbound: bool,
    /// Whether it is about listening sockets only.
    pub is_listener: bool,
    /// The remote addresses of its connections.
    pub remotes: BTreeSet<&'a str>,
}

impl<'a> Fact<'a> {
    fn of(finding: &'a Finding, known: &AHashMap<u64, Socket<'a>>) -> Self {
        let sockets: Vec<_> = finding.evidence.connections.iter().filter_map(|id| known.get(id)).collect();
        let all = |holds: fn(&Socket<'_>) -> bool| !sockets.is_empty() && sockets.iter().all(|s| holds(s));
        let addr = finding.judgement.entities.remote_addr.as_deref();
        let is_public = addr.and_then(|addr| addr.parse::<IpAddr>().ok()).map(scope) == Some(Scope::Public);
        Self {
            finding,
            is_beyond: is_public || sockets.iter().any(|s| s.is_beyond_local_networks()),
            is_inbound: all(|s| s.direction == Some(Direction::Inbound)),
            is_listener: all(|s| s.protocol.has_ports() && s.remote().is_none()),
            remotes: sockets.iter().filter_map(|s| s.remote()).map(|(addr, _)| addr).collect(),
        }
    }

    /// The actor: the process by its name, or else the local address.
    pub fn actor(&self) -> Option<&'a str> {
        let entities = &self.finding.judgement.entities;
        entities.program().or(entities.local_addr.as_deref())
    }

    /// The remote address, if there is a single one, or else the name.
    pub fn destination(&self) -> Option<&'a str> {
        let entities = &self.finding.judgement.entities;
        entities.remote_addr.as_deref().or(entities.remote_name.as_deref())
    }

    /// Number of hosts concerned: those that a scan tried, else those of its connections.
    pub fn hosts(&self) -> usize {
        let tried = self.measured("hosts tried").or_else(|| self.measured("hosts"));
        tried.map_or(self.remotes.len(), |hosts| hosts as usize)
    }

    /// Whether the finding has this ATT&CK technique or a sub-technique of it.
    pub fn has_technique(&self, id: &str) -> bool {
        self.finding.judgement.attack.iter().any(|technique| technique.starts_with(id))
    }

    /// A measured value of the finding, by its name.
    pub fn measured(&self, name: &str) -> Option<f64> {
        self.finding.evidence.measurements.iter().find(|m| m.name == name).map(|m| m.value)
    }
}

/// The findings as facts, in order.
pub(super) fn facts<'a>(findings: &[&'a Finding], tables: &'a Tables) -> Result<Vec<Fact<'a>>> {
    if findings.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: AHashSet<u64> =
        findings.iter().flat_map(|finding| finding.evidence.connections.iter().copied()).collect();
    let known = Sockets::new(tables)?.find(&wanted);
    Ok(findings.iter().map(|finding| Fact::of(finding, &known)).collect())
}
