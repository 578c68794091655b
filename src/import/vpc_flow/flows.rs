//! Records of one flow joined: its two directions, and the intervals that follow each other.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::record::Record;
use crate::Result;
use crate::capture::{Counters, Protocol};
use crate::import::flow::comes_from_server;
use crate::import::log::{FlowRecord, Sink, StateHistory};
use crate::import::tcp_flags;

/// The longest aggregation interval of a flow log, µs. Records further apart than this, with nothing
/// between, are of two connections.
const INTERVAL_US: i64 = 600_000_000;

/// Flows that are kept; with more, all are handed over.
const MOST_FLOWS: usize = 500_000;

/// What a flow is found by: the interface that saw it, and what all its packets have in common.
type Key = (String, Protocol, Option<u16>, [(IpAddr, u16); 2]);

/// The directions of a flow, by which of the two ends sends: the lower one first, as in its [`Key`].
#[derive(Debug, Default, Clone, Copy)]
struct Direction {
    packets: Option<u64>,
    bytes: Option<u64>,
    flags: Option<u64>,
    was_accepted: bool,
    was_seen: bool,
}

/// A flow, as far as its records came.
#[derive(Debug)]
struct Flow {
    directions: [Direction; 2],
    span_us: (i64, i64),
    /// The direction of the earliest record.
    first: usize,
}

/// Flows whose records are still coming.
#[derive(Debug, Default)]
pub(super) struct Flows {
    open: BTreeMap<Key, Vec<Flow>>,
    count: usize,
    split: u64,
}

impl Direction {
    fn add(&mut self, record: &Record) {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        self.packets = sum(self.packets, record.packets);
        self.bytes = sum(self.bytes, record.bytes);
        self.flags = match (self.flags, record.tcp_flags) {
            (Some(a), Some(b)) => Some(a | b),
            (a, b) => a.or(b),
        };
        self.was_accepted |= !record.is_rejected;
        self.was_seen = true;
    }
}

impl Flow {
    fn new(record: &Record, direction: usize) -> Self {
        Self { directions: <[Direction; 2]>::default(), span_us: record.span_us, first: direction }
    }

    /// Whether a record goes on with this flow. A SYN after a FIN or a reset begins another.
    fn takes(&self, record: &Record, direction: usize) -> bool {
        let (first_us, last_us) = record.span_us;
        let is_near = first_us <= self.span_us.1 + INTERVAL_US && last_us >= self.span_us.0 - INTERVAL_US;
        let is_over = self.directions[direction]
            .flags
            .is_some_and(|flags| flags & (tcp_flags::FIN | tcp_flags::RST) != 0);
        let begins = record.tcp_flags.is_some_and(|flags| flags & tcp_flags::SYN != 0);
        is_near && !(is_over && begins && first_us >= self.span_us.0)
    }

    fn add(&mut self, record: &Record, direction: usize) {
        if record.span_us.0 < self.span_us.0 {
            self.first = direction;
        }
        self.span_us = (self.span_us.0.min(record.span_us.0), self.span_us.1.max(record.span_us.1));
        self.directions[direction].add(record);
    }

    /// The direction in which the originator sends.
    fn originator(&self, protocol: Protocol, ends: [(IpAddr, u16); 2]) -> usize {
        let opens = |direction: &Direction| {
            let flags = direction.flags.unwrap_or(0);
            flags & tcp_flags::SYN != 0 && flags & tcp_flags::ACK == 0
        };
        match self.directions.each_ref().map(opens) {
            [true, false] => 0,
            [false, true] => 1,
            // Which record of an interval comes first says nothing.
            _ if comes_from_server(protocol, ends[0].1, ends[1].1) => 1,
            _ if comes_from_server(protocol, ends[1].1, ends[0].1) => 0,
            _ => self.first,
        }
    }

    fn connection(&self, (_, protocol, protocol_number, ends): &Key) -> FlowRecord {
        let from = self.originator(*protocol, *ends);
        let (client, server) = (self.directions[from], self.directions[1 - from]);
        FlowRecord {
            uid: Vec::new(),
            protocol: *protocol,
            protocol_number: *protocol_number,
            originator: ends[from],
            responder: ends[1 - from],
            start_us: self.span_us.0,
            duration_us: Some(self.span_us.1 - self.span_us.0).filter(|duration_us| *duration_us > 0),
            counters: Counters {
                bytes_sent: client.bytes,
                bytes_received: server.bytes,
                packets_sent: client.packets,
                packets_received: server.packets,
                ..Counters::default()
            },
            course: course(*protocol, client, server),
            application: None,
        }
    }
}

/// How a flow went. What a security group dropped was an attempt; the rest is told by the flags, where
/// the log has them.
fn course(protocol: Protocol, client: Direction, server: Direction) -> StateHistory {
    if protocol != Protocol::Tcp {
        return StateHistory::STATELESS;
    }
    if !client.was_accepted && client.was_seen && !server.was_accepted {
        return StateHistory::ATTEMPT;
    }
    // AWS gives the flags of the SYN, SYN-ACK, FIN and RST packets alone: without any, it is 0.
    let flags = client.flags.map(|flags| if flags == 0 { tcp_flags::ACK } else { flags });
    tcp_flags::course(flags, server.flags)
}

impl Flows {
    /// Takes a record.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn take(&mut self, record: &Record, sink: &mut impl Sink) -> Result<()> {
        let (a, b) = (record.source, record.destination);
        let direction = usize::from(a > b);
        let key = (record.interface.clone(), record.protocol, record.protocol_number, [a.min(b), a.max(b)]);
        let flows = self.open.entry(key).or_default();
        if let Some(flow) = flows.iter_mut().find(|flow| flow.takes(record, direction)) {
            flow.add(record, direction);
        } else {
            let mut flow = Flow::new(record, direction);
            flow.add(record, direction);
            flows.push(flow);
            self.count += 1;
        }
        if self.count > MOST_FLOWS {
            self.split += self.count as u64;
            self.hand_over(sink)?;
        }
        Ok(())
    }

    /// Hands over all flows; gives how many were handed over before their time.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn finish(mut self, sink: &mut impl Sink) -> Result<u64> {
        self.hand_over(sink)?;
        Ok(self.split)
    }

    fn hand_over(&mut self, sink: &mut impl Sink) -> Result<()> {
        self.count = 0;
        for (key, flows) in std::mem::take(&mut self.open) {
            for flow in flows {
                sink.connection(&flow.connection(&key))?;
            }
        }
        Ok(())
    }
}
