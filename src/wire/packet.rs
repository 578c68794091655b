//! Packets: what a captured frame says of its two ends, without copying.
//!
//! Every length in a frame is a claim. What is read is bounded by the bytes that were captured,
//! what is counted by the bytes that the frame had on the wire; nesting is bounded too.

mod ip;
mod link;

use std::net::IpAddr;

pub use link::LinkType;

/// Headers between IP version 6 and the transport that are passed over.
const MOST_EXTENSIONS: u32 = 16;

/// How many headers may lie around the innermost one; deeper nesting is an attack.
const MOST_LAYERS: u32 = 16;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A TCP segment or a UDP datagram.
    Packet(Packet<'a>),
    /// A fragment of an IP packet that is not its first: it does not say whose it is.
    Fragment,
    /// An IP packet of another protocol, such as ICMP.
    OtherProtocol,
    /// Something that is not IP, such as ARP.
    NotIp,
    /// A header that is cut short or contradicts itself.
    Malformed,
}

/// A TCP segment or a UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it: address and port.
    pub source: (IpAddr, u16),
    /// To whom.
    pub destination: (IpAddr, u16),
    /// What its transport header says.
    pub transport: Transport,
    /// The part of the payload that was captured.
    pub payload: &'a [u8],
    /// Length of the payload on the wire, in bytes.
    pub payload_bytes: u32,
    /// A packet that this one carries in a tunnel over UDP.
    pub inner: Option<Inner<'a>>,
}

/// The transport protocol and its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Transmission Control Protocol.
    Tcp(TcpHeader),
    /// User Datagram Protocol.
    Udp(UdpHeader),
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

/// A frame inside of a datagram, to be decoded in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inner<'a> {
    rest: Rest<'a>,
    ethertype: u16,
    layers_left: u32,
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
    ip::by_version(rest, 1).unwrap_or(Decoded::Malformed)
}

impl<'a> Inner<'a> {
    /// Decodes the frame inside.
    pub fn decode(self) -> Decoded<'a> {
        link::ethertype(self.ethertype, self.rest, self.layers_left).unwrap_or(Decoded::Malformed)
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
}

#[cfg(test)]
mod tests;
