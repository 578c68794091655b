//! The server's name that a TLS client asks for, from the first bytes of its stream.

use std::borrow::Cow;

/// Content type of a record with a handshake message, and the type of that message.
pub(super) const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// The extension that holds server names, and the one kind of name that there is.
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// Most bytes of a stream that are worth keeping until its `ClientHello` is whole: those of
/// browsers with post-quantum keys have 2 KiB.
pub const MOST_HELLO_BYTES: usize = 16 * 1024;

/// Type and length before a handshake message.
const HELLO_HEADER_BYTES: usize = 4;

/// Longest payload of a record, in bytes.
const MOST_RECORD_BYTES: usize = 16 * 1024;

/// Longest name of a host, in bytes.
const MOST_NAME_BYTES: usize = 255;

/// What the first bytes of a stream say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hello {
    /// The client asks for the server of this name (in lower case). With encrypted client hello
    /// it is the public name, under which the real one hides.
    Names(String),
    /// A `ClientHello` that names no server, or nothing that could be one.
    Nameless,
    /// The beginning of a `ClientHello`: more bytes may name the server.
    CutShort,
    /// Something else than TLS.
    Foreign,
}

/// Reads the `ClientHello` at the beginning of a client's stream, whatever its version.
///
/// A name that lies before a cut is found; so a caller that has the first packet alone may
/// take what it gets, and one that has the stream comes back with more, up to
/// [`MOST_HELLO_BYTES`], beyond which nothing is read.
pub fn client_hello(stream: &[u8]) -> Hello {
    // Records may cut the message anywhere, though hardly any client lets them.
    let mut message = Vec::new();
    let mut rest = stream.get(..MOST_HELLO_BYTES).unwrap_or(stream);
    loop {
        match record(rest, MOST_RECORD_BYTES) {
            Record::Whole(fragment, after) => {
                message.extend_from_slice(fragment);
                match hello(&message) {
                    // A record without content may not be; a chain of them would be walked in vain.
                    Hello::CutShort if !fragment.is_empty() && !after.is_empty() => rest = after,
                    Hello::CutShort if fragment.is_empty() => return Hello::Foreign,
                    found => return found,
                }
            }
            Record::Cut(fragment) => {
                message.extend_from_slice(fragment);
                return hello(&message);
            }
            Record::Foreign => return Hello::Foreign,
        }
    }
}

/// The `ClientHello` at the beginning of a client's stream from its version on, if all of it is there.
pub fn whole_client_hello(stream: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut rest = stream.get(..MOST_HELLO_BYTES).unwrap_or(stream);
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    loop {
        let Record::Whole(fragment, after) = record(rest, MOST_RECORD_BYTES) else { return None };
        match &mut message {
            _ if fragment.is_empty() => return None,
            Cow::Borrowed([]) => message = Cow::Borrowed(fragment),
            message => message.to_mut().extend_from_slice(fragment),
        }
        let [CLIENT_HELLO, sized @ ..] = message.as_ref() else { return None };
        if let Some((length, body)) = split_u24(sized)
            && length <= body.len()
        {
            let body = HELLO_HEADER_BYTES..HELLO_HEADER_BYTES + length;
            return Some(match message {
                Cow::Borrowed(message) => Cow::Borrowed(&message[body]),
                Cow::Owned(message) => Cow::Owned(message[body].to_vec()),
            });
        }
        rest = after;
    }
}

/// One record with handshake messages.
pub(super) enum Record<'a> {
    /// Its content, and what follows it.
    Whole(&'a [u8], &'a [u8]),
    /// The beginning of its content.
    Cut(&'a [u8]),
    Foreign,
}

/// Reads the record at the beginning of a stream; one with a payload longer than `most` is foreign.
pub(super) fn record(stream: &[u8], most: usize) -> Record<'_> {
    let header = [HANDSHAKE, 3];
    if !stream.iter().zip(&header).all(|(byte, expected)| byte == expected) {
        return Record::Foreign;
    }
    let Some((length, content)) = stream.get(3..).and_then(split_u16) else { return Record::Cut(&[]) };
    match content.split_at_checked(length) {
        _ if length > most => Record::Foreign,
        Some((content, after)) => Record::Whole(content, after),
        None => Record::Cut(content),
    }
}

/// Reads a handshake message, or as much of it as there is.
fn hello(message: &[u8]) -> Hello {
    match message {
        [] => Hello::CutShort,
        [CLIENT_HELLO, rest @ ..] => {
            let Some((length, body)) = split_u24(rest) else { return Hello::CutShort };
            let whole = length <= body.len();
            let body = if whole { &body[..length] } else { body };
            match extensions(body).map(server_name) {
                Some(Search::Found(name)) => name.map_or(Hello::Nameless, Hello::Names),
                Some(Search::Absent) => Hello::Nameless,
                Some(Search::Ended) | None if whole => Hello::Nameless,
                Some(Search::Ended) | None => Hello::CutShort,
            }
        }
        _ => Hello::Foreign,
    }
}

/// The extensions of a `ClientHello`: their length, and as much of them as there is.
fn extensions(body: &[u8]) -> Option<(usize, &[u8])> {
    // Version and random.
    let body = body.get(2 + 32..)?;
    let (session_bytes, body) = split_u8(body)?;
    let (ciphers_bytes, body) = split_u16(body.get(session_bytes..)?)?;
    let (compressions_bytes, body) = split_u8(body.get(ciphers_bytes..)?)?;
    split_u16(body.get(compressions_bytes..)?)
}

/// What a look for the name came to.
enum Search {
    /// The extension is there; its name, if it is a host's.
    Found(Option<String>),
    /// All extensions were seen, and the one is not among them.
    Absent,
    /// The bytes ended first.
    Ended,
}

fn server_name((length, extensions): (usize, &[u8])) -> Search {
    let mut rest = extensions.get(..length).unwrap_or(extensions);
    let mut seen = 0;
    while seen < length {
        let Some((kind, after)) = split_u16(rest) else { return Search::Ended };
        let Some((bytes, after)) = split_u16(after) else { return Search::Ended };
        let Some((value, after)) = after.split_at_checked(bytes) else { return Search::Ended };
        if kind == usize::from(SERVER_NAME) {
            return Search::Found(host_name(value));
        }
        seen += 4 + bytes;
        rest = after;
    }
    Search::Absent
}

/// The first host name of a list of server names; there may be one of each kind.
fn host_name(list: &[u8]) -> Option<String> {
    let (length, list) = split_u16(list)?;
    let mut list = list.get(..length)?;
    while let [kind, rest @ ..] = list {
        let (bytes, rest) = split_u16(rest)?;
        let (name, rest) = rest.split_at_checked(bytes)?;
        if *kind == HOST_NAME {
            return is_host_name(name).then(|| String::from_utf8_lossy(name).to_ascii_lowercase());
        }
        list = rest;
    }
    None
}

/// Letters, digits, hyphens and dots; the underscore too, which names of machines have.
fn is_host_name(name: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    (1..=MOST_NAME_BYTES).contains(&name.len()) && name.iter().all(allowed)
}

fn split_u8(bytes: &[u8]) -> Option<(usize, &[u8])> {
    bytes.split_first().map(|(length, rest)| (usize::from(*length), rest))
}

fn split_u16(bytes: &[u8]) -> Option<(usize, &[u8])> {
    bytes.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))
}

fn split_u24(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let ([high, middle, low], rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes([0, *high, *middle, *low]) as usize, rest))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_u16(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
    }

    fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes(), with_u16(value).as_slice()].concat()
    }

    fn server_name_extension(name: &[u8]) -> Vec<u8> {
        extension(SERVER_NAME, &with_u16(&[&[HOST_NAME], with_u16(name).as_slice()].concat()))
    }

    /// A handshake message with these extensions.
    fn message(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        // A session id, two cipher suites, one compression.
        body.extend([2, 9, 9, 0, 4, 0x13, 1, 0x13, 2, 1, 0]);
        body.extend(with_u16(extensions));
        [&[CLIENT_HELLO, 0], with_u16(&body).as_slice()].concat()
    }

    fn record_of(fragment: &[u8]) -> Vec<u8> {
        [&[HANDSHAKE, 3, 1], with_u16(fragment).as_slice()].concat()
    }

    /// A `ClientHello` as a client sends it, with a key of many bytes before the name.
    pub(crate) fn stream(name: &str) -> Vec<u8> {
        let extensions = [extension(51, &[1; 1200]), server_name_extension(name.as_bytes())].concat();
        record_of(&message(&extensions))
    }

    fn names(name: &str) -> Hello {
        Hello::Names(name.to_owned())
    }

    #[test]
    fn the_name_is_found_in_lower_case() {
        assert_eq!(client_hello(&stream("WWW.Example.org")), names("www.example.org"));
    }

    #[test]
    fn bytes_after_the_message_do_not_matter() {
        let more = [stream("a.org"), vec![23, 3, 3, 0, 1, 0]].concat();
        assert_eq!(client_hello(&more), names("a.org"));
    }

    #[test]
    fn every_beginning_of_a_hello_is_cut_short_until_the_name_is_whole() {
        let stream = stream("a.org");
        for length in 0..stream.len() {
            assert_eq!(client_hello(&stream[..length]), Hello::CutShort, "{length} bytes");
        }
    }

    #[test]
    fn a_name_before_the_cut_is_found() {
        let extensions = [server_name_extension(b"a.org"), extension(51, &[1; 1200])].concat();
        let stream = record_of(&message(&extensions));
        assert_eq!(client_hello(&stream[..200]), names("a.org"));
    }

    #[test]
    fn a_hello_in_several_records_is_put_together() {
        let message = message(&[extension(5, &[1; 90]), server_name_extension(b"b.org")].concat());
        let records: Vec<u8> = message.chunks(20).flat_map(record_of).collect();
        assert_eq!(client_hello(&records), names("b.org"));
        assert_eq!(client_hello(&records[..60]), Hello::CutShort);
    }

    #[test]
    fn a_whole_hello_is_given_from_its_version_on_and_a_part_of_one_is_not() {
        let message = message(&server_name_extension(b"b.org"));
        let stream = record_of(&message);
        assert_eq!(whole_client_hello(&stream).as_deref(), Some(&message[HELLO_HEADER_BYTES..]));
        let records: Vec<u8> = message.chunks(20).flat_map(record_of).collect();
        assert_eq!(whole_client_hello(&records).as_deref(), Some(&message[HELLO_HEADER_BYTES..]));
        for length in 0..stream.len() {
            assert_eq!(whole_client_hello(&stream[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn a_hello_without_a_name_has_none() {
        assert_eq!(client_hello(&record_of(&message(&extension(51, &[1; 9])))), Hello::Nameless);
        assert_eq!(client_hello(&record_of(&message(&[]))), Hello::Nameless);
    }

    #[test]
    fn what_cannot_be_a_host_name_is_none() {
        for name in [b"a\x1b[31m".as_slice(), b"", b"a b", b"\xff", &[b'x'; 256]] {
            assert_eq!(
                client_hello(&record_of(&message(&server_name_extension(name)))),
                Hello::Nameless,
                "{name:?}"
            );
        }
    }

    #[test]
    fn other_protocols_are_foreign() {
        for bytes in [b"GET / HTTP/1.1\r\n".as_slice(), b"SSH-2.0-x", &[22, 2, 0], &[22, 3, 1, 0xff, 0xff, 1]]
        {
            assert_eq!(client_hello(bytes), Hello::Foreign, "{bytes:?}");
        }
        // A server's answer begins alike.
        assert_eq!(client_hello(&record_of(&[2, 0, 0, 3, 3, 3, 0])), Hello::Foreign);
        assert_eq!(client_hello(&[HANDSHAKE, 3, 1, 0, 0, HANDSHAKE, 3, 1]), Hello::Foreign);
    }

    #[test]
    fn a_hello_without_end_is_read_to_a_bound() {
        let endless = [&[CLIENT_HELLO, 0xff, 0xff, 0xff, 3, 3], [7; 32].as_slice(), &[0, 0xff]].concat();
        let mut records = record_of(&endless);
        for _ in 0..20 {
            records.extend(record_of(&[0; 1000]));
        }
        records.extend(b"not TLS any more, and beyond the bound");
        assert_eq!(client_hello(&records), Hello::CutShort);
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            client_hello(&bytes);
            client_hello(&record_of(&bytes));
            whole_client_hello(&bytes);
            whole_client_hello(&record_of(&bytes));
            hello(&[&[CLIENT_HELLO, 0, 1], bytes.as_slice()].concat());
        }

        #[test]
        fn a_hello_with_any_byte_changed_is_read_without_harm(at: usize, byte: u8) {
            let mut bytes = stream("www.example.org");
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Hello::Names(name) = client_hello(&bytes) {
                prop_assert!(is_host_name(name.as_bytes()));
            }
        }
    }
}
