//! Netflow events: one for each direction of a flow.
//!
//! Suricata logs the direction of the originator first and the other right after it, if there were
//! packets of it. Both have the number of the flow, its ends and its times.

use std::collections::BTreeMap;

use super::event::Event;
use super::{application, flow};
use crate::Result;
use crate::capture::{Counters, Protocol};
use crate::import::flow::comes_from_server;
use crate::import::log::{FlowRecord, Sink, StateHistory};
use crate::import::tcp_flags;

/// Directions that wait for their other one; with more, all are handed over.
const MOST_WAITING: usize = 500_000;

/// Reads one direction: what its source sent; none if it lacks what names a connection.
pub(super) fn read(event: &Event) -> Option<FlowRecord> {
    let (protocol, protocol_number) = event.protocol()?;
    let start_us = event.timestamp(&["netflow", "start"])?.us;
    let end_us = event.timestamp(&["netflow", "end"]).map(|ts| ts.us);
    let (originator, responder) = event.ends()?;
    Some(FlowRecord {
        uid: event.flow_uid(),
        protocol,
        protocol_number,
        originator,
        responder,
        start_us,
        duration_us: end_us.filter(|end_us| *end_us >= start_us).map(|end_us| end_us - start_us),
        counters: Counters {
            bytes_sent: event.number(&["netflow", "bytes"]),
            packets_sent: event.number(&["netflow", "pkts"]),
            ..Counters::default()
        },
        course: StateHistory::STATELESS,
        application: application::of_flow(event),
    })
}

/// What one direction is found by: the flow, or where it has no number its ends and its start.
type Key = (Vec<u8>, Protocol, [(std::net::IpAddr, u16); 2], i64);

/// One direction of a flow.
#[derive(Debug)]
struct Half {
    sent: FlowRecord,
    flags: Option<u64>,
    /// Its place among all events.
    order: u64,
}

/// Directions that wait for their other one.
#[derive(Debug, Default)]
pub(super) struct NetFlows {
    waiting: BTreeMap<Key, Half>,
    taken: u64,
    last_us: i64,
    /// Whether the events so far stand in the order of time, as Suricata writes them.
    is_reversed: bool,
}

impl NetFlows {
    /// Takes a direction; hands the flow over if its other one was there.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn take(&mut self, event: &Event, sent: FlowRecord, sink: &mut impl Sink) -> Result<()> {
        let ts_us = event.ts_us().unwrap_or(self.last_us);
        self.is_reversed |= self.taken > 0 && ts_us < self.last_us;
        self.last_us = ts_us;
        self.taken += 1;
        let (a, b) = (sent.originator, sent.responder);
        let key = (sent.uid.clone(), sent.protocol, [a.min(b), a.max(b)], sent.start_us);
        let half = Half { sent, flags: flow::flags(event, "tcp_flags"), order: self.taken };
        match self.waiting.remove(&key) {
            Some(other) if other.sent.originator != half.sent.originator => {
                sink.connection(&self.join(other, half))
            }
            // The same direction again: the record is there twice.
            Some(other) => {
                self.waiting.insert(key, other);
                Ok(())
            }
            None => {
                self.waiting.insert(key, half);
                if self.waiting.len() > MOST_WAITING { self.hand_over(sink) } else { Ok(()) }
            }
        }
    }

    /// Hands over the flows of which one direction is known.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn finish(mut self, sink: &mut impl Sink) -> Result<()> {
        self.hand_over(sink)
    }

    fn hand_over(&mut self, sink: &mut impl Sink) -> Result<()> {
        let mut halves: Vec<Half> = std::mem::take(&mut self.waiting).into_values().collect();
        halves.sort_by_key(|half| half.order);
        for half in halves {
            sink.connection(&alone(half))?;
        }
        Ok(())
    }

    /// The flow of two directions, of which `first` came first.
    fn join(&self, first: Half, second: Half) -> FlowRecord {
        let (source, destination) = (first.sent.originator.1, first.sent.responder.1);
        // In an export that is sorted anew, the order says nothing.
        let is_flipped = self.is_reversed && comes_from_server(first.sent.protocol, source, destination);
        let (client, server) = if is_flipped { (second, first) } else { (first, second) };
        let course = match client.sent.protocol {
            Protocol::Tcp => tcp_flags::course(client.flags, server.flags),
            _ => StateHistory::STATELESS,
        };
        FlowRecord {
            counters: Counters {
                bytes_received: server.sent.counters.bytes_sent,
                packets_received: server.sent.counters.packets_sent,
                ..client.sent.counters
            },
            duration_us: client.sent.duration_us.max(server.sent.duration_us),
            course,
            ..client.sent
        }
    }
}

/// A flow of which one direction is known: nothing is known of what came back.
fn alone(half: Half) -> FlowRecord {
    let course = match half.sent.protocol {
        Protocol::Tcp => tcp_flags::course(half.flags, None),
        _ => StateHistory::STATELESS,
    };
    FlowRecord { course, ..half.sent }
}
