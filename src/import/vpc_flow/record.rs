//! A record of a flow log: words in the order of its fields, or an object with them.

use std::net::IpAddr;
use std::num::ParseIntError;

use serde_json::Value;

use crate::capture::Protocol;

/// The fields of version 2, which a flow log has unless others were asked for.
const STANDARD: [&str; 14] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
];

/// More words than all versions together have.
const MOST_FIELDS: usize = 64;

/// What a field without a value holds.
const NO_VALUE: &str = "-";

/// No record is of a time beyond the year 9999.
const MOST_SECONDS: u64 = 253_402_300_799;

/// A field that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Interface,
    Source,
    Destination,
    /// The source of the packet, where an interface forwards (NAT gateway, load balancer, pod).
    PacketSource,
    PacketDestination,
    SourcePort,
    DestinationPort,
    Protocol,
    Packets,
    Bytes,
    Start,
    End,
    Action,
    Status,
    TcpFlags,
    Unread,
}

impl Field {
    /// The field of a name, also as queries and deliveries spell it: with underscores, in quotes, or as the
    /// table of the Amazon Athena User Guide has it ("Query Amazon VPC flow logs").
    fn named(name: &str) -> Self {
        match unquoted(name).to_ascii_lowercase().replace('_', "-").as_str() {
            "interface-id" | "interfaceid" => Self::Interface,
            "srcaddr" | "sourceaddress" => Self::Source,
            "dstaddr" | "destinationaddress" => Self::Destination,
            "pkt-srcaddr" => Self::PacketSource,
            "pkt-dstaddr" => Self::PacketDestination,
            "srcport" | "sourceport" => Self::SourcePort,
            "dstport" | "destinationport" => Self::DestinationPort,
            "protocol" => Self::Protocol,
            "packets" | "numpackets" => Self::Packets,
            "bytes" | "numbytes" => Self::Bytes,
            "start" | "starttime" => Self::Start,
            "end" | "endtime" => Self::End,
            "action" => Self::Action,
            "log-status" | "logstatus" => Self::Status,
            "tcp-flags" => Self::TcpFlags,
            _ => Self::Unread,
        }
    }
}

/// The fields of each record, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields(Vec<Field>);

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    Flow(Record),
    /// Nothing was seen in this interval.
    NoData,
    /// AWS could not keep some records of this interval.
    Skipped,
    /// It lacks what names a connection; says what.
    Unusable(&'static str),
}

/// One direction of a flow in one interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) interface: String,
    pub(super) protocol: Protocol,
    /// The number of a protocol that has no name of its own.
    pub(super) protocol_number: Option<u16>,
    pub(super) source: (IpAddr, u16),
    pub(super) destination: (IpAddr, u16),
    pub(super) packets: Option<u64>,
    pub(super) bytes: Option<u64>,
    /// First and last packet, µs since the Unix epoch, to the second.
    pub(super) span_us: (i64, i64),
    /// Whether a security group or network ACL dropped it.
    pub(super) is_rejected: bool,
    pub(super) tcp_flags: Option<u64>,
}

impl Fields {
    /// Those of version 2.
    pub(super) fn standard() -> Self {
        Self(STANDARD.iter().map(|name| Field::named(name)).collect())
    }

    /// Those that a line names, if it is the line that does.
    pub(super) fn named_by(line: &str) -> Option<Self> {
        Self::named(words(line).into_iter())
    }

    fn named<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let fields: Vec<Field> = names.take(MOST_FIELDS + 1).map(Field::named).collect();
        let has = |field| fields.contains(&field);
        let has_ends = has(Field::Source) && has(Field::Destination)
            || has(Field::PacketSource) && has(Field::PacketDestination);
        // Argus calls the ends so too.
        let is_of_aws =
            [Field::Protocol, Field::Interface, Field::Status, Field::Action].into_iter().any(has);
        (has_ends && is_of_aws && fields.len() <= MOST_FIELDS).then_some(Self(fields))
    }

    /// The record of a line; none if it is none.
    pub(super) fn parse(&self, line: &str) -> Option<Parsed> {
        if line.trim_start().starts_with('{') {
            return self.parse_object(line);
        }
        let mut words = words(line);
        // CloudWatch puts the time of the delivery before it.
        if words.len() == self.0.len() + 1 && is_time(words[0]) {
            words.remove(0);
        }
        self.parse_words(&words).or_else(|| self.parse_words(&after_prefix(line, self.0.len())?))
    }

    /// A record as an object, as Amazon Data Firehose and exports of queries have it, or as the message
    /// of an event of Amazon `CloudWatch` Logs.
    fn parse_object(&self, line: &str) -> Option<Parsed> {
        let Ok(Value::Object(object)) = serde_json::from_str(line) else { return None };
        if let Some(Value::String(message)) = object.get("message") {
            return self.parse_words(&words(message));
        }
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let values: Vec<String> = object.values().map(text).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Self::named(object.keys().map(String::as_str))?.parse_words(&values)
    }

    fn parse_words(&self, words: &[&str]) -> Option<Parsed> {
        if words.len() != self.0.len() {
            return None;
        }
        let value = |field| {
            let at = self.0.iter().position(|known| *known == field)?;
            Some(words[at]).filter(|word| *word != NO_VALUE && !word.is_empty())
        };
        match value(Field::Status) {
            Some("NODATA") => return Some(Parsed::NoData),
            Some("SKIPDATA") => return Some(Parsed::Skipped),
            Some("OK") | None => {}
            Some(_) => return None,
        }
        let addr = |packet, interface| value(packet).or_else(|| value(interface));
        let Some(source) = addr(Field::PacketSource, Field::Source) else {
            return Some(Parsed::Unusable("record without a source address"));
        };
        let Some(destination) = addr(Field::PacketDestination, Field::Destination) else {
            return Some(Parsed::Unusable("record without a destination address"));
        };
        let Some(protocol) = value(Field::Protocol) else {
            return Some(Parsed::Unusable("record without a protocol"));
        };
        let Some(start) = value(Field::Start) else {
            return Some(Parsed::Unusable("record without a start"));
        };
        let start_us = micros(start)?;
        let end_us = value(Field::End).map_or(Some(start_us), micros)?.max(start_us);
        let (protocol, protocol_number) = Protocol::of_ip_number(protocol.parse().ok()?);
        let port = |field| match value(field).filter(|_| protocol != Protocol::Icmp) {
            Some(port) => port.parse::<u16>().ok(),
            None => Some(0),
        };
        Some(Parsed::Flow(Record {
            interface: value(Field::Interface).unwrap_or_default().to_owned(),
            protocol,
            protocol_number,
            source: (source.parse::<IpAddr>().ok()?.to_canonical(), port(Field::SourcePort)?),
            destination: (destination.parse::<IpAddr>().ok()?.to_canonical(), port(Field::DestinationPort)?),
            packets: number(value(Field::Packets)).ok()?,
            bytes: number(value(Field::Bytes)).ok()?,
            span_us: (start_us, end_us),
            is_rejected: value(Field::Action) == Some("REJECT"),
            tcp_flags: number(value(Field::TcpFlags)).ok()?.filter(|_| protocol == Protocol::Tcp),
        }))
    }
}

/// The last words of a line that begins with a time or the name of a stream, as `aws logs tail` and tables of
/// `CloudWatch` Logs Insights have it: no more than a date, a time and the name.
fn after_prefix(line: &str, number: usize) -> Option<Vec<&str>> {
    let words: Vec<&str> = line.split([' ', '\t', ',']).filter(|word| !word.is_empty()).collect();
    let before = words.len().checked_sub(number).filter(|before| (1..=3).contains(before))?;
    let is_prefix = |word: &&str| word.contains(['-', ':']);
    words[..before].iter().all(is_prefix).then(|| words[before..].iter().copied().map(unquoted).collect())
}

/// The words of a line: between spaces, or between commas or semicolons where a query or an export made it.
fn words(line: &str) -> Vec<&str> {
    let most = MOST_FIELDS + 1;
    match line.find([',', ';']) {
        Some(at) => line.trim().split(char::from(line.as_bytes()[at])).map(unquoted).take(most).collect(),
        None => line.split_whitespace().take(most).collect(),
    }
}

fn unquoted(word: &str) -> &str {
    word.trim().trim_matches('"')
}

/// A number that may be missing.
fn number(word: Option<&str>) -> Result<Option<u64>, ParseIntError> {
    word.map(str::parse).transpose()
}

/// Seconds since the Unix epoch as µs.
fn micros(word: &str) -> Option<i64> {
    let seconds: u64 = word.parse().ok()?;
    (seconds <= MOST_SECONDS).then(|| seconds as i64 * 1_000_000)
}

/// `2026-11-14T22:13:20.000Z`.
fn is_time(word: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(word).is_ok()
}
