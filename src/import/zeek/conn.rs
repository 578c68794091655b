//! `conn.log`: a line per connection.

use std::net::IpAddr;

use super::super::log::{FlowRecord, StateHistory};
use super::super::number::{micros, seconds, unsigned, whole};
use super::super::timestamp::{self, Timestamp};
use super::application;
use super::record::{Field, Record};
use crate::capture::{Counters, Protocol};

/// What a line says.
#[derive(Debug)]
pub(super) enum ConnLine {
    /// A connection.
    Connection(Box<FlowRecord>),
    /// It lacks what names a connection, or says it in a way that cannot be meant.
    Unreadable,
}

/// Reads a line; `is_open` if the log tells of connections that go on.
pub(super) fn read(record: &Record<'_>, is_open: bool) -> ConnLine {
    let connection = protocol(record).and_then(|protocol| connection(record, protocol, is_open));
    connection.map_or(ConnLine::Unreadable, |connection| ConnLine::Connection(Box::new(connection)))
}

/// The protocol of a record, and its number where that has no name of its own.
pub(super) fn protocol(record: &Record<'_>) -> Option<(Protocol, Option<u16>)> {
    let number = || record.get(Field::IpProto).and_then(whole).and_then(|number| u16::try_from(number).ok());
    Some(match record.get(Field::Proto)? {
        b"tcp" | b"TCP" | b"6" => (Protocol::Tcp, None),
        b"udp" | b"UDP" | b"17" => (Protocol::Udp, None),
        b"icmp" | b"ICMP" | b"1" | b"58" => (Protocol::Icmp, None),
        b"sctp" | b"SCTP" | b"132" => (Protocol::Sctp, None),
        b"unknown_transport" => (Protocol::Other, number()),
        other => (Protocol::Other, Some(unsigned(other)?.try_into().ok()?)),
    })
}

/// Which of the two ends the log marks as inside.
pub(super) fn marks(record: &Record<'_>, connection: &FlowRecord) -> [(IpAddr, Option<bool>); 2] {
    [
        (connection.originator.0, record.flag(Field::LocalOrig)),
        (connection.responder.0, record.flag(Field::LocalResp)),
    ]
}

/// Bytes that Zeek did not get to see.
pub(super) fn missed_bytes(record: &Record<'_>) -> u64 {
    record.get(Field::MissedBytes).and_then(whole).unwrap_or(0)
}

fn connection(
    record: &Record<'_>,
    (protocol, protocol_number): (Protocol, Option<u16>),
    is_open: bool,
) -> Option<FlowRecord> {
    let count = |field| record.get(field).map(|text| whole(text).ok_or(())).transpose().ok();
    let course = match protocol {
        Protocol::Tcp => course(record),
        _ => StateHistory::STATELESS,
    };
    let mut connection = FlowRecord {
        uid: record.get(Field::Uid).unwrap_or_default().to_vec(),
        protocol,
        protocol_number,
        originator: end(record, Field::OrigH, Field::OrigP, protocol)?,
        responder: end(record, Field::RespH, Field::RespP, protocol)?,
        start_us: timestamp(record.time()?)?.us,
        duration_us: match record.get(Field::Duration) {
            Some(text) => duration(text)?,
            None => None,
        },
        counters: Counters {
            bytes_sent: count(Field::OrigBytes)?,
            bytes_received: count(Field::RespBytes)?,
            packets_sent: count(Field::OrigPkts)?,
            packets_received: count(Field::RespPkts)?,
            ..Counters::default()
        },
        course: if is_open { course.continuing() } else { course },
        application: None,
    };
    connection.application = application::of_connection(record, &connection);
    Some(connection)
}

/// An end. Zeek has the type and the code of ICMP in place of ports.
fn end(record: &Record<'_>, addr: Field, port: Field, protocol: Protocol) -> Option<(IpAddr, u16)> {
    if protocol.has_ports() { record.end(addr, port) } else { Some((record.addr(addr)?, 0)) }
}

/// A time: seconds since the Unix epoch, milliseconds or a date in words (options of Zeek's JSON
/// and of `zeek-cut`).
pub(super) fn timestamp(text: &[u8]) -> Option<Timestamp> {
    timestamp::parse(text).or_else(|| Some(Timestamp { us: seconds(text)?, has_zone: true }))
}

/// An interval in µs; `Some(None)` for a negative one, as clocks that were set make them, and for one
/// that is too large or no number: how long it was is not known then. None for what is no interval.
#[allow(clippy::option_option, reason = "an interval that cannot be is an unknown one, and no error")]
fn duration(text: &[u8]) -> Option<Option<i64>> {
    let us = seconds(text).or_else(|| units(text)).or_else(|| clock(text));
    match us {
        Some(us) => Some((us >= 0).then_some(us)),
        // A number that no interval has: the connection is there all the same.
        None => std::str::from_utf8(text).ok()?.parse::<f64>().ok().map(|_| None),
    }
}

/// `1m2.5s`, `250ms`, as Zed writes intervals.
fn units(text: &[u8]) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix(b"-").map_or((1, text), |rest| (-1, rest));
    let mut us = 0_i64;
    while !rest.is_empty() {
        let number = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let unit = rest[number..].iter().take_while(|byte| !byte.is_ascii_digit()).count();
        let (number, after) = rest.split_at(number);
        let (unit, after) = after.split_at(unit);
        let (per_s, times) = match unit {
            b"ns" => (1_000_000_000, 1),
            b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => (1_000_000, 1),
            b"ms" => (1000, 1),
            b"s" => (1, 1),
            b"m" => (1, 60),
            b"h" => (1, 3600),
            b"d" => (1, 86_400),
            b"w" => (1, 7 * 86_400),
            b"y" => (1, 365 * 86_400),
            _ => return None,
        };
        us = us.checked_add(micros(number)?.checked_mul(times)? / per_s)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sign * us)
}

/// `0 days 00:00:01.500000`, as pandas writes intervals, with or without the days.
fn clock(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (days, time) = text.split_once(" days ").unwrap_or(("0", text));
    let mut parts = time.splitn(3, ':');
    let days: i64 = days.parse().ok().filter(|days: &i64| days.abs() < 1_000_000)?;
    let hours = i64::try_from(unsigned(parts.next()?.as_bytes())?).ok().filter(|hours| *hours < 1_000_000)?;
    let minutes = i64::try_from(unsigned(parts.next()?.as_bytes())?).ok().filter(|minutes| *minutes < 60)?;
    Some((days * 86_400 + hours * 3600 + minutes * 60) * 1_000_000 + micros(parts.next()?.as_bytes())?)
}

/// The states that Zeek's word for a connection tells of; where there is none, its history.
fn course(record: &Record<'_>) -> StateHistory {
    let state = record.get(Field::ConnState).or_else(|| record.get(Field::History).map(state_of_history));
    match state {
        Some(b"OTH") if is_lone_segment(record) => StateHistory::STATELESS,
        Some(word) => StateHistory::of_zeek(word),
        None => StateHistory::STATELESS,
    }
}

/// A segment or two without data, and no more than one back: nothing says that there was a connection, and a FIN, NULL, Xmas or
/// ACK scan looks so.
fn is_lone_segment(record: &Record<'_>) -> bool {
    let at_most = |field, most| record.get(field).and_then(whole).is_some_and(|number| number <= most);
    let is_empty = |field| record.get(field).and_then(whole).unwrap_or(0) == 0;
    at_most(Field::OrigPkts, 2)
        && at_most(Field::RespPkts, 1)
        && is_empty(Field::OrigBytes)
        && is_empty(Field::RespBytes)
}

/// Zeek's word for a history: capital letters are the originator's, `S` a SYN, `H` its answer,
/// `F` a FIN, `R` a reset, `D` data.
fn state_of_history(history: &[u8]) -> &'static [u8] {
    let has = |letter| history.contains(&letter);
    let is_answered = has(b'h') || has(b'd');
    match (has(b'S'), is_answered) {
        (false, _) if has(b'h') && has(b'r') => b"RSTRH",
        (false, _) if has(b'h') && has(b'f') => b"SHR",
        (false, _) => b"OTH",
        (true, false) if has(b'r') => b"REJ",
        (true, false) if has(b'R') => b"RSTOS0",
        (true, false) if has(b'F') => b"SH",
        (true, false) => b"S0",
        (true, true) if has(b'R') => b"RSTO",
        (true, true) if has(b'r') => b"RSTR",
        (true, true) if has(b'F') && has(b'f') => b"SF",
        (true, true) if has(b'F') => b"S2",
        (true, true) if has(b'f') => b"S3",
        (true, true) => b"S1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::TcpState;

    fn record<'a>(fields: &[(Field, &'a str)]) -> Record<'a> {
        let mut record = Record::EMPTY;
        let usual = [
            (Field::Ts, "1700000000.5"),
            (Field::OrigH, "10.0.0.1"),
            (Field::OrigP, "40000"),
            (Field::RespH, "::ffff:192.0.2.1"),
            (Field::RespP, "443"),
            (Field::Proto, "tcp"),
        ];
        for (field, value) in usual.iter().chain(fields) {
            record.set(*field, value.as_bytes());
        }
        record
    }

    fn states(fields: &[(Field, &str)]) -> String {
        let ConnLine::Connection(connection) = read(&record(fields), false) else { return "none".to_owned() };
        let StateHistory { was_opened, first, middle, last, has_ended } = connection.course;
        let states: Vec<&str> = [first, middle, last].into_iter().flatten().map(TcpState::as_str).collect();
        let (opened, ended) = (if was_opened { "(" } else { "" }, if has_ended { ")" } else { "" });
        format!("{opened}{}{ended}", states.join(">"))
    }

    #[test]
    fn every_word_of_zeeks_tells_states() {
        let cases = [
            ("S0", "(SYN_SENT>SYN_SENT)"),
            ("S1", "(SYN_SENT>ESTABLISHED"),
            ("SF", "(SYN_SENT>ESTABLISHED>CLOSE)"),
            ("REJ", "(SYN_SENT>CLOSE)"),
            ("S2", "(SYN_SENT>ESTABLISHED>FIN_WAIT1"),
            ("S3", "(SYN_SENT>ESTABLISHED>CLOSE_WAIT"),
            ("RSTO", "(SYN_SENT>ESTABLISHED>CLOSE)"),
            ("RSTR", "(SYN_SENT>ESTABLISHED>CLOSE)"),
            ("RSTOS0", "(SYN_SENT>CLOSE)"),
            ("RSTRH", "CLOSE)"),
            ("SH", "(SYN_SENT>CLOSE)"),
            ("SHR", "CLOSE_WAIT"),
            ("OTH", "ESTABLISHED>ESTABLISHED"),
            ("unheard of", "()"),
        ];
        for (word, expected) in cases {
            assert_eq!(states(&[(Field::ConnState, word)]), expected, "{word}");
        }
    }

    #[test]
    fn a_lone_segment_is_no_connection() {
        let other = |sent, received, bytes| {
            states(&[
                (Field::ConnState, "OTH"),
                (Field::OrigPkts, sent),
                (Field::RespPkts, received),
                (Field::OrigBytes, bytes),
            ])
        };
        assert_eq!((other("1", "0", "0"), other("1", "1", "0")), ("()".to_owned(), "()".to_owned()));
        for (sent, received, bytes) in [("1", "1", "20"), ("9", "8", "0")] {
            assert_eq!(other(sent, received, bytes), "ESTABLISHED>ESTABLISHED");
        }
        assert_eq!(states(&[(Field::ConnState, "OTH")]), "ESTABLISHED>ESTABLISHED", "nothing was counted");
    }

    #[test]
    fn without_the_word_the_history_tells_as_much() {
        for (history, word) in [
            ("S", "S0"),
            ("Sr", "REJ"),
            ("ShADadFf", "SF"),
            ("ShADadR", "RSTO"),
            ("ShADadr", "RSTR"),
            ("ShADadF", "S2"),
            ("ShADadf", "S3"),
            ("ShADad", "S1"),
            ("SR", "RSTOS0"),
            ("SF", "SH"),
            ("hr", "RSTRH"),
            ("hf", "SHR"),
            ("Dd", "OTH"),
        ] {
            assert_eq!(
                states(&[(Field::History, history)]),
                states(&[(Field::ConnState, word)]),
                "{history}"
            );
        }
    }

    #[test]
    fn a_line_without_what_names_a_connection_is_unreadable() {
        for (field, value) in [
            (Field::Ts, "XXXXXXXXXX.XXXXXX"),
            (Field::OrigH, "10.0.0"),
            (Field::OrigP, "70000"),
            (Field::RespH, ""),
            (Field::Proto, ""),
            (Field::Duration, "soon"),
            (Field::OrigBytes, "many"),
        ] {
            assert!(matches!(read(&record(&[(field, value)]), false), ConnLine::Unreadable), "{value}");
        }
    }

    #[test]
    fn other_protocols_are_kept_without_ports() {
        for (proto, number, expected) in [
            ("icmp", "", (Protocol::Icmp, None)),
            ("unknown_transport", "47", (Protocol::Other, Some(47))),
            ("50", "", (Protocol::Other, Some(50))),
        ] {
            let fields =
                [(Field::Proto, proto), (Field::IpProto, number), (Field::OrigP, "8"), (Field::RespP, "0")];
            let ConnLine::Connection(read) = read(&record(&fields), false) else { panic!("{proto}") };
            assert_eq!((read.protocol, read.protocol_number), expected);
            assert_eq!((read.originator.1, read.course), (0, StateHistory::STATELESS));
        }
        assert!(matches!(read(&record(&[(Field::Proto, "mystery")]), false), ConnLine::Unreadable));
    }

    #[test]
    fn what_is_not_set_is_not_known() {
        let ConnLine::Connection(connection) = read(&record(&[(Field::OrigBytes, "0")]), false) else {
            panic!()
        };
        assert_eq!(connection.counters.bytes_sent, Some(0));
        assert_eq!(connection.counters.bytes_received, None);
        assert_eq!((connection.duration_us, connection.start_us), (None, 1_700_000_000_500_000));
        assert_eq!(connection.responder.0.to_string(), "192.0.2.1");
    }

    #[test]
    fn intervals_are_read_in_every_notation_and_negative_ones_are_unknown() {
        for (text, expected) in [
            ("1.5", Some(Some(1_500_000))),
            ("1e-6", Some(Some(1))),
            ("1.5s", Some(Some(1_500_000))),
            ("1m2.5s", Some(Some(62_500_000))),
            ("250ms", Some(Some(250_000))),
            ("12\u{b5}s", Some(Some(12))),
            ("0 days 00:01:01.500000", Some(Some(61_500_000))),
            ("-0.000012", Some(None)),
            ("-12us", Some(None)),
            ("1e300", Some(None)),
            ("NaN", Some(None)),
            ("1x", None),
            ("s", None),
        ] {
            assert_eq!(duration(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_connection_that_goes_on_is_not_closed() {
        for (word, last) in
            [("SF", TcpState::Established), ("S1", TcpState::Established), ("S0", TcpState::SynSent)]
        {
            let ConnLine::Connection(open) = read(&record(&[(Field::ConnState, word)]), true) else {
                panic!()
            };
            assert_eq!((open.course.has_ended, open.course.last), (false, Some(last)), "{word}");
        }
    }
}
