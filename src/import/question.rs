//! DNS questions of logs as rows.

use std::fmt::Write as _;
use std::sync::Arc;

use super::log;
use super::names::End;
use crate::capture::{Protocol, Query, Row};

/// A question and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    /// What the log calls the connection that carried it; empty where it does not.
    pub(super) uid: Vec<u8>,
    pub(super) protocol: Protocol,
    pub(super) client: End,
    pub(super) server: End,
    /// When it was asked, µs since the Unix epoch.
    pub(super) asked_us: i64,
    /// How long the answer took, in µs.
    pub(super) rtt_us: Option<i64>,
    pub(super) query: Query,
}

impl Question {
    /// Its row. It has the identity of the connection that carried it.
    pub(super) fn into_row(self) -> Row {
        let Self { uid, protocol, client, server, asked_us, rtt_us, query } = self;
        let conn_id = log::conn_id(protocol, client, server, asked_us, &uid);
        let mut row = Row::query(conn_id, protocol, client, server, Arc::new(query));
        row.ts_us = asked_us;
        row.mono_ns = asked_us.saturating_mul(1000);
        row.counters.rtt_us = rtt_us.and_then(|us| u32::try_from(us).ok());
        row
    }
}

/// A name as it is compared and shown: lower case, without the final dot, and what is not
/// printable as `\DDD` (RFC 1035, 5.1). The root is a dot.
pub(super) fn name(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let mut name = String::with_capacity(bytes.len());
    for byte in bytes.iter().take(MOST_NAME_BYTES) {
        if byte.is_ascii_graphic() && *byte != b'\\' {
            name.push(char::from(byte.to_ascii_lowercase()));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(name, "\\{byte:03}");
        }
    }
    if name.is_empty() { ".".to_owned() } else { name }
}

/// No name is longer (RFC 1035).
const MOST_NAME_BYTES: usize = 255;

/// A mnemonic in the notation of Zeek as the registry has it: `query-65` is type 65, `*` is any.
pub(super) fn mnemonic(text: &str, of_number: fn(u16) -> std::borrow::Cow<'static, str>) -> String {
    let number = text.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
    match (text, number) {
        ("*", _) => "ANY".to_owned(),
        (_, Some(number)) => of_number(number).into_owned(),
        (text, None) => text.chars().take(32).collect::<String>().to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::query::{record_type, response_code};

    #[test]
    fn names_are_lower_case_and_printable() {
        assert_eq!(name(b"WWW.Example.ORG."), "www.example.org");
        assert_eq!(name(b"a b\\\xff"), "a\\032b\\092\\255");
        assert_eq!((name(b"."), name(b"")), (".".to_owned(), ".".to_owned()));
    }

    #[test]
    fn mnemonics_are_those_of_the_registry() {
        assert_eq!(mnemonic("AAAA", record_type), "AAAA");
        assert_eq!(
            (mnemonic("query-65", record_type), mnemonic("*", record_type)),
            ("HTTPS".into(), "ANY".into())
        );
        assert_eq!(mnemonic("rcode-3", response_code), "NXDOMAIN");
    }
}
