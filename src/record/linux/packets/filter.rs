//! Which packets the kernel hands over, and how much of each: a classic BPF program.
//!
//! The program sees a packet from its IP header on. What it returns is how many bytes are
//! copied; 0 drops the packet. A load past the end of the packet drops it too.

use libc::{
    BPF_ABS, BPF_ADD, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD,
    BPF_LDX, BPF_MISC, BPF_MSH, BPF_RET, BPF_RSH, BPF_TAX, BPF_X, sock_filter,
};

use crate::record::SourceOptions;

/// Enough for the headers of a datagram, options included.
const HEADER_BYTES: u32 = 96;

/// Enough for a DNS message, and for the hello of a browser with a post-quantum key.
const DNS_BYTES: u32 = 2048;
const HELLO_BYTES: u32 = 4096;

const TCP: u32 = libc::IPPROTO_TCP as u32;
const UDP: u32 = libc::IPPROTO_UDP as u32;

/// IPv6 headers that may come before the transport's.
const FRAGMENT: u32 = libc::IPPROTO_FRAGMENT as u32;
const OTHER_HEADERS: [u32; 3] =
    [libc::IPPROTO_HOPOPTS as u32, libc::IPPROTO_ROUTING as u32, libc::IPPROTO_DSTOPTS as u32];

/// DNS; names of the local network by multicast, as Apple's and as Microsoft's systems ask for them.
const DNS_PORT: u32 = 53;
const DATAGRAM_DNS_PORTS: [u32; 3] = [DNS_PORT, 5353, 5355];
const V6_HEADER_BYTES: u32 = 40;

/// Bits of the fragment's offset in an IPv4 and in an IPv6 header.
const V4_OFFSET: u32 = 0x1fff;
const V6_OFFSET: u32 = 0xfff8;

/// Where the ports are in a transport header.
const PORTS_AT: [u32; 2] = [0, 2];

type Program = Vec<sock_filter>;

/// The program for what is wanted. Of a datagram in fragments only the first is handed over: it
/// has the ports, and the length of the whole.
pub(super) fn program(wanted: SourceOptions) -> Program {
    [
        once(),
        vec![load_extra(libc::SKF_AD_PROTOCOL)],
        when(libc::ETH_P_IP as u32, v4(wanted)),
        when(libc::ETH_P_IPV6 as u32, v6(wanted)),
        drop_it(),
    ]
    .concat()
}

/// Drops what is another host's, and one of the two copies of a packet on loopback.
fn once() -> Program {
    let loopback = [vec![load_extra(libc::SKF_AD_HATYPE)], when(u32::from(libc::ARPHRD_LOOPBACK), drop_it())];
    [
        vec![load_extra(libc::SKF_AD_PKTTYPE)],
        when(u32::from(libc::PACKET_OTHERHOST), drop_it()),
        when(u32::from(libc::PACKET_OUTGOING), loopback.concat()),
    ]
    .concat()
}

fn v4(wanted: SourceOptions) -> Program {
    let later_fragment = [vec![load(BPF_H | BPF_ABS, 6)], when_set(V4_OFFSET, drop_it())].concat();
    // X becomes the length of the IP header.
    let past_header = vec![op(BPF_LDX | BPF_B | BPF_MSH, 0)];
    let udp = [later_fragment.clone(), past_header.clone(), datagram(wanted)].concat();
    let tcp = [later_fragment, past_header, segment(wanted)].concat();
    [vec![load(BPF_B | BPF_ABS, 9)], when(UDP, udp), when(TCP, tcp), drop_it()].concat()
}

fn v6(wanted: SourceOptions) -> Program {
    let past_header = vec![op(BPF_LDX | BPF_K, V6_HEADER_BYTES)];
    let udp = [past_header.clone(), datagram(wanted)].concat();
    let tcp = [past_header, segment(wanted)].concat();
    let headers = if wanted.udp_bytes { copy(HEADER_BYTES) } else { drop_it() };
    let first_fragment =
        [vec![load(BPF_H | BPF_ABS, V6_HEADER_BYTES + 2)], when_set(V6_OFFSET, drop_it()), headers.clone()]
            .concat();
    let mut program =
        [vec![load(BPF_B | BPF_ABS, 6)], when(UDP, udp), when(TCP, tcp), when(FRAGMENT, first_fragment)]
            .concat();
    // Rare, and so left to the reader.
    for kind in OTHER_HEADERS {
        program.extend(when(kind, headers.clone()));
    }
    program.extend(drop_it());
    program
}

/// A datagram whose header begins at X.
fn datagram(wanted: SourceOptions) -> Program {
    let mut program = Vec::new();
    if wanted.names {
        for port_at in PORTS_AT {
            program.push(load(BPF_H | BPF_IND, port_at));
            for port in DATAGRAM_DNS_PORTS {
                program.extend(when(port, copy(DNS_BYTES)));
            }
        }
    }
    program.extend(if wanted.udp_bytes { copy(HEADER_BYTES) } else { drop_it() });
    program
}

/// A segment whose header begins at X: copied if it is one of DNS, or its payload begins like a
/// `ClientHello`.
fn segment(wanted: SourceOptions) -> Program {
    if !wanted.names {
        return drop_it();
    }
    let mut program = Vec::new();
    for port_at in PORTS_AT {
        program.push(load(BPF_H | BPF_IND, port_at));
        program.extend(when(DNS_PORT, copy(DNS_BYTES)));
    }
    program.extend(hello());
    program
}

fn hello() -> Program {
    let past_header = vec![
        load(BPF_B | BPF_IND, 12),
        op(BPF_ALU | BPF_AND | BPF_K, 0xf0),
        op(BPF_ALU | BPF_RSH | BPF_K, 2),
        op(BPF_ALU | BPF_ADD | BPF_X, 0),
        op(BPF_MISC | BPF_TAX, 0),
    ];
    // A handshake record of version 3, whose message is a `ClientHello`.
    let byte = |at, value| [vec![load(BPF_B | BPF_IND, at)], unless(value, drop_it())].concat();
    [past_header, byte(0, 22), byte(1, 3), byte(5, 1), copy(HELLO_BYTES)].concat()
}

/// Runs `body` if the accumulator is `value`.
fn when(value: u32, body: Program) -> Program {
    jump(BPF_JEQ, value, 0, body.len() as u8, body)
}

/// Runs `body` if the accumulator has one of these bits.
fn when_set(bits: u32, body: Program) -> Program {
    jump(BPF_JSET, bits, 0, body.len() as u8, body)
}

/// Runs `body` if the accumulator is not `value`.
fn unless(value: u32, body: Program) -> Program {
    jump(BPF_JEQ, value, body.len() as u8, 0, body)
}

fn jump(test: u32, value: u32, if_true: u8, if_false: u8, body: Program) -> Program {
    let jump = sock_filter { jt: if_true, jf: if_false, ..op(BPF_JMP | test | BPF_K, value) };
    std::iter::once(jump).chain(body).collect()
}

/// Loads into the accumulator what the kernel knows of the packet beside its bytes.
fn load_extra(what: libc::c_int) -> sock_filter {
    load(BPF_H | BPF_ABS, (libc::SKF_AD_OFF + what) as u32)
}

fn load(how: u32, at: u32) -> sock_filter {
    op(BPF_LD | how, at)
}

fn copy(bytes: u32) -> Program {
    vec![op(BPF_RET | BPF_K, bytes)]
}

fn drop_it() -> Program {
    copy(0)
}

fn op(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}
