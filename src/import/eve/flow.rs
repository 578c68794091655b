//! Flow events: a connection that is over, or that Suricata gave up to wait for.

use super::application;
use super::event::Event;
use crate::capture::{Counters, Protocol};
use crate::import::log::{FlowRecord, StateHistory};
use crate::import::tcp_flags;

/// Reads a flow event; none if it lacks what names a connection.
pub(super) fn read(event: &Event) -> Option<FlowRecord> {
    let (protocol, protocol_number) = event.protocol()?;
    // An export that lacks the start leaves the end, or when the flow was logged: how long it was is
    // not known then.
    let end_us = event.timestamp(&["flow", "end"]).map(|ts| ts.us);
    let start_us = event.timestamp(&["flow", "start"]).map(|ts| ts.us);
    let duration_us = start_us.zip(end_us).map(|(start_us, end_us)| end_us - start_us);
    let start_us = start_us.or(end_us).or_else(|| event.ts_us())?;
    let (originator, responder) = event.ends()?;
    Some(FlowRecord {
        uid: event.flow_uid(),
        protocol,
        protocol_number,
        originator,
        responder,
        start_us,
        duration_us: duration_us.filter(|us| *us >= 0),
        counters: counters(event),
        course: match protocol {
            Protocol::Tcp => tcp_flags::course(flags(event, "tcp_flags_ts"), flags(event, "tcp_flags_tc")),
            _ => StateHistory::STATELESS,
        },
        application: application::of_flow(event),
    })
}

/// The counts of a flow up to this event.
pub(super) fn counters(event: &Event) -> Counters {
    let count = |name| event.number(&["flow", name]);
    Counters {
        bytes_sent: count("bytes_toserver"),
        bytes_received: count("bytes_toclient"),
        packets_sent: count("pkts_toserver"),
        packets_received: count("pkts_toclient"),
        ..Counters::default()
    }
}

/// The TCP flags that one side sent.
pub(super) fn flags(event: &Event, name: &str) -> Option<u64> {
    u64::from_str_radix(event.get(&["tcp", name]).as_str()?, 16).ok()
}
