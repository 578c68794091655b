//! `conn.log`: a line per connection.

use std::net::IpAddr;

use super::super::log::{Course, LoggedConnection};
use super::super::number::{micros, unsigned};
use super::record::{Field, Record};
use crate::capture::{Counters, Protocol, TcpState};

/// What a line says.
#[derive(Debug)]
pub(super) enum ConnLine {
    /// A connection.
    Connection(Box<LoggedConnection>),
    /// Neither TCP nor UDP.
    OtherProtocol,
    /// It lacks what names a connection, or says it in a way that cannot be meant.
    Unreadable,
}

/// Reads a line.
pub(super) fn read(record: &Record<'_>) -> ConnLine {
    match record.get(Field::Proto) {
        Some(b"tcp") => connection(record, Protocol::Tcp),
        Some(b"udp") => connection(record, Protocol::Udp),
        Some(_) => ConnLine::OtherProtocol,
        None => ConnLine::Unreadable,
    }
}

/// Which of the two ends the log marks as inside.
pub(super) fn marks(record: &Record<'_>, connection: &LoggedConnection) -> [(IpAddr, Option<bool>); 2] {
    [
        (connection.originator.0, record.flag(Field::LocalOrig)),
        (connection.responder.0, record.flag(Field::LocalResp)),
    ]
}

/// Bytes that Zeek did not get to see.
pub(super) fn missed_bytes(record: &Record<'_>) -> u64 {
    record.get(Field::MissedBytes).and_then(unsigned).unwrap_or(0)
}

fn connection(record: &Record<'_>, protocol: Protocol) -> ConnLine {
    try_connection(record, protocol)
        .map_or(ConnLine::Unreadable, |connection| ConnLine::Connection(Box::new(connection)))
}

fn try_connection(record: &Record<'_>, protocol: Protocol) -> Option<LoggedConnection> {
    let count = |field| record.get(field).map(|text| unsigned(text).ok_or(())).transpose().ok();
    let duration_us = match record.get(Field::Duration) {
        Some(text) => Some(micros(text).filter(|duration| *duration >= 0)?),
        None => None,
    };
    Some(LoggedConnection {
        uid: record.get(Field::Uid).unwrap_or_default().to_vec(),
        protocol,
        originator: record.end(Field::OrigH, Field::OrigP)?,
        responder: record.end(Field::RespH, Field::RespP)?,
        start_us: moment(record.get(Field::Ts)?)?,
        duration_us,
        counters: Counters {
            bytes_sent: count(Field::OrigBytes)?,
            bytes_received: count(Field::RespBytes)?,
            packets_sent: count(Field::OrigPkts)?,
            packets_received: count(Field::RespPkts)?,
            ..Counters::default()
        },
        course: match protocol {
            Protocol::Tcp => course(record),
            _ => Course::STATELESS,
        },
        remote_name: None,
    })
}

/// A time: seconds since the Unix epoch, or a date in words (an option of Zeek's JSON).
pub(super) fn moment(text: &[u8]) -> Option<i64> {
    micros(text).or_else(|| {
        let text = std::str::from_utf8(text).ok()?;
        Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
    })
}

/// The states that Zeek's word for a connection tells of; where there is none, its history.
fn course(record: &Record<'_>) -> Course {
    let state = record.get(Field::ConnState).or_else(|| record.get(Field::History).map(state_of_history));
    let established = |last| Course { middle: Some(TcpState::Established), ..Course::opened(last) };
    match state {
        Some(b"S0") => Course::ATTEMPT,
        Some(b"S1") => Course::opened(TcpState::Established),
        Some(b"SF" | b"RSTO" | b"RSTR") => Course::CLOSED,
        Some(b"REJ" | b"RSTOS0" | b"SH") => Course::REFUSED,
        Some(b"S2") => established(TcpState::FinWait1),
        Some(b"S3") => established(TcpState::CloseWait),
        Some(b"RSTRH") => Course::joined(None, TcpState::Close),
        Some(b"SHR") => Course::joined(None, TcpState::CloseWait),
        Some(b"OTH") => Course::joined(Some(TcpState::Established), TcpState::Established),
        _ => Course::STATELESS,
    }
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
        let ConnLine::Connection(connection) = read(&record(fields)) else { return "none".to_owned() };
        let Course { was_opened, first, middle, last, has_ended } = connection.course;
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
            (Field::Duration, "-1.0"),
            (Field::OrigBytes, "many"),
        ] {
            assert!(matches!(read(&record(&[(field, value)])), ConnLine::Unreadable), "{value}");
        }
        assert!(matches!(read(&record(&[(Field::Proto, "icmp")])), ConnLine::OtherProtocol));
    }

    #[test]
    fn what_is_not_set_is_not_known() {
        let ConnLine::Connection(connection) = read(&record(&[(Field::OrigBytes, "0")])) else { panic!() };
        assert_eq!(connection.counters.bytes_sent, Some(0));
        assert_eq!(connection.counters.bytes_received, None);
        assert_eq!((connection.duration_us, connection.start_us), (None, 1_700_000_000_500_000));
        assert_eq!(connection.responder.0.to_string(), "192.0.2.1");
    }

    #[test]
    fn times_may_be_words() {
        let expected = Some(1_700_000_000_250_000);
        assert_eq!(moment(b"2023-11-14T22:13:20.250000Z"), expected);
        assert_eq!(moment(b"1700000000.25"), expected);
        assert_eq!(moment(b"yesterday"), None);
    }
}
