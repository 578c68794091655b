//! Kernel events of sockets other than TCP: which process looks up the route for a datagram, and
//! which transfers how much through a raw, ping, packet or UDP-Lite socket.
//!
//! | tracepoint | gives | filtered in the kernel to |
//! |---|---|---|
//! | `fib:fib_table_lookup`, `fib6:fib6_table_lookup` | process, both ends | packets sent by this host, except TCP |
//! | `sock:sock_send_length`, `sock:sock_recv_length` | process, the kernel's address of the socket, bytes | all except TCP and UDP |
//!
//! A connected UDP socket looks up its route once, an unconnected one for every datagram.

use std::ffi::CString;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::message::{piece, u16_at, u32_at, u64_at};
use super::kernel_event::{What, is_in_interrupt};
use super::tracefs::{Field, Tracepoint};
use crate::capture::Protocol;

/// The tracepoints, in the order expected by [`DatagramDecoder::new`].
pub(super) const TRACEPOINTS: [&str; 4] =
    ["fib/fib_table_lookup", "fib6/fib6_table_lookup", "sock/sock_send_length", "sock/sock_recv_length"];

/// Maximum number of ports that are excluded from the lookups.
pub(super) const MOST_BUSY_PORTS: usize = 16;

/// `IPPROTO_MPTCP`.
const MPTCP: i32 = 262;

/// A route lookup by a sending process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Routed {
    pub(super) thread: u32,
    /// IP protocol number.
    pub(super) protocol: u16,
    /// Unspecified, and 0, if not chosen yet; ports only for UDP.
    pub(super) local: (IpAddr, u16),
    pub(super) remote: (IpAddr, u16),
}

/// A transfer by a process through a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transferred {
    pub(super) thread: u32,
    /// The kernel's address of the socket, which identifies it while it exists.
    pub(super) socket: u64,
    pub(super) kind: SocketKind,
    pub(super) is_sent: bool,
    pub(super) bytes: u64,
}

/// The kind of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SocketKind {
    /// `AF_INET`, `AF_INET6` or `AF_PACKET`.
    pub(super) family: u16,
    /// IP protocol number; 0 for a packet socket.
    pub(super) number: u16,
}

impl SocketKind {
    /// Its protocol in the capture.
    pub(super) fn protocol(self) -> Protocol {
        match (i32::from(self.family), i32::from(self.number)) {
            (libc::AF_PACKET, _) => Protocol::Packet,
            (_, libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6) => Protocol::Icmp,
            (_, libc::IPPROTO_UDPLITE) => Protocol::UdpLite,
            (_, libc::IPPROTO_SCTP) => Protocol::Sctp,
            (_, libc::IPPROTO_DCCP) => Protocol::Dccp,
            _ => Protocol::Raw,
        }
    }
}

/// The kernel filter for lookups, which excludes ports with too many of them.
///
/// Packets that the host sends have the loopback device, number 1, as their incoming one. A lookup
/// without a protocol is not for a packet.
pub(super) fn lookup_filter(busy_ports: &[u16]) -> CString {
    let mut filter = "iif == 1 && proto != 6 && proto != 0".to_owned();
    for port in busy_ports.iter().take(MOST_BUSY_PORTS) {
        // Writing to a string cannot fail.
        let _ = write!(filter, " && sport != {port}");
    }
    text(filter)
}

/// The kernel filter for transfers.
pub(super) fn length_filter() -> CString {
    let families =
        [libc::AF_INET, libc::AF_INET6, libc::AF_PACKET].map(|family| format!("family == {family}"));
    let protocols =
        [libc::IPPROTO_TCP, libc::IPPROTO_UDP, MPTCP].map(|number| format!("protocol != {number}"));
    text(format!("({}) && {}", families.join(" || "), protocols.join(" && ")))
}

/// The texts above contain no zero byte.
fn text(filter: String) -> CString {
    CString::new(filter).unwrap_or_default()
}

/// Decodes samples of these tracepoints by the offsets of this kernel.
pub(super) struct DatagramDecoder {
    lookups: [LookupFields; 2],
    lengths: [LengthFields; 2],
}

struct LookupFields {
    id: u16,
    flags: Field,
    protocol: Field,
    ports: [Field; 2],
    addresses: [Field; 2],
}

struct LengthFields {
    id: u16,
    flags: Field,
    socket: Field,
    family: Field,
    protocol: Field,
    bytes: Field,
    call_flags: Field,
}

impl DatagramDecoder {
    /// Builds the decoder from the descriptions of [`TRACEPOINTS`].
    ///
    /// # Errors
    /// A sentence, if a field is missing or has an unexpected size.
    pub(super) fn new(tracepoints: &[Tracepoint]) -> Result<Self, String> {
        let [v4, v6, send, receive] = tracepoints else { return Err("tracepoints are missing".to_owned()) };
        Ok(Self {
            lookups: [LookupFields::new(v4, 4)?, LookupFields::new(v6, 16)?],
            lengths: [LengthFields::new(send)?, LengthFields::new(receive)?],
        })
    }

    /// The ids of the tracepoints, each with its filter.
    pub(super) fn filtered(&self) -> [(u16, CString); 4] {
        let [v4, v6] = self.lookups.each_ref().map(|fields| (fields.id, lookup_filter(&[])));
        let [send, receive] = self.lengths.each_ref().map(|fields| (fields.id, length_filter()));
        [v4, v6, send, receive]
    }

    /// Decodes a sample; `None` if it is not needed.
    pub(super) fn decode(&self, thread: u32, raw: &[u8]) -> Option<What> {
        let id = u16_at(raw, 0)?;
        if let Some(fields) = self.lookups.iter().find(|fields| fields.id == id) {
            return fields.decode(thread, raw).map(What::Routed);
        }
        let at = self.lengths.iter().position(|fields| fields.id == id)?;
        self.lengths[at].decode(thread, at == 0, raw).map(What::Transferred)
    }
}

impl LookupFields {
    fn new(tracepoint: &Tracepoint, address_bytes: usize) -> Result<Self, String> {
        Ok(Self {
            id: tracepoint.id,
            flags: tracepoint.field("common_flags", 1)?,
            protocol: tracepoint.field("proto", 1)?,
            ports: [tracepoint.field("sport", 2)?, tracepoint.field("dport", 2)?],
            addresses: [tracepoint.field("src", address_bytes)?, tracepoint.field("dst", address_bytes)?],
        })
    }

    fn decode(&self, thread: u32, raw: &[u8]) -> Option<Routed> {
        // Packets sent in an interrupt, such as an answer to a ping, belong to no process.
        (!is_in_interrupt(raw, self.flags)?).then_some(())?;
        let end = |at: usize| Some((address(raw, self.addresses[at])?, u16_at(raw, self.ports[at].offset)?));
        let protocol = u16::from(*raw.get(self.protocol.offset)?);
        Some(Routed { thread, protocol, local: end(0)?, remote: end(1)? })
    }
}

impl LengthFields {
    fn new(tracepoint: &Tracepoint) -> Result<Self, String> {
        Ok(Self {
            id: tracepoint.id,
            flags: tracepoint.field("common_flags", 1)?,
            socket: tracepoint.field("sk", 8)?,
            family: tracepoint.field("family", 2)?,
            protocol: tracepoint.field("protocol", 2)?,
            bytes: tracepoint.field("ret", 4)?,
            call_flags: tracepoint.field("flags", 4)?,
        })
    }

    fn decode(&self, thread: u32, is_sent: bool, raw: &[u8]) -> Option<Transferred> {
        (!is_in_interrupt(raw, self.flags)?).then_some(())?;
        // Data that was only peeked at will be received again; a negative number is an error.
        let is_peek = !is_sent && u32_at(raw, self.call_flags.offset)? & libc::MSG_PEEK as u32 != 0;
        let bytes = u32_at(raw, self.bytes.offset)?.cast_signed();
        let bytes = u64::try_from(bytes).ok().filter(|_| !is_peek)?;
        let kind = SocketKind {
            family: u16_at(raw, self.family.offset)?,
            number: u16_at(raw, self.protocol.offset)?,
        };
        Some(Transferred { thread, socket: u64_at(raw, self.socket.offset)?, kind, is_sent, bytes })
    }
}

fn address(raw: &[u8], field: Field) -> Option<IpAddr> {
    match field.size {
        4 => Some(Ipv4Addr::from(piece::<4>(raw, field.offset)?).into()),
        _ => Some(Ipv6Addr::from(piece::<16>(raw, field.offset)?).to_canonical()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracepoint(id: u16, fields: &str) -> Tracepoint {
        let fields = format!("unsigned char common_flags 2 1,{fields}");
        let lines = fields.split(',').map(|field| {
            let mut words: Vec<&str> = field.split(' ').collect();
            let (size, offset) = (words.pop().unwrap(), words.pop().unwrap());
            format!("\tfield:{};\toffset:{offset};\tsize:{size};\tsigned:0;\n", words.join(" "))
        });
        Tracepoint::parse(&format!("ID: {id}\nformat:\n{}", lines.collect::<String>())).unwrap()
    }

    /// With the offsets of Linux 6.18.
    fn decoder() -> DatagramDecoder {
        let length = "void * sk 8 8,__u16 family 16 2,__u16 protocol 18 2,int ret 20 4,int flags 24 4";
        DatagramDecoder::new(&[
            tracepoint(11, "u8 proto 24 1,__u8 src[4] 28 4,__u8 dst[4] 32 4,u16 sport 56 2,u16 dport 58 2"),
            tracepoint(
                12,
                "__u8 src[16] 31 16,__u8 dst[16] 47 16,u16 sport 64 2,u16 dport 66 2,u8 proto 68 1",
            ),
            tracepoint(13, length),
            tracepoint(14, length),
        ])
        .unwrap()
    }

    fn sample(id: u16, pieces: &[(usize, &[u8])]) -> Vec<u8> {
        let mut raw = vec![0; 80];
        raw[..2].copy_from_slice(&id.to_ne_bytes());
        for (offset, bytes) in pieces {
            raw[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        raw
    }

    #[test]
    fn a_lookup_says_who_sends_to_whom() {
        let raw = sample(
            11,
            &[(24, &[17]), (32, &[192, 0, 2, 1]), (56, &4000_u16.to_ne_bytes()), (58, &53_u16.to_ne_bytes())],
        );
        let expected = Routed {
            thread: 9,
            protocol: 17,
            local: (Ipv4Addr::UNSPECIFIED.into(), 4000),
            remote: ("192.0.2.1".parse().unwrap(), 53),
        };
        assert_eq!(decoder().decode(9, &raw), Some(What::Routed(expected)));
        let mut by_interrupt = raw;
        by_interrupt[2] = 0x10;
        assert_eq!(decoder().decode(9, &by_interrupt), None);
    }

    #[test]
    fn a_length_says_how_much_was_moved_and_in_which_direction() {
        let pieces: [(usize, &[u8]); 4] = [
            (8, &77_u64.to_ne_bytes()),
            (16, &2_u16.to_ne_bytes()),
            (18, &1_u16.to_ne_bytes()),
            (20, &1008_i32.to_ne_bytes()),
        ];
        let kind = SocketKind { family: 2, number: 1 };
        let moved =
            |is_sent| What::Transferred(Transferred { thread: 9, socket: 77, kind, is_sent, bytes: 1008 });
        assert_eq!(decoder().decode(9, &sample(13, &pieces)), Some(moved(true)));
        assert_eq!(decoder().decode(9, &sample(14, &pieces)), Some(moved(false)));
        assert_eq!(kind.protocol(), Protocol::Icmp);

        let mut peeked = sample(14, &pieces);
        peeked[24..28].copy_from_slice(&libc::MSG_PEEK.to_ne_bytes());
        assert_eq!(decoder().decode(9, &peeked), None);
        let mut failed = sample(13, &pieces);
        failed[20..24].copy_from_slice(&(-libc::EPERM).to_ne_bytes());
        assert_eq!(decoder().decode(9, &failed), None);
        (0..24).for_each(|length| assert_eq!(decoder().decode(9, &sample(13, &pieces)[..length]), None));
    }

    #[test]
    fn filters_are_what_the_kernel_takes() {
        assert_eq!(
            lookup_filter(&[53, 443]).to_str(),
            Ok("iif == 1 && proto != 6 && proto != 0 && sport != 53 && sport != 443")
        );
        assert_eq!(
            length_filter().to_str(),
            Ok(
                "(family == 2 || family == 10 || family == 17) && protocol != 6 && protocol != 17 && protocol != 262"
            )
        );
    }
}
