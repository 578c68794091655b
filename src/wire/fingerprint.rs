//! Fingerprints of TLS clients: JA3 and JA4, from the fields of a `ClientHello`.
//!
//! Both name what a TLS library offers, so that programs with the same library and settings share one. JA3 takes the
//! extensions in their order, which browsers shuffle since 2023; JA4 sorts them. GREASE values (RFC 8701), which clients
//! draw by chance, belong to neither.
//!
//! Sources: J. Althouse, J. Atkinson, J. Atkins, JA3 (salesforce/ja3); J. Althouse, JA4 (FoxIO-LLC/ja4, of which the part
//! for TLS clients is under the BSD licence).

use std::fmt::{Display, Write as _};

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::hex;

/// Extensions that JA4 counts and does not hash, and those that are read.
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// Characters of a hash in JA4.
const JA4_HASH: usize = 12;

/// The fingerprints of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprints {
    /// MD5 as 32 hexadecimal digits.
    pub ja3: String,
    /// Such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
    pub ja4: String,
}

/// Reads the fingerprints from a whole `ClientHello` that came over TCP, without the four bytes before its version;
/// none if its fields contradict each other. See [`super::tls::whole_client_hello`].
pub fn of_client_hello(body: &[u8]) -> Option<Fingerprints> {
    let hello = ClientHello::read(body)?;
    Some(Fingerprints { ja3: hello.ja3(), ja4: hello.ja4() })
}

/// The fields of a `ClientHello` that fingerprints are made of; GREASE is left out of every list.
#[derive(Default)]
struct ClientHello<'a> {
    version: u16,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    groups: Vec<u16>,
    point_formats: &'a [u8],
    signature_algorithms: Vec<u16>,
    supported_versions: Vec<u16>,
    /// The first protocol of ALPN.
    alpn: Option<&'a [u8]>,
}

impl<'a> ClientHello<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let mut rest = Reader(body);
        let mut hello = Self { version: rest.number()?, ..Self::default() };
        // The random value.
        rest.bytes(32)?;
        rest.short_list()?;
        hello.ciphers = numbers(rest.list()?)?;
        rest.short_list()?;
        if rest.0.is_empty() {
            return Some(hello);
        }
        let mut extensions = Reader(rest.list()?);
        while !extensions.0.is_empty() {
            let kind = extensions.number()?;
            let value = extensions.list()?;
            if !is_grease(kind) {
                hello.extensions.push(kind);
                hello.read_extension(kind, value);
            }
        }
        Some(hello)
    }

    /// Reads an extension; one that is malformed counts as empty.
    fn read_extension(&mut self, kind: u16, value: &'a [u8]) {
        let list = || Reader(value).list().and_then(numbers).unwrap_or_default();
        match kind {
            SUPPORTED_GROUPS => self.groups = list(),
            SIGNATURE_ALGORITHMS => self.signature_algorithms = list(),
            POINT_FORMATS => self.point_formats = Reader(value).short_list().unwrap_or_default(),
            SUPPORTED_VERSIONS => {
                self.supported_versions = Reader(value).short_list().and_then(numbers).unwrap_or_default();
            }
            ALPN => {
                let first = Reader(value).list().and_then(|list| Reader(list).short_list());
                self.alpn = first.filter(|first| !first.is_empty());
            }
            _ => {}
        }
    }

    fn ja3(&self) -> String {
        let text = [
            self.version.to_string(),
            joined(&self.ciphers, '-'),
            joined(&self.extensions, '-'),
            joined(&self.groups, '-'),
            joined(self.point_formats, '-'),
        ]
        .join(",");
        hex::encode(&Md5::digest(text.as_bytes()))
    }

    fn ja4(&self) -> String {
        let version = self.supported_versions.iter().max().copied().unwrap_or(self.version);
        let has_name = self.extensions.contains(&SERVER_NAME);
        let mut ciphers = self.ciphers.clone();
        ciphers.sort_unstable();
        let mut extensions: Vec<u16> =
            self.extensions.iter().copied().filter(|kind| !matches!(*kind, SERVER_NAME | ALPN)).collect();
        extensions.sort_unstable();
        let mut hashed = hex_list(&extensions);
        if !hashed.is_empty() && !self.signature_algorithms.is_empty() {
            hashed.push('_');
            hashed.push_str(&hex_list(&self.signature_algorithms));
        }
        format!(
            "t{}{}{:02}{:02}{}_{}_{}",
            version_text(version),
            if has_name { 'd' } else { 'i' },
            self.ciphers.len().min(99),
            self.extensions.len().min(99),
            alpn_text(self.alpn),
            short_hash(&hex_list(&ciphers)),
            short_hash(&hashed),
        )
    }
}

/// The versions of TLS in two characters.
fn version_text(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// First and last character of a protocol's name, or of its bytes in hexadecimal if one of the two is no letter or digit.
fn alpn_text(alpn: Option<&[u8]>) -> String {
    let Some((first, last)) = alpn.and_then(|name| name.first().zip(name.last())) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    let (first, last) = (format!("{first:02x}"), format!("{last:02x}"));
    format!("{}{}", &first[..1], &last[1..])
}

fn short_hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(JA4_HASH);
    }
    let mut hash = hex::encode(&Sha256::digest(text.as_bytes()));
    hash.truncate(JA4_HASH);
    hash
}

fn hex_list(numbers: &[u16]) -> String {
    numbers.iter().map(|number| format!("{number:04x}")).collect::<Vec<_>>().join(",")
}

fn joined<N: Display>(numbers: &[N], separator: char) -> String {
    let mut text = String::new();
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            text.push(separator);
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{number}");
    }
    text
}

/// Values without meaning, by which clients keep servers used to what they do not know (RFC 8701).
fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

/// Numbers of two bytes, without GREASE; none if a byte is left over.
fn numbers(bytes: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let numbers = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).filter(|number| !is_grease(*number));
    rest.is_empty().then(|| numbers.collect())
}

/// Bytes that are read from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    /// Bytes behind their number in one byte.
    fn short_list(&mut self) -> Option<&'a [u8]> {
        let length = *self.bytes(1)?.first()?;
        self.bytes(usize::from(length))
    }

    /// Bytes behind their number in two bytes.
    fn list(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_u16(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
    }

    fn list(numbers: &[u16]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    /// The body of a `ClientHello` of version 1.2 with these suites and extensions.
    fn body(version: u16, ciphers: &[u16], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(0);
        body.extend(with_u16(&list(ciphers)));
        body.extend([1, 0]);
        let extensions: Vec<u8> = extensions
            .iter()
            .flat_map(|(kind, value)| [kind.to_be_bytes().to_vec(), with_u16(value)].concat())
            .collect();
        if !extensions.is_empty() {
            body.extend(with_u16(&extensions));
        }
        body
    }

    /// The hello of a browser, as its published fingerprints list its fields, its extensions in this order.
    fn browser(order: &[u16]) -> Vec<u8> {
        let ciphers = [
            0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
            0x009c, 0x009d, 0x002f, 0x0035,
        ];
        let algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
        let value = |kind: u16| match kind {
            0 => [&[0, 8, 0, 0, 5], b"a.org".as_slice()].concat(),
            10 => with_u16(&list(&[0x1a1a, 4588, 29, 23, 24])),
            11 => vec![1, 0],
            13 => with_u16(&list(&algorithms)),
            16 => with_u16(b"\x02h2\x08http/1.1"),
            43 => [&[6], list(&[0x8a8a, 0x0304, 0x0303]).as_slice()].concat(),
            _ => Vec::new(),
        };
        let extensions: Vec<(u16, Vec<u8>)> = order.iter().map(|kind| (*kind, value(*kind))).collect();
        body(0x0303, &ciphers, &extensions)
    }

    #[test]
    fn the_ja3_of_the_published_examples_is_found() {
        // salesforce/ja3, README: 769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0.
        let ciphers = [47, 53, 5, 10, 49_161, 49_162, 49_171, 49_172, 50, 56, 19, 4];
        let extensions = [(0, Vec::new()), (10, with_u16(&list(&[23, 24, 25]))), (11, vec![1, 0])];
        let found = of_client_hello(&body(769, &ciphers, &extensions)).unwrap();
        assert_eq!(found.ja3, "ada70206e40642a3e4461f35503241d5");
        // The same: 769,4-5-10-9-100-98-3-6-19-18-99,,,
        let found = of_client_hello(&body(769, &[4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], &[])).unwrap();
        assert_eq!(found.ja3, "de350869b8c85de67a350c8d186f11e6");
    }

    #[test]
    fn the_fingerprints_that_browserleaks_gives_a_browser_are_found() {
        // Chrome 143: its list of extensions without GREASE, and what the site makes of it.
        let order = [45, 51, 16, 65_037, 23, 17_613, 0, 11, 10, 43, 65_281, 35, 18, 5, 13, 27];
        let found = of_client_hello(&browser(&order)).unwrap();
        assert_eq!(found.ja3, "98487aa16281980e7d1120d399efb6a4");
        assert_eq!(found.ja4, "t13d1516h2_8daaf6152771_d8a2da3f94cd");
    }

    #[test]
    fn ja4_does_not_depend_on_the_order_of_extensions_and_counts_no_grease() {
        // FoxIO-LLC/ja4, README: a browser of 2023.
        let order =
            [0x1b, 0x2b, 0, 0x33, 0x0a, 0x10, 0x0d, 0x2d, 5, 0x0b, 0x12, 0x23, 0x17, 0x4469, 0xff01, 0x15];
        let mut shuffled: Vec<u16> = order.to_vec();
        shuffled.reverse();
        shuffled.insert(3, 0x3a3a);
        for order in [order.to_vec(), shuffled] {
            let found = of_client_hello(&browser(&order)).unwrap();
            assert_eq!(found.ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
        }
    }

    #[test]
    fn what_a_hello_lacks_is_zero_in_ja4() {
        let found = of_client_hello(&body(0x0303, &[], &[])).unwrap();
        assert_eq!(found.ja4, "t12i000000_000000000000_000000000000");
        let alpn = |name: &[u8]| {
            let list = with_u16(&[&[name.len() as u8], name].concat());
            of_client_hello(&body(0x0301, &[1], &[(16, list)])).unwrap().ja4[..10].to_owned()
        };
        assert_eq!(
            (alpn(b"h3"), alpn(b"x"), alpn(b"\xab.z")),
            ("t10i0101h3".into(), "t10i0101xx".into(), "t10i0101aa".into())
        );
    }

    #[test]
    fn a_hello_that_contradicts_itself_has_none() {
        let whole = body(0x0303, &[1, 2], &[(10, with_u16(&[0, 1]))]);
        for length in 0..whole.len() {
            let cut = of_client_hello(&whole[..length]);
            // Without its extensions it would be one of an old client.
            assert!(cut.is_none() || whole.len() - length == 10, "{length}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            of_client_hello(&bytes);
        }

        #[test]
        fn a_hello_with_any_byte_changed_has_fingerprints_of_the_usual_form(at: usize, byte: u8) {
            let mut bytes = browser(&[0, 10, 11, 13, 16, 43]);
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(found) = of_client_hello(&bytes) {
                prop_assert_eq!(crate::capture::Application::read_ja3(&found.ja3), Some(found.ja3));
                prop_assert_eq!(crate::capture::Application::read_ja4(&found.ja4), Some(found.ja4));
            }
        }
    }
}
