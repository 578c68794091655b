//! Names of addresses, from the DNS answers that pass by.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use crate::wire::dns;

/// Addresses whose names are remembered; the oldest give way.
const MOST_NAMES: usize = 64 * 1024;

/// Programs keep an address longer than they are told to, in ns.
const LEAST_HOLD_NS: i64 = 600 * 1_000_000_000;

/// What addresses were asked for by which name.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: AHashMap<IpAddr, NamedAddress>,
    /// In the order in which they came.
    order: VecDeque<IpAddr>,
}

#[derive(Debug)]
struct NamedAddress {
    name: Arc<str>,
    until_ns: i64,
}

impl Names {
    /// Learns from a DNS message.
    pub(super) fn learn(&mut self, message: &[u8], now_ns: i64) {
        for answer in dns::answers(message) {
            let hold_ns = (i64::from(answer.ttl_s) * 1_000_000_000).max(LEAST_HOLD_NS);
            let known = NamedAddress { name: answer.name.into(), until_ns: now_ns.saturating_add(hold_ns) };
            if self.known.insert(answer.address, known).is_none() {
                self.order.push_back(answer.address);
            }
        }
        while self.order.len() > MOST_NAMES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.known.remove(&oldest);
        }
    }

    /// The name by which an address was asked for last, if that still holds.
    pub(super) fn of(&self, addr: IpAddr, now_ns: i64) -> Option<Arc<str>> {
        let known = self.known.get(&addr)?;
        (now_ns <= known.until_ns).then(|| Arc::clone(&known.name))
    }
}
