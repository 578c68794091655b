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
        Kind::Conn | Kind::OpenConn | Kind::Aggregate | Kind::Other => {}
    }
}

fn of_connection(record: &Record<'_>, field: Field, source: NameSource, names: &mut Names) {
    let Some(name) = record.get(field) else { return };
    let ends = record.end(Field::OrigH, Field::OrigP).zip(record.end(Field::RespH, Field::RespP));
    let ts_us = record.time().and_then(conn::timestamp).map_or(0, |ts| ts.us);
    let flow = FlowRef { uid: record.get(Field::Uid).unwrap_or_default(), ends, ts_us };
    names.of_connection(&flow, source, &unescape(name));
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
