//! Suricata's EVE: an event a line as JSON. Flows become connections; TLS, HTTP and DNS events
//! name their remotes.
//!
//! A flow is logged when it is over, after its other events: only the names of open flows are
//! kept. Source: Suricata's manual, "EVE JSON Format".

use std::io::{self, Read};
use std::net::IpAddr;

use chrono::DateTime;
use serde_json::Value;

use super::lines::{Line, Lines};
use super::log::{Course, LoggedConnection};
use super::names::{Names, Told};
use super::{Account, Begin, Importer, Input, Output};
use crate::capture::{Counters, Example, ImportStats, Protocol, SourceStatus, TcpState, UnusedReason};
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "eve",
    title: "Suricata's EVE (JSON)",
    needs: "Connections come from flow events: enable `flow` under eve-log in suricata.yaml.",
    recognises,
    import,
};

/// TCP flags, as Suricata gathers them per side.
const FIN: u64 = 0x01;
const SYN: u64 = 0x02;
const RST: u64 = 0x04;

/// The port of DNS servers.
const DNS_PORT: u64 = 53;

fn recognises(begin: &Begin) -> bool {
    let first = begin.lines().find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    // The first line may be longer than what was looked at; these two keys come first.
    let has = |key: &[u8]| first.windows(key.len()).any(|window| window == key);
    first.trim_ascii_start().starts_with(b"{") && has(b"\"event_type\"") && has(b"\"timestamp\"")
}

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    for input in inputs {
        let mut failed = None;
        let reader = output.reader(input)?;
        let read = read_events(reader, |connection| {
            failed = connection.rows().into_iter().find_map(|row| output.push(row).err());
            failed.is_none()
        });
        let (account, reader) = read.map_err(Error::io("read", &input.path))?;
        if let Some(error) = failed {
            return Err(error);
        }
        let source = reader.finish(output.format())?;
        output.imported(source);
        output.account(input, account);
    }
    let detail =
        "bytes are those of whole packets with their headers, as Suricata counts them, and not of payload";
    output.source("byte-counts", SourceStatus::Partial, detail);
    Ok(())
}

/// Reads events and hands over the flows, until `take` gives false.
///
/// # Errors
/// What the reader says, other than that a compressed stream breaks off.
pub fn read_events<R: Read>(
    reader: R,
    mut take: impl FnMut(LoggedConnection) -> bool,
) -> io::Result<(Account, R)> {
    let mut lines = Lines::new(reader);
    let mut account = Account::new("event");
    let mut names = Names::default();
    loop {
        let number = lines.number() + 1;
        let (line, is_whole) = match lines.next()? {
            None => break,
            Some(Line::Whole(line)) => (line, true),
            Some(Line::Unended(line)) => (line, false),
            Some(Line::TooLong) => {
                account.stats.unreadable_line(number, b"");
                continue;
            }
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Ok(event) = serde_json::from_slice::<Value>(line) else {
            if is_whole {
                account.stats.unreadable_line(number, line);
            }
            account.is_cut_short |= !is_whole;
            continue;
        };
        if event["event_type"] != "flow" {
            take_name(&event, &mut names);
            skip_event(&event, number, line, &mut account.stats);
            continue;
        }
        match flow(&event, &mut names) {
            Flow::Connection(connection) => {
                account.stats.use_one();
                if !take(*connection) {
                    break;
                }
            }
            Flow::OtherProtocol => {
                let kind = format!("protocol {}", event["proto"].as_str().unwrap_or("unknown"));
                account.stats.skip(UnusedReason::Unsupported, &kind, || Example::of_line(number, line));
            }
            Flow::Unreadable => account.stats.unreadable_line(number, line),
        }
    }
    account.is_cut_short |= lines.is_cut_short();
    Ok((account, lines.into_inner()))
}

/// Counts an event that is no flow; without a type it is none at all.
fn skip_event(event: &Value, number: u64, line: &[u8], stats: &mut ImportStats) {
    match event["event_type"].as_str() {
        Some(kind) => stats
            .skip(UnusedReason::NoConnection, &format!("{kind} event"), || Example::of_line(number, line)),
        None => stats.unreadable_line(number, line),
    }
}

enum Flow {
    Connection(Box<LoggedConnection>),
    OtherProtocol,
    Unreadable,
}

fn flow(event: &Value, names: &mut Names) -> Flow {
    let protocol = match event["proto"].as_str() {
        Some(text) if text.eq_ignore_ascii_case("tcp") => Protocol::Tcp,
        Some(text) if text.eq_ignore_ascii_case("udp") => Protocol::Udp,
        Some(_) => return Flow::OtherProtocol,
        None => return Flow::Unreadable,
    };
    connection(event, protocol, names)
        .map_or(Flow::Unreadable, |connection| Flow::Connection(Box::new(connection)))
}

fn connection(event: &Value, protocol: Protocol, names: &mut Names) -> Option<LoggedConnection> {
    let about = &event["flow"];
    let start_us = moment(&about["start"])?;
    let end_us = moment(&about["end"]).filter(|end_us| *end_us >= start_us);
    let (originator, responder) = (end(event, "src")?, end(event, "dest")?);
    let uid = uid(event);
    let remote_name = names.find(&uid, originator.0, responder.0, start_us);
    names.forget(&uid);
    Some(LoggedConnection {
        protocol,
        originator,
        responder,
        start_us,
        duration_us: end_us.map(|end_us| end_us - start_us),
        counters: Counters {
            bytes_sent: about["bytes_toserver"].as_u64(),
            bytes_received: about["bytes_toclient"].as_u64(),
            packets_sent: about["pkts_toserver"].as_u64(),
            packets_received: about["pkts_toclient"].as_u64(),
            ..Counters::default()
        },
        course: match protocol {
            Protocol::Tcp => course(&event["tcp"]),
            _ => Course::STATELESS,
        },
        uid,
        remote_name,
    })
}

fn uid(event: &Value) -> Vec<u8> {
    event["flow_id"].as_u64().map_or(Vec::new(), |id| id.to_be_bytes().to_vec())
}

fn end(event: &Value, side: &str) -> Option<(IpAddr, u16)> {
    let addr: IpAddr = event[format!("{side}_ip")].as_str()?.parse().ok()?;
    let port = u16::try_from(event[format!("{side}_port")].as_u64()?).ok()?;
    Some((addr.to_canonical(), port))
}

/// `2024-01-01T00:00:00.000000+0000`, the zone with or without its colon.
fn moment(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    let parsed = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z");
    Some(parsed.or_else(|_| DateTime::parse_from_rfc3339(text)).ok()?.timestamp_micros())
}

/// The states that the flags of both sides tell of.
fn course(tcp: &Value) -> Course {
    let flags = |side: &str| u64::from_str_radix(tcp[side].as_str()?, 16).ok();
    let (Some(client), Some(server)) = (flags("tcp_flags_ts"), flags("tcp_flags_tc")) else {
        return Course::STATELESS;
    };
    let established = |last| Course { middle: Some(TcpState::Established), ..Course::opened(last) };
    let is_reset = (client | server) & RST != 0;
    if client & SYN == 0 {
        return Course::joined(Some(TcpState::Established), TcpState::Established);
    }
    match (server & SYN != 0, client & FIN != 0, server & FIN != 0) {
        (false, ..) if is_reset => Course::REFUSED,
        (false, ..) => Course::ATTEMPT,
        (true, ..) if is_reset => Course::CLOSED,
        (true, true, true) => Course::CLOSED,
        (true, true, false) => established(TcpState::FinWait1),
        (true, false, true) => established(TcpState::CloseWait),
        (true, false, false) => Course::opened(TcpState::Established),
    }
}

fn take_name(event: &Value, names: &mut Names) {
    let text = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec());
    match event["event_type"].as_str() {
        Some("tls") => {
            if let Some(name) = text(&event["tls"]["sni"]) {
                names.of_connection(&uid(event), Told::ByTls, &name);
            }
        }
        Some("http") => {
            if let Some(name) = text(&event["http"]["hostname"]) {
                names.of_connection(&uid(event), Told::ByHttp, &name);
            }
        }
        Some("dns") => take_answers(event, names),
        _ => {}
    }
}

fn take_answers(event: &Value, names: &mut Names) {
    // Whether the client or the server is called the source has changed between versions.
    let client = if event["src_port"].as_u64() == Some(DNS_PORT) { "dest" } else { "src" };
    let dns = &event["dns"];
    let (Some((client, _)), Some(ts_us), Some(name)) =
        (end(event, client), moment(&event["timestamp"]), dns["rrname"].as_str())
    else {
        return;
    };
    let lists = [&dns["grouped"]["A"], &dns["grouped"]["AAAA"], &dns["answers"]];
    for answer in lists.into_iter().filter_map(Value::as_array).flatten() {
        let text = answer.as_str().or_else(|| answer["rdata"].as_str());
        if let Some(addr) = text.and_then(|text| text.parse::<IpAddr>().ok()) {
            names.answer(client, addr.to_canonical(), ts_us, name.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLOW: &str = r#"{"timestamp":"2024-01-01T00:01:00.000000+0000","flow_id":7,"event_type":"flow","src_ip":"10.0.0.1","src_port":40000,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":5,"pkts_toclient":4,"bytes_toserver":600,"bytes_toclient":4000,"start":"2024-01-01T00:00:00.500000+0000","end":"2024-01-01T00:00:02.000000+0000"},"tcp":{"tcp_flags_ts":"1b","tcp_flags_tc":"1b"}}"#;

    fn read(text: &str) -> (Vec<LoggedConnection>, Account) {
        let mut flows = Vec::new();
        let (account, _) = read_events(text.as_bytes(), |flow| {
            flows.push(flow);
            true
        })
        .unwrap();
        (flows, account)
    }

    #[test]
    fn a_flow_is_a_connection_with_the_name_of_its_greeting() {
        let tls = r#"{"timestamp":"2024-01-01T00:00:01.000000+0000","flow_id":7,"event_type":"tls","tls":{"sni":"c2.example"}}"#;
        let (flows, account) = read(&format!("{tls}\n{FLOW}\n"));
        assert_eq!((flows.len(), account.stats.gaps()), (1, 0));
        assert_eq!(flows[0].remote_name.as_deref(), Some("c2.example"));
        assert_eq!((flows[0].start_us, flows[0].duration_us), (1_704_067_200_500_000, Some(1_500_000)));
        assert_eq!((flows[0].counters.bytes_sent, flows[0].course), (Some(600), Course::CLOSED));
    }

    #[test]
    fn the_flags_of_both_sides_tell_how_it_went() {
        let established = |last| Course { middle: Some(TcpState::Established), ..Course::opened(last) };
        for (client, server, expected) in [
            ("02", "00", Course::ATTEMPT),
            ("02", "14", Course::REFUSED),
            ("1a", "1a", Course::opened(TcpState::Established)),
            ("1b", "1a", established(TcpState::FinWait1)),
            ("1a", "1b", established(TcpState::CloseWait)),
            ("1e", "1a", Course::CLOSED),
            ("18", "18", Course::joined(Some(TcpState::Established), TcpState::Established)),
        ] {
            let tcp = serde_json::json!({"tcp_flags_ts": client, "tcp_flags_tc": server});
            assert_eq!(course(&tcp), expected, "{client} {server}");
        }
        assert_eq!(course(&Value::Null), Course::STATELESS);
    }

    #[test]
    fn an_answer_names_the_flows_of_its_client() {
        let dns = r#"{"timestamp":"2024-01-01T00:00:00.000000+0000","event_type":"dns","src_ip":"10.0.0.53","src_port":53,"dest_ip":"10.0.0.1","dest_port":999,"dns":{"type":"answer","rrname":"a.example","answers":[{"rrtype":"A","rdata":"192.0.2.1"}]}}"#;
        assert_eq!(read(&format!("{dns}\n{FLOW}\n")).0[0].remote_name.as_deref(), Some("a.example"));
    }

    #[test]
    fn a_last_line_that_is_cut_is_said_and_one_that_is_whole_counts() {
        assert_eq!(read(FLOW).0.len(), 1);
        let (flows, account) = read(&format!("{FLOW}\n{}", &FLOW[..300]));
        assert_eq!((flows.len(), account.is_cut_short, account.stats.gaps()), (1, true, 0));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>, at in 0..FLOW.len(), byte: u8) {
            read_events(bytes.as_slice(), |_| true).unwrap();
            let mut changed = FLOW.as_bytes().to_vec();
            changed[at] = byte;
            read_events(changed.as_slice(), |_| true).unwrap();
        }
    }
}
