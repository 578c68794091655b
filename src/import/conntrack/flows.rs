//! What lines of conntrack tell of one connection, put together.

use std::collections::BTreeMap;

use super::entry::{ConntrackEntry, Direction, End, Happening};
use crate::Result;
use crate::capture::{Counters, Protocol, TcpState};
use crate::import::log::{FlowRecord, Sink, StateHistory};

/// Connections that are kept; with more, all are handed over.
const MOST_FLOWS: usize = 500_000;

const SECOND_US: i64 = 1_000_000;

/// What a connection is found by: the ends that its packets have before they are translated.
type Key = (Protocol, Option<u16>, End, End);

/// A connection, as far as its lines came.
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "what is known of a connection, each independent of the others"
)]
struct Flow {
    span_us: (i64, i64),
    was_new: bool,
    was_established: bool,
    is_unreplied: bool,
    has_ended: bool,
    state: Option<TcpState>,
    original: Direction,
    reply: Direction,
}

/// The connections so far.
#[derive(Debug, Default)]
pub(super) struct Flows {
    open: BTreeMap<Key, Flow>,
    /// Connections whose responder is not whom the originator addressed.
    pub(super) translated: u64,
    /// Connections that were handed over before their time.
    pub(super) split: u64,
}

impl Flows {
    /// Takes what a line tells of a moment.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn take(&mut self, entry: &ConntrackEntry, at_us: i64, sink: &mut impl Sink) -> Result<()> {
        let key = (entry.protocol, entry.protocol_number, entry.original.source, entry.original.destination);
        if self.open.get(&key).is_some_and(|flow| flow.is_over(entry))
            && let Some(over) = self.open.remove(&key)
        {
            self.hand_over(&key, &over, sink)?;
        }
        self.open.entry(key).or_insert_with(|| Flow::new(entry, at_us)).add(entry, at_us);
        if self.open.len() > MOST_FLOWS {
            self.split += self.open.len() as u64;
            self.finish(sink)?;
        }
        Ok(())
    }

    /// Hands over all connections.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) -> Result<()> {
        std::mem::take(&mut self.open).iter().try_for_each(|(key, flow)| self.hand_over(key, flow, sink))
    }

    fn hand_over(&mut self, key: &Key, flow: &Flow, sink: &mut impl Sink) -> Result<()> {
        self.translated += u64::from(flow.reply.source != flow.original.destination);
        sink.connection(&flow.record(key))
    }
}

impl Flow {
    fn new(entry: &ConntrackEntry, at_us: i64) -> Self {
        Self {
            span_us: (at_us, at_us),
            was_new: false,
            was_established: false,
            is_unreplied: true,
            has_ended: false,
            state: None,
            original: entry.original,
            reply: entry.reply,
        }
    }

    /// Whether an entry with the same ends is of a later connection: this one has ended, or its counts would
    /// go back.
    fn is_over(&self, entry: &ConntrackEntry) -> bool {
        let goes_back =
            |now: Direction, before: Direction| now.bytes.zip(before.bytes).is_some_and(|(a, b)| a < b);
        self.has_ended
            || entry.happening == Happening::New
            || goes_back(entry.original, self.original)
            || goes_back(entry.reply, self.reply)
    }

    fn add(&mut self, entry: &ConntrackEntry, at_us: i64) {
        let started_us = entry.start.map(|start| start.ts_us).or_else(|| {
            let age_us = i64::try_from(entry.age_s?).ok()?.checked_mul(SECOND_US)?;
            at_us.checked_sub(age_us)
        });
        let last_us = entry.stop.map_or(at_us, |stop| stop.ts_us);
        let first_us = self.span_us.0.min(started_us.unwrap_or(at_us));
        self.span_us = (first_us, self.span_us.1.max(last_us).max(first_us));
        self.was_new |= entry.happening == Happening::New;
        self.was_established |= entry.is_assured || entry.state == Some(TcpState::Established);
        // An event at the end leaves out the state.
        self.state = entry.state.or(self.state);
        // The kernel takes the mark back when the first answer comes.
        self.is_unreplied &= entry.is_unreplied;
        self.has_ended |= entry.happening == Happening::Destroy;
        let counted = |now: Direction, before: Direction| Direction {
            packets: now.packets.or(before.packets),
            bytes: now.bytes.or(before.bytes),
            ..now
        };
        (self.original, self.reply) =
            (counted(entry.original, self.original), counted(entry.reply, self.reply));
    }

    fn record(&self, (protocol, protocol_number, originator, _): &Key) -> FlowRecord {
        FlowRecord {
            uid: Vec::new(),
            protocol: *protocol,
            protocol_number: *protocol_number,
            originator: *originator,
            // Whoever answers, which is another than was addressed where the destination is translated.
            responder: self.reply.source,
            start_us: self.span_us.0,
            duration_us: Some(self.span_us.1 - self.span_us.0).filter(|duration_us| *duration_us > 0),
            counters: Counters {
                bytes_sent: self.original.bytes,
                bytes_received: self.reply.bytes,
                packets_sent: self.original.packets,
                packets_received: self.reply.packets,
                ..Counters::default()
            },
            course: self.course(*protocol),
            application: None,
        }
    }

    fn course(&self, protocol: Protocol) -> StateHistory {
        let seen =
            StateHistory { was_opened: self.was_new, has_ended: self.has_ended, ..StateHistory::STATELESS };
        if protocol != Protocol::Tcp {
            return seen;
        }
        let middle = self.was_established.then_some(TcpState::Established);
        let first = (self.was_new || self.is_unreplied).then_some(TcpState::SynSent);
        let last = match (self.has_ended, self.is_unreplied) {
            // Nobody answered.
            (_, true) => Some(TcpState::SynSent),
            (true, false) => Some(TcpState::Close),
            (false, false) => self.state,
        };
        StateHistory { first, middle: middle.filter(|middle| Some(*middle) != last), last, ..seen }
    }
}
