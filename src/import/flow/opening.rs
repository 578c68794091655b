//! What the first payload of a flow's two sides says: protocol, server name, the client's fingerprints, the certificate.
//! And which interface of a Windows host its client calls, which comes later.

use std::borrow::Cow;
use std::sync::Arc;

use crate::capture::Application;
use crate::wire::certificate::{self, Shown};
use crate::wire::tls::{self, Hello};
use crate::wire::{app_protocol, fingerprint, rpc};

/// Bytes of a client's stream that are kept until its TLS greeting is whole.
const MOST_HELLO_BYTES: usize = 8 * 1024;

/// Pieces of a side that are looked at for a protocol where the beginning was not seen: requests come again within a
/// few, and each look costs about as much as all else about a packet.
const MOST_LATE_LOOKS: u8 = 64;

/// The protocol whose greetings are read further.
const TLS: &str = "tls";

/// A piece of payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    /// As much of it as was captured.
    pub(super) bytes: &'a [u8],
    /// Whether there was more of it on the wire.
    pub(super) is_cut: bool,
    pub(super) is_from_client: bool,
    pub(super) is_stream: bool,
    /// Whether it is the first of its side; none where the beginning was not seen.
    pub(super) is_first: Option<bool>,
    /// Its place in the stream of its side; of datagrams 0.
    pub(super) seq: u32,
}

/// How much of the beginning has been read.
#[derive(Debug, Clone, Default)]
pub(super) struct Opening {
    protocol: Option<&'static str>,
    /// Whether the first payload of client and server was looked at.
    was_looked_at: [bool; 2],
    /// Later payload of client and server that was looked at because the first was not seen.
    late_looks: [u8; 2],
    hello: Greeting,
    certificate: Greeting,
    /// What was found so far.
    found: Option<Arc<Application>>,
}

/// How far a side's TLS greeting is.
#[derive(Debug, Clone, Default)]
enum Greeting {
    #[default]
    Awaited,
    /// Its bytes so far, and where the next ones begin.
    Cut(Vec<u8>, u32),
    Done,
}

impl Opening {
    /// Reads a piece of payload that is not empty. Gives the server's name when it comes to light.
    pub(super) fn read(&mut self, piece: &Piece<'_>) -> Option<String> {
        let name = self.read_sides(piece);
        self.settle();
        name
    }

    fn read_sides(&mut self, piece: &Piece<'_>) -> Option<String> {
        let side = usize::from(!piece.is_from_client);
        if !self.was_looked_at[side]
            && self.late_looks[side] < MOST_LATE_LOOKS
            && piece.is_first != Some(false)
        {
            self.was_looked_at[side] = piece.is_first == Some(true);
            self.late_looks[side] += u8::from(piece.is_first.is_none());
            self.recognise(piece);
        }
        if !piece.is_stream {
            return None;
        }
        if piece.is_from_client {
            self.read_call(piece);
            return self.read_hello(piece);
        }
        self.read_certificate(piece);
        None
    }

    /// Whether nothing more can come of further payload of a side. Asked for every packet.
    pub(super) fn is_over(&self, is_from_client: bool, is_stream: bool) -> bool {
        let side = usize::from(!is_from_client);
        let is_looked_at =
            self.was_looked_at[side] || self.protocol.is_some() || self.late_looks[side] == MOST_LATE_LOOKS;
        let greeting = if is_from_client { &self.hello } else { &self.certificate };
        let may_greet = is_stream && (is_from_client || self.protocol == Some(TLS));
        let may_call = is_stream && is_from_client && self.protocol.is_some_and(rpc::may_tell_more);
        is_looked_at && (!may_greet || matches!(greeting, Greeting::Done)) && !may_call
    }

    /// Whether part of a greeting is kept.
    pub(super) fn keeps_greeting(&self) -> bool {
        let is_kept = |greeting: &Greeting| matches!(greeting, Greeting::Cut(..));
        is_kept(&self.hello) || is_kept(&self.certificate)
    }

    /// Lets go of the parts of greetings that are kept.
    pub(super) fn forget_greeting(&mut self) {
        (self.hello, self.certificate) = (Greeting::Done, Greeting::Done);
    }

    /// What is known; `is_last` if no more payload is to come. Of a payload that was looked at and is nothing known, that
    /// it is unknown.
    pub(super) fn application(&self, is_last: bool) -> Option<Arc<Application>> {
        let is_unknown = is_last && self.was_looked_at != [false; 2];
        self.found.clone().or_else(|| is_unknown.then(|| Application::plain(Application::UNKNOWN)))
    }

    /// Notes the protocol where nothing more than it was found.
    fn settle(&mut self) {
        let is_unknown = self.was_looked_at == [true; 2];
        let Some(protocol) = self.protocol.or(is_unknown.then_some(Application::UNKNOWN)) else { return };
        let noted = self.found.as_ref().and_then(|found| found.protocol.as_deref());
        if noted != Some(protocol) {
            self.found = Some(Application::plain(protocol));
        }
    }

    fn recognise(&mut self, piece: &Piece<'_>) {
        if self.protocol.is_some() {
            return;
        }
        let of_kind = if piece.is_stream { app_protocol::of_stream } else { app_protocol::of_datagram };
        self.protocol = of_kind(piece.bytes, piece.is_from_client);
    }

    fn find(&mut self, add: impl FnOnce(&mut Application)) {
        let mut found = self.found.as_deref().cloned().unwrap_or_default();
        found.protocol = Some(Cow::Borrowed(self.protocol.unwrap_or(TLS)));
        add(&mut found);
        self.found = Some(Arc::new(found));
    }

    /// A client binds an interface, or opens a pipe, in one message.
    fn read_call(&mut self, piece: &Piece<'_>) {
        self.protocol = self.protocol.map(|protocol| rpc::asked(protocol, piece.bytes).unwrap_or(protocol));
    }

    /// The beginning of a greeting is kept until the rest comes.
    fn read_hello(&mut self, piece: &Piece<'_>) -> Option<String> {
        let stream = self.hello.joined(piece, MOST_HELLO_BYTES)?;
        let name = match tls::client_hello(&stream) {
            Hello::Names(name) => Some(name),
            Hello::CutShort | Hello::Nameless => None,
            Hello::Foreign => return None,
        };
        self.protocol = self.protocol.or(Some(TLS));
        if let Some(body) = tls::whole_client_hello(&stream) {
            if let Some(prints) = fingerprint::of_client_hello(&body) {
                self.find(|found| (found.ja3, found.ja4) = (Some(prints.ja3), Some(prints.ja4)));
            }
        } else {
            self.hello = Greeting::cut(stream, piece, MOST_HELLO_BYTES);
        }
        name
    }

    fn read_certificate(&mut self, piece: &Piece<'_>) {
        if self.protocol != Some(TLS) {
            return;
        }
        let Some(stream) = self.certificate.joined(piece, certificate::MOST_STREAM_BYTES) else { return };
        match certificate::shown(&stream) {
            Shown::Certificate(shown) => self.find(|found| {
                found.tls_subject = Some(shown.subject);
                found.tls_issuer = Some(shown.issuer);
            }),
            Shown::CutShort => {
                self.certificate = Greeting::cut(stream, piece, certificate::MOST_STREAM_BYTES);
            }
            Shown::None => {}
        }
    }
}

impl Greeting {
    /// The stream with a piece at its end, and nothing kept any more; none if nothing is awaited, or if the piece
    /// does not follow. One that came before changes nothing.
    fn joined<'a>(&mut self, piece: &Piece<'a>, most: usize) -> Option<Cow<'a, [u8]>> {
        match std::mem::replace(self, Self::Done) {
            Self::Done => None,
            Self::Awaited => Some(Cow::Borrowed(piece.bytes)),
            Self::Cut(mut begin, next) if piece.seq == next => {
                let room = most.saturating_sub(begin.len());
                begin.extend_from_slice(piece.bytes.get(..room).unwrap_or(piece.bytes));
                Some(Cow::Owned(begin))
            }
            // A repetition; what is missing will not come after a gap.
            Self::Cut(begin, next) => {
                if (piece.seq.wrapping_sub(next) as i32) < 0 {
                    *self = Self::Cut(begin, next);
                }
                None
            }
        }
    }

    /// One to which more may come, unless it is too long or a piece of it was not captured.
    fn cut(stream: Cow<'_, [u8]>, last: &Piece<'_>, most: usize) -> Self {
        if last.is_cut || stream.len() >= most {
            return Self::Done;
        }
        Self::Cut(stream.into_owned(), last.seq.wrapping_add(last.bytes.len() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::certificate::tests as certificates;
    use crate::wire::rpc::tests as calls;
    use crate::wire::tls::tests as hellos;

    fn piece(bytes: &[u8], is_from_client: bool, seq: u32) -> Piece<'_> {
        Piece { bytes, is_cut: false, is_from_client, is_stream: true, is_first: Some(seq == 0), seq }
    }

    fn protocol(opening: &Opening, is_last: bool) -> Option<String> {
        opening.application(is_last)?.protocol.as_deref().map(str::to_owned)
    }

    #[test]
    fn a_greeting_in_pieces_gives_name_fingerprints_and_certificate() {
        let (hello, answer) = (hellos::stream("a.org"), certificates::stream("localhost"));
        let mut opening = Opening::default();
        assert_eq!(opening.read(&piece(&hello[..500], true, 0)), None);
        assert!(opening.keeps_greeting());
        // The same once more, and then the rest.
        assert_eq!(opening.read(&piece(&hello[..500], true, 0)), None);
        assert_eq!(opening.read(&piece(&hello[500..], true, 500)).as_deref(), Some("a.org"));
        for (index, bytes) in answer.chunks(100).enumerate() {
            opening.read(&piece(bytes, false, 100 * index as u32));
        }
        let found = opening.application(false).unwrap();
        assert!(opening.is_over(true, true) && opening.is_over(false, true) && !opening.keeps_greeting());
        assert_eq!(
            (found.protocol.as_deref(), found.tls_issuer.as_deref()),
            (Some("tls"), Some("CN=localhost,C=US"))
        );
        assert!(found.ja4.as_deref().unwrap().starts_with("t12d0202") && found.ja3.is_some());
    }

    #[test]
    fn a_greeting_with_a_gap_is_given_up() {
        let hello = hellos::stream("a.org");
        let mut opening = Opening::default();
        opening.read(&piece(&hello[..500], true, 0));
        assert_eq!(opening.read(&piece(&hello[600..], true, 600)), None);
        assert!(!opening.keeps_greeting());
        assert_eq!(protocol(&opening, false).as_deref(), Some("tls"));
        let mut truncated = Opening::default();
        truncated.read(&Piece { is_cut: true, ..piece(&hello[..500], true, 0) });
        assert!(!truncated.keeps_greeting());
    }

    #[test]
    fn what_was_looked_at_and_is_nothing_known_is_unknown() {
        let mut opening = Opening::default();
        opening.read(&piece(b"\x01\x02\x03", true, 0));
        assert_eq!((protocol(&opening, false), protocol(&opening, true).as_deref()), (None, Some("unknown")));
        opening.read(&piece(b"\x01\x02\x03", false, 0));
        assert_eq!(protocol(&opening, false).as_deref(), Some("unknown"));
        assert!(opening.is_over(true, true) && opening.is_over(false, true));
        // What came later may be anything, but is taken if it is certain.
        let mut late = Opening::default();
        late.read(&Piece { is_first: None, ..piece(b"\x01\x02\x03", true, 9) });
        late.read(&Piece { is_first: Some(false), ..piece(b"SSH-2.0-a", true, 9) });
        assert_eq!(protocol(&late, true), None);
        late.read(&Piece { is_first: None, ..piece(b"SSH-2.0-a", false, 9) });
        assert_eq!(protocol(&late, false).as_deref(), Some("ssh"));
    }

    #[test]
    fn a_side_is_looked_at_no_longer_than_something_may_come_of_it() {
        let mut opening = Opening::default();
        assert!(!opening.is_over(true, true) && !opening.is_over(false, true));
        opening.read(&piece(b"\x01\x02\x03", true, 0));
        assert!(opening.is_over(true, true), "it has begun, and with no greeting");
        assert!(!opening.is_over(false, true), "the server may still say what it is");
        let mut datagrams = Opening::default();
        datagrams.read(&Piece { is_stream: false, ..piece(b"\x01\x02\x03", true, 0) });
        assert!(datagrams.is_over(true, false) && !datagrams.is_over(false, false));
        let mut late = Opening::default();
        for seq in 0..u32::from(MOST_LATE_LOOKS) {
            assert!(!late.is_over(false, true), "after {seq}");
            late.read(&Piece { is_first: None, ..piece(b"\x01\x02\x03", false, seq) });
        }
        assert!(late.is_over(false, true) && !late.is_over(true, true));
    }

    #[test]
    fn the_interface_that_a_client_calls_is_more_than_the_transport() {
        let drsuapi = 0xe351_4235_4b06_11d1_ab04_00c0_4fc2_dcd2;
        let mut opening = Opening::default();
        opening.read(&piece(&calls::bind(&[drsuapi]), true, 0));
        assert_eq!(protocol(&opening, false).as_deref(), Some("drsuapi"));
        assert!(!opening.is_over(true, true), "it may ask for more than names");
        opening.read(&piece(&calls::request(3), true, 200));
        assert_eq!(protocol(&opening, false).as_deref(), Some("drsuapi_replication"));
        assert!(opening.is_over(true, true));
        let mut pipes = Opening::default();
        pipes.read(&piece(b"\0\0\0\xd8\xfeSMB@\0", true, 0));
        pipes.read(&piece(&calls::open_pipe("srvsvc"), true, 300));
        assert_eq!(protocol(&pipes, false).as_deref(), Some("smb"));
        pipes.read(&piece(&calls::open_pipe("svcctl"), true, 600));
        assert_eq!(protocol(&pipes, false).as_deref(), Some("svcctl"));
    }

    #[test]
    fn a_server_may_speak_first() {
        let mut opening = Opening::default();
        opening.read(&piece(b"220 mx.example.org ESMTP\r\n", false, 0));
        opening.read(&piece(b"QUIT\r\n", true, 0));
        assert_eq!(protocol(&opening, false).as_deref(), Some("smtp"));
    }
}
