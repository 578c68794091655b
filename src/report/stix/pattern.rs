//! STIX patterns of one comparison each.

use std::net::IpAddr;

/// Longest name in the DNS.
const MAX_NAME_BYTES: usize = 253;

/// An observable to search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pattern<'a> {
    Address(IpAddr),
    Name(&'a str),
    Sha256(&'a str),
}

impl<'a> Pattern<'a> {
    /// A DNS name; `None` if it is an address or too long for a name.
    pub(super) fn name(name: &'a str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.parse::<IpAddr>().is_err();
        fits.then_some(Self::Name(name))
    }

    /// A file by its hash; `None` if the text is not a hash.
    pub(super) fn sha256(hash: &'a str) -> Option<Self> {
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then_some(Self::Sha256(hash))
    }

    /// The pattern in the STIX language.
    pub(super) fn expression(&self) -> String {
        match self {
            Self::Address(IpAddr::V4(addr)) => comparison("ipv4-addr:value", &addr.to_string()),
            Self::Address(IpAddr::V6(addr)) => comparison("ipv6-addr:value", &addr.to_string()),
            Self::Name(name) => comparison("domain-name:value", name),
            Self::Sha256(hash) => comparison("file:hashes.'SHA-256'", hash),
        }
    }

    /// The pattern as a title for people.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Address(addr) => format!("Address {addr}"),
            Self::Name(name) => format!("Name {name}"),
            Self::Sha256(hash) => format!("File with SHA-256 {hash}"),
        }
    }
}

/// Escapes `\` and `'` with a `\`.
fn comparison(path: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
    format!("[{path} = '{value}']")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_object_path() {
        let v6 = Pattern::Address("2001:db8::1".parse().unwrap());
        assert_eq!(v6.expression(), "[ipv6-addr:value = '2001:db8::1']");
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let file = Pattern::sha256(hash).unwrap();
        assert_eq!(file.expression(), format!("[file:hashes.'SHA-256' = '{hash}']"));
    }

    #[test]
    fn the_title_says_what_is_searched_for() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(Pattern::Address("203.0.113.7".parse().unwrap()).title(), "Address 203.0.113.7");
        assert_eq!(Pattern::name("c2.example").unwrap().title(), "Name c2.example");
        assert_eq!(Pattern::sha256(hash).unwrap().title(), format!("File with SHA-256 {hash}"));
    }

    #[test]
    fn a_hostile_name_cannot_end_its_text() {
        let name = Pattern::name(r"a'] OR [file:name = 'x\").unwrap();
        assert_eq!(name.expression(), r"[domain-name:value = 'a\'] OR [file:name = \'x\\']");
    }

    #[test]
    fn what_is_no_name_and_no_hash_is_no_pattern() {
        assert_eq!(Pattern::name("203.0.113.7"), None);
        assert_eq!(Pattern::name(&"a".repeat(254)), None);
        assert_eq!(Pattern::name(""), None);
        assert_eq!(Pattern::sha256("abc"), None);
    }
}
