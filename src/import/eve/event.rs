//! One event, and its values in whatever form an exporter has left them.

use serde_json::{Map, Value};

use crate::capture::Protocol;
use crate::import::names::End;
use crate::import::timestamp::{self, Timestamp};
use crate::import::{Begin, number};
use crate::import::{address, envelope};

/// Lines that are looked at to tell what a file is.
const MOST_LINES: usize = 20;

/// Whether a file that begins so has events.
pub(super) fn recognises(begin: &Begin) -> bool {
    begin.lines().filter(|line| !line.trim_ascii().is_empty()).take(MOST_LINES).any(|line| {
        let is_object = line.trim_ascii_start().starts_with(b"{") || envelope::after_prefix(line).is_some();
        // A line may be longer than what was looked at: the keys that come first tell.
        is_object && has_key(line, b"event_type") && has_key(line, b"timestamp")
    })
}

/// Whether there is `"key"` in a text, also where the text is itself part of a JSON string.
fn has_key(line: &[u8], key: &[u8]) -> bool {
    line.windows(key.len() + 2).any(|window| {
        let (first, rest) = (window[0], &window[1..]);
        matches!(first, b'"' | b'@' | b'_' | b'.')
            && rest.starts_with(key)
            && matches!(rest[key.len()], b'"' | b'\\')
    })
}

/// An event of Suricata.
#[derive(Debug)]
pub(super) struct Event(Map<String, Value>);

impl Event {
    /// The event on a line, with whatever is around it taken away.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line =
            if line.trim_ascii_start().starts_with(b"{") { line } else { envelope::after_prefix(line)? };
        let outer = envelope::nest(serde_json::from_slice(line).ok()?);
        let is_event = |object: &Map<String, Value>| {
            // Splunk puts what it has found in an event beside the event itself.
            object.get("event_type").is_some_and(Value::is_string) && !object.contains_key("_raw")
        };
        let ends = Ecs::new(&outer);
        let mut event = envelope::find(outer, &is_event, 0, &mut 0)?;
        ends.fill(&mut event);
        Some(Self(event))
    }

    /// What it tells of: `flow`, `tls`.
    pub(super) fn kind(&self) -> &str {
        self.0.get("event_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// A value by its path; null where there is none.
    pub(super) fn get(&self, path: &[&str]) -> &Value {
        let mut names = path.iter();
        let first = names.next().and_then(|name| self.0.get(*name)).unwrap_or(&Value::Null);
        names.fold(first, |value, name| &value[*name])
    }

    /// A count by its path.
    pub(super) fn number(&self, path: &[&str]) -> Option<u64> {
        to_number(self.get(path))
    }

    /// A time by its path.
    pub(super) fn timestamp(&self, path: &[&str]) -> Option<Timestamp> {
        to_timestamp(self.get(path))
    }

    /// When it was logged.
    pub(super) fn ts_us(&self) -> Option<i64> {
        let ts = self.timestamp(&["timestamp"]).or_else(|| self.timestamp(&["@timestamp"]));
        ts.map(|ts| ts.us)
    }

    /// Whether its time has no offset from UTC.
    pub(super) fn is_without_zone(&self) -> bool {
        self.timestamp(&["timestamp"]).is_some_and(|ts| !ts.has_zone)
    }

    /// Its protocol, and the number of one that has no name of its own.
    pub(super) fn protocol(&self) -> Option<(Protocol, Option<u16>)> {
        let text = self.get(&["proto"]).as_str()?.to_ascii_uppercase();
        let number = match text.as_str() {
            "TCP" => 6,
            "UDP" => 17,
            "ICMP" | "IPV6-ICMP" | "ICMPV6" => 1,
            "SCTP" => 132,
            "IGMP" => 2,
            "GRE" => 47,
            "ESP" => 50,
            "AH" => 51,
            "IPIP" | "IP" => 4,
            "IPV6" => 41,
            "OSPF" | "OSPFIGP" => 89,
            "PIM" => 103,
            text => match text.parse::<u16>() {
                Ok(number) if number < 256 => number,
                _ => return Some((Protocol::Other, None)),
            },
        };
        Some(match number {
            6 => (Protocol::Tcp, None),
            17 => (Protocol::Udp, None),
            1 | 58 => (Protocol::Icmp, None),
            132 => (Protocol::Sctp, None),
            number => (Protocol::Other, Some(number)),
        })
    }

    /// Both ends, the source first. Some versions say in an alert which way the flow goes, as the
    /// source of an alert is that of its packet.
    pub(super) fn ends(&self) -> Option<(End, End)> {
        let of_flow = self.end(&["flow", "src_ip"], &["flow", "src_port"]);
        if let Some(ends) = of_flow.zip(self.end(&["flow", "dest_ip"], &["flow", "dest_port"])) {
            return Some(ends);
        }
        let source = self.end(&["src_ip"], &["src_port"])?;
        let destination = self.end(&["dest_ip"], &["dest_port"])?;
        let is_answer = self.get(&["direction"]) == "to_client";
        Some(if is_answer { (destination, source) } else { (source, destination) })
    }

    /// Whether an alert says which way its flow goes.
    pub(super) fn has_direction(&self) -> bool {
        !self.get(&["flow", "src_ip"]).is_null() || !self.get(&["direction"]).is_null()
    }

    fn end(&self, addr: &[&str], port: &[&str]) -> Option<End> {
        let addr = address::parse(self.get(addr).as_str()?)?;
        let has_port = self.protocol().is_none_or(|(protocol, _)| protocol.has_ports());
        let port = if has_port { self.number(port)? } else { 0 };
        Some((addr, u16::try_from(port).ok()?))
    }

    /// What names its flow: the digits of Suricata's number together with both ends. The number
    /// alone is not enough, as programs that keep numbers as floats have rounded it: several flows
    /// may share it then. Empty where there is no number or what is left of it is no whole one.
    pub(super) fn flow_uid(&self) -> Vec<u8> {
        let digits = match self.get(&["flow_id"]) {
            Value::Number(number) if number.is_u64() => number.to_string(),
            Value::String(text) if number::unsigned(text.as_bytes()).is_some() => text.clone(),
            _ => return Vec::new(),
        };
        let Some((a, b)) = self.ends() else { return Vec::new() };
        let mut uid = digits.into_bytes();
        for (addr, port) in [a.min(b), a.max(b)] {
            uid.extend_from_slice(addr.to_string().as_bytes());
            uid.extend_from_slice(&port.to_be_bytes());
        }
        uid
    }
}

/// A count, also as a text or as a float without a fraction.
fn to_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let number = number.as_f64()?;
            (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
        }),
        Value::String(text) => number::whole(text.as_bytes()),
        _ => None,
    }
}

fn to_timestamp(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => timestamp::parse(text.as_bytes()),
        Value::Number(number) => timestamp::parse(number.to_string().as_bytes()),
        _ => None,
    }
}

/// What Filebeat's module for Suricata moves out of an event, and where to, in the Elastic Common
/// Schema. Source: `module/suricata/eve/ingest/pipeline.yml` of elastic/beats.
const MOVED: [(&[&str], [&str; 2]); 11] = [
    (&["src_ip"], ["source", "ip"]),
    (&["src_port"], ["source", "port"]),
    (&["dest_ip"], ["destination", "ip"]),
    (&["dest_port"], ["destination", "port"]),
    (&["proto"], ["network", "transport"]),
    (&["flow", "start"], ["event", "start"]),
    (&["flow", "end"], ["event", "end"]),
    (&["flow", "bytes_toserver"], ["source", "bytes"]),
    (&["flow", "pkts_toserver"], ["source", "packets"]),
    (&["flow", "bytes_toclient"], ["destination", "bytes"]),
    (&["flow", "pkts_toclient"], ["destination", "packets"]),
];

/// The values that were moved out of an event, with the place in it to which they belong.
struct Ecs(Vec<(&'static [&'static str], Value)>);

impl Ecs {
    fn new(outer: &Value) -> Self {
        let inner = ["_source", "fields", "result"].into_iter().map(|name| &outer[name]);
        let outer = inner.into_iter().find(|inner| inner.is_object()).unwrap_or(outer);
        let mut moved = Vec::new();
        if outer["source"].is_object() {
            moved.extend(MOVED.iter().map(|(to, [object, name])| (*to, outer[*object][*name].clone())));
        }
        moved.push((&["timestamp"], outer["@timestamp"].clone()));
        moved.retain(|(_, value)| !value.is_null());
        Self(moved)
    }

    /// Puts them back where an event lacks them.
    fn fill(self, event: &mut Map<String, Value>) {
        for (path, value) in self.0 {
            let object = match path {
                [outer, _] => {
                    event.entry(*outer).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
                }
                _ => Some(&mut *event),
            };
            if let (Some(object), Some(name)) = (object, path.last())
                && !object.contains_key(*name)
            {
                object.insert((*name).to_owned(), value);
            }
        }
    }
}
