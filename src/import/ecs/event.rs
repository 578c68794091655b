//! What one event says.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use crate::capture::{Application, Counters, Owner, Protocol, TcpState};
use crate::import::log::{FlowRecord, StateHistory};
use crate::import::names::{End, FlowRef, NameSource, Names};
use crate::import::timestamp::{self, Timestamp};
use crate::import::{address, envelope, number};
use crate::wire::app_protocol;

/// Characters of a text that are kept: a command line of Windows has at most 32,767.
const MOST_CHARS: usize = 32_768;

/// Parts of an event that tell of a request and not of a flow.
const REQUESTS: [&str; 8] = [
    "/dns/question",
    "/dns/id",
    "/http/request",
    "/tls/server",
    "/tls/client",
    "/tls/version",
    "/url/full",
    "/file",
];

/// Fields that only an event of a flow has.
const OF_FLOWS: [&str; 6] =
    ["/zeek/connection", "/flow/id", "/flow/final", "/system/audit/socket", "/firstPacket", "/netflow"];

/// An event.
#[derive(Debug)]
pub(super) struct Event(Value);

/// What an event is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connection,
    /// Something else, as a noun.
    Other(String),
}

impl Event {
    /// The event on a line, out of what search engines put around it; none if it is no object.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let outer = envelope::nest(serde_json::from_slice(line).ok()?);
        let inner = ["_source", "fields", "result"].into_iter().find(|name| outer[*name].is_object());
        let event = match (inner, outer) {
            (Some(name), mut outer) => outer[name].take(),
            (None, outer) => outer,
        };
        event.is_object().then_some(Self(event))
    }

    /// Whether it has two ends after this schema, and the program's own event in no other field.
    pub(super) fn is_of_schema(&self) -> bool {
        let has_ends = self.text("/source/ip").is_some() && self.text("/destination/ip").is_some();
        let is_json = |path: &str| self.text(path).is_some_and(|text| text.trim_start().starts_with('{'));
        let has_original = is_json("/event/original") || is_json("/message");
        has_ends && !has_original && self.get("/suricata/eve/event_type").is_none() && !self.is_of_sysmon()
    }

    fn is_of_sysmon(&self) -> bool {
        self.text("/winlog/provider_name")
            .is_some_and(|name| name.eq_ignore_ascii_case("Microsoft-Windows-Sysmon"))
    }

    fn get(&self, path: &str) -> Option<&Value> {
        self.0.pointer(path).filter(|value| !value.is_null())
    }

    fn text(&self, path: &str) -> Option<&str> {
        match self.get(path)? {
            Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty() && *text != "-"),
            Value::Array(items) => items.first()?.as_str(),
            _ => None,
        }
    }

    fn number(&self, path: &str) -> Option<u64> {
        match self.get(path)? {
            Value::String(text) => number::whole(text.as_bytes()),
            Value::Number(number) => number::whole(number.to_string().as_bytes()),
            _ => None,
        }
    }

    fn time(&self, path: &str) -> Option<Timestamp> {
        match self.get(path)? {
            Value::String(text) => timestamp::parse(text.as_bytes()),
            Value::Number(number) => timestamp::parse(number.to_string().as_bytes()),
            _ => None,
        }
    }

    /// Whether one of the texts of a field is this one.
    fn has(&self, path: &str, word: &str) -> bool {
        match self.get(path) {
            Some(Value::String(text)) => text == word,
            Some(Value::Array(items)) => items.iter().any(|item| item == word),
            _ => false,
        }
    }

    /// The data set, as in `zeek.connection`, or else the action.
    fn name(&self) -> &str {
        ["/event/dataset", "/event/action", "/event/kind", "/type"]
            .into_iter()
            .find_map(|path| self.text(path))
            .unwrap_or("other")
    }

    pub(super) fn kind(&self) -> Kind {
        let other = || Kind::Other(format!("{} event", self.name()));
        if self.text("/source/ip").is_none() || self.text("/destination/ip").is_none() {
            return other();
        }
        let is_of_flows = OF_FLOWS.iter().any(|path| self.get(path).is_some())
            || matches!(self.name(), "flow" | "socket" | "zeek.connection" | "zeek.conn" | "conn")
            || self.text("/event/dataset") == Some("endpoint.events.network");
        let is_request = REQUESTS.iter().any(|path| self.get(path).is_some())
            || self.has("/event/category", "intrusion_detection")
            || self.has("/event/kind", "alert");
        let is_of_network = self.has("/event/category", "network")
            || self.has("/event/category", "network_traffic")
            || self.has("/event/type", "connection");
        if is_of_flows || (is_of_network && !is_request) { Kind::Connection } else { other() }
    }

    /// The flow of which it tells; none if it lacks what names one.
    pub(super) fn connection(&self) -> Option<FlowRecord> {
        let (protocol, protocol_number) = self.protocol()?;
        let (originator, responder) = self.ends(protocol)?;
        let end_us = self.time("/event/end").or_else(|| self.time("/lastPacket")).map(|ts| ts.us);
        let start_us = self.time("/event/start").or_else(|| self.time("/firstPacket")).map(|ts| ts.us);
        let duration_us = match (start_us, end_us, self.number("/event/duration")) {
            (Some(start_us), Some(end_us), _) => Some(end_us - start_us),
            _ if self.is_of_security_onion() => self.seconds_us("/event/duration"),
            (_, _, Some(ns)) => i64::try_from(ns / 1000).ok(),
            _ => None,
        };
        let duration_us = duration_us.filter(|us| *us >= 0);
        let start_us = start_us
            .or_else(|| end_us.map(|end_us| end_us.saturating_sub(duration_us.unwrap_or(0))))
            .or_else(|| Some(self.time("/@timestamp").or_else(|| self.time("/timestamp"))?.us))?;
        let count = |path: &str| self.number(path);
        Some(FlowRecord {
            uid: self.uid(),
            protocol,
            protocol_number,
            originator,
            responder,
            start_us,
            duration_us,
            counters: Counters {
                bytes_sent: count("/source/bytes").or_else(|| count("/client/bytes")),
                bytes_received: count("/destination/bytes").or_else(|| count("/server/bytes")),
                packets_sent: count("/source/packets").or_else(|| count("/client/packets")),
                packets_received: count("/destination/packets").or_else(|| count("/server/packets")),
                ..Counters::default()
            },
            course: self.course(protocol),
            application: self.application(),
        })
    }

    /// Whether Security Onion made it of a record of Zeek: then its duration is in seconds, as Zeek has it, and not in
    /// nanoseconds.
    fn is_of_security_onion(&self) -> bool {
        self.get("/connection/state").is_some() || self.get("/connection/history").is_some()
    }

    fn seconds_us(&self, path: &str) -> Option<i64> {
        match self.get(path)? {
            Value::String(text) => number::seconds(text.as_bytes()),
            Value::Number(number) => number::seconds(number.to_string().as_bytes()),
            _ => None,
        }
    }

    /// The application protocol, where it names one and not what carries it.
    fn application(&self) -> Option<Arc<Application>> {
        let name = app_protocol::common_name(self.text("/network/protocol")?)?;
        let is_carrier = ["tcp", "udp", "icmp", "ipv6-icmp", "sctp", "ip", "ipv4", "ipv6"].contains(&&*name);
        (!is_carrier).then(|| Application::of_protocol(name))
    }

    /// What names the flow; empty if nothing does.
    fn uid(&self) -> Vec<u8> {
        let names = [
            "/zeek/session_id",
            "/flow/id",
            "/log/id/uid",
            "/rootId",
            "/process/entity_id",
            "/network/community_id",
        ];
        names.into_iter().find_map(|path| self.text(path)).unwrap_or_default().as_bytes().to_vec()
    }

    /// The protocol, and the number of one that has no name of its own.
    fn protocol(&self) -> Option<(Protocol, Option<u16>)> {
        let number = self.number("/network/iana_number").or_else(|| self.number("/ipProtocol"));
        let number = match self.text("/network/transport").map(str::to_ascii_lowercase).as_deref() {
            Some("tcp") => 6,
            Some("udp") => 17,
            Some("icmp" | "ipv6-icmp" | "icmpv6") => 1,
            Some("sctp") => 132,
            Some(text) => number.or_else(|| text.parse().ok()).unwrap_or(u64::MAX),
            None => number?,
        };
        Some(match u8::try_from(number) {
            Ok(58) => (Protocol::Icmp, None),
            Ok(number) => Protocol::of_ip_number(number),
            Err(_) => (Protocol::Other, None),
        })
    }

    fn ends(&self, protocol: Protocol) -> Option<(End, End)> {
        let port = |path: &str| {
            if protocol.has_ports() { u16::try_from(self.number(path)?).ok() } else { Some(0) }
        };
        let addr = |path: &str| address::parse(self.text(path)?);
        let source = (addr("/source/ip")?, port("/source/port")?);
        Some((source, (addr("/destination/ip")?, port("/destination/port")?)))
    }

    /// How it went, as far as Zeek's word or the reports say.
    fn course(&self, protocol: Protocol) -> StateHistory {
        let is_open = self.get("/flow/final") == Some(&Value::Bool(false))
            || self.has("/event/type", "start") && !self.has("/event/type", "end");
        let course = match (
            protocol,
            ["/zeek/connection/state", "/zeek/conn/conn_state", "/connection/state"]
                .into_iter()
                .find_map(|path| self.text(path)),
        ) {
            (Protocol::Tcp, Some(word)) => StateHistory::of_zeek(word.as_bytes()),
            (Protocol::Tcp, None) if self.has("/event/action", "connection_attempted") => {
                return StateHistory::opened(TcpState::Established);
            }
            _ => StateHistory::STATELESS,
        };
        if is_open { course.continuing() } else { course }
    }

    /// The process behind it.
    pub(super) fn owner(&self) -> Option<Owner> {
        let text = |path: &str| self.text(path).map(shorten);
        let id = |path: &str| self.number(path).and_then(|id| u32::try_from(id).ok());
        let exe = text("/process/executable");
        let file_name = |path: &str| path.rsplit(['/', '\\']).next().map(str::to_owned);
        let owner = Owner {
            pid: id("/process/pid"),
            ppid: id("/process/parent/pid").or_else(|| id("/process/ppid")),
            uid: id("/user/id"),
            process_name: text("/process/name").or_else(|| file_name(exe.as_deref()?)),
            cmdline: text("/process/command_line").or_else(|| self.arguments()),
            username: text("/user/name"),
            parent_name: text("/process/parent/name"),
            exe_sha256: text("/process/hash/sha256").filter(|hash| hash.len() == 64),
            process_start_us: self.time("/process/start").map(|ts| ts.us),
            exe,
            ..Owner::default()
        };
        (owner.pid.is_some() || owner.process_name.is_some()).then_some(owner)
    }

    fn arguments(&self) -> Option<String> {
        let items = self.get("/process/args")?.as_array()?;
        let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
        (!words.is_empty()).then(|| shorten(&words.join(" ")))
    }

    /// Whether the host that reports it has accepted the connection, so that the process is that of the
    /// destination.
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.text("/network/direction"), Some("ingress" | "inbound" | "incoming"))
            || self.has("/event/action", "connection_accepted")
    }

    pub(super) fn host(&self) -> Option<String> {
        self.text("/host/name").map(shorten)
    }

    pub(super) fn is_without_zone(&self) -> bool {
        self.time("/event/start").or_else(|| self.time("/@timestamp")).is_some_and(|ts| !ts.has_zone)
    }

    /// Notes the name of the remote that it tells.
    pub(super) fn note_names(&self, names: &mut Names) {
        let Some(protocol) = self.protocol().map(|(protocol, _)| protocol) else { return };
        let Some((source, destination)) = self.ends(protocol) else { return };
        let Some(ts) = self.time("/event/start").or_else(|| self.time("/@timestamp")) else { return };
        if let Some(question) = self.text("/dns/question/name") {
            self.note_answers(source.0, question, ts.us, names);
            return;
        }
        let uid = self.uid();
        let flow = FlowRef { uid: &uid, ends: Some((source, destination)), ts_us: ts.us };
        if let Some(name) =
            self.text("/tls/client/server_name").or_else(|| self.text("/zeek/ssl/server/name"))
        {
            names.of_connection(&flow, NameSource::Tls, name.as_bytes());
        } else if let Some(name) = self.text("/url/domain").or_else(|| self.text("/destination/domain")) {
            names.of_connection(&flow, NameSource::Http, name.as_bytes());
        }
    }

    fn note_answers(&self, client: IpAddr, question: &str, ts_us: i64, names: &mut Names) {
        let name = question.trim_end_matches('.').to_ascii_lowercase();
        let addresses = match self.get("/dns/resolved_ip") {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => vec![text.as_str()],
            _ => Vec::new(),
        };
        for addr in addresses.into_iter().filter_map(address::parse) {
            names.answer(client, addr, ts_us, name.as_bytes());
        }
    }
}

/// Takes over a further report of a flow: counts only grow, and the later one says how it is.
pub(super) fn join(known: &mut FlowRecord, report: &FlowRecord) {
    let start_us = known.start_us.min(report.start_us);
    let end_us = known.end_us().max(report.end_us());
    if report.end_us() >= known.end_us() {
        // One that saw the opening is not undone by one that did not.
        let was_opened = known.course.was_opened || report.course.was_opened;
        known.course = StateHistory { was_opened, ..report.course };
    }
    let most = |a: Option<u64>, b: Option<u64>| a.max(b);
    let (mine, theirs) = (known.counters, report.counters);
    known.counters = Counters {
        bytes_sent: most(mine.bytes_sent, theirs.bytes_sent),
        bytes_received: most(mine.bytes_received, theirs.bytes_received),
        packets_sent: most(mine.packets_sent, theirs.packets_sent),
        packets_received: most(mine.packets_received, theirs.packets_received),
        ..mine
    };
    if known.application.is_none() {
        known.application.clone_from(&report.application);
    }
    let has_duration = known.duration_us.is_some() || report.duration_us.is_some() || end_us > start_us;
    known.start_us = start_us;
    known.duration_us = has_duration.then(|| end_us.saturating_sub(start_us));
}

fn shorten(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}
