//! What the payload of a connection says: the application protocol, and what is in clear of TLS.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

/// Longest distinguished name that is kept, in bytes; a certificate may hold one of any length.
const MOST_NAME_BYTES: usize = 512;

/// What the payload of a connection says. Each fact is none where nobody looked or none was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Application {
    /// The application protocol in lower case (`tls`, `ssh`); [`Application::UNKNOWN`] where the payload was looked at
    /// and is none that is known.
    pub protocol: Option<Cow<'static, str>>,
    /// JA3 of the TLS client: 32 hexadecimal digits.
    pub ja3: Option<String>,
    /// JA4 of the TLS client, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
    pub ja4: Option<String>,
    /// Distinguished name of the server certificate's subject.
    pub tls_subject: Option<String>,
    /// Distinguished name of the server certificate's issuer.
    pub tls_issuer: Option<String>,
}

/// The applications of which only the protocol is known: nearly all, and of few protocols.
static PLAIN: LazyLock<Mutex<AHashMap<&'static str, Arc<Application>>>> = LazyLock::new(Mutex::default);

impl Application {
    /// The protocol of a payload that was looked at and is none that is known.
    pub const UNKNOWN: &'static str = "unknown";

    /// One of which only the protocol is known; all of one protocol share their memory.
    pub fn plain(protocol: &'static str) -> Arc<Self> {
        let mut known = PLAIN.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Self { protocol: Some(Cow::Borrowed(protocol)), ..Self::default() });
        Arc::clone(known.entry(protocol).or_insert_with(new))
    }

    /// One of which only the protocol is known, by a name that may be foreign.
    pub fn of_protocol(protocol: Cow<'static, str>) -> Arc<Self> {
        match protocol {
            Cow::Borrowed(name) => Self::plain(name),
            Cow::Owned(_) => Arc::new(Self { protocol: Some(protocol), ..Self::default() }),
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What either knows; where both do, this one.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let either = |own: &Option<String>, other: &Option<String>| own.as_ref().or(other.as_ref()).cloned();
        let known = |protocol: &Option<Cow<'static, str>>| {
            protocol.clone().filter(|protocol| protocol != Self::UNKNOWN)
        };
        Self {
            protocol: known(&self.protocol)
                .or_else(|| known(&other.protocol))
                .or_else(|| self.protocol.clone())
                .or_else(|| other.protocol.clone()),
            ja3: either(&self.ja3, &other.ja3),
            ja4: either(&self.ja4, &other.ja4),
            tls_subject: either(&self.tls_subject, &other.tls_subject),
            tls_issuer: either(&self.tls_issuer, &other.tls_issuer),
        }
    }

    /// A distinguished name as it is kept: without white space around it, and of bounded length.
    pub fn read_name(text: &str) -> Option<String> {
        let text = text.trim();
        let end = text.floor_char_boundary(MOST_NAME_BYTES);
        (!text.is_empty()).then(|| text[..end].to_owned())
    }

    /// A JA3 as it is kept; none for what is none.
    pub fn read_ja3(text: &str) -> Option<String> {
        let is_ja3 = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_ja3.then(|| text.to_ascii_lowercase())
    }

    /// A JA4 as it is kept; none for what is none: `t13d1516h2_8daaf6152771_e5627efa2ab1`.
    pub fn read_ja4(text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        let is_ja4 = bytes.len() == 36
            && matches!(bytes[0], b't' | b'q' | b'd')
            && bytes[10] == b'_'
            && bytes[23] == b'_'
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        is_ja4.then(|| text.to_owned())
    }

    /// A protocol's name in lower case, where it is a short plain word.
    pub fn read_protocol(text: &str) -> Option<Cow<'static, str>> {
        let is_word = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.+/".contains(&byte));
        is_word.then(|| Cow::Owned(text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_outweighs_what_was_only_looked_at() {
        let unknown = Application::plain(Application::UNKNOWN);
        let tls = Application { ja3: Some("a".repeat(32)), ..Application::clone(&Application::plain("tls")) };
        assert_eq!(unknown.or(&tls), tls);
        assert_eq!(tls.or(&unknown), tls);
        assert_eq!(*unknown, unknown.or(&Application::default()));
    }

    #[test]
    fn those_of_one_protocol_share_their_memory() {
        assert!(Arc::ptr_eq(&Application::plain("ssh"), &Application::plain("ssh")));
    }

    #[test]
    fn foreign_texts_are_bounded_and_checked() {
        assert_eq!(Application::read_name(&"é".repeat(400)).map(|name| name.len()), Some(512));
        assert_eq!(Application::read_name("  "), None);
        assert_eq!(Application::read_ja3(&"A".repeat(32)), Some("a".repeat(32)));
        assert_eq!(Application::read_ja3("771,4865"), None);
        let ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        assert_eq!(Application::read_ja4(ja4).as_deref(), Some(ja4));
        assert_eq!(Application::read_ja4(&ja4.replace('_', "-")), None);
        assert_eq!(Application::read_protocol("SSH").as_deref(), Some("ssh"));
        assert_eq!(Application::read_protocol("a b"), None);
    }

    #[test]
    fn fingerprints_names_and_protocols_are_kept_only_in_their_form() {
        let (ja3, ja4) = ("0123456789ABCDEF0123456789abcdef", "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(Application::read_ja3(ja3), Some(ja3.to_ascii_lowercase()));
        for text in [&ja3[1..], &ja3.replace('F', "G"), &format!("{ja3}0"), ""] {
            assert_eq!(Application::read_ja3(text), None, "{text}");
        }
        assert_eq!(Application::read_ja4(ja4).as_deref(), Some(ja4));
        assert_eq!(Application::read_ja4(&ja4.replace('t', "q")).unwrap(), ja4.replace('t', "q"));
        let broken = [
            ja4.replacen('t', "x", 1),
            ja4.replacen('_', "0", 1),
            format!("{}0{}", &ja4[..23], &ja4[24..]),
            ja4.replace("8da", "8-a"),
            format!("{ja4}0"),
            ja4[..35].to_owned(),
        ];
        for text in &broken {
            assert_eq!(Application::read_ja4(text), None, "{text}");
        }
        let protocol = |text: &str| Application::read_protocol(text).map(Cow::into_owned);
        assert_eq!(protocol("HTTP/1.1").as_deref(), Some("http/1.1"));
        assert_eq!(protocol(&"a".repeat(32)), Some("a".repeat(32)));
        for text in ["", "a b", "é", &"a".repeat(33)] {
            assert_eq!(protocol(text), None, "{text}");
        }
        assert_eq!(Application::read_name("  CN=a  ").as_deref(), Some("CN=a"));
        assert_eq!(Application::read_name("  "), None);
        let long = "é".repeat(MOST_NAME_BYTES);
        assert_eq!(Application::read_name(&format!("a{long}")).unwrap().len(), MOST_NAME_BYTES - 1);
    }
}
