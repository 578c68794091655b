//! A DNS query and its response.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// A DNS query with its response, as in a `query` row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Query {
    /// The queried name: lower case, without the final dot (`.` for the root), in presentation
    /// format (RFC 1035, 5.1), so that unprintable characters are written as `\\DDD`.
    pub name: String,
    /// The mnemonic of the queried record type: `A`, `AAAA`, `TXT`; `TYPE4711` for one without (RFC
    /// 3597).
    pub query_type: Option<String>,
    /// The mnemonic of the response code: `NOERROR`, `NXDOMAIN`; `None` if no response was seen.
    pub response_code: Option<String>,
    /// The data of the answer section, joined by [`Query::join`]; `None` if there are none.
    pub answers: Option<String>,
}

impl Query {
    /// Joins answers into one text, separated by spaces; white space, control characters and
    /// backslashes are written as `\\DDD`. `None` without answers.
    pub fn join<'a>(answers: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let mut joined = String::new();
        for answer in answers {
            if !joined.is_empty() {
                joined.push(' ');
            }
            for character in answer.chars() {
                if character.is_whitespace() || character.is_control() {
                    let mut bytes = [0; 4];
                    for byte in character.encode_utf8(&mut bytes).bytes() {
                        // Writing to a string cannot fail.
                        let _ = write!(joined, "\\{byte:03}");
                    }
                } else {
                    joined.push(character);
                }
            }
        }
        (!joined.is_empty()).then_some(joined)
    }
}

/// The mnemonic of a DNS record type (IANA, DNS parameters), `TYPE4711` for one without.
pub fn record_type(number: u16) -> Cow<'static, str> {
    let name = match number {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        10 => "NULL",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        24 => "SIG",
        25 => "KEY",
        28 => "AAAA",
        29 => "LOC",
        33 => "SRV",
        35 => "NAPTR",
        37 => "CERT",
        39 => "DNAME",
        41 => "OPT",
        43 => "DS",
        44 => "SSHFP",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        53 => "SMIMEA",
        59 => "CDS",
        60 => "CDNSKEY",
        61 => "OPENPGPKEY",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        _ => return Cow::Owned(format!("TYPE{number}")),
    };
    Cow::Borrowed(name)
}

/// The mnemonic of a DNS response code (IANA, DNS parameters), `RCODE12` for one without.
pub fn response_code(number: u16) -> Cow<'static, str> {
    let name = match number {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        11 => "DSOTYPENI",
        16 => "BADVERS",
        23 => "BADCOOKIE",
        _ => return Cow::Owned(format!("RCODE{number}")),
    };
    Cow::Borrowed(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_one_text_whose_spaces_only_separate() {
        assert_eq!(Query::join([]), None);
        assert_eq!(Query::join(["192.0.2.1", "2001:db8::1"]).as_deref(), Some("192.0.2.1 2001:db8::1"));
        assert_eq!(Query::join(["v=spf1 -all\u{1b}"]).as_deref(), Some("v=spf1\\032-all\\027"));
    }

    #[test]
    fn every_record_type_of_iana_has_its_mnemonic() {
        let names = [
            (1, "A NS"),
            (5, "CNAME SOA"),
            (10, "NULL"),
            (12, "PTR HINFO"),
            (15, "MX TXT"),
            (24, "SIG KEY"),
            (28, "AAAA LOC"),
            (33, "SRV"),
            (35, "NAPTR"),
            (37, "CERT"),
            (39, "DNAME"),
            (41, "OPT"),
            (43, "DS SSHFP"),
            (46, "RRSIG NSEC DNSKEY"),
            (50, "NSEC3 NSEC3PARAM TLSA SMIMEA"),
            (59, "CDS CDNSKEY OPENPGPKEY"),
            (64, "SVCB HTTPS"),
            (99, "SPF"),
            (249, "TKEY TSIG IXFR AXFR"),
            (255, "ANY URI CAA"),
        ];
        for (first, names) in names {
            for (number, name) in (first..).zip(names.split(' ')) {
                assert_eq!(record_type(number), name, "{number}");
            }
        }
    }

    #[test]
    fn every_response_code_of_iana_has_its_mnemonic() {
        let names = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 23].map(response_code).join(" ");
        assert_eq!(
            names,
            "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE \
             DSOTYPENI BADVERS BADCOOKIE"
        );
    }

    #[test]
    fn numbers_without_a_mnemonic_say_what_they_are() {
        assert_eq!((record_type(28), record_type(4711)), ("AAAA".into(), "TYPE4711".into()));
        assert_eq!((response_code(3), response_code(12)), ("NXDOMAIN".into(), "RCODE12".into()));
    }
}
