//! Names of remotes: server names, requests and DNS answers.

use super::conn;
use super::kind::Kind;
use super::record::{Field, Record};
use super::tsv::unescape;
use crate::import::names::{FlowRef, NameSource, Names};

/// Takes the name that a record tells, if any.
pub(super) fn take(kind: Kind, record: &Record<'_>, set_separator: &[u8], names: &mut Names) {
    match kind {
        Kind::Tls => of_connection(record, Field::ServerName, NameSource::Tls, names),
        Kind::Http => of_connection(record, Field::Host, NameSource::Http, names),
        Kind::Dns => answers(record, set_separator, names),
        Kind::Share => server_of_share(record, names),
        Kind::Conn | Kind::OpenConn | Kind::Aggregate | Kind::Other => {}
    }
}

fn of_connection(record: &Record<'_>, field: Field, source: NameSource, names: &mut Names) {
    let Some(name) = record.get(field) else { return };
    note(record, source, &unescape(name), names);
}

/// `\\server\share`, as the client wrote it.
fn server_of_share(record: &Record<'_>, names: &mut Names) {
    let path = record.get(Field::SharePath).map(unescape).unwrap_or_default();
    let Some(start) = path.iter().position(|byte| *byte != b'\\').filter(|slashes| *slashes >= 2) else {
        return;
    };
    let server = path[start..].split(|byte| *byte == b'\\').next().unwrap_or_default();
    note(record, NameSource::Smb, server, names);
}

fn note(record: &Record<'_>, source: NameSource, name: &[u8], names: &mut Names) {
    let ends = record.end(Field::OrigH, Field::OrigP).zip(record.end(Field::RespH, Field::RespP));
    let ts_us = record.time().and_then(conn::timestamp).map_or(0, |ts| ts.us);
    let flow = FlowRef { uid: record.get(Field::Uid).unwrap_or_default(), ends, ts_us };
    names.of_connection(&flow, source, name);
}

fn answers(record: &Record<'_>, set_separator: &[u8], names: &mut Names) {
    let (Some(client), Some(ts), Some(query), Some(answers)) = (
        record.addr(Field::OrigH),
        record.time().and_then(conn::timestamp),
        record.get(Field::Query),
        record.text(Field::Answers),
    ) else {
        return;
    };
    let query = unescape(query);
    let separator = std::str::from_utf8(set_separator).unwrap_or(",");
    for addr in answers.split(separator).filter_map(|answer| answer.parse::<std::net::IpAddr>().ok()) {
        names.answer(client, addr.to_canonical(), ts.us, &query);
    }
}
