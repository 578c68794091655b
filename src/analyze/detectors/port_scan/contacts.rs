//! First contacts: who tried which port of which host first, and what came of it.

use std::ops::RangeInclusive;

use crate::capture::{Protocol, TcpState};
use crate::model::ids::SourceId;
use crate::model::index::Index;
use crate::model::orientation::Orientation;
use crate::model::records::{Direction, Scope, TextId};
use crate::model::sockets::{Socket, Sockets};
use crate::model::states::States;
use crate::model::surroundings::Surroundings;

/// States of a connection that has ended, or is about to.
const CLOSING: States = States::new(&[
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::TimeWait,
    TcpState::Close,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::Closing,
]);

/// States of a connection of which the opening was seen.
const OPENED: States = States::new(&[TcpState::SynSent, TcpState::SynRecv, TcpState::Established]);

/// A SYN that is younger than this at the end of the recording may still be answered, in seconds.
const PENDING_S: f64 = 1.0;
const PENDING_US: i64 = 1_000_000;

/// Ports of the web.
const WEB: [u16; 4] = [80, 443, 8080, 8443];

/// On which side of the host a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Side {
    /// A process of this host tries.
    FromHere,
    /// A remote tries this host.
    FromOutside,
}

/// What a contact is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Transport {
    Tcp,
    Udp,
    /// Pings; they have no port.
    Icmp,
}

impl Transport {
    fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Tcp => Some(Self::Tcp),
            Protocol::Udp => Some(Self::Udp),
            Protocol::Icmp => Some(Self::Icmp),
            _ => None,
        }
    }
}

/// What came of a first contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// Data flowed, or may have.
    Answered,
    /// Established and closed again without a byte either way: a look whether it is open.
    NoData,
    /// Refused, or given up.
    Refused,
    /// Nothing came back.
    Unanswered,
    /// Seen once while the handshake was under way; how it ended was not seen.
    SeenOnce,
    /// The recording ended before there could be an answer.
    Pending,
    /// Segments without a handshake and without data, which no program sends: a FIN, Xmas, NULL or ACK scan.
    Probed,
}

impl Reply {
    /// Whether it counts as failed.
    pub(super) fn is_failure(self) -> bool {
        self != Self::Answered
    }

    /// Whether no connection came about, as far as was seen.
    pub(super) fn is_unestablished(self) -> bool {
        self != Self::Answered && self != Self::NoData
    }
}

/// The first contact of a source with a port of a host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) reply: Reply,
    pub(super) first_seen_us: i64,
    /// Row of its socket in the table.
    pub(super) row: usize,
}

/// A [`Contact`] by its ids: a capture may have about as many as connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContactId {
    pub(super) side: Side,
    pub(super) transport: Transport,
    pub(super) source: SourceId,
    pub(super) host: TextId,
    pub(super) port: u16,
    pub(super) reply: Reply,
    /// The source had asked a name server for this host: programs do, and scanners make up addresses.
    pub(super) is_named: bool,
    row: u32,
}

impl ContactId {
    /// What makes it the first of its kind.
    fn approach(&self) -> (Side, Transport, SourceId, TextId, u16) {
        (self.side, self.transport, self.source, self.host, self.port)
    }

    /// The contact itself.
    pub(super) fn contact<'a>(&self, sockets: &Sockets<'a>) -> Contact<'a> {
        let row = self.row as usize;
        Contact {
            host: sockets.text(self.host),
            port: self.port,
            reply: self.reply,
            first_seen_us: sockets.first_seen_us(row),
            row,
        }
    }
}

/// The first contact of every source with every port of every host, in the order of time; of
/// a recording that ended at `end_us`.
pub(super) fn first_contacts(
    sockets: &Sockets<'_>,
    orientation: &Orientation<'_>,
    surroundings: &Surroundings<'_>,
    end_us: i64,
) -> Vec<ContactId> {
    let mut known = Index::default();
    let mut contacts: Vec<ContactId> = Vec::new();
    for row in 0..sockets.len() {
        let socket = sockets.get(row);
        let is_web = socket.remote().is_some_and(|(_, port)| WEB.contains(&port));
        if is_web && surroundings.is_over_broken_ipv6(&socket) {
            continue;
        }
        let Some((side, transport, port)) = approach(orientation, &socket) else { continue };
        let (source, host) = ends(sockets, row, side);
        let approach = (side, transport, source, host, port);
        if known.find(&approach, |at| contacts[at].approach() == approach).is_some() {
            continue;
        }
        // A contact of which it is too early to say what came of it leaves the next one to be the first.
        if let Some(reply) = reply(&socket, end_us).filter(|reply| counts(*reply, side, port)) {
            let is_named = socket.remote_name.is_some();
            let row = row as u32;
            contacts.push(ContactId { side, transport, source, host, port, reply, is_named, row });
            known.insert(&approach, contacts.len() - 1, |at| contacts[at].approach());
        }
    }
    contacts
}

/// Whether it says anything. What is under way when a recording ends may become a connection, and
/// a browser opens many at once; no ordinary program does so on other ports.
fn counts(reply: Reply, side: Side, port: u16) -> bool {
    reply != Reply::Pending || side == Side::FromOutside || !WEB.contains(&port)
}

/// Who tries, and which host.
fn ends(sockets: &Sockets<'_>, row: usize, side: Side) -> (SourceId, TextId) {
    let (local, remote) = (sockets.local_addr_id(row), sockets.remote_addr_id(row));
    let remote = remote.unwrap_or(local);
    match side {
        Side::FromHere => (sockets.source_id(row), remote),
        Side::FromOutside => (SourceId::address(remote), local),
    }
}

/// Ports that traceroute sends its datagrams to, one after the other, and expects no service on.
const TRACEROUTE: RangeInclusive<u16> = 33_434..=33_534;

/// From which side a connection tries something, with what, and which port.
fn approach(orientation: &Orientation<'_>, socket: &Socket<'_>) -> Option<(Side, Transport, u16)> {
    let transport = Transport::of(socket.protocol)?;
    let (_, remote_port) = socket.remote()?;
    let is_inbound = socket.direction == Some(Direction::Inbound);
    let port = match transport {
        Transport::Icmp => 0,
        _ if is_inbound => socket.local_port(),
        _ => remote_port,
    };
    let is_contact = match transport {
        Transport::Tcp => !is_backscatter(socket),
        Transport::Udp => !is_for_many(socket) && !TRACEROUTE.contains(&port),
        Transport::Icmp => !is_for_many(socket),
    };
    if !is_contact {
        return None;
    }
    if orientation.is_originator(socket) {
        return Some((Side::FromHere, transport, port));
    }
    // The accepting side of a connection inside the host is counted on its opening side.
    is_inbound.then_some((Side::FromOutside, transport, port))
}

/// Whether it goes to whoever listens, and need not be answered.
fn is_for_many(socket: &Socket<'_>) -> bool {
    matches!(
        socket.remote_scope,
        Some(Scope::Multicast | Scope::Broadcast | Scope::Loopback | Scope::LinkLocal | Scope::Unspecified)
    )
}

/// Ports below this are of services; nobody connects from one by chance.
const EPHEMERAL_FROM: u16 = 1_024;

/// An answer to something that was never asked from here: someone forged this side's address in a
/// flood. Only packet captures and logs of a sensor have it, as no socket belongs to it.
fn is_backscatter(socket: &Socket<'_>) -> bool {
    if socket.direction != Some(Direction::Outbound) {
        // Without an answer it is a scan from outside that a firewall drops.
        return false;
    }
    let only_received = socket.packets_sent == Some(0) && socket.packets_received.is_some_and(|n| n > 0);
    let is_unasked =
        !socket.states.has_any(States::ESTABLISHED.with(TcpState::SynSent).with(TcpState::SynRecv));
    let is_from_service = socket.local_port() < EPHEMERAL_FROM
        && socket.remote().is_some_and(|(_, port)| port >= EPHEMERAL_FROM);
    only_received || is_unasked && is_from_service
}

/// What came of a connection; none if it was there before the recording, and is not over.
fn reply(socket: &Socket<'_>, end_us: i64) -> Option<Reply> {
    if socket.protocol != Protocol::Tcp {
        return datagram_reply(socket, end_us);
    }
    if is_probe(socket) {
        return Some(Reply::Probed);
    }
    if socket.states.has_any(States::ESTABLISHED) {
        return Some(if was_left_empty(socket) { Reply::NoData } else { Reply::Answered });
    }
    // Where only this direction was captured, or a log has no states, the counts say that there was a handshake.
    if socket.was_established() {
        return Some(Reply::Answered);
    }
    if socket.was_in(TcpState::Close) {
        return Some(Reply::Refused);
    }
    // By the end of the recording and not by what was seen last, which in packets is long before.
    if end_us.saturating_sub(socket.first_seen_us) < PENDING_US && !socket.closed_in_recording {
        return socket.opened_in_recording.then_some(Reply::Pending);
    }
    let lasted = socket.ticks >= 2 || socket.duration_s >= PENDING_S || socket.retransmits.unwrap_or(0) > 0;
    Some(if lasted { Reply::Unanswered } else { Reply::SeenOnce })
}

/// What came of datagrams; none if it is not known how many came back. Of those from outside, this side answers.
fn datagram_reply(socket: &Socket<'_>, end_us: i64) -> Option<Reply> {
    let (sent, received) =
        (socket.packets_sent.or(socket.bytes_sent), socket.packets_received.or(socket.bytes_received));
    let is_inbound = socket.direction == Some(Direction::Inbound);
    let (asked, answered) = if is_inbound { (received, sent) } else { (sent, received) };
    match answered? {
        0 if asked.is_none_or(|asked| asked == 0) => None,
        0 if end_us.saturating_sub(socket.first_seen_us) < PENDING_US => Some(Reply::Pending),
        0 => Some(Reply::Unanswered),
        _ => Some(Reply::Answered),
    }
}

/// A segment or two without a SYN and without data, answered by no more than a reset: of a connection that was there
/// before, there would be more.
fn is_probe(socket: &Socket<'_>) -> bool {
    let is_short = socket.packets_sent.is_some_and(|n| (1..=2).contains(&n))
        && socket.packets_received.is_some_and(|n| n <= 1);
    !socket.states.has_any(OPENED)
        && is_short
        && socket.bytes_sent == Some(0)
        && socket.bytes_received == Some(0)
}

/// Closed, and both counters known to be 0. While it is open, or if the closing was not seen,
/// data may have followed.
fn was_left_empty(socket: &Socket<'_>) -> bool {
    socket.bytes_sent == Some(0) && socket.bytes_received == Some(0) && socket.states.has_any(CLOSING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Metadata;
    use crate::model::testing::{Capture, Conn};

    fn contacts_of<'a>(sockets: &Sockets<'a>, end_us: i64) -> Vec<Contact<'a>> {
        let surroundings = Surroundings::of(sockets, &Metadata::default());
        let contacts = first_contacts(sockets, &Orientation::new(sockets), &surroundings, end_us);
        contacts.iter().map(|contact| contact.contact(sockets)).collect()
    }

    #[track_caller]
    fn check(conn: Conn, expected: Option<Reply>) {
        let mut capture = Capture::new(60);
        capture.add(conn);
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let contacts = contacts_of(&sockets, tables.span_us.1);
        assert_eq!(contacts.first().map(|contact| contact.reply), expected);
    }

    #[test]
    fn replies() {
        let conn = || Conn::to("10.0.0.1", 80);
        check(conn(), Some(Reply::Answered));
        check(conn().refused(), Some(Reply::Refused));
        check(conn().unanswered(), Some(Reply::Unanswered));
        let half_open = || conn().states("SYN_SENT").bytes(0, 0);
        check(half_open().lasting(0.0), Some(Reply::SeenOnce));
        check(conn().unanswered().bytes(600, 0).packets_sent(4), Some(Reply::Answered));
        check(conn().unanswered().bytes(180, 0).packets_sent(3), Some(Reply::Unanswered));
        check(conn().bytes(0, 0), Some(Reply::NoData));
        check(conn().uncounted(), Some(Reply::Answered));
        check(conn().stateless().uncounted(), Some(Reply::Answered));
        check(conn().stateless().bytes(600, 400).packets_sent(6).packets_received(5), Some(Reply::Answered));
        check(conn().bytes(0, 0).states("ESTABLISHED"), Some(Reply::Answered));
        check(half_open().lasting(0.2).at(59.8).standing(), None);
        check(half_open().lasting(0.0).unclosed(), Some(Reply::SeenOnce));
        check(half_open().lasting(0.2).at(59.8).unclosed(), None);
        let telnet = Conn::to("10.0.0.1", 23).states("SYN_SENT").bytes(0, 0).lasting(0.2);
        check(telnet.at(59.8).unclosed(), Some(Reply::Pending));
        check(conn().udp(), Some(Reply::Answered));
        check(conn().udp().bytes(40, 0).packets_received(0), Some(Reply::Unanswered));
        check(conn().udp().uncounted(), None);
        let inbound =
            |sent| conn().udp().inbound().bytes(40 * sent, 40).packets_sent(sent).packets_received(1);
        check(inbound(0), Some(Reply::Unanswered));
        check(inbound(1), Some(Reply::Answered));
        check(Conn::to("10.0.0.1", 33_440).udp().bytes(40, 0).packets_received(0), None);
        check(Conn::listener(80), None);
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_no_contact() {
        let answer = || Conn::to("10.0.0.1", 5_000).local_port(80).refused();
        check(answer().states("CLOSE"), None);
        check(answer().states("SYN_SENT>CLOSE"), Some(Reply::Refused));
        let unasked = Conn::to("10.0.0.1", 5_000).unanswered().bytes(0, 60).segments(0, 0);
        check(unasked.clone(), None);
        check(unasked.inbound(), Some(Reply::Unanswered));
        check(Conn::to("10.0.0.1", 80).refused().states("CLOSE"), Some(Reply::Refused));
    }

    #[test]
    fn only_the_first_contact_counts_and_each_port_has_one() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("10.0.0.1", 80).refused().at(1.0));
        capture.add(Conn::to("10.0.0.1", 80).at(2.0));
        capture.add(Conn::to("10.0.0.1", 81).at(3.0));
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let replies: Vec<_> =
            contacts_of(&sockets, tables.span_us.1).iter().map(|c| (c.port, c.reply)).collect();
        assert_eq!(replies, [(80, Reply::Refused), (81, Reply::Answered)]);
    }
}
