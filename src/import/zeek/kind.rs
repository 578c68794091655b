//! Which of Zeek's logs a record is of: by the name that it carries, else by its fields.

use super::record::Field;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A connection that is over, or was when the log was closed.
    Conn,
    /// A connection that goes on: `conn_long` and `open_conn` tell of it again and again.
    OpenConn,
    /// Several connections in one record.
    Aggregate,
    /// The server name of a TLS or QUIC client.
    Tls,
    /// A request in clear text.
    Http,
    /// A DNS query and its answers.
    Dns,
    /// A share that an SMB client asked for.
    Share,
    /// Anything else: notices, files, certificates.
    Other,
}

/// What vendors and log shippers put before and after the name of a log.
const PREFIXES: [&str; 5] = ["zeek", "bro", "corelight", "json_streaming", "rock"];
const SUFFIXES: [&str; 4] = [":json", ".log", "_red", "_log"];

impl Kind {
    /// By the name of a log; none if the name does not tell it.
    fn named(name: &str) -> Option<Self> {
        match bare_name(name) {
            "conn" | "connection" => Some(Self::Conn),
            "conn_long" | "conn-long" | "open_conn" | "conn_open" => Some(Self::OpenConn),
            "conn_agg" => Some(Self::Aggregate),
            "ssl" | "tls" | "open_ssl" | "quic" => Some(Self::Tls),
            "http" | "http2" | "open_http" => Some(Self::Http),
            "dns" => Some(Self::Dns),
            "smb_mapping" => Some(Self::Share),
            // What is said several times over is counted once.
            "ssl_agg" | "http_agg" | "dns_agg" => Some(Self::Other),
            _ => None,
        }
    }

    /// By the name that a record carries, if any, else by which fields it has. `is_conns` is asked
    /// whether it has no field that `conn.log` does not have, and only where nothing else tells.
    pub(super) fn of(
        name: Option<&str>,
        has: impl Fn(Field) -> bool,
        is_conns: impl FnOnce() -> bool,
    ) -> Self {
        match name.filter(|name| !name.is_empty()) {
            None => Self::with_fields(has, is_conns),
            // A filter of someone's own may write `conn.log` under any name.
            Some(name) => Self::named(name)
                .unwrap_or_else(|| if is_conns() { Self::with_fields(has, || true) } else { Self::Other }),
        }
    }

    fn with_fields(has: impl Fn(Field) -> bool, is_conns: impl FnOnce() -> bool) -> Self {
        let any = |fields: &[Field]| fields.iter().any(|field| has(*field));
        let of_conn = [Field::ConnState, Field::MissedBytes, Field::OrigPkts, Field::OrigIpBytes];
        // `quic.log` has a history too, and a version.
        let has_history_of_conn = has(Field::History) && !has(Field::Version);
        if any(&of_conn) || has_history_of_conn || (has(Field::OrigBytes) && has(Field::Proto)) {
            Self::Conn
        } else if has(Field::ServerName)
            // Without a server name there may be other facts of the handshake.
            || has(Field::Version) && any(&[Field::History, Field::Ja3, Field::Ja4, Field::Issuer])
        {
            Self::Tls
        } else if has(Field::Query) && (has(Field::Proto) || any(&[Field::Qtype, Field::Answers])) {
            Self::Dns
        } else if has(Field::Host) && any(&[Field::Method, Field::Uri]) {
            Self::Http
        } else if has(Field::SharePath) && has(Field::ShareType) {
            Self::Share
        } else if has(Field::Proto) && has(Field::OrigH) && has(Field::RespH) && is_conns() {
            Self::Conn
        } else {
            Self::Other
        }
    }

    /// The same, where the name of the file says that these connections go on.
    pub(super) fn in_file(self, file_name: &str) -> Self {
        let of_open = ["conn_long", "conn-long", "open_conn"];
        match self {
            Self::Conn if of_open.iter().any(|name| file_name.starts_with(name)) => Self::OpenConn,
            kind => kind,
        }
    }

    /// What a record of it is called where it is counted.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Conn | Self::OpenConn | Self::Aggregate => "connection record",
            Self::Tls => "TLS record, read for its server name",
            Self::Http => "HTTP record, read for its host name",
            Self::Dns => "DNS record, read for its answers",
            Self::Share => "SMB record, read for its server name",
            Self::Other => "record of a log without connections",
        }
    }
}

/// The name of a log without what vendors, log shippers and rotation put around it.
pub(super) fn bare_name(name: &str) -> &str {
    let mut name = name;
    for prefix in PREFIXES {
        let rest = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(['_', '.', ':', '-']));
        name = rest.unwrap_or(name);
    }
    name = without_date(name);
    for suffix in SUFFIXES {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    name
}

/// The name of a log without the date that rotation has put behind it: `conn.2026-08-14-16-08-44`.
fn without_date(name: &str) -> &str {
    let is_date = |at: usize| name.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    let end = name.match_indices(['.', '-', '_']).map(|(at, _)| at).find(|at| is_date(*at));
    &name[..end.unwrap_or(name.len())]
}

/// Fields of `conn.log`, of Zeek itself and of packages that extend it, that no importer asks for.
const OF_CONN: &[&[u8]] = &[
    b"ip_proto",
    b"orig_ip_bytes",
    b"resp_ip_bytes",
    b"tunnel_parents",
    b"vlan",
    b"inner_vlan",
    b"orig_l2_addr",
    b"resp_l2_addr",
    b"community_id",
    b"orig_cc",
    b"resp_cc",
    b"label",
    b"detailed-label",
    b"duration",
];

/// Whether `conn.log` may have a field of this name. Shippers add fields of their own, which
/// begin with `_` or `@`.
pub(super) fn is_of_conn(name: &[u8]) -> bool {
    OF_CONN.contains(&name)
        || Field::of(name).is_some_and(Field::is_of_conn)
        || name.starts_with(b"_")
        || name.starts_with(b"@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_with_what_vendors_put_around_them() {
        for (name, kind) in [
            ("conn", Some(Kind::Conn)),
            ("conn_red", Some(Kind::Conn)),
            ("zeek_conn", Some(Kind::Conn)),
            ("bro:conn:json", Some(Kind::Conn)),
            ("corelight_conn_long", Some(Kind::OpenConn)),
            ("open_conn", Some(Kind::OpenConn)),
            ("conn_agg", Some(Kind::Aggregate)),
            ("quic", Some(Kind::Tls)),
            ("notice", None),
            ("conn-internal", None),
            ("conn.2026-08-14-16-08-44", Some(Kind::Conn)),
            ("zeek.dns.09:00:00-10:00:00", Some(Kind::Dns)),
            ("ssl-20260814.log", Some(Kind::Tls)),
            ("http2", Some(Kind::Http)),
            ("", None),
        ] {
            assert_eq!(Kind::named(name), kind, "{name}");
        }
    }

    #[test]
    fn a_log_of_another_name_is_of_connections_only_with_no_other_fields() {
        let has = |field| matches!(field, Field::ConnState | Field::Proto);
        assert_eq!(Kind::of(Some("conn-internal"), has, || true), Kind::Conn);
        assert_eq!(Kind::of(Some("vpn"), has, || false), Kind::Other);
    }

    #[test]
    fn fields_tell_where_no_name_does() {
        let ids = [Field::Ts, Field::Uid, Field::OrigH, Field::RespH];
        for (fields, is_conns, kind) in [
            (&[Field::Proto, Field::ConnState][..], false, Kind::Conn),
            (&[Field::Proto, Field::OrigBytes], false, Kind::Conn),
            (&[Field::Proto], true, Kind::Conn),
            (&[Field::Proto], false, Kind::Other),
            (&[Field::History], false, Kind::Conn),
            (&[Field::ServerName], false, Kind::Tls),
            (&[Field::Version, Field::History], false, Kind::Tls),
            (&[Field::Version, Field::Ja3], false, Kind::Tls),
            (&[Field::Version], false, Kind::Other),
            (&[Field::Proto, Field::Query], false, Kind::Dns),
            (&[Field::Host, Field::Method], false, Kind::Http),
            (&[Field::Host], false, Kind::Other),
            (&[Field::SharePath, Field::ShareType], false, Kind::Share),
        ] {
            let has = |field| ids.contains(&field) || fields.contains(&field);
            assert_eq!(Kind::of(None, has, || is_conns), kind, "{fields:?}");
        }
    }
}
