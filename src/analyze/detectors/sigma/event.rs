//! A connection as an event of the category `network_connection`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use rsigma_eval::EventValue;
use serde_json::{Map, Value};

use crate::Result;
use crate::model::orientation::{Flow, Orientation};
use crate::model::sockets::{Socket, Sockets};
use crate::model::tables::Tables;
use crate::model::view::Words;

/// What is known of connections beyond their own table: who opened them, and their processes.
pub(super) struct Background<'a> {
    orientation: Orientation<'a>,
    exe: Words<'a>,
    cmdline: Words<'a>,
    username: Words<'a>,
}

impl<'a> Background<'a> {
    pub(super) fn new(tables: &'a Tables, sockets: &Sockets<'a>) -> Result<Self> {
        let words = |column| Words::of(&tables.processes, column);
        Ok(Self {
            orientation: Orientation::new(sockets),
            exe: words("exe")?,
            cmdline: words("cmdline")?,
            username: words("username")?,
        })
    }
}

/// A connection; its source is who opened it.
pub(super) struct Event<'a> {
    socket: Socket<'a>,
    flow: Option<Flow<'a>>,
    exe: Option<&'a str>,
    cmdline: Option<&'a str>,
    username: Option<&'a str>,
}

type Read = for<'e> fn(&'e Event<'_>) -> Option<EventValue<'e>>;

/// Every field that a capture can have.
pub(super) const FIELDS: &[(&str, Read)] = &[
    ("Image", |e| text(e.exe)),
    ("CommandLine", |e| text(e.cmdline)),
    ("ProcessId", |e| e.socket.pid.map(|pid| EventValue::Int(pid.into()))),
    ("User", |e| text(e.username)),
    ("Protocol", |e| text(Some(e.socket.protocol.as_str()))),
    // Sysmon writes it as a text, and so do rules.
    ("Initiated", |e| {
        let is_local = e.socket.direction.and(e.flow)?.is_local_originator;
        text(Some(if is_local { "true" } else { "false" }))
    }),
    ("SourceIp", |e| text(Some(e.flow?.originator.0))),
    ("SourcePort", |e| Some(EventValue::Int(e.flow?.originator.1.into()))),
    ("SourceIsIpv6", |e| is_v6(e.flow?.originator.0)),
    ("DestinationIp", |e| text(Some(e.flow?.responder.0))),
    ("DestinationPort", |e| Some(EventValue::Int(e.flow?.responder.1.into()))),
    ("DestinationIsIpv6", |e| is_v6(e.flow?.responder.0)),
    ("DestinationHostname", |e| text(if e.flow?.is_local_originator { e.socket.remote_name } else { None })),
];

fn text(text: Option<&str>) -> Option<EventValue<'_>> {
    text.map(|text| EventValue::Str(Cow::Borrowed(text)))
}

fn is_v6(addr: &str) -> Option<EventValue<'static>> {
    let is_v6 = addr.parse::<IpAddr>().ok()?.is_ipv6();
    Some(EventValue::Str(Cow::Borrowed(if is_v6 { "true" } else { "false" })))
}

impl<'a> Event<'a> {
    pub(super) fn of(socket: &Socket<'a>, known: &Background<'a>) -> Self {
        let of = |column: &Words<'a>| socket.process.and_then(|row| column.get(row as usize));
        Self {
            socket: *socket,
            flow: known.orientation.flow(socket),
            exe: of(&known.exe),
            cmdline: of(&known.cmdline),
            username: of(&known.username),
        }
    }

    /// The value of a field; none if it is not known.
    pub(super) fn value(&self, field: &str) -> Option<EventValue<'_>> {
        FIELDS.iter().find(|(name, _)| *name == field).and_then(|(_, read)| read(self))
    }

    /// The value of a field for people.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        Some(self.value(field)?.as_str()?.into_owned())
    }

    /// The same for events that are the same in these fields, and for no others.
    pub(super) fn key(&self, fields: &[String]) -> String {
        let mut key = String::new();
        for field in fields {
            // Writing to a String cannot fail; the quotes keep values apart.
            let _ = write!(key, "{:?}", self.text(field));
        }
        key
    }
}

impl rsigma_eval::Event for Event<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.value(path)
    }

    fn any_string_value(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        self.all_string_values().iter().any(|text| holds(text))
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let texts = FIELDS.iter().filter_map(|(_, read)| match read(self) {
            Some(EventValue::Str(text)) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    fn to_json(&self) -> Value {
        let fields =
            FIELDS.iter().filter_map(|(name, read)| Some(((*name).to_owned(), read(self)?.to_json())));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}
