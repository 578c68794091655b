//! A Zeek `conn.log` with Community ID, and a second file with the processes by `uid`, so that RITA
//! and Zeek scripts can read netrec's recordings.
//!
//! `conn_state` is set only if the TCP states determine it: a connection that merely disappeared
//! may have been closed or reset, so its state is unset. Fields that netrec does not record are
//! unset.

use std::fmt::Write as _;
use std::io::Write;
use std::net::IpAddr;

use community_id::calculate_community_id;

use super::{Exported, Exporter, Target};
use crate::Result;
use crate::capture::{Application, Metadata, Protocol, TcpState};
use crate::model::Tables;
use crate::model::orientation::{self, Orientation};
use crate::model::records::Direction;
use crate::model::sockets::{Socket, Sockets};
use crate::model::states::States;
use crate::wire::rpc;

/// See the [module's documentation](self).
pub(super) const EXPORTER: Exporter =
    Exporter { id: "zeek", extension: "conn.log", beside: Some("processes.log"), head_lines: 7, write };

/// Fields and types of the log, in the order of [`line()`].
const FIELDS: &[(&str, &str)] = &[
    ("ts", "time"),
    ("uid", "string"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
    ("proto", "enum"),
    ("service", "string"),
    ("duration", "interval"),
    ("orig_bytes", "count"),
    ("resp_bytes", "count"),
    ("conn_state", "string"),
    ("local_orig", "bool"),
    ("local_resp", "bool"),
    ("missed_bytes", "count"),
    ("history", "string"),
    ("orig_pkts", "count"),
    ("orig_ip_bytes", "count"),
    ("resp_pkts", "count"),
    ("resp_ip_bytes", "count"),
    ("tunnel_parents", "set[string]"),
    ("community_id", "string"),
];

/// Fields and types of the file with the processes.
const PROCESS_FIELDS: &[(&str, &str)] = &[
    ("uid", "string"),
    ("pid", "count"),
    ("process_name", "string"),
    ("exe", "string"),
    ("cmdline", "string"),
    ("username", "string"),
    ("container", "string"),
];

const UNSET: &str = "-";

fn write(tables: &Tables, _: &Metadata, target: &mut Target<'_>) -> Result<Exported> {
    let sockets = Sockets::new(tables)?;
    let orientation = Orientation::new(&sockets);
    let flows: Vec<Flow<'_>> =
        (0..sockets.len()).filter_map(|row| Flow::of(row, &sockets, &orientation)).collect();
    target.write(|out| {
        head(out, "conn", FIELDS)?;
        flows.iter().try_for_each(|flow| line(out, &flow.values()))
    })?;
    target.write(|out| {
        head(out, "netrec_processes", PROCESS_FIELDS)?;
        let owned = flows.iter().filter(|flow| flow.socket.process.is_some());
        owned.into_iter().try_for_each(|flow| {
            let entities = sockets.entities(&[flow.row]);
            let values = [
                Some(flow.uid()),
                entities.pid.map(|pid| pid.to_string()),
                entities.process_name,
                entities.exe,
                entities.cmdline,
                entities.username,
                entities.container,
            ];
            line(out, &values.map(|value| value.map_or_else(|| UNSET.to_owned(), |value| escape(&value))))
        })
    })?;
    let all = Exported::all_sockets(tables)?;
    let other_ends = all.connections.saturating_sub(flows.len() as u64);
    Ok(Exported { other_ends, has_all_sockets: false, ..all })
}

fn head(out: &mut dyn Write, path: &str, fields: &[(&str, &str)]) -> std::io::Result<()> {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let types: Vec<&str> = fields.iter().map(|(_, kind)| *kind).collect();
    writeln!(
        out,
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{path}"
    )?;
    writeln!(out, "#fields\t{}\n#types\t{}", names.join("\t"), types.join("\t"))
}

fn line(out: &mut dyn Write, values: &[String]) -> std::io::Result<()> {
    writeln!(out, "{}", values.join("\t"))
}

/// Zeek's name for an application protocol; it has none for what it does not know.
fn service(protocol: Option<&str>) -> String {
    match protocol {
        None | Some(Application::UNKNOWN) => UNSET.to_owned(),
        Some("tls") => "ssl".to_owned(),
        Some("vnc") => "rfb".to_owned(),
        Some(protocol) if rpc::is_interface(protocol) => "dce_rpc".to_owned(),
        Some(protocol) => escape(protocol),
    }
}

/// A connection, with the end that opened it first.
struct Flow<'a> {
    /// Row in the table of sockets.
    row: usize,
    socket: Socket<'a>,
    originator: (&'a str, u16),
    responder: (&'a str, u16),
    is_local_originator: bool,
}

impl<'a> Flow<'a> {
    /// `None` for a socket without a remote, and for the accepting end of a connection inside the
    /// host, which its other end represents.
    fn of(row: usize, sockets: &Sockets<'a>, orientation: &Orientation<'_>) -> Option<Self> {
        let socket = sockets.get(row);
        let orientation::Flow { originator, responder, is_local_originator } = orientation.flow(&socket)?;
        if !is_local_originator && socket.direction == Some(Direction::Internal) {
            return None;
        }
        Some(Self { row, socket, originator, responder, is_local_originator })
    }

    fn uid(&self) -> String {
        format!("C{:016x}", self.socket.conn_id)
    }

    fn values(&self) -> Vec<String> {
        let socket = &self.socket;
        let turn = |sent: Option<u64>, received: Option<u64>| {
            if self.is_local_originator { (sent, received) } else { (received, sent) }
        };
        let (orig_bytes, resp_bytes) = turn(socket.bytes_sent, socket.bytes_received);
        let (orig_pkts, resp_pkts) = turn(socket.packets_sent, socket.packets_received);
        let count = |count: Option<u64>| count.map_or_else(|| UNSET.to_owned(), |count| count.to_string());
        let duration_us = (socket.duration_s * 1e6).round().max(0.0) as i64;
        let unset = || UNSET.to_owned();
        let protocol = socket.protocol;
        let port = |number| protocol.port(number).map_or_else(unset, |number| number.to_string());
        vec![
            seconds(socket.first_seen_us),
            self.uid(),
            self.originator.0.to_owned(),
            port(self.originator.1),
            self.responder.0.to_owned(),
            port(self.responder.1),
            transport(socket.protocol).to_owned(),
            service(socket.app_protocol),
            if duration_us > 0 { seconds(duration_us) } else { unset() },
            count(orig_bytes),
            count(resp_bytes),
            self.conn_state().unwrap_or(UNSET).to_owned(),
            unset(),
            unset(),
            unset(),
            unset(),
            count(orig_pkts),
            unset(),
            count(resp_pkts),
            unset(),
            unset(),
            self.community_id().unwrap_or_else(unset),
        ]
    }

    /// Zeek's connection state, if the TCP states determine it.
    fn conn_state(&self) -> Option<&'static str> {
        use TcpState::{
            Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, SynRecv, SynSent, TimeWait,
        };
        let socket = &self.socket;
        if socket.protocol != Protocol::Tcp {
            return match (socket.packets_sent?, socket.packets_received?) {
                (0, 0) => None,
                (_, 0) if self.is_local_originator => Some("S0"),
                (0, _) if !self.is_local_originator => Some("S0"),
                (0, _) | (_, 0) => Some("SHR"),
                _ => Some("SF"),
            };
        }

        let was = |states: &[TcpState]| socket.states.has_any(States::new(states));
        let is_closed_by_both = was(&[TimeWait, LastAck, Closing]);
        if is_closed_by_both || was(&[FinWait2, FinWait1]) && was(&[CloseWait]) {
            return Some("SF");
        }
        let has_met = was(&[Established, FinWait1, FinWait2, CloseWait]);
        match (has_met, was(&[SynSent, SynRecv])) {
            (false, true) if was(&[Close]) => Some("REJ"),
            (false, true) => Some("S0"),
            (true, _) if was(&[Close]) || socket.closed_in_recording => None,
            (true, _)
                if was(&[FinWait1, FinWait2]) == self.is_local_originator
                    && was(&[FinWait1, FinWait2, CloseWait]) =>
            {
                Some("S2")
            }
            (true, _) if was(&[FinWait1, FinWait2, CloseWait]) => Some("S3"),
            (true, true) => Some("S1"),
            (true, false) => Some("OTH"),
            (false, false) => None,
        }
    }

    fn community_id(&self) -> Option<String> {
        let addr = |text: &str| text.parse::<IpAddr>().ok();
        let number = match self.socket.protocol {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
            // For ICMP it needs type and code, and for others it has no rule.
            _ => return None,
        };
        let (from, to) = (self.originator, self.responder);
        calculate_community_id(0, addr(from.0)?, addr(to.0)?, Some(from.1), Some(to.1), number, false).ok()
    }
}

/// Zeek's name for a transport protocol, or `unknown_transport`.
fn transport(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp | Protocol::Udp | Protocol::Icmp => protocol.as_str(),
        _ => "unknown_transport",
    }
}

/// µs as seconds with six decimals.
fn seconds(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    format!("{sign}{}.{:06}", us.unsigned_abs() / 1_000_000, us.unsigned_abs() % 1_000_000)
}

/// Escapes like Zeek anything that it would read as a separator or a missing value, or cannot print.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let is_word = matches!(text, "-" | "(empty)");
    for (at, c) in text.chars().enumerate() {
        if c == '\\' || c.is_control() || (is_word && at == 0) || is_bidi(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a text does not fail.
                let _ = write!(escaped, "\\x{byte:02x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Characters that change text direction or are invisible.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn};

    fn flows(conn: Conn) -> Vec<Vec<String>> {
        let mut capture = Capture::new(60);
        capture.add(conn);
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let orientation = Orientation::new(&sockets);
        (0..sockets.len())
            .filter_map(|row| Flow::of(row, &sockets, &orientation))
            .map(|flow| flow.values())
            .collect()
    }

    #[test]
    fn the_published_vectors_of_community_id_hold() {
        // From the specification's baseline (corelight/community-id-spec), seed 0.
        for (protocol, from, to, expected) in [
            (6, ("128.232.110.120", 34855), ("66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (6, ("66.35.250.204", 80), ("128.232.110.120", 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (17, ("192.168.1.52", 54585), ("8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        ] {
            let addr = |text: &str| text.parse().unwrap();
            let id = calculate_community_id(
                0,
                addr(from.0),
                addr(to.0),
                Some(from.1),
                Some(to.1),
                protocol,
                false,
            );
            assert_eq!(id.unwrap(), expected);
        }
    }

    #[test]
    fn whoever_opened_a_connection_is_its_originator() {
        let inbound = flows(Conn::to("203.0.113.5", 50_000).local_port(22).inbound().bytes(10, 20));
        assert_eq!((inbound[0][2].as_str(), inbound[0][5].as_str()), ("203.0.113.5", "22"));
        assert_eq!((inbound[0][9].as_str(), inbound[0][10].as_str()), ("20", "10"));
        assert!(flows(Conn::listener(22)).is_empty());
    }

    #[test]
    fn a_state_is_said_only_where_it_is_known() {
        let state = |conn: Conn| flows(conn)[0][11].clone();
        let conn = || Conn::to("203.0.113.5", 443);
        assert_eq!(state(conn().unanswered()), "S0");
        assert_eq!(state(conn().refused()), "REJ");
        assert_eq!(state(conn().states("SYN_SENT>ESTABLISHED>TIME_WAIT")), "SF");
        assert_eq!(state(conn().states("SYN_SENT>ESTABLISHED>CLOSE")), "-");
    }

    #[test]
    fn hostile_names_break_no_line() {
        assert_eq!(escape("a\tb\nc\\"), "a\\x09b\\x0ac\\x5c");
        assert_eq!(escape("-"), "\\x2d");
        assert_eq!(seconds(-1_500_000), "-1.500000");
    }
}
