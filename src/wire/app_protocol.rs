//! The application protocol of a connection, by the first bytes that either side sends.
//!
//! A signature is what the protocol's specification says every first message begins with. One that leaves room for doubt
//! is not in the list: a wrong protocol is worse than none.

use std::borrow::Cow;

use self::Sender::{Client, Either, Server};
use crate::capture::Application;

/// Whose first bytes a signature is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
    Either,
}

/// A protocol, whose first bytes, and whether these are they.
type Signature = (&'static str, Sender, fn(&[u8]) -> bool);

/// Methods of HTTP (RFC 9110, RFC 5789, RFC 4918) and what HTTP/2 begins with (RFC 9113).
const HTTP_METHODS: [&[u8]; 14] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
    b"PROPFIND ",
    b"PRI * HTTP/2.0",
    b"REPORT ",
    b"MKCOL ",
    b"LOCK ",
];

/// Requests of SIP (RFC 3261).
const SIP_METHODS: [&[u8]; 6] =
    [b"INVITE sip", b"REGISTER sip", b"OPTIONS sip", b"SUBSCRIBE sip", b"MESSAGE sip", b"SIP/2.0 "];

/// Methods with which a miner begins: Stratum, its variants for Monero and Ethereum, and the second version of none.
const STRATUM_METHODS: [&[u8]; 4] =
    [b"\"mining.subscribe\"", b"\"mining.authorize\"", b"\"eth_submitLogin\"", b"\"mining.configure\""];

/// Over TCP, the more specific first.
const STREAMS: &[Signature] = &[
    ("tls", Client, |b| is_tls_handshake(b, 1)),
    // A server may answer with an alert.
    ("tls", Server, |b| is_tls_handshake(b, 2) || matches!(b, [21, 3, 0..=4, 0, 2, ..])),
    // RFC 4253, 4.2.
    ("ssh", Either, |b| b.starts_with(b"SSH-")),
    ("stratum", Client, is_stratum),
    ("sip", Either, |b| begins_with_any(b, &SIP_METHODS)),
    // RFC 7826.
    ("rtsp", Either, |b| {
        b.starts_with(b"RTSP/")
            || (b.first().is_some_and(u8::is_ascii_uppercase)
                && first_line(b).windows(8).any(|part| part == b" rtsp://"))
    }),
    ("http", Client, |b| begins_with_any(b, &HTTP_METHODS)),
    ("http", Server, |b| b.starts_with(b"HTTP/1.")),
    ("irc", Either, is_irc),
    // RFC 5321; RFC 959 has the same codes and says what it is.
    ("ftp", Server, |b| b.starts_with(b"220") && has_word(b, b"ftp")),
    ("smtp", Server, |b| b.starts_with(b"220") && has_word(b, b"smtp")),
    ("smtp", Client, |b| begins_with_any(b, &[b"EHLO ", b"HELO ", b"ehlo ", b"helo "])),
    // RFC 1939; RFC 9051.
    ("pop3", Server, |b| b.starts_with(b"+OK")),
    ("imap", Server, |b| begins_with_any(b, &[b"* OK", b"* PREAUTH", b"* BYE"])),
    // RFC 1001 and what [MS-SMB2] says of direct TCP.
    ("smb", Either, |b| matches!(b, [0, _, _, _, 0xfd..=0xff, b'S', b'M', b'B', ..])),
    ("smb", Client, |b| matches!(b, [0x81, 0, 0, 68, 32, ..])),
    // [MS-RDPBCGR] 2.2.1.1 and 2.2.1.2: X.224 connection request and confirm in a TPKT.
    ("rdp", Client, |b| matches!(b, [3, 0, _, _, _, 0xe0, 0, 0, ..])),
    ("rdp", Server, |b| matches!(b, [3, 0, 0, 11..=19, 6..=14, 0xd0, 0, 0, ..])),
    // C706: bind and its answer.
    ("dce_rpc", Either, |b| matches!(b, [5, 0, 11..=12, _, 0x10, 0, 0, 0, ..])),
    // RFC 4511: bind, search and their answers.
    ("ldap", Client, |b| is_ldap(b, &[0x60, 0x63, 0x77])),
    ("ldap", Server, |b| is_ldap(b, &[0x61, 0x64, 0x78])),
    // RFC 4120, 7.2.2: length, then AS and TGS requests, answers, errors.
    ("krb", Either, |b| matches!(b, [0, 0, _, _, 0x6a..=0x6d | 0x7e, 0x81..=0x83, ..])),
    ("dns", Either, |b| sized_u16(b).is_some_and(is_dns)),
    // RFC 7766 lets the length come in a segment of its own; that is not told from anything else.
    ("mysql", Server, |b| {
        matches!(b, [_, _, 0, 0, 10, b'0'..=b'9', ..]) && b.get(5..).is_some_and(|b| b.contains(&0))
    }),
    // PostgreSQL's manual, "Message Formats": a startup of version 3, or the request for TLS.
    ("postgresql", Client, |b| matches!(b, [0, 0, _, _, 0, 3, 0, 0, ..] | [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f])),
    // [MS-TDS] 2.2.6.5.
    ("tds", Client, |b| matches!(b, [0x12, 1, 0, _, 0, 0, _, 0, 0, ..])),
    // RESP: an array of bulk strings.
    ("redis", Client, |b| matches!(b, [b'*', b'0'..=b'9', b'\r', b'\n', b'$', b'0'..=b'9', ..])),
    // MQTT 3.1 and later.
    ("mqtt", Client, |b| {
        matches!(
            b,
            [0x10, _, 0, 4, b'M', b'Q', b'T', b'T', ..]
                | [0x10, _, 0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..]
                | [0x10, _, _, 0, 4, b'M', b'Q', b'T', b'T', ..]
        )
    }),
    ("amqp", Client, |b| b.starts_with(b"AMQP")),
    // RFC 6143.
    ("vnc", Either, |b| b.starts_with(b"RFB 00")),
    // RFC 854: a negotiation of options.
    ("telnet", Either, |b| matches!(b, [0xff, 0xfb..=0xfe, 0..=49, 0xff, ..] | [0xff, 0xfb..=0xfe, 0..=49])),
    // RFC 6120.
    ("xmpp", Either, |b| {
        b.starts_with(b"<stream:stream") || (b.starts_with(b"<?xml") && has_word(b, b"stream:stream"))
    }),
    // RFC 1928: version, number of methods, methods.
    (
        "socks",
        Client,
        |b| matches!(b, [5, count @ 1..=8, methods @ ..] if methods.len() == usize::from(*count) && methods.iter().all(|method| *method < 10)),
    ),
    // BEP 3.
    ("bittorrent", Either, |b| b.starts_with(b"\x13BitTorrent protocol")),
    ("rsync", Either, |b| b.starts_with(b"@RSYNCD: ")),
    ("git", Client, |b| b.get(4..).is_some_and(|b| b.starts_with(b"git-"))),
    ("mongodb", Client, |b| matches!(b, [_, _, _, 0, _, _, _, _, 0, 0, 0, 0, 0xd4 | 0xdd, 7, 0, 0, ..])),
];

/// Over UDP.
const DATAGRAMS: &[Signature] = &[
    ("dns", Either, is_dns),
    ("quic", Either, is_quic),
    // RFC 6347: handshake records.
    ("dtls", Either, |b| matches!(b, [22, 0xfe, 0xfd | 0xff, 0, 0, ..])),
    // RFC 8489.
    ("stun", Either, |b| matches!(b, [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..])),
    // RFC 2131: operation, Ethernet, and the cookie behind the fixed fields.
    ("dhcp", Either, |b| {
        matches!(b, [1 | 2, 1, 6, ..]) && b.get(236..240) == Some(&[0x63, 0x82, 0x53, 0x63])
    }),
    // UPnP device architecture: HTTP over UDP.
    ("ssdp", Either, |b| begins_with_any(b, &[b"M-SEARCH * HTTP", b"NOTIFY * HTTP", b"HTTP/1.1 200 OK"])),
    ("sip", Either, |b| begins_with_any(b, &SIP_METHODS)),
    // RFC 3416 in RFC 1157 and RFC 3412: a sequence that begins with the version.
    ("snmp", Either, |b| {
        matches!(
            b,
            [0x30, 0..=0x7f, 2, 1, 0 | 1 | 3, ..]
                | [0x30, 0x81, _, 2, 1, 0 | 1 | 3, ..]
                | [0x30, 0x82, _, _, 2, 1, 0 | 1 | 3, ..]
        )
    }),
    // RFC 5905: 48 bytes, version 1 to 4, modes 1 to 5.
    ("ntp", Either, |b| {
        b.len() == 48 && matches!(b[0] >> 3 & 7, 1..=4) && matches!(b[0] & 7, 1..=5) && b[1] <= 16
    }),
    // RFC 5424: the priority, then the version or (RFC 3164) the month.
    ("syslog", Client, |b| {
        matches!(b, [b'<', b'0'..=b'9', b'>' | b'0'..=b'9', ..]) && b.iter().take(5).any(|byte| *byte == b'>')
    }),
    // BEP 5: a dictionary whose first key is a, e or r.
    ("bittorrent", Either, |b| begins_with_any(b, &[b"d1:ad2:id20:", b"d1:rd2:id20:", b"d1:eli20"])),
    // WireGuard's handshake initiation and response.
    ("wireguard", Either, |b| matches!((b.len(), b), (148, [1, 0, 0, 0, ..]) | (92, [2, 0, 0, 0, ..]))),
    // OpenVPN: a hard reset, whose key id is 0.
    ("openvpn", Client, |b| b.first() == Some(&0x38) && (14..=90).contains(&b.len()) && b.ends_with(&[0; 4])),
];

/// The protocol of a TCP connection by the first payload of one side.
pub fn of_stream(payload: &[u8], is_client: bool) -> Option<&'static str> {
    find(STREAMS, payload, is_client)
}

/// The protocol of UDP datagrams by the first of one side.
pub fn of_datagram(payload: &[u8], is_client: bool) -> Option<&'static str> {
    find(DATAGRAMS, payload, is_client)
}

/// A protocol by the name that another tool has for it: Zeek's analyzers, Suricata's parsers. None for what is no name.
pub fn common_name(name: &str) -> Option<Cow<'static, str>> {
    let name = Application::read_protocol(name)?;
    let bare = name.strip_prefix("spicy_").unwrap_or(&name);
    let bare = bare.strip_suffix("_tcp").or_else(|| bare.strip_suffix("_udp")).unwrap_or(bare);
    let common = match bare {
        "ssl" => "tls",
        "http2" | "doh2" => "http",
        "krb5" | "kerberos" => "krb",
        "dcerpc" => "dce_rpc",
        "pgsql" => "postgresql",
        "rfb" => "vnc",
        "bittorrent-dht" => "bittorrent",
        "failed" => Application::UNKNOWN,
        bare => return Some(known_name(bare).map_or_else(|| Cow::Owned(bare.to_owned()), Cow::Borrowed)),
    };
    Some(Cow::Borrowed(common))
}

/// The name of a protocol that has a signature.
fn known_name(name: &str) -> Option<&'static str> {
    STREAMS.iter().chain(DATAGRAMS).map(|(known, ..)| *known).find(|known| *known == name)
}

fn find(signatures: &[Signature], payload: &[u8], is_client: bool) -> Option<&'static str> {
    let other = if is_client { Server } else { Client };
    let fits = |signature: &&Signature| signature.1 != other && signature.2(payload);
    signatures.iter().find(fits).map(|(name, ..)| *name)
}

/// A record of TLS (RFC 8446, 5.1) that begins with a handshake message of this type.
fn is_tls_handshake(bytes: &[u8], message: u8) -> bool {
    matches!(bytes, [22, 3, 0..=4, 0..=0x40, _, kind, ..] if *kind == message)
}

fn begins_with_any(bytes: &[u8], starts: &[&[u8]]) -> bool {
    starts.iter().any(|start| bytes.starts_with(start))
}

fn first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().take(512).position(|byte| *byte == b'\n').unwrap_or(bytes.len().min(512));
    &bytes[..end]
}

/// Whether the first 512 bytes have a word, in lower or upper case.
fn has_word(bytes: &[u8], word: &[u8]) -> bool {
    let start = bytes.get(..512).unwrap_or(bytes);
    start.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// A registration or what a server greets with (RFC 2812, 3.1 and 5; capabilities as of version 3).
fn is_irc(bytes: &[u8]) -> bool {
    if !bytes
        .first()
        .is_some_and(|first| matches!(first.to_ascii_uppercase(), b'N' | b'C' | b'U' | b'P' | b':'))
    {
        return false;
    }
    let line = first_line(bytes);
    let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).take(6).collect();
    let is = |word: &[u8], expected: &[u8]| word.eq_ignore_ascii_case(expected);
    match words.as_slice() {
        [nick, name, ..] if is(nick, b"NICK") => !name.is_empty(),
        [cap, b"LS" | b"REQ" | b"END", ..] if is(cap, b"CAP") => true,
        // Of FTP and POP3, the same has one parameter.
        [user, _, _, _, real, ..] if is(user, b"USER") => real.starts_with(b":"),
        [notice, b"AUTH" | b"*", text, ..] if is(notice, b"NOTICE") => text.starts_with(b":"),
        [source, word, ..] if source.starts_with(b":") => {
            is(word, b"NOTICE") || matches!(word, [b'0', b'0', b'0'..=b'9'])
        }
        [pass, _, ..] if is(pass, b"PASS") => has_word(bytes, b"\nNICK "),
        _ => false,
    }
}

/// JSON-RPC of a miner. Monero's variant has a plain login, and names its miner.
fn is_stratum(bytes: &[u8]) -> bool {
    let start = bytes.get(..1024).unwrap_or(bytes);
    let has = |text: &[u8]| start.windows(text.len()).any(|part| part == text);
    let is_object = start.trim_ascii_start().starts_with(b"{");
    let is_login = || has(b"\"login\"") && has(b"\"method\"") && has(b"\"pass\"");
    is_object && (STRATUM_METHODS.iter().any(|method| has(method)) || is_login())
}

/// A message of LDAP: a sequence of a number and one of these operations.
fn is_ldap(bytes: &[u8], operations: &[u8]) -> bool {
    let ([0x30, 0..=0x7f, body @ ..]
    | [0x30, 0x81, _, body @ ..]
    | [0x30, 0x82, _, _, body @ ..]
    | [0x30, 0x84, _, _, _, _, body @ ..]) = bytes
    else {
        return false;
    };
    matches!(body, [2, length @ 1..=4, rest @ ..] if rest.get(usize::from(*length)).is_some_and(|kind| operations.contains(kind)))
}

/// The bytes behind a length of two bytes that is theirs.
fn sized_u16(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    (usize::from(u16::from_be_bytes(*length)) == rest.len()).then_some(rest)
}

/// A DNS message (RFC 1035, 4.1): a query or its answer with one question of the usual classes.
fn is_dns(bytes: &[u8]) -> bool {
    let [_, _, flags, codes, 0, questions, answers, _, authorities, _, additional, _, rest @ ..] = bytes
    else {
        return false;
    };
    let opcode = flags >> 3 & 0xf;
    let is_head_sane = matches!(opcode, 0 | 4 | 5) && codes & 0x40 == 0 && *questions <= 1;
    let are_counts_small = *answers == 0 && *authorities == 0 && *additional == 0;
    // mDNS has answers without questions.
    let is_answer = flags & 0x80 != 0;
    is_head_sane
        && are_counts_small
        && (*questions == 1 && has_question(rest) || is_answer && *questions == 0)
}

/// Labels, then a type and a class: IN, CH, HS, ANY, or that of mDNS with its highest bit.
fn has_question(mut bytes: &[u8]) -> bool {
    for _ in 0..128 {
        match bytes {
            [0, _, _, class, number, ..] => {
                return matches!((class & 0x7f, number), (0, 1 | 3 | 4 | 254 | 255));
            }
            [length @ 1..=63, rest @ ..] => match rest.get(usize::from(*length)..) {
                Some(after) => bytes = after,
                None => return false,
            },
            _ => return false,
        }
    }
    false
}

/// A long header of QUIC (RFC 9000, RFC 9369), of a draft that was in use, or of Google's own versions.
fn is_quic(bytes: &[u8]) -> bool {
    let [first, version @ .., destination, _] = bytes.get(..7).unwrap_or_default() else { return false };
    let is_known = match version {
        [0, 0, 0, 0 | 1] | [0x6b, 0x33, 0x43, 0xcf] | [0xff, 0, 0, 17..=34] => true,
        [b'Q' | b'T', b'0', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    first & 0xc0 == 0xc0 && is_known && *destination <= 20
}

#[cfg(test)]
mod tests;
