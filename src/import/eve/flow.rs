//! Flow events: a connection that is over, or that Suricata gave up to wait for.

use super::event::Event;
use crate::capture::{Counters, Protocol, TcpState};
use crate::import::log::{Course, LoggedConnection};

/// TCP flags, as Suricata gathers them per side.
const FIN: u64 = 0x01;
const SYN: u64 = 0x02;
const RST: u64 = 0x04;
const ACK: u64 = 0x10;

/// Reads a flow event; none if it lacks what names a connection.
pub(super) fn read(event: &Event) -> Option<LoggedConnection> {
    let (protocol, protocol_number) = event.protocol()?;
    let start_us = event.timestamp(&["flow", "start"])?.us;
    let end_us = event.timestamp(&["flow", "end"]).map(|ts| ts.us).filter(|end_us| *end_us >= start_us);
    let (originator, responder) = event.ends()?;
    Some(LoggedConnection {
        uid: event.flow_uid(),
        protocol,
        protocol_number,
        originator,
        responder,
        start_us,
        duration_us: end_us.map(|end_us| end_us - start_us),
        counters: counters(event),
        course: match protocol {
            Protocol::Tcp => course(flags(event, "tcp_flags_ts"), flags(event, "tcp_flags_tc")),
            _ => Course::STATELESS,
        },
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

/// The states that the flags of both sides tell of.
pub(super) fn course(client: Option<u64>, server: Option<u64>) -> Course {
    let Some(client) = client else { return Course::STATELESS };
    // Of a client that never acknowledged anything, nobody has accepted a connection.
    let was_unanswered = client & (SYN | ACK) == SYN;
    let Some(server) = server.or(was_unanswered.then_some(0)) else { return Course::STATELESS };
    let established = |last| Course { middle: Some(TcpState::Established), ..Course::opened(last) };
    let is_reset = (client | server) & RST != 0;
    if client & SYN == 0 {
        return Course::joined(Some(TcpState::Established), TcpState::Established);
    }
    match (server & SYN != 0, client & FIN != 0, server & FIN != 0) {
        (false, ..) if is_reset => Course::REFUSED,
        (false, ..) => Course::ATTEMPT,
        (true, ..) if is_reset => Course::CLOSED,
        (true, true, true) => Course::CLOSED,
        (true, true, false) => established(TcpState::FinWait1),
        (true, false, true) => established(TcpState::CloseWait),
        (true, false, false) => Course::opened(TcpState::Established),
    }
}
