//! What events say of the payload: Suricata's `app_proto`, the TLS client's fingerprints, the server's certificate.

use std::borrow::Cow;
use std::sync::Arc;

use ahash::AHashMap;

use super::event::Event;
use crate::capture::Application;
use crate::import::names::{FlowRef, Names};
use crate::wire::{app_protocol, rpc};

/// Suricata's word for a payload that is none of the protocols that it knows.
const FAILED: &str = "failed";

/// Flows that have bound an interface, of which a later event may tell the operation; of no more than this number, which are
/// those of a day on a large network.
const MOST_BOUND: usize = 65_536;

/// Which interface each flow has bound whose operations add something.
#[derive(Debug, Default)]
pub(super) struct Bound(AHashMap<Vec<u8>, &'static str>);

impl Bound {
    /// The interface that an event's flow calls, with the operation, if an event before it has bound the interface.
    fn call(&mut self, event: &Event) -> Option<&'static str> {
        let interface = call(event);
        let number = |path: &[&str]| event.get(path).as_u64();
        let operation = number(&["dcerpc", "req", "opnum"])
            .or_else(|| number(&["smb", "dcerpc", "opnum"]))
            .or_else(|| number(&["smb", "dcerpc", "req", "opnum"]));
        let may_tell_more = interface.filter(|name| rpc::may_tell_more(name));
        if may_tell_more.is_none() && (operation.is_none() || self.0.is_empty()) {
            return interface;
        }
        let uid = event.flow_uid();
        if let Some(bound) = may_tell_more.filter(|_| !uid.is_empty() && self.0.len() < MOST_BOUND) {
            self.0.insert(uid.clone(), bound);
        }
        let bound = self.0.get(&uid).copied();
        bound.zip(operation).and_then(|(bound, number)| rpc::of_operation(bound, number)).or(interface)
    }
}

/// What a flow's own event says.
pub(super) fn of_flow(event: &Event) -> Option<Arc<Application>> {
    protocol(event).map(Application::of_protocol)
}

/// Takes what an event says of its flow: alerts and files have the greeting that they belong to with them.
pub(super) fn take(event: &Event, bound: &mut Bound, names: &mut Names) {
    let Some(protocol) = protocol(event) else { return };
    if let Some((transport, _)) = event.protocol() {
        names.note_recognised(transport);
    }
    let text = |path: &[&str]| event.get(path).as_str();
    let first = |a: &[&str], b: &[&str]| text(a).or_else(|| text(b));
    // Flow events say no more than the protocol, which their connection has.
    let call = bound.call(event);
    let facts = Application {
        protocol: call.map(Cow::Borrowed),
        ja3: first(&["tls", "ja3", "hash"], &["quic", "ja3", "hash"]).and_then(Application::read_ja3),
        ja4: first(&["tls", "ja4"], &["quic", "ja4"]).and_then(Application::read_ja4),
        tls_subject: text(&["tls", "subject"]).and_then(Application::read_name),
        tls_issuer: text(&["tls", "issuerdn"]).and_then(Application::read_name),
    };
    if !facts.is_empty() {
        let ts_us = event.ts_us().unwrap_or_default();
        let flow = FlowRef { uid: &event.flow_uid(), ends: event.ends(), ts_us };
        names.note_application(&flow, &Application { protocol: facts.protocol.or(Some(protocol)), ..facts });
    }
}

/// The interface of a Windows host that an event's flow calls: bound over TCP or in a pipe, or by the name of the pipe.
fn call(event: &Event) -> Option<&'static str> {
    let bound = |path: &[&str]| {
        let interfaces = event.get(path).as_array()?;
        interfaces.iter().find_map(|interface| rpc::of_uuid(interface.get("uuid")?.as_str()?))
    };
    let over_smb =
        || bound(&["smb", "dcerpc", "interfaces"]).filter(|name| rpc::rank(name) > rpc::rank("smb"));
    let pipe = |path: &[&str]| rpc::of_pipe(event.get(path).as_str()?);
    bound(&["dcerpc", "interfaces"])
        .or_else(over_smb)
        .or_else(|| pipe(&["smb", "named_pipe"]))
        .or_else(|| pipe(&["smb", "filename"]))
}

/// The application protocol of an event's flow; of a greeting or request also where nothing else says it.
fn protocol(event: &Event) -> Option<Cow<'static, str>> {
    match event.get(&["app_proto"]).as_str() {
        Some(FAILED) => Some(Cow::Borrowed(Application::UNKNOWN)),
        Some(name) => app_protocol::common_name(name),
        None => match event.kind() {
            "tls" => Some(Cow::Borrowed("tls")),
            "quic" => Some(Cow::Borrowed("quic")),
            "http" => Some(Cow::Borrowed("http")),
            "ssh" => Some(Cow::Borrowed("ssh")),
            "smtp" => Some(Cow::Borrowed("smtp")),
            "smb" => Some(Cow::Borrowed("smb")),
            "dcerpc" => Some(Cow::Borrowed("dce_rpc")),
            _ => None,
        },
    }
}
