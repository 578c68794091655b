//! The fields of the language: one list, one line per field.

use std::net::IpAddr;

use super::FieldInfo;
use super::pattern::Pattern;
use super::value::{AddrPattern, Range, Unit};
use crate::capture::{Application, Owner, Row};
use crate::geo::Databases;
use crate::model::records::Scope;
use crate::model::scope::scope;

/// A field of the language.
pub(super) struct Field {
    /// Its name and aliases.
    pub(super) names: &'static [&'static str],
    /// How its value is read from a row.
    pub(super) reads: Reads,
    /// What it means, with an example.
    pub(super) meaning: &'static str,
}

/// An end of a connection.
pub(super) type End = Option<(IpAddr, u16)>;

/// How a field's value is read from a row, and thereby its kind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reads {
    Text(fn(&Row) -> Option<&str>),
    /// A text from a closed list, so that any other value is an error.
    Word(fn(&Row) -> Option<&str>, fn() -> Vec<&'static str>),
    Number(fn(&Row) -> Option<u64>, Unit),
    /// Ends, and the name of the remote end if it is one of them.
    Address(fn(&Row) -> [End; 2], fn(&Row) -> Option<&str>),
    Port(fn(&Row) -> [End; 2]),
    /// The country of the remote address.
    Country,
}

/// One alternative of a word of an expression.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// `none`: the value is unknown.
    Unknown,
    Pattern(Pattern),
    Range(Range),
    AddrPattern(AddrPattern),
}

/// The test of one word of an expression.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// A word without a field: it occurs in any text that names the connection.
    Anywhere(Pattern),
    /// One of the alternatives holds for the field.
    Field(Reads, Vec<Value>),
}

fn owner(row: &Row) -> Option<&Owner> {
    row.owner.as_deref()
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map(|(a, b)| a.saturating_add(b)).or(a).or(b)
}

fn local(row: &Row) -> [End; 2] {
    [Some((row.local_addr, row.local_port)), None]
}

fn remote(row: &Row) -> [End; 2] {
    [row.remote, None]
}

fn both(row: &Row) -> [End; 2] {
    [Some((row.local_addr, row.local_port)), row.remote]
}

fn application(row: &Row) -> Option<&Application> {
    row.application.as_deref()
}

fn remote_name(row: &Row) -> Option<&str> {
    row.remote_name.as_deref()
}

/// Every field, in the order of the help.
pub(super) const FIELDS: &[Field] = &[
    Field {
        names: &["process", "process_name"],
        reads: Reads::Text(|row| owner(row)?.process_name.as_deref()),
        meaning: "name of the process: process:curl, process:kworker*, process:none",
    },
    Field {
        names: &["pid"],
        reads: Reads::Number(|row| owner(row)?.pid.map(u64::from), Unit::None),
        meaning: "process id",
    },
    Field {
        names: &["ppid"],
        reads: Reads::Number(|row| owner(row)?.ppid.map(u64::from), Unit::None),
        meaning: "process id of the parent",
    },
    Field {
        names: &["parent", "parent_name"],
        reads: Reads::Text(|row| owner(row)?.parent_name.as_deref()),
        meaning: "name of the parent process",
    },
    Field {
        names: &["exe"],
        reads: Reads::Text(|row| owner(row)?.exe.as_deref()),
        meaning: "path of the executable: exe:/tmp/*",
    },
    Field {
        names: &["cmdline", "cmd"],
        reads: Reads::Text(|row| owner(row)?.cmdline.as_deref()),
        meaning: "arguments: cmdline~--insecure",
    },
    Field {
        names: &["user", "username"],
        reads: Reads::Text(|row| owner(row)?.username.as_deref()),
        meaning: "user name",
    },
    Field {
        names: &["uid"],
        reads: Reads::Number(|row| owner(row)?.uid.map(u64::from), Unit::None),
        meaning: "user id",
    },
    Field {
        names: &["container"],
        reads: Reads::Text(|row| owner(row)?.container.as_deref()),
        meaning: "container: container:none",
    },
    Field {
        names: &["sha256", "exe_sha256"],
        reads: Reads::Text(|row| owner(row)?.exe_sha256.as_deref()),
        meaning: "hash of the executable: sha256:4f2a*",
    },
    Field {
        names: &["remote", "remote_addr", "dst"],
        reads: Reads::Address(remote, remote_name),
        meaning: "remote address, network, address and port, or name: remote:10.0.0.0/8, remote:*.example.com",
    },
    Field {
        names: &["local", "local_addr", "src"],
        reads: Reads::Address(local, |_| None),
        meaning: "local address, network, or address and port",
    },
    Field { names: &["addr"], reads: Reads::Address(both, remote_name), meaning: "either end" },
    Field {
        names: &["port"],
        reads: Reads::Port(both),
        meaning: "port of either end: port:443, port:80,443, port:1000-2000",
    },
    Field { names: &["remote_port", "rport", "dport"], reads: Reads::Port(remote), meaning: "remote port" },
    Field { names: &["local_port", "lport", "sport"], reads: Reads::Port(local), meaning: "local port" },
    Field {
        names: &["name", "remote_name"],
        reads: Reads::Text(remote_name),
        meaning: "host name used to reach the remote",
    },
    Field {
        names: &["app", "app_protocol"],
        reads: Reads::Text(|row| application(row)?.protocol.as_deref()),
        meaning: "application protocol by the payload: app:ssh, app:unknown, app:none where nobody looked",
    },
    Field {
        names: &["ja3"],
        reads: Reads::Text(|row| application(row)?.ja3.as_deref()),
        meaning: "JA3 fingerprint of the TLS client",
    },
    Field {
        names: &["ja4"],
        reads: Reads::Text(|row| application(row)?.ja4.as_deref()),
        meaning: "JA4 fingerprint of the TLS client: ja4:t13i*",
    },
    Field {
        names: &["subject", "tls_subject"],
        reads: Reads::Text(|row| application(row)?.tls_subject.as_deref()),
        meaning: "subject of the server's certificate: subject~localhost",
    },
    Field {
        names: &["issuer", "tls_issuer"],
        reads: Reads::Text(|row| application(row)?.tls_issuer.as_deref()),
        meaning: "issuer of the server's certificate",
    },
    Field {
        names: &["country", "country_code"],
        reads: Reads::Country,
        meaning: "country of a public remote address, as two letters: country:CN,RU, country:none",
    },
    Field {
        names: &["protocol", "proto"],
        reads: Reads::Word(
            |row| Some(row.protocol.as_str()),
            || crate::capture::Protocol::ALL.iter().map(|value| value.as_str()).collect(),
        ),
        meaning: "tcp, udp, icmp, raw, packet, udplite, sctp, dccp, other",
    },
    Field {
        names: &["state"],
        reads: Reads::Word(
            |row| row.state.map(crate::capture::TcpState::as_str),
            || crate::capture::TcpState::ALL.iter().map(|value| value.as_str()).collect(),
        ),
        meaning: "TCP state: state:ESTABLISHED, state:FIN_WAIT*",
    },
    Field {
        names: &["kind"],
        reads: Reads::Word(
            |row| Some(row.kind.as_str()),
            || crate::capture::Kind::ALL.iter().map(|value| value.as_str()).collect(),
        ),
        meaning: "kind of row: snapshot, opened, state, closed, query",
    },
    Field {
        names: &["query", "query_name"],
        reads: Reads::Text(|row| Some(&row.query.as_deref()?.name)),
        meaning: "name that a DNS question asked for: query:*.example.com",
    },
    Field {
        names: &["query_type", "qtype"],
        reads: Reads::Text(|row| row.query.as_deref()?.query_type.as_deref()),
        meaning: "type of record asked for: query_type:TXT",
    },
    Field {
        names: &["response_code", "rcode"],
        reads: Reads::Text(|row| row.query.as_deref()?.response_code.as_deref()),
        meaning: "DNS response code: rcode:NXDOMAIN",
    },
    Field {
        names: &["answers"],
        reads: Reads::Text(|row| row.query.as_deref()?.answers.as_deref()),
        meaning: "data of the DNS answers: answers~192.0.2.1",
    },
    Field {
        names: &["bytes"],
        reads: Reads::Number(|row| sum(row.counters.bytes_sent, row.counters.bytes_received), Unit::Count),
        meaning: "bytes both ways so far: bytes>1M",
    },
    Field {
        names: &["sent", "bytes_sent"],
        reads: Reads::Number(|row| row.counters.bytes_sent, Unit::Count),
        meaning: "bytes sent so far: sent>=10k",
    },
    Field {
        names: &["received", "bytes_received"],
        reads: Reads::Number(|row| row.counters.bytes_received, Unit::Count),
        meaning: "bytes received so far",
    },
    Field {
        names: &["packets"],
        reads: Reads::Number(
            |row| sum(row.counters.packets_sent, row.counters.packets_received),
            Unit::Count,
        ),
        meaning: "packets both ways so far",
    },
    Field {
        names: &["retransmits"],
        reads: Reads::Number(|row| row.counters.retransmits.map(u64::from), Unit::Count),
        meaning: "segments retransmitted so far",
    },
    Field {
        names: &["rtt", "rtt_us"],
        reads: Reads::Number(|row| row.counters.rtt_us.map(u64::from), Unit::Micros),
        meaning: "round-trip time: rtt>50ms",
    },
    Field {
        names: &["cpu", "cpu_percent"],
        reads: Reads::Number(|row| row.cpu_percent.map(|cpu| (cpu * 1000.0).max(0.0) as u64), Unit::Percent),
        meaning: "CPU of the process, of one core: cpu>50%",
    },
    Field {
        names: &["memory", "rss", "memory_rss_bytes"],
        reads: Reads::Number(|row| row.memory_rss_bytes, Unit::Count),
        meaning: "resident memory of the process: memory>500M",
    },
    Field {
        names: &["conn", "conn_id"],
        reads: Reads::Number(|row| Some(row.conn_id), Unit::None),
        meaning: "one connection, by its number in a report",
    },
    Field {
        names: &["netns"],
        reads: Reads::Number(|row| row.netns, Unit::None),
        meaning: "network namespace, by its inode",
    },
];

impl Field {
    /// The field's description for other modules.
    pub(super) fn info(&self) -> FieldInfo {
        let (kind, unit) = match self.reads {
            Reads::Text(_) => ("text", None),
            Reads::Word(..) => ("word", None),
            Reads::Number(_, unit) => ("number", Some(unit.as_str())),
            Reads::Address(..) => ("address", None),
            Reads::Port(_) => ("port", None),
            Reads::Country => ("country", None),
        };
        let words = if let Reads::Word(_, words) = self.reads { words() } else { Vec::new() };
        FieldInfo { names: self.names, kind, unit, words, meaning: self.meaning }
    }
}

impl Test {
    /// Whether it holds for a row.
    pub(super) fn holds(&self, row: &Row, geo: Option<&Databases>) -> bool {
        match self {
            Self::Anywhere(pattern) => stands_anywhere(pattern, row),
            Self::Field(Reads::Country, values) => {
                let country = country(row, geo);
                values.iter().any(|value| match (value, &country) {
                    (Value::Unknown, country) => country.is_none(),
                    (Value::Pattern(pattern), Some(country)) => pattern.fits(country),
                    _ => false,
                })
            }
            Self::Field(reads, values) => values.iter().any(|value| reads.fits(row, value)),
        }
    }
}

/// The country of a public address; other addresses have none.
fn country(row: &Row, geo: Option<&Databases>) -> Option<String> {
    let (addr, _) = row.remote.filter(|(addr, _)| scope(*addr) == Scope::Public)?;
    geo?.lookup(addr)?.country_code
}

impl Reads {
    fn fits(self, row: &Row, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(read) | Self::Word(read, _), Value::Unknown) => read(row).is_none(),
            (Self::Text(read) | Self::Word(read, _), Value::Pattern(pattern)) => {
                read(row).is_some_and(|text| pattern.fits(text))
            }
            (Self::Number(read, _), Value::Unknown) => read(row).is_none(),
            (Self::Number(read, _), Value::Range(range)) => {
                read(row).is_some_and(|number| range.holds(number))
            }
            (Self::Address(read, _) | Self::Port(read), Value::Unknown) => {
                read(row).iter().all(Option::is_none)
            }
            (Self::Address(read, _), Value::AddrPattern(pattern)) => {
                read(row).into_iter().flatten().any(|(addr, port)| pattern.holds(addr, port))
            }
            (Self::Address(read, name), Value::Pattern(pattern)) => {
                name(row).is_some_and(|name| pattern.fits(name))
                    || read(row).into_iter().flatten().any(|(addr, _)| pattern.fits(&addr.to_string()))
            }
            (Self::Port(read), Value::Range(range)) => {
                read(row).into_iter().flatten().any(|(_, port)| range.holds(u64::from(port)))
            }
            // The parser makes no other combination.
            _ => false,
        }
    }
}

fn stands_anywhere(pattern: &Pattern, row: &Row) -> bool {
    let (owner, application) = (owner(row), application(row));
    let texts = [
        owner.and_then(|owner| owner.process_name.as_deref()),
        owner.and_then(|owner| owner.exe.as_deref()),
        owner.and_then(|owner| owner.cmdline.as_deref()),
        owner.and_then(|owner| owner.username.as_deref()),
        owner.and_then(|owner| owner.container.as_deref()),
        row.remote_name.as_deref(),
        row.query.as_deref().map(|query| query.name.as_str()),
        application.and_then(|application| application.protocol.as_deref()),
        application.and_then(|application| application.tls_subject.as_deref()),
        Some(row.protocol.as_str()),
        row.state.map(crate::capture::TcpState::as_str),
    ];
    texts.into_iter().flatten().any(|text| pattern.fits(text))
        || both(row)
            .into_iter()
            .flatten()
            .any(|(addr, port)| pattern.fits(&addr.to_string()) || pattern.fits(&format!("{addr}:{port}")))
}
