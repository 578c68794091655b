//! A line of a Zeek log, whichever of its two notations it has: the fields that are asked for.

use std::net::IpAddr;

use crate::import::address;
use crate::import::number::whole;

/// Declares the fields once: their names in both notations.
macro_rules! fields {
    ($($(#[$doc:meta])* $member:ident = $name:literal,)+) => {
        /// A field that an importer asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Field { $($(#[$doc])* $member,)+ }

        impl Field {
            /// Every field with its name.
            pub(super) const ALL: &[(Self, &str)] = &[$((Self::$member, $name),)+];
        }

        /// How many there are.
        pub(super) const FIELDS: usize = [$(Field::$member,)+].len();
    };
}

fields! {
    Path = "_path",
    Stream = "@stream",
    Ts = "ts",
    /// The name that log shippers give to the time; `ts` wins where both are there.
    ShippedTs = "@timestamp",
    Uid = "uid",
    OrigH = "id.orig_h",
    OrigP = "id.orig_p",
    RespH = "id.resp_h",
    RespP = "id.resp_p",
    Proto = "proto",
    Duration = "duration",
    OrigBytes = "orig_bytes",
    RespBytes = "resp_bytes",
    ConnState = "conn_state",
    LocalOrig = "local_orig",
    LocalResp = "local_resp",
    MissedBytes = "missed_bytes",
    History = "history",
    OrigPkts = "orig_pkts",
    RespPkts = "resp_pkts",
    ServerName = "server_name",
    Host = "host",
    Query = "query",
    Answers = "answers",
    Rtt = "rtt",
    IpProto = "ip_proto",
    Qtype = "qtype_name",
    Rcode = "rcode_name",
    OrigIpBytes = "orig_ip_bytes",
    Method = "method",
    Uri = "uri",
    Service = "service",
    Version = "version",
    Ja3 = "ja3",
    Ja4 = "ja4",
    Subject = "subject",
    Issuer = "issuer",
    SharePath = "path",
    ShareType = "share_type",
    Endpoint = "endpoint",
    Operation = "operation",
}

impl Field {
    /// By its name; programs that cannot have dots in names write `id_orig_h` or `orig_h`, and
    /// databases give names back in capitals.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        if name.first().is_some_and(u8::is_ascii_uppercase) && !name.iter().any(u8::is_ascii_lowercase) {
            return Self::of(&name.to_ascii_lowercase());
        }
        match name {
            [b'i', b'd', b'.' | b'_', rest @ ..] => Self::of_id(rest),
            b"@path" => Some(Self::Path),
            // Splunk's name for the time.
            b"_time" => Some(Self::ShippedTs),
            _ => Self::of_id(name).or_else(|| {
                Self::ALL.iter().find(|(_, known)| known.as_bytes() == name).map(|(field, _)| *field)
            }),
        }
    }

    /// By its name among the four that name a connection.
    pub(super) fn of_id(name: &[u8]) -> Option<Self> {
        match name {
            b"orig_h" => Some(Self::OrigH),
            b"orig_p" => Some(Self::OrigP),
            b"resp_h" => Some(Self::RespH),
            b"resp_p" => Some(Self::RespP),
            _ => None,
        }
    }

    /// Whether `conn.log` has it.
    pub(super) fn is_of_conn(self) -> bool {
        !matches!(
            self,
            Self::ServerName
                | Self::Host
                | Self::Query
                | Self::Rtt
                | Self::Answers
                | Self::Qtype
                | Self::Rcode
                | Self::Method
                | Self::Uri
                | Self::Version
                | Self::Ja3
                | Self::Ja4
                | Self::Subject
                | Self::Issuer
                | Self::SharePath
                | Self::ShareType
                | Self::Endpoint
                | Self::Operation
        )
    }
}

/// The fields of a line; what is not set is empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    slots: [&'a [u8]; FIELDS],
}

impl<'a> Record<'a> {
    pub(super) const EMPTY: Self = Self { slots: [&[]; FIELDS] };

    pub(super) fn set(&mut self, field: Field, value: &'a [u8]) {
        self.slots[field as usize] = value;
    }

    /// The value of a field; none where the log has none.
    pub(super) fn get(&self, field: Field) -> Option<&'a [u8]> {
        let value = self.slots[field as usize];
        (!value.is_empty()).then_some(value)
    }

    /// Whether the log has a value for a field.
    pub(super) fn has(&self, field: Field) -> bool {
        !self.slots[field as usize].is_empty()
    }

    /// The same as text.
    pub(super) fn text(&self, field: Field) -> Option<&'a str> {
        std::str::from_utf8(self.get(field)?).ok()
    }

    /// When the record begins, as it is written.
    pub(super) fn time(&self) -> Option<&'a [u8]> {
        self.get(Field::Ts).or_else(|| self.get(Field::ShippedTs))
    }

    /// The log that it is of, where it says so itself.
    pub(super) fn log_name(&self) -> Option<&'a str> {
        self.text(Field::Path).or_else(|| self.text(Field::Stream))
    }

    /// An address and its port.
    pub(super) fn end(&self, addr: Field, port: Field) -> Option<(IpAddr, u16)> {
        // Zeek prints a port with its protocol (`443/tcp`), and scripts write it to logs of their own.
        let port = self.get(port)?.split(|byte| *byte == b'/').next()?;
        Some((self.addr(addr)?, u16::try_from(whole(port)?).ok()?))
    }

    /// An address.
    pub(super) fn addr(&self, field: Field) -> Option<IpAddr> {
        address::parse(self.text(field)?)
    }

    /// True or false, in Zeek's letters or in words.
    pub(super) fn flag(&self, field: Field) -> Option<bool> {
        match self.get(field)? {
            b"T" | b"true" | b"True" | b"TRUE" => Some(true),
            b"F" | b"false" | b"False" | b"FALSE" => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_and_with_underscores_are_the_same() {
        assert_eq!(Field::of(b"id.orig_h"), Some(Field::OrigH));
        assert_eq!(Field::of(b"id_orig_h"), Some(Field::OrigH));
        assert_eq!(Field::of(b"resp_h"), Some(Field::RespH));
        assert_eq!(Field::of(b"ts"), Some(Field::Ts));
        assert_eq!(Field::of(b"id.orig.h"), None);
        assert_eq!(Field::of(b"tunnel_parents   label   detailed-label"), None);
    }
}
