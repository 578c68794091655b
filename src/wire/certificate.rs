//! The certificate that a TLS server shows in clear, up to TLS 1.2, from the first bytes of its stream.
//!
//! Nothing of it is verified: who is between the two can show any certificate.

mod der;

use super::tls::{self, Record};
use crate::capture::Application;

/// Types of the two handshake messages that are read.
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

/// Most bytes of a stream that are worth keeping until the first certificate is whole: chains are a few KiB.
pub const MOST_STREAM_BYTES: usize = 16 * 1024;

/// Longest payload of a record, in bytes.
const MOST_RECORD_BYTES: usize = 16 * 1024 + 2048;

/// The extension by which a server chooses TLS 1.3, which encrypts the certificate.
const SUPPORTED_VERSIONS: u16 = 43;

/// Who a certificate is for, and who issued it, as distinguished names (RFC 4514).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The server.
    pub subject: String,
    /// The certificate authority; the server itself if it is self-signed.
    pub issuer: String,
}

/// What the first bytes of a server's stream say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The server's own certificate.
    Certificate(Certificate),
    /// More bytes may show it.
    CutShort,
    /// There is none in clear: TLS 1.3, a resumed session, an alert, or no TLS.
    None,
}

/// Looks for the certificate at the beginning of a server's stream.
pub fn shown(stream: &[u8]) -> Shown {
    let mut messages = Vec::new();
    let mut rest = stream.get(..MOST_STREAM_BYTES).unwrap_or(stream);
    // Records may cut messages anywhere, and hold several.
    let otherwise = loop {
        match tls::record(rest, MOST_RECORD_BYTES) {
            Record::Whole(content, after) => {
                messages.extend_from_slice(content);
                rest = after;
            }
            Record::Cut(content) => {
                messages.extend_from_slice(content);
                break if stream.len() < MOST_STREAM_BYTES { Shown::CutShort } else { Shown::None };
            }
            Record::Foreign => break Shown::None,
        }
    };
    in_messages(&messages).unwrap_or(otherwise)
}

/// What handshake messages say, the last of which may be cut; none if more of them are needed.
fn in_messages(mut messages: &[u8]) -> Option<Shown> {
    loop {
        let ([kind, high, middle, low], rest) = messages.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        if *kind == CERTIFICATE {
            return first_certificate(rest.get(..length).unwrap_or(rest));
        }
        let (message, after) = rest.split_at_checked(length)?;
        if *kind == SERVER_HELLO && is_tls13(message) {
            return Some(Shown::None);
        }
        messages = after;
    }
}

/// The first certificate of a chain; none if it is not whole.
fn first_certificate(message: &[u8]) -> Option<Shown> {
    let ([_, _, _, high, middle, low], chain) = message.split_first_chunk::<6>()?;
    let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
    let certificate = chain.get(..length)?;
    Some(names(certificate).map_or(Shown::None, Shown::Certificate))
}

/// Whether a `ServerHello` chooses TLS 1.3.
fn is_tls13(message: &[u8]) -> bool {
    let chosen = || {
        // Version and random; then the session, one suite and one compression.
        let rest = message.get(34..)?;
        let (session_bytes, rest) = rest.split_first()?;
        let extensions = rest.get(usize::from(*session_bytes) + 3..)?;
        let (_, mut extensions) = extensions.split_first_chunk::<2>()?;
        while let Some(([kind @ .., high, low], value)) = extensions.split_first_chunk::<4>() {
            if u16::from_be_bytes(*kind) == SUPPORTED_VERSIONS {
                return value.first_chunk().copied();
            }
            extensions = value.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
        }
        None
    };
    chosen() == Some([3, 4])
}

/// Subject and issuer of an X.509 certificate (RFC 5280, 4.1).
fn names(certificate: &[u8]) -> Option<Certificate> {
    let (certificate, _) = der::item(certificate, der::SEQUENCE)?;
    let (mut fields, _) = der::item(certificate, der::SEQUENCE)?;
    // The version is there in all but the oldest.
    if let Some((_, rest)) = der::item(fields, der::EXPLICIT_0) {
        fields = rest;
    }
    let (_serial, fields) = der::item(fields, der::INTEGER)?;
    let (_algorithm, fields) = der::item(fields, der::SEQUENCE)?;
    let (issuer, fields) = der::item(fields, der::SEQUENCE)?;
    let (_validity, fields) = der::item(fields, der::SEQUENCE)?;
    let (subject, _) = der::item(fields, der::SEQUENCE)?;
    let text = |name| Application::read_name(&der::distinguished_name(name)).unwrap_or_default();
    Some(Certificate { subject: text(subject), issuer: text(issuer) })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_u24(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes()[1..], bytes].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind], with_u24(body).as_slice()].concat()
    }

    fn record(content: &[u8]) -> Vec<u8> {
        [&[tls::HANDSHAKE, 3, 3], (content.len() as u16).to_be_bytes().as_slice(), content].concat()
    }

    fn server_hello(version: Option<[u8; 2]>) -> Vec<u8> {
        let extensions = version.map_or_else(Vec::new, |[a, b]| vec![0, 43, 0, 2, a, b]);
        let length = (extensions.len() as u16).to_be_bytes();
        let body = [&[3, 3], [9; 32].as_slice(), &[0, 0xc0, 0x2f, 0], &length, &extensions].concat();
        message(SERVER_HELLO, &body)
    }

    /// A certificate with these names, each a list of attributes by their last arcs below 2.5.4.
    fn certificate(issuer: &[(u8, &str)], subject: &[(u8, &str)]) -> Vec<u8> {
        let name = |attributes: &[(u8, &str)]| {
            let sets: Vec<u8> = attributes
                .iter()
                .flat_map(|(arc, text)| {
                    let value = [der::put(6, &[0x55, 4, *arc]), der::put(12, text.as_bytes())].concat();
                    der::put(0x31, &der::put(der::SEQUENCE, &value))
                })
                .collect();
            der::put(der::SEQUENCE, &sets)
        };
        let fields = [
            der::put(der::EXPLICIT_0, &der::put(der::INTEGER, &[2])),
            der::put(der::INTEGER, &[77]),
            der::put(der::SEQUENCE, &[]),
            name(issuer),
            der::put(der::SEQUENCE, &[]),
            name(subject),
            der::put(der::SEQUENCE, &[1; 300]),
        ]
        .concat();
        der::put(der::SEQUENCE, &der::put(der::SEQUENCE, &fields))
    }

    /// What a server of TLS 1.2 sends first, whose certificate is self-signed.
    pub(crate) fn stream(common_name: &str) -> Vec<u8> {
        let name = [(6, "US"), (3, common_name)];
        let chain = with_u24(&with_u24(&certificate(&name, &name)));
        [record(&server_hello(None)), record(&message(CERTIFICATE, &chain))].concat()
    }

    fn self_signed(name: &str) -> Shown {
        Shown::Certificate(Certificate { subject: name.to_owned(), issuer: name.to_owned() })
    }

    #[test]
    fn names_are_written_as_rfc_4514_does() {
        assert_eq!(shown(&stream("localhost")), self_signed("CN=localhost,C=US"));
        assert_eq!(shown(&stream(" a,b\u{1b}")), self_signed("CN=\\ a\\,b\\1B,C=US"));
    }

    #[test]
    fn the_certificate_is_found_as_soon_as_it_is_whole() {
        let stream = stream("localhost");
        for length in 0..stream.len() {
            assert_eq!(shown(&stream[..length]), Shown::CutShort, "{length}");
        }
        let behind = [stream.as_slice(), b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00"].concat();
        assert_eq!(shown(&behind), self_signed("CN=localhost,C=US"));
        // Records of any size.
        let chain = with_u24(&with_u24(&certificate(&[(3, "ca")], &[(3, "a.org")])));
        let messages = [server_hello(Some([3, 3])), message(CERTIFICATE, &chain)].concat();
        let records: Vec<u8> = messages.chunks(50).flat_map(record).collect();
        let expected = Certificate { subject: "CN=a.org".to_owned(), issuer: "CN=ca".to_owned() };
        assert_eq!(shown(&records), Shown::Certificate(expected));
    }

    #[test]
    fn where_it_is_encrypted_there_is_none() {
        let tls13 = [record(&server_hello(Some([3, 4]))).as_slice(), &[20, 3, 3, 0, 1, 1]].concat();
        assert_eq!(shown(&tls13), Shown::None);
        let resumed = [record(&server_hello(None)).as_slice(), &[20, 3, 3, 0, 1, 1]].concat();
        assert_eq!(shown(&resumed), Shown::None);
        assert_eq!(shown(b"HTTP/1.1 400 Bad Request"), Shown::None);
    }

    #[test]
    fn a_name_without_end_is_bounded() {
        let Shown::Certificate(found) = shown(&stream(&"x".repeat(2_000))) else { panic!() };
        assert_eq!(found.subject.len(), 512);
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            shown(&bytes);
            shown(&record(&bytes));
            names(&bytes);
        }

        #[test]
        fn a_certificate_with_any_byte_changed_is_read_without_harm(at: usize, byte: u8) {
            let mut bytes = stream("www.example.org");
            let at = at % bytes.len();
            bytes[at] = byte;
            shown(&bytes);
        }
    }
}
