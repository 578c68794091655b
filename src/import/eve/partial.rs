//! Flows that other events tell of: alerts, requests, answers. They become connections only if no
//! flow event tells of the same flow, in whatever order the events come.

use std::collections::hash_map::Entry;

use ahash::{AHashMap, AHashSet, RandomState};

use super::event::Event;
use super::{application, flow};
use crate::Result;
use crate::capture::{Counters, Protocol, TcpState};
use crate::import::flow::comes_from_server;
use crate::import::log::{FlowRecord, Sink, StateHistory};

/// Flows that wait for their flow event, and flows that had theirs.
const MOST_WAITING: usize = 1_000_000;
const MOST_DONE: usize = 8_000_000;

/// Flows that wait for their flow event.
#[derive(Debug, Default)]
pub(super) struct PartialFlows {
    hasher: RandomState,
    waiting: AHashMap<u64, Partial>,
    /// Hashes of those that had theirs.
    done: AHashSet<u64>,
    /// First events of flows whose flow event came later.
    superseded: u64,
    left_out: u64,
}

/// What became of the flows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Connections that were handed over.
    pub(super) used: u64,
    /// Flows whose flow event came after another event of theirs.
    pub(super) superseded: u64,
    /// Flows that were not kept, as there were too many.
    pub(super) left_out: u64,
}

#[derive(Debug)]
struct Partial {
    flow: FlowRecord,
    last_us: i64,
    /// Its place among all.
    order: usize,
    /// Whether an event said which side opened it.
    has_direction: bool,
}

impl PartialFlows {
    /// Notes what an event says of its flow; true if the event will be counted at the end, as it is
    /// the first of its flow.
    pub(super) fn note(&mut self, event: &Event) -> bool {
        let Some(next) = Partial::new(event) else { return false };
        let key = self.hasher.hash_one(&next.flow.uid);
        if self.done.contains(&key) {
            return false;
        }
        let order = self.waiting.len();
        let is_full = order >= MOST_WAITING || self.done.len() >= MOST_DONE;
        match self.waiting.entry(key) {
            Entry::Occupied(mut known) => {
                known.get_mut().add(&next);
                false
            }
            Entry::Vacant(_) if is_full => {
                self.left_out += 1;
                false
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Partial { order, ..next });
                true
            }
        }
    }

    /// Notes that a flow event has told of a flow.
    pub(super) fn done(&mut self, event: &Event) {
        let uid = event.flow_uid();
        if uid.is_empty() {
            return;
        }
        let key = self.hasher.hash_one(&uid);
        if self.done.len() < MOST_DONE {
            self.done.insert(key);
        }
        self.superseded += u64::from(self.waiting.remove(&key).is_some());
    }

    /// Hands over the flows that no flow event has told of.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn finish(self, sink: &mut impl Sink) -> Result<Totals> {
        let mut waiting: Vec<Partial> = self.waiting.into_values().collect();
        waiting.sort_by_key(|partial| partial.order);
        let totals =
            Totals { used: waiting.len() as u64, superseded: self.superseded, left_out: self.left_out };
        for partial in waiting {
            sink.connection(&partial.into_connection())?;
        }
        Ok(totals)
    }
}

impl Partial {
    fn new(event: &Event) -> Option<Self> {
        let uid = event.flow_uid();
        let (Some((protocol, protocol_number)), false) = (event.protocol(), uid.is_empty()) else {
            return None;
        };
        let ts_us = event.ts_us()?;
        let start_us = event.timestamp(&["flow", "start"]).map(|ts| ts.us);
        let (originator, responder) = event.ends()?;
        let is_application = matches!(event.kind(), "tls" | "quic" | "http" | "ssh" | "smtp");
        // The source of an alert is that of its packet.
        let has_direction = event.kind() != "alert" || event.has_direction();
        Some(Self {
            flow: FlowRecord {
                uid,
                protocol,
                protocol_number,
                originator,
                responder,
                start_us: start_us.unwrap_or(ts_us),
                duration_us: None,
                counters: flow::counters(event),
                course: StateHistory {
                    was_opened: start_us.is_some(),
                    first: None,
                    middle: None,
                    last: (protocol == Protocol::Tcp && is_application).then_some(TcpState::Established),
                    has_ended: false,
                },
                application: application::of_flow(event),
            },
            last_us: ts_us,
            order: 0,
            has_direction,
        })
    }

    /// Adds what a later event says: counts grow with time.
    fn add(&mut self, next: &Self) {
        let (known, next_counters) = (&mut self.flow.counters, next.flow.counters);
        *known = Counters {
            bytes_sent: known.bytes_sent.max(next_counters.bytes_sent),
            bytes_received: known.bytes_received.max(next_counters.bytes_received),
            packets_sent: known.packets_sent.max(next_counters.packets_sent),
            packets_received: known.packets_received.max(next_counters.packets_received),
            ..Counters::default()
        };
        let course = &mut self.flow.course;
        course.was_opened |= next.flow.course.was_opened;
        course.last = course.last.or(next.flow.course.last);
        self.flow.application = self.flow.application.take().or_else(|| next.flow.application.clone());
        self.flow.start_us = self.flow.start_us.min(next.flow.start_us);
        self.last_us = self.last_us.max(next.last_us);
        if next.has_direction && !self.has_direction {
            (self.flow.originator, self.flow.responder) = (next.flow.originator, next.flow.responder);
            self.has_direction = true;
        }
    }

    fn into_connection(self) -> FlowRecord {
        let Self { mut flow, last_us, has_direction, .. } = self;
        if !has_direction && comes_from_server(flow.protocol, flow.originator.1, flow.responder.1) {
            std::mem::swap(&mut flow.originator, &mut flow.responder);
        }
        flow.duration_us = Some(last_us.saturating_sub(flow.start_us)).filter(|duration| *duration > 0);
        flow
    }
}
