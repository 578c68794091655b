//! A connection as logs of connections tell it: a start, a duration and totals.
//!
//! Two rows come of it: one when it began, and one at its end with its totals. How the bytes
//! were spread between is not known, and nothing is made up for it. Which TCP states it went
//! through is known without their times: they stand in those two rows.

use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::names::Names;
use super::question::Question;
use crate::Result;
use crate::capture::{Application, Counters, Kind, Protocol, Row, TcpState};

/// Where the readers of logs put what they find, in any order.
pub(super) trait Sink {
    /// Takes a connection. Its name is looked up when everything has been read.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the disk does not take it.
    fn connection(&mut self, connection: &FlowRecord) -> Result<()>;

    /// Takes a DNS question.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the disk does not take it.
    fn query(&mut self, question: Question) -> Result<()>;

    /// The names of remotes.
    fn names(&mut self) -> &mut Names;
}

/// A connection of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowRecord {
    /// The identity that the log gives it, together with the five-tuple: what stands in two files
    /// counts once. Where it is empty, the start stands for it.
    pub uid: Vec<u8>,
    /// Transport protocol.
    pub protocol: Protocol,
    /// The number of its IP protocol, where that has no name of its own.
    pub protocol_number: Option<u16>,
    /// Who opened it; port 0 where the protocol has none.
    pub originator: (IpAddr, u16),
    /// The other end.
    pub responder: (IpAddr, u16),
    /// First packet, µs since the Unix epoch.
    pub start_us: i64,
    /// From the first packet to the last, µs; none where the log does not say, as for a single
    /// packet.
    pub duration_us: Option<i64>,
    /// Totals.
    pub counters: Counters,
    /// How it went.
    pub course: StateHistory,
    /// What its record says of its payload.
    pub application: Option<Arc<Application>>,
}

/// How a connection went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateHistory {
    /// Whether its opening was seen, or it was there already when the log began.
    pub was_opened: bool,
    /// TCP state at its beginning.
    pub first: Option<TcpState>,
    /// The state in which it was before its end, if that is another.
    pub middle: Option<TcpState>,
    /// TCP state at its end.
    pub last: Option<TcpState>,
    /// Whether its end was seen.
    pub has_ended: bool,
}

impl StateHistory {
    /// Of datagrams, which have no states, and of what no states are known.
    pub const STATELESS: Self =
        Self { was_opened: true, first: None, middle: None, last: None, has_ended: true };

    /// An attempt that came as far as this and was not answered.
    pub const ATTEMPT: Self = Self { has_ended: true, ..Self::opened(TcpState::SynSent) };

    /// An attempt that was refused, or given up.
    pub const REFUSED: Self = Self { has_ended: true, ..Self::opened(TcpState::Close) };

    /// Established, and over.
    pub const CLOSED: Self =
        Self { middle: Some(TcpState::Established), has_ended: true, ..Self::opened(TcpState::Close) };

    /// Opened before the eyes of the log, and in this state when it was last seen.
    pub const fn opened(last: TcpState) -> Self {
        Self {
            was_opened: true,
            first: Some(TcpState::SynSent),
            middle: None,
            last: Some(last),
            has_ended: false,
        }
    }

    /// What Zeek's word for a connection (`conn_state`) tells of.
    pub fn of_zeek(word: &[u8]) -> Self {
        let established = |last| Self { middle: Some(TcpState::Established), ..Self::opened(last) };
        match word {
            b"S0" => Self::ATTEMPT,
            b"S1" => Self::opened(TcpState::Established),
            b"SF" | b"RSTO" | b"RSTR" => Self::CLOSED,
            b"REJ" | b"RSTOS0" | b"SH" => Self::REFUSED,
            b"S2" => established(TcpState::FinWait1),
            b"S3" => established(TcpState::CloseWait),
            b"RSTRH" => Self::joined(None, TcpState::Close),
            b"SHR" => Self::joined(None, TcpState::CloseWait),
            b"OTH" => Self::joined(Some(TcpState::Established), TcpState::Established),
            _ => Self::STATELESS,
        }
    }

    /// The same for a connection that goes on, whatever it says of its end.
    #[must_use]
    pub const fn continuing(self) -> Self {
        let last = match self.last {
            Some(TcpState::Close | TcpState::FinWait1 | TcpState::CloseWait) => Some(TcpState::Established),
            last => last,
        };
        Self { middle: None, last, has_ended: false, ..self }
    }

    /// There already when the log began, and in this state when it was last seen.
    pub const fn joined(first: Option<TcpState>, last: TcpState) -> Self {
        Self {
            was_opened: false,
            first,
            middle: None,
            last: Some(last),
            has_ended: matches!(last, TcpState::Close),
        }
    }
}

impl FlowRecord {
    /// Its rows, in their order.
    pub fn rows(&self) -> [Row; 2] {
        let zero = |total: Option<u64>| total.map(|_| 0);
        let totals = self.counters;
        let conn_id = self.conn_id();
        let first = Row {
            // What was open before the log began is counted from then on.
            kind: if self.course.was_opened { Kind::Opened } else { Kind::State },
            state: self.course.first,
            counters: Counters {
                bytes_sent: zero(totals.bytes_sent),
                bytes_received: zero(totals.bytes_received),
                packets_sent: zero(totals.packets_sent),
                packets_received: zero(totals.packets_received),
                retransmits: totals.retransmits.map(|_| 0),
                rtt_us: None,
            },
            ..self.row(conn_id, self.start_us)
        };
        let last = Row {
            kind: if self.course.has_ended { Kind::Closed } else { Kind::State },
            state: self.course.last,
            prev_state: self.course.middle,
            counters: totals,
            ..self.row(conn_id, self.end_us())
        };
        [first, last]
    }

    /// Its last packet, µs since the Unix epoch; the first where nothing is known of a later one.
    pub fn end_us(&self) -> i64 {
        self.start_us.saturating_add(self.duration_us.unwrap_or(0).max(0))
    }

    fn row(&self, conn_id: u64, ts_us: i64) -> Row {
        Row {
            ts_us,
            mono_ns: ts_us.saturating_mul(1000),
            remote: Some((self.responder.0.to_canonical(), self.responder.1)),
            protocol_number: self.protocol_number,
            application: self.application.clone(),
            ..Row::snapshot(conn_id, self.protocol, self.originator)
        }
    }

    fn conn_id(&self) -> u64 {
        conn_id(self.protocol, self.originator, self.responder, self.start_us, &self.uid)
    }
}

/// The same for the same connection in every import. A log that names its connections may tell of
/// one several times, and of what happened in it without saying when it began.
pub(super) fn conn_id(
    protocol: Protocol,
    originator: (IpAddr, u16),
    responder: (IpAddr, u16),
    start_us: i64,
    uid: &[u8],
) -> u64 {
    let mut text = [0; 64];
    let mut length = 0;
    let mut put = |bytes: &[u8]| {
        text[length..length + bytes.len()].copy_from_slice(bytes);
        length += bytes.len();
    };
    put(&[protocol as u8]);
    for (addr, port) in [originator, responder] {
        put(&bits(addr).to_be_bytes());
        put(&port.to_be_bytes());
    }
    if uid.is_empty() {
        put(&start_us.to_be_bytes());
    }
    let mut hash = Sha256::new();
    hash.update(&text[..length]);
    hash.update(uid);
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// An address as a number, v4 mapped into v6.
fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
fn example(course: StateHistory) -> FlowRecord {
    FlowRecord {
        uid: b"C1".to_vec(),
        protocol: Protocol::Tcp,
        protocol_number: None,
        originator: ("10.0.0.1".parse().unwrap(), 40_000),
        responder: ("203.0.113.1".parse().unwrap(), 443),
        start_us: 1_000_000,
        duration_us: Some(2_500_000),
        counters: Counters { bytes_sent: Some(10), packets_sent: Some(2), ..Counters::default() },
        course,
        application: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_begins_with_nothing_and_ends_with_its_totals() {
        let [first, last] = example(StateHistory::CLOSED).rows();
        assert_eq!(
            (first.kind, first.ts_us, first.state),
            (Kind::Opened, 1_000_000, Some(TcpState::SynSent))
        );
        assert_eq!((first.counters.bytes_sent, first.counters.bytes_received), (Some(0), None));
        assert_eq!((last.kind, last.ts_us, last.mono_ns), (Kind::Closed, 3_500_000, 3_500_000_000));
        assert_eq!((last.prev_state, last.state), (Some(TcpState::Established), Some(TcpState::Close)));
        assert_eq!(last.counters.bytes_sent, Some(10));
    }

    #[test]
    fn what_was_not_seen_to_end_is_not_closed() {
        let [first, last] = example(StateHistory::joined(None, TcpState::Established)).rows();
        assert_eq!((first.kind, last.kind), (Kind::State, Kind::State));
    }

    #[test]
    fn the_same_line_is_the_same_connection_and_any_other_is_another() {
        let one = example(StateHistory::STATELESS);
        let id = one.conn_id();
        assert_eq!(one.clone().conn_id(), id);
        assert_ne!(FlowRecord { uid: b"C2".to_vec(), ..one.clone() }.conn_id(), id);
        let unnamed = FlowRecord { uid: Vec::new(), ..one.clone() };
        assert_ne!(FlowRecord { start_us: 1_000_001, ..unnamed.clone() }.conn_id(), unnamed.conn_id());
        assert_ne!(FlowRecord { originator: one.responder, ..one }.conn_id(), id);
    }
}
