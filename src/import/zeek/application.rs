//! What logs say of the payload: `service` of `conn.log`; fingerprints and certificate of `ssl.log`.

use std::borrow::Cow;
use std::sync::Arc;

use super::conn;
use super::kind::{self, Kind};
use super::record::{Field, Record};
use super::tsv::unescape;
use crate::capture::{Application, Protocol};
use crate::import::log::FlowRecord;
use crate::import::names::{FlowRef, Names};
use crate::wire::{app_protocol, rpc};

/// Analyzers that wrap others or belong to them: beside another one, the other is what is spoken.
const WRAPPERS: [&str; 5] = ["ssl", "gssapi", "ntlm", "dce_rpc", "krb"];

/// Logs of protocols of which each record is of a connection that speaks it.
const OF_PROTOCOLS: [&str; 24] = [
    "dce_rpc",
    "dnp3",
    "dns",
    "ftp",
    "http",
    "irc",
    "kerberos",
    "ldap",
    "ldap_search",
    "modbus",
    "mysql",
    "ntp",
    "postgresql",
    "radius",
    "rdp",
    "redis",
    "rfb",
    "sip",
    "smb_files",
    "smb_mapping",
    "smtp",
    "snmp",
    "ssh",
    "syslog",
];

/// What a record of `conn.log` says of its payload. Zeek looks at every payload, and names no service where it is none that
/// it knows; whether the log has services at all only the whole of it tells, see [`Names::application`].
pub(super) fn of_connection(record: &Record<'_>, connection: &FlowRecord) -> Option<Arc<Application>> {
    let Some(service) = record.text(Field::Service) else {
        let bytes = [connection.counters.bytes_sent, connection.counters.bytes_received];
        let has_payload = bytes.into_iter().flatten().any(|bytes| bytes > 0);
        let was_seen_from_its_beginning = connection.course.was_opened;
        let is_unknown = has_payload && was_seen_from_its_beginning && connection.protocol.has_ports();
        return is_unknown.then(|| Application::plain(Application::UNKNOWN));
    };
    protocol(service).map(Application::of_protocol)
}

/// Takes what a record says of its connection's payload; whether it says anything.
pub(super) fn take(kind: Kind, record: &Record<'_>, names: &mut Names) -> bool {
    let application = match kind {
        Kind::Tls => Some(of_handshake(record)),
        _ => of_call(record).or_else(|| of_log(record.log_name().unwrap_or_default())),
    };
    let Some(application) = application else { return false };
    let ends = record.end(Field::OrigH, Field::OrigP).zip(record.end(Field::RespH, Field::RespP));
    let ts_us = record.time().and_then(conn::timestamp).map_or(0, |ts| ts.us);
    let flow = FlowRef { uid: record.get(Field::Uid).unwrap_or_default(), ends, ts_us };
    names.note_application(&flow, &application);
    true
}

/// The interface of a Windows host that a record of `dce_rpc.log` names.
fn of_call(record: &Record<'_>) -> Option<Application> {
    let name = rpc::of_name(record.text(Field::Endpoint)?, record.text(Field::Operation))?;
    Some(Application { protocol: Some(Cow::Borrowed(name)), ..Application::default() })
}

/// The protocol that connections speak of which a log of this name tells.
fn of_log(name: &str) -> Option<Application> {
    let name = kind::bare_name(name);
    OF_PROTOCOLS.contains(&name).then(|| {
        let protocol = name.strip_suffix("_search").or_else(|| name.strip_suffix("_mapping"));
        let protocol = protocol.or_else(|| name.strip_suffix("_files")).unwrap_or(name);
        Application { protocol: app_protocol::common_name(protocol), ..Application::default() }
    })
}

fn of_handshake(record: &Record<'_>) -> Application {
    let text = |field| record.get(field).map(|bytes| String::from_utf8_lossy(&unescape(bytes)).into_owned());
    // Of the two logs with a version, only that of QUIC has a history.
    let is_of_quic =
        record.has(Field::History) || record.log_name().is_some_and(|name| name.contains("quic"));
    let version = record.text(Field::Version).unwrap_or_default();
    let protocol = match version {
        _ if is_of_quic => "quic",
        version if version.starts_with("DTLS") => "dtls",
        _ => "tls",
    };
    Application {
        protocol: Some(Cow::Borrowed(protocol)),
        ja3: text(Field::Ja3).as_deref().and_then(Application::read_ja3),
        ja4: text(Field::Ja4).as_deref().and_then(Application::read_ja4),
        tls_subject: text(Field::Subject).as_deref().and_then(Application::read_name),
        tls_issuer: text(Field::Issuer).as_deref().and_then(Application::read_name),
    }
}

/// Notes over which transport the log names services.
pub(super) fn note_recognised(application: Option<&Application>, transport: Protocol, names: &mut Names) {
    let protocol = application.and_then(|application| application.protocol.as_deref());
    if protocol.is_some_and(|protocol| protocol != Application::UNKNOWN) {
        names.note_recognised(transport);
    }
}

/// The one of several services that names what is spoken: a STARTTLS server has smtp and ssl, a file server gssapi and smb.
fn protocol(services: &str) -> Option<Cow<'static, str>> {
    let all = || services.split(',').map(str::trim).filter(|service| !service.is_empty());
    let spoken = all().filter(|service| !WRAPPERS.contains(service)).min();
    app_protocol::common_name(spoken.or_else(|| all().next())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_services_the_one_that_is_spoken_counts() {
        for (services, expected) in [
            ("ssl", "tls"),
            ("quic,ssl", "quic"),
            ("ssl,smtp", "smtp"),
            ("gssapi,smb,dce_rpc,krb", "smb"),
            ("dce_rpc,gssapi", "dce_rpc"),
            ("krb_tcp", "krb"),
            ("spicy_ldap_tcp", "ldap"),
            ("SSH", "ssh"),
        ] {
            assert_eq!(protocol(services).as_deref(), Some(expected), "{services}");
        }
        assert_eq!(protocol(","), None);
    }
}
