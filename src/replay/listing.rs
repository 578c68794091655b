//! Rows of a capture as text: a table for people, CSV and JSON for programs, all from the same list
//! of columns.

use std::io::{self, Write};
use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::capture::schema::COLUMNS;
use crate::capture::{Column, Query, Row};
use crate::escape;
use crate::humanize;

/// An output format for rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Aligned columns, for reading and for grep.
    Table,
    /// Every column of the capture; safe to open in a spreadsheet.
    Csv,
    /// Every column of the capture, one JSON object per line.
    #[value(alias = "json")]
    Ndjson,
}

/// Writes rows in a format. Times in a table are in the local time zone if `is_local`; times in
/// data are always UTC.
///
/// # Errors
/// If writing fails.
pub fn write<'a>(
    out: &mut dyn Write,
    form: Form,
    is_local: bool,
    rows: impl IntoIterator<Item = &'a Row>,
) -> io::Result<()> {
    match form {
        Form::Table => table(out, is_local, rows),
        Form::Csv => csv(out, rows),
        Form::Ndjson => rows.into_iter().try_for_each(|row| writeln!(out, "{}", json(row))),
    }
}

fn table<'a>(out: &mut dyn Write, is_local: bool, rows: impl IntoIterator<Item = &'a Row>) -> io::Result<()> {
    let (width, time): (usize, fn(i64) -> String) = if is_local {
        (32, humanize::micros_local)
    } else {
        (27, |us| humanize::iso_utc(us).unwrap_or_else(unknown))
    };
    writeln!(
        out,
        "{:<width$} {:<8} {:<5} {:<23} {:<23} {:<11} {:>12} {:>12} {:>7} PROCESS",
        "TIME", "KIND", "PROTO", "LOCAL", "REMOTE", "STATE", "SENT", "RECEIVED", "PID"
    )?;
    let number = |value: Option<u64>| value.map_or_else(unknown, |value| value.to_string());
    for row in rows {
        let owner = row.owner.as_deref();
        let process = owner.and_then(|owner| owner.process_name.as_deref());
        let name = row.remote_name.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
        let query = row.query.as_deref().map_or_else(String::new, |query| format!("  {}", question(query)));
        writeln!(
            out,
            "{:<width$} {:<8} {:<5} {:<23} {:<23} {:<11} {:>12} {:>12} {:>7} {}{}{}",
            time(row.ts_us),
            row.kind.as_str(),
            row.protocol.as_str(),
            local_end(row),
            remote_end(row).unwrap_or_else(unknown),
            row.state.map_or_else(unknown, |state| state.as_str().to_owned()),
            number(row.counters.bytes_sent),
            number(row.counters.bytes_received),
            owner.and_then(|owner| owner.pid).map_or_else(unknown, |pid| pid.to_string()),
            escape::terminal(process.unwrap_or(humanize::UNKNOWN)),
            escape::terminal(&name),
            escape::terminal(&query),
        )?;
    }
    Ok(())
}

fn csv<'a>(out: &mut dyn Write, rows: impl IntoIterator<Item = &'a Row>) -> io::Result<()> {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    writeln!(out, "{}\r", names.join(","))?;
    for row in rows {
        let cells: Vec<String> = COLUMNS.iter().map(|column| cell(&value(row, column.column))).collect();
        writeln!(out, "{}\r", cells.join(","))?;
    }
    Ok(())
}

/// A cell according to RFC 4180, safe against formulas.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => {
            let text = escape::csv(text);
            if text.contains([',', '"']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.into_owned()
            }
        }
        other => other.to_string(),
    }
}

/// One row as a JSON object on one line.
fn json(row: &Row) -> String {
    let fields = COLUMNS.iter().map(|column| (column.name.to_owned(), value(row, column.column)));
    let text = Value::Object(fields.collect::<Map<_, _>>()).to_string();
    escape::json(&text).into_owned()
}

/// A column's value. Ids are texts, because they use all 64 bits, which many JSON readers do not
/// support.
fn value(row: &Row, column: Column) -> Value {
    let (owner, query) = (row.owner.as_deref(), row.query.as_deref());
    let application = row.application.as_deref();
    let time = |ts_us: i64| humanize::iso_utc(ts_us).map_or_else(|| ts_us.into(), Value::from);
    match column {
        Column::Ts => time(row.ts_us),
        Column::MonoNs => row.mono_ns.into(),
        Column::Tick => row.tick.into(),
        Column::Kind => row.kind.as_str().into(),
        Column::ConnId => row.conn_id.to_string().into(),
        Column::Protocol => row.protocol.as_str().into(),
        Column::LocalAddr => row.local_addr.to_string().into(),
        Column::LocalPort => row.local_port().into(),
        Column::RemoteAddr => row.remote.map(|(addr, _)| addr.to_string()).into(),
        Column::RemotePort => row.remote_port().into(),
        Column::RemoteName => row.remote_name.as_deref().into(),
        Column::Netns => row.netns.into(),
        Column::State => row.state.map(crate::capture::TcpState::as_str).into(),
        Column::PrevState => row.prev_state.map(crate::capture::TcpState::as_str).into(),
        Column::BytesSent => row.counters.bytes_sent.into(),
        Column::BytesReceived => row.counters.bytes_received.into(),
        Column::PacketsSent => row.counters.packets_sent.into(),
        Column::PacketsReceived => row.counters.packets_received.into(),
        Column::Retransmits => row.counters.retransmits.into(),
        Column::RttUs => row.counters.rtt_us.into(),
        Column::Pid => owner.and_then(|owner| owner.pid).into(),
        Column::Ppid => owner.and_then(|owner| owner.ppid).into(),
        Column::Uid => owner.and_then(|owner| owner.uid).into(),
        Column::ProcessName => owner.and_then(|owner| owner.process_name.as_deref()).into(),
        Column::Exe => owner.and_then(|owner| owner.exe.as_deref()).into(),
        Column::Cmdline => owner.and_then(|owner| owner.cmdline.as_deref()).into(),
        Column::Username => owner.and_then(|owner| owner.username.as_deref()).into(),
        Column::ParentName => owner.and_then(|owner| owner.parent_name.as_deref()).into(),
        Column::Container => owner.and_then(|owner| owner.container.as_deref()).into(),
        Column::ExeSha256 => owner.and_then(|owner| owner.exe_sha256.as_deref()).into(),
        Column::ProcessStart => owner.and_then(|owner| owner.process_start_us).map(time).into(),
        Column::CpuPercent => row.cpu_percent.into(),
        Column::MemoryRssBytes => row.memory_rss_bytes.into(),
        Column::OwnerSource => row.owner_source.map(crate::capture::OwnerSource::as_str).into(),
        Column::ProtocolNumber => row.protocol_number.into(),
        Column::QueryName => query.map(|query| query.name.as_str()).into(),
        Column::QueryType => query.and_then(|query| query.query_type.as_deref()).into(),
        Column::ResponseCode => query.and_then(|query| query.response_code.as_deref()).into(),
        Column::Answers => query.and_then(|query| query.answers.as_deref()).into(),
        Column::AppProtocol => application.and_then(|known| known.protocol.as_deref()).into(),
        Column::Ja3 => application.and_then(|known| known.ja3.as_deref()).into(),
        Column::Ja4 => application.and_then(|known| known.ja4.as_deref()).into(),
        Column::TlsSubject => application.and_then(|known| known.tls_subject.as_deref()).into(),
        Column::TlsIssuer => application.and_then(|known| known.tls_issuer.as_deref()).into(),
    }
}

/// The local end of a row; for a raw or packet socket with its protocol number, `0.0.0.0 (89)`.
pub(super) fn local_end(row: &Row) -> String {
    let end = endpoint(row.local_addr, row.local_port());
    row.protocol_number.map_or_else(|| end.clone(), |number| format!("{end} ({number})"))
}

/// The remote end of a row.
pub(super) fn remote_end(row: &Row) -> Option<String> {
    row.remote.map(|(addr, _)| endpoint(addr, row.remote_port()))
}

/// `10.0.0.1:443`, `[::1]:443`; without a port `10.0.0.1`.
fn endpoint(addr: IpAddr, port: Option<u16>) -> String {
    match (addr, port) {
        (addr, None) => addr.to_string(),
        (IpAddr::V4(addr), Some(port)) => format!("{addr}:{port}"),
        (IpAddr::V6(addr), Some(port)) => format!("[{addr}]:{port}"),
    }
}

/// `AAAA example.org NOERROR 2001:db8::1`.
pub(super) fn question(query: &Query) -> String {
    let known = [query.query_type.as_deref(), Some(&query.name), query.response_code.as_deref()];
    let words: Vec<&str> = known.into_iter().chain([query.answers.as_deref()]).flatten().collect();
    words.join(" ")
}

fn unknown() -> String {
    humanize::UNKNOWN.to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::{Owner, Protocol};

    fn hostile() -> Row {
        let mut row = Row::snapshot(u64::MAX, Protocol::Udp, ("::1".parse().unwrap(), 53));
        row.ts_us = 1_780_308_000_000_000;
        row.remote = Some(("10.0.0.2".parse().unwrap(), 443));
        row.owner = Some(Arc::new(Owner {
            pid: Some(7),
            process_name: Some("=cmd\u{1b}[31m".to_owned()),
            cmdline: Some("a \"b\", c".to_owned()),
            ..Owner::default()
        }));
        row
    }

    fn written(form: Form) -> String {
        let mut out = Vec::new();
        write(&mut out, form, false, [&hostile()]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_form_lets_a_hostile_name_through() {
        for form in [Form::Table, Form::Csv, Form::Ndjson] {
            let text = written(form);
            assert!(!text.contains('\u{1b}'), "{text}");
            assert!(text.contains("u{1b}") || text.contains("u001b"), "{text}");
        }
    }

    #[test]
    fn a_table_has_a_line_per_row() {
        let text = written(Form::Table);
        let line = text.lines().nth(1).unwrap();
        assert!(line.starts_with("2026-06-01T10:00:00.000000Z snapshot udp   [::1]:53"), "{line}");
        assert!(line.contains(" – "), "what is not known is a dash: {line}");
    }

    #[test]
    fn csv_comes_back_from_a_parser() {
        let text = written(Form::Csv);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(row.len(), COLUMNS.len());
        assert_eq!(&row[Column::Cmdline as usize], "a \"b\", c");
        assert_eq!(&row[Column::ProcessName as usize], r"'=cmd\u{1b}[31m");
    }

    #[test]
    fn json_has_every_column_and_null_for_what_is_not_known() {
        let row: Value = serde_json::from_str(&written(Form::Ndjson)).unwrap();
        assert_eq!(row.as_object().unwrap().len(), COLUMNS.len());
        assert_eq!(row["conn_id"], "18446744073709551615");
        assert_eq!(row["bytes_sent"], Value::Null);
    }
}
