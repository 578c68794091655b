//! Packets: what a captured frame says of its two ends, without copying.
//!
//! Every length in a frame is a claim. What is read is bounded by the bytes that were captured,
//! what is counted by the bytes that the frame had on the wire; nesting is bounded too.

mod ether;
mod ip;
mod ipv6;
mod link;
mod link_names;
mod owner;
mod ppp;
mod pseudo;
mod tunnel;
mod wifi;

use std::net::IpAddr;

pub use link::LinkType;
pub use owner::PacketOwner;
pub use wifi::Aggregate;

/// Headers between IP version 6 and the transport that are passed over.
const MOST_EXTENSIONS: u32 = 16;

/// How many headers may lie around the innermost one; deeper nesting is an attack.
const MOST_LAYERS: u32 = 16;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// An IP packet.
    Packet(Packet<'a>),
    /// A fragment of an IP packet that is not its first: it has no ports.
    LaterFragment(LaterFragment),
    /// Several frames in one, as 802.11 aggregates them.
    Aggregate(Aggregate<'a>),
    /// Something that is not IP, such as ARP.
    NotIp,
    /// A payload that the link encrypts (802.11, `MACsec`) or PPP compresses.
    Encrypted,
    /// A frame of a link type that cannot be decoded.
    UnknownLink(LinkType),
    /// A header that is cut short or contradicts itself.
    Malformed,
}

/// An IP packet, or the first fragment of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it: address and port; port 0 where the protocol has none.
    pub source: (IpAddr, u16),
    /// To whom.
    pub destination: (IpAddr, u16),
    /// What its transport header says.
    pub transport: Transport,
    /// The part of the payload that was captured.
    pub payload: &'a [u8],
    /// Length of the payload on the wire, in bytes.
    pub payload_bytes: u32,
    /// What matters of its IP header.
    pub ip: IpHeader<'a>,
    /// A packet that this one carries in a tunnel.
    pub inner: Option<Inner<'a>>,
}

/// What matters of an IP header beside the addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpHeader<'a> {
    /// The number by which fragments belong together; 0 where there is none (most senders of
    /// packets that must not be fragmented, and IPv6).
    pub id: u32,
    /// Time to live, or hop limit.
    pub hop_limit: u8,
    /// Whether it is the first of several fragments.
    pub is_fragmented: bool,
    /// The captured bytes behind the IP header: transport header and payload.
    pub body: &'a [u8],
}

/// A fragment behind the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaterFragment {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// Number of the IP protocol (IPv4; of IPv6, what follows the fragment header).
    pub protocol: u8,
    /// The number that the fragments of one packet share.
    pub id: u32,
    /// Where it begins in the packet's payload, in bytes.
    pub offset: u32,
    /// Its length, in bytes.
    pub bytes: u32,
    /// Whether it ends the packet.
    pub is_last: bool,
}

/// The transport protocol and its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Transmission Control Protocol.
    Tcp(TcpHeader),
    /// User Datagram Protocol.
    Udp(UdpHeader),
    /// Another one, by its number in IANA's registry. Its payload is all that follows the IP header.
    Other(u8),
}

/// What matters of a UDP header, and of how the datagram came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpHeader {
    /// Length of the datagram's payload as it claims, in bytes; the length of what is there if it is
    /// longer than the field can say.
    pub claimed_bytes: u32,
    /// Whether this is the first of several fragments, and the rest of the payload in the others.
    pub is_fragmented: bool,
}

/// What matters of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpHeader {
    /// Sequence number of the first byte.
    pub seq: u32,
    /// Next byte that the sender expects.
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
}

/// The control bits of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender has finished sending.
    pub const FIN: u8 = 1;
    /// The sender opens.
    pub const SYN: u8 = 2;
    /// The sender resets the connection.
    pub const RST: u8 = 4;
    /// The acknowledgement number is valid.
    pub const ACK: u8 = 16;

    /// Whether FIN is set.
    pub fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }

    /// Whether SYN is set.
    pub fn syn(self) -> bool {
        self.0 & Self::SYN != 0
    }

    /// Whether RST is set.
    pub fn rst(self) -> bool {
        self.0 & Self::RST != 0
    }

    /// Whether ACK is set.
    pub fn ack(self) -> bool {
        self.0 & Self::ACK != 0
    }
}

/// What lies inside of a tunnel, to be decoded in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inner<'a> {
    rest: Rest<'a>,
    next: Next,
    layers_left: u32,
}

/// How the contents of a tunnel begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// With an Ethernet header.
    Ethernet,
    /// With an IP header of either version.
    Ip,
    /// As this Ethernet type says.
    Ethertype(u16),
    /// With a PPP header.
    Ppp,
    /// As frames of this link type.
    Link(LinkType),
}

/// Decodes a frame of which `data` was captured and `wire_bytes` were on the wire.
pub fn decode(link: LinkType, data: &[u8], wire_bytes: u32) -> Decoded<'_> {
    let rest = Rest { data, wire: (wire_bytes as usize).max(data.len()) };
    link::decode(link, rest, MOST_LAYERS).unwrap_or(Decoded::Malformed)
}

/// Decodes an IP packet of which `data` was captured and `wire_bytes` were on the wire. A tunnel is
/// not entered: a host sees what comes out of it as a packet of its own.
pub fn decode_ip(data: &[u8], wire_bytes: u32) -> Decoded<'_> {
    let rest = Rest { data, wire: (wire_bytes as usize).max(data.len()) };
    ip::by_version(rest, 0).unwrap_or(Decoded::Malformed)
}

impl<'a> Inner<'a> {
    /// The contents of a tunnel, unless the nesting is too deep by now.
    fn new(next: Next, rest: Rest<'a>, layers_left: u32) -> Option<Self> {
        Some(Self { rest, next, layers_left: layers_left.checked_sub(1)? })
    }

    /// Decodes the packet inside.
    pub fn decode(self) -> Decoded<'a> {
        let Self { rest, next, layers_left } = self;
        let decoded = match next {
            Next::Ethernet => ether::ethernet(rest, layers_left),
            Next::Ip => ip::by_version(rest, layers_left),
            Next::Ethertype(kind) => ether::ethertype(kind, rest, layers_left),
            Next::Ppp => ppp::point_to_point(rest, layers_left),
            Next::Link(link) => link::decode(link, rest, layers_left),
        };
        decoded.unwrap_or(Decoded::Malformed)
    }
}

/// What is left of a frame: the bytes that were captured, and how many were on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest<'a> {
    data: &'a [u8],
    wire: usize,
}

impl Rest<'_> {
    /// Passes over a header; none if it was not captured whole.
    fn skip(self, bytes: usize) -> Option<Self> {
        Some(Self { data: self.data.get(bytes..)?, wire: self.wire - bytes })
    }

    /// Leaves out what comes after so many bytes, such as padding.
    fn truncate(self, bytes: usize) -> Self {
        Self { data: &self.data[..self.data.len().min(bytes)], wire: self.wire.min(bytes) }
    }

    fn bytes<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.data.get(at..)?.first_chunk().copied()
    }

    fn u8(self, at: usize) -> Option<u8> {
        self.data.get(at).copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_be_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_be_bytes)
    }

    fn u16_le(self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    fn u32_le(self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests;
