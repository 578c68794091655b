//! Names of remotes: in what clients greet and request with, and in DNS answers.

use serde_json::Value;

use super::event::Event;
use crate::import::address;
use crate::import::names::{End, FlowRef, NameSource, Names};

/// The port of DNS servers.
const DNS_PORT: u16 = 53;

/// The version of DNS events since which the client is always the source.
const CLIENT_IS_SOURCE: u64 = 3;

/// Takes what an event tells: alerts and files have the requests that they belong to with them.
pub(super) fn take(event: &Event, names: &mut Names) {
    if event.kind() == "dns" {
        answers(event, names);
    }
    let text = |path: &[&str]| event.get(path).as_str();
    let tls = text(&["tls", "sni"]).or_else(|| text(&["quic", "sni"]));
    if let Some(name) = tls {
        of_flow(event, NameSource::Tls, name, names);
    }
    let http = text(&["http", "hostname"]).or_else(|| authority(event.get(&["http", "request_headers"])));
    if let Some(name) = http {
        of_flow(event, NameSource::Http, name, names);
    }
}

fn of_flow(event: &Event, source: NameSource, name: &str, names: &mut Names) {
    let ts_us = event.ts_us().unwrap_or_default();
    names.of_connection(
        &FlowRef { uid: &event.flow_uid(), ends: event.ends(), ts_us },
        source,
        name.as_bytes(),
    );
}

/// The host that HTTP/2 asks for, which has no `hostname` of its own.
fn authority(headers: &Value) -> Option<&str> {
    let is_host = |header: &&Value| {
        let name = header["name"].as_str().unwrap_or_default();
        name == ":authority" || name.eq_ignore_ascii_case("host")
    };
    headers.as_array()?.iter().find(is_host)?["value"].as_str()
}

/// Answers of all versions: one a record (1), lists beside `rrname` (2) or beside `queries` (3).
fn answers(event: &Event, names: &mut Names) {
    let dns = event.get(&["dns"]);
    let query = dns["queries"][0]["rrname"].as_str().or_else(|| dns["rrname"].as_str());
    let (Some(((client, _), ts_us)), Some(name)) = (dns_ends(event).zip(event.ts_us()), query) else {
        return;
    };
    let mut note = |text: Option<&str>| {
        if let Some(addr) = text.and_then(address::parse) {
            names.answer(client.0, addr, ts_us, name.as_bytes());
        }
    };
    let lists = [&dns["grouped"]["A"], &dns["grouped"]["AAAA"], &dns["answers"]];
    for answer in lists.into_iter().filter_map(Value::as_array).flatten() {
        note(answer.as_str().or_else(|| answer["rdata"].as_str()));
    }
    note(dns["rdata"].as_str());
}

/// The ends of a DNS event, who asked first. Up to version 2 the source of an answer is the server.
pub(super) fn dns_ends(event: &Event) -> Option<(End, End)> {
    let (source, destination) = event.ends()?;
    let is_from_server = match (source.1 == DNS_PORT, destination.1 == DNS_PORT) {
        (true, false) => true,
        (false, true) => false,
        _ => {
            let version = event.number(&["dns", "version"]).unwrap_or(1);
            version < CLIENT_IS_SOURCE && event.get(&["dns", "type"]) == "answer"
        }
    };
    Some(if is_from_server { (destination, source) } else { (source, destination) })
}
