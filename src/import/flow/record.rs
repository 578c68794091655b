//! One flow, as far as it has been seen.

use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::clock::PacketTime;
use super::conn_state::{ConnState, conn_state};
use super::opening::{Opening, Piece};
use super::owner::FlowOwner;
use super::side::{Side, SideState};
use super::tcp::{self, Sides};
use crate::capture::{Counters, Kind, Protocol, Row, TcpState};
use crate::wire::packet::{Packet, TcpHeader, Transport};

/// How long an answer may take.
const PENDING_NS: i64 = 5_000_000_000;

/// Connection or exchange of datagrams between two ends.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Its number, if the capture has no name for it.
    pub protocol_number: Option<u16>,
    /// Who opened it, as far as that can be told.
    pub originator: (IpAddr, u16),
    /// The other end.
    pub responder: (IpAddr, u16),
    /// Its identity: the same for the same packets.
    pub conn_id: u64,
    /// What the originator has sent.
    pub sent: Side,
    /// What the responder has sent.
    pub received: Side,
    /// Round-trip time of the handshake, µs.
    pub rtt_us: Option<u32>,
    /// The name by which the responder was asked for.
    pub remote_name: Option<Arc<str>>,
    first: PacketTime,
    /// The last packet before both sides had ended.
    pub(super) last: PacketTime,
    /// When it was over, on the clock that does not go back.
    pub(super) over_ns: Option<i64>,
    /// Whether something has changed since its last row.
    pub(super) is_dirty: bool,
    state: Option<TcpState>,
    handshake: Handshake,
    /// Whether its first packet is one that begins a flow.
    has_begun_here: bool,
    opening: Opening,
    pub(super) owner: FlowOwner,
}

/// How far the handshake is, for the round-trip time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handshake {
    /// Nothing, or nothing that can be used.
    Unseen,
    /// A single SYN, at this time.
    Asked(i64),
    /// Answered; the SYN was at this time.
    Answered(i64),
}

impl Flow {
    /// A flow of which the first packet is still to be counted.
    pub(super) fn new(packet: &Packet<'_>, is_from_server: bool, at: PacketTime) -> Self {
        let (originator, responder) = if is_from_server {
            (packet.destination, packet.source)
        } else {
            (packet.source, packet.destination)
        };
        let (protocol, protocol_number) = protocol(packet);
        Self {
            protocol,
            protocol_number,
            originator,
            responder,
            conn_id: conn_id((protocol, protocol_number), originator, responder, at.wall_ns),
            sent: Side::default(),
            received: Side::default(),
            rtt_us: None,
            remote_name: None,
            first: at,
            last: at,
            over_ns: None,
            is_dirty: false,
            state: None,
            handshake: Handshake::Unseen,
            has_begun_here: begins_flow(packet),
            opening: Opening::default(),
            owner: FlowOwner::default(),
        }
    }

    /// Counts a packet.
    pub(super) fn take(&mut self, packet: &Packet<'_>, at: PacketTime) {
        let is_originator = packet.source == self.originator;
        let has_ended = self.sent.has_ended && self.received.has_ended;
        if !has_ended && at.mono_ns >= self.last.mono_ns {
            self.last = at;
        }
        let side = if is_originator { &mut self.sent } else { &mut self.received };
        side.packets += 1;
        side.payload_bytes += u64::from(packet.payload_bytes);
        if let Transport::Tcp(header) = packet.transport {
            self.take_segment(header, packet.payload_bytes, is_originator, at);
        }
        self.is_dirty = true;
    }

    /// Adds payload from a later fragment to what an end has sent.
    pub(super) fn extend(&mut self, source: (IpAddr, u16), bytes: u64, at: PacketTime) {
        let side = if source == self.originator { &mut self.sent } else { &mut self.received };
        side.extend(bytes);
        if self.over_ns.is_none() && at.mono_ns >= self.last.mono_ns {
            self.last = at;
        }
        self.is_dirty = true;
    }

    fn take_segment(&mut self, header: TcpHeader, payload_bytes: u32, is_originator: bool, at: PacketTime) {
        let (sender, peer) = if is_originator {
            (&mut self.sent, &mut self.received)
        } else {
            (&mut self.received, &mut self.sent)
        };
        Sides { sender, peer, is_originator }.take(header, payload_bytes);
        self.follow_handshake(header, is_originator, at);
        if self.over_ns.is_none() && tcp::is_over(&self.sent, &self.received) {
            self.over_ns = Some(at.mono_ns);
        }
    }

    /// From the SYN to the acknowledgement of its answer a packet went to either end and back,
    /// wherever between the two it was captured.
    fn follow_handshake(&mut self, header: TcpHeader, is_originator: bool, at: PacketTime) {
        let flags = header.flags;
        self.handshake = match (self.handshake, is_originator) {
            (Handshake::Unseen, true) if flags.syn() && self.sent.packets == 1 => {
                Handshake::Asked(at.mono_ns)
            }
            // It is not known which SYN was answered.
            (Handshake::Asked(_), true) if flags.syn() => Handshake::Unseen,
            (Handshake::Asked(since_ns), false) if flags.syn() && flags.ack() => {
                Handshake::Answered(since_ns)
            }
            (Handshake::Answered(since_ns), true) if flags.ack() && !flags.rst() => {
                let took_us = (at.mono_ns - since_ns).max(0) / 1000;
                self.rtt_us = u32::try_from(took_us).ok();
                Handshake::Unseen
            }
            (handshake, _) => handshake,
        };
    }

    /// Reads what a packet's payload says of the protocol and, of TCP, of the server's name and of TLS.
    pub(super) fn read_payload(&mut self, packet: &Packet<'_>) {
        let is_from_client = packet.source == self.originator;
        let (is_stream, seq) = match packet.transport {
            Transport::Tcp(header) => (true, header.seq),
            Transport::Udp(_) => (false, 0),
            Transport::Other(_) => return,
        };
        if packet.payload.is_empty() || self.opening.is_over(is_from_client, is_stream) {
            return;
        }
        let side = if is_from_client { &self.sent } else { &self.received };
        let is_first = match self.protocol {
            // Of a flow that was under way, the beginning was not seen.
            Protocol::Tcp if !self.has_begun_here => None,
            Protocol::Tcp => Some(side.started_at(seq.wrapping_sub(1))),
            _ => Some(true),
        };
        let is_cut = packet.payload.len() < packet.payload_bytes as usize;
        let piece = Piece { bytes: packet.payload, is_cut, is_from_client, is_stream, is_first, seq };
        if let Some(name) = self.opening.read(&piece) {
            self.remote_name = Some(name.into());
        }
    }

    /// Whether part of a greeting is kept.
    pub(super) fn keeps_greeting(&self) -> bool {
        self.opening.keeps_greeting()
    }

    /// Lets go of the part of a greeting that is kept.
    pub(super) fn forget_greeting(&mut self) {
        self.opening.forget_greeting();
    }

    /// Whether both sides have been heard.
    pub(super) fn is_two_sided(&self) -> bool {
        self.sent.packets > 0 && self.received.packets > 0
    }

    /// Whether it is still open when the file ends, as far as that can be told. An attempt that
    /// has not been answered in this time will not be.
    pub(super) fn is_open_at_end(&self, now_ns: i64) -> bool {
        self.over_ns.is_none() && (self.is_two_sided() || now_ns - self.last.mono_ns <= PENDING_NS)
    }

    /// Whether this segment of `source` begins another connection between the same two ends.
    pub(super) fn is_reused_by(&self, source: (IpAddr, u16), header: TcpHeader) -> bool {
        if !header.flags.syn() || self.is_opened_by_both(source, header) {
            return false;
        }
        let opener = if header.flags.ack() {
            if self.sent.state != SideState::Inactive {
                return false;
            }
            &self.received
        } else {
            &self.sent
        };
        // After a refusal, some systems try again with the same number.
        self.over_ns.is_some() || !opener.started_at(header.seq)
    }

    /// Whether a SYN of the responder crosses that of the originator, as when both sides of a NAT open
    /// at once (RFC 9293, 3.5): it is one connection, of whoever was first.
    fn is_opened_by_both(&self, source: (IpAddr, u16), header: TcpHeader) -> bool {
        let is_from_responder = source == self.responder && source != self.originator;
        let is_unanswered =
            self.sent.state == SideState::SynSent && self.received.state == SideState::Inactive;
        let repeats = self.received.state == SideState::Established && self.received.started_at(header.seq);
        !header.flags.ack() && is_from_responder && self.over_ns.is_none() && (is_unanswered || repeats)
    }

    /// The TCP state of the originator's end by now; none for UDP and before the first packet.
    fn state_now(&self) -> Option<TcpState> {
        let has_begun = self.sent.packets + self.received.packets > 0;
        (self.protocol == Protocol::Tcp && has_begun).then(|| tcp::kernel_state(&self.sent, &self.received))
    }

    /// Time from the first packet to the last before both sides had ended, in seconds.
    pub fn duration_s(&self) -> f64 {
        (self.last.mono_ns - self.first.mono_ns).max(0) as f64 / 1e9
    }

    /// How it went, in Zeek's word.
    pub fn conn_state(&self) -> ConnState {
        conn_state(self.protocol, &self.sent, &self.received)
    }

    /// Payload bytes from the originator and from the responder, without retransmissions.
    pub fn bytes(&self) -> (u64, u64) {
        match self.protocol {
            Protocol::Tcp => (self.sent.stream_bytes(&self.received), self.received.stream_bytes(&self.sent)),
            _ => (self.sent.payload_bytes, self.received.payload_bytes),
        }
    }

    /// A row of the flow as it is now, which is then its last row.
    pub(super) fn row(&mut self, kind: Kind, tick: u32) -> Row {
        let state = match kind {
            Kind::Closed => self.state_now().map(|_| TcpState::Close),
            _ => self.state_now(),
        };
        let changes_state = matches!(kind, Kind::State | Kind::Closed);
        let prev_state = self.state.filter(|before| changes_state && Some(*before) != state);
        self.state = state;
        self.is_dirty = false;
        let (owner, owner_source) = self.owner.cells();
        Row {
            ts_us: self.last.wall_ns / 1000,
            mono_ns: self.last.mono_ns,
            tick,
            kind,
            remote: Some(self.responder),
            remote_name: self.remote_name.clone(),
            state,
            prev_state,
            counters: self.counters(),
            owner,
            owner_source,
            protocol_number: self.protocol_number,
            application: self.opening.application(self.protocol != Protocol::Tcp || self.over_ns.is_some()),
            ..Row::snapshot(self.conn_id, self.protocol, self.originator)
        }
    }

    /// Whether its TCP state is another than in its last row.
    pub(super) fn has_turned(&self) -> bool {
        self.state_now() != self.state
    }

    fn counters(&self) -> Counters {
        let (bytes_sent, bytes_received) = self.bytes();
        Counters {
            bytes_sent: Some(bytes_sent),
            bytes_received: Some(bytes_received),
            packets_sent: Some(self.sent.packets),
            packets_received: Some(self.received.packets),
            retransmits: (self.protocol == Protocol::Tcp).then_some(self.sent.retransmits),
            rtt_us: self.rtt_us,
        }
    }
}

/// Whether a packet that belongs to no flow begins one: others belong to one that was there before.
pub(super) fn begins_flow(packet: &Packet<'_>) -> bool {
    match packet.transport {
        Transport::Tcp(header) => header.flags.syn(),
        _ => true,
    }
}

/// The protocol of a packet as the capture has it, and its number if the capture has no name for it.
pub(super) fn protocol(packet: &Packet<'_>) -> (Protocol, Option<u16>) {
    match packet.transport {
        Transport::Tcp(_) => (Protocol::Tcp, None),
        Transport::Udp(_) => (Protocol::Udp, None),
        Transport::Other(number) => Protocol::of_ip_number(number),
    }
}

/// An identity that is the same in every import of the same packets.
fn conn_id(
    (protocol, number): (Protocol, Option<u16>),
    originator: (IpAddr, u16),
    responder: (IpAddr, u16),
    first_ns: i64,
) -> u64 {
    let mut hash = Sha256::new();
    hash.update([protocol as u8]);
    if let Some(number) = number {
        hash.update(number.to_be_bytes());
    }
    for (addr, port) in [originator, responder] {
        hash.update(octets(addr).to_be_bytes());
        hash.update(port.to_be_bytes());
    }
    hash.update(first_ns.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// An address as a number, v4 mapped into v6.
pub(super) fn octets(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
