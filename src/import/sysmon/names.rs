//! The names that processes asked for before they connected.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::event::{Answer, Connection, ProcessKey};

/// Pairs of process and address that are kept.
const MOST_NAMES: usize = 500_000;

/// Names by their times.
type Times = BTreeMap<i64, Arc<str>>;

/// Answers by process and address.
#[derive(Debug, Default)]
pub(super) struct Names {
    answers: HashMap<(ProcessKey, IpAddr), Times>,
    /// The same by host: services look names up for others.
    of_hosts: HashMap<(String, IpAddr), Times>,
    count: usize,
    left_out: u64,
}

impl Names {
    /// Takes an answer.
    pub(super) fn add(&mut self, answer: &Answer) {
        if answer.name.is_empty() || answer.name.len() > 255 {
            return;
        }
        let name: Arc<str> = Arc::from(answer.name.as_str());
        for addr in &answer.addresses {
            if self.count >= MOST_NAMES {
                self.left_out += 1;
                continue;
            }
            self.count += 1;
            let of_process = self.answers.entry((answer.key.clone(), *addr)).or_default();
            of_process.insert(answer.ts_us, Arc::clone(&name));
            let of_host = self.of_hosts.entry((answer.computer.clone(), *addr)).or_default();
            of_host.insert(answer.ts_us, Arc::clone(&name));
        }
    }

    /// The name that the process of a connection, else its host, was last told for the address.
    pub(super) fn find(&self, connection: &Connection, remote: IpAddr) -> Option<Arc<str>> {
        let of_process = connection.guid.as_ref().and_then(|key| self.answers.get(&(key.clone(), remote)));
        let of_host = self.of_hosts.get(&(connection.computer.clone(), remote));
        [of_process, of_host]
            .into_iter()
            .flatten()
            .find_map(|times| times.range(..=connection.ts_us).next_back())
            .map(|(_, name)| Arc::clone(name))
    }

    /// How many did not fit.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}
