//! The two eBPF programs: one runs at each state change of a TCP socket, the other at its end. Each
//! writes one record, as short as possible: what they take, every connection of the host takes.

use std::os::fd::RawFd;

use super::btf::Btf;
use super::code::{Code, Helper, Reg, Width};

/// Offsets in a record.
pub(super) mod place {
    pub(in super::super) const COOKIE: usize = 0;
    pub(in super::super) const SOCKET: usize = 8;
    pub(in super::super) const TIME: usize = 16;
    /// 0 unless a process holds the socket's lock, as the three that follow.
    pub(in super::super) const PID: usize = 24;
    pub(in super::super) const KIND: usize = 28;
    pub(in super::super) const FROM: usize = 29;
    pub(in super::super) const TO: usize = 30;
    pub(in super::super) const OWNED: usize = 31;
    pub(in super::super) const UID: usize = 32;
    pub(in super::super) const NETNS: usize = 36;
    pub(in super::super) const CGROUP: usize = 40;
    /// Length of a record of a socket's end.
    pub(in super::super) const HEADER_END: usize = 48;
    pub(in super::super) const ERROR: usize = 48;
    /// Local port in host order, remote port in network order.
    pub(in super::super) const SOURCE_PORT: usize = 52;
    pub(in super::super) const REMOTE_PORT: usize = 54;
    pub(in super::super) const FAMILY: usize = 56;
    /// Of an IPv4 address the first four bytes.
    pub(in super::super) const LOCAL: usize = 64;
    pub(in super::super) const REMOTE: usize = 80;
    pub(in super::super) const OPEN_END: usize = 96;
    /// Only if the socket is closed.
    pub(in super::super) const FLAGS: usize = 96;
    pub(in super::super) const BYTES_RECEIVED: usize = 104;
    pub(in super::super) const BYTES_SENT: usize = 112;
    pub(in super::super) const BYTES_RETRANSMITTED: usize = 120;
    pub(in super::super) const SEGMENTS_IN: usize = 128;
    pub(in super::super) const SEGMENTS_OUT: usize = 132;
    pub(in super::super) const RETRANSMITS: usize = 136;
    pub(in super::super) const ROUND_TRIP: usize = 140;
    pub(in super::super) const END: usize = 144;
}

/// Kinds of records.
pub(super) const STATE: u8 = 1;
pub(super) const DESTROYED: u8 = 2;

/// `SOCK_DEAD`: no process holds the socket any more, as a bit of its flags. Such a socket is destroyed as soon
/// as it is closed.
pub(super) const IS_DEAD: i32 = 1 << 0;

const TCP: i32 = libc::IPPROTO_TCP;
const V6: i32 = libc::AF_INET6;
const SYN_RECEIVED: i32 = 3;
const CLOSED: i32 = 7;
const LISTENS: i32 = 10;

/// CPUs that have an entry of their own in the map of dead sockets.
const CPUS: i32 = 64;
pub(super) const DEAD_BYTES: u32 = CPUS as u32 * 8;

const RESULT: Reg = Reg(0);
const A: Reg = Reg(1);
const B: Reg = Reg(2);
const C: Reg = Reg(3);
const CONTEXT: Reg = Reg(6);
const SOCK: Reg = Reg(7);
const RECORD: Reg = Reg(8);
const NEW_STATE: Reg = Reg(9);

/// Offsets in this kernel of what the programs need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    family: i16,
    number: i16,
    dport: i16,
    daddr: i16,
    saddr: i16,
    /// `None` in a kernel without IPv6.
    v6: Option<(i16, i16)>,
    flags: i16,
    net: i16,
    net_inode: i16,
    protocol: i16,
    error: i16,
    owned: i16,
    sport: i16,
    tgid: i16,
    cred: i16,
    euid: i16,
    /// Source offset and width of each counter, and its offset in the record.
    counters: Vec<(i16, Width, usize)>,
    pub(super) state_tracepoint: u32,
    pub(super) destroy_tracepoint: u32,
}

impl Layout {
    /// Builds the layout from the kernel's type information.
    ///
    /// # Errors
    /// A sentence: what is missing.
    pub(super) fn new(btf: &Btf) -> Result<Self, String> {
        let offset = |structure: &str, field: &str| {
            btf.offset(structure, field).ok_or_else(|| format!("this kernel has no {structure}.{field}"))
        };
        let tracepoint = |name: &str| {
            btf.typedef(&format!("btf_trace_{name}"))
                .ok_or_else(|| format!("this kernel has no tracepoint {name}"))
        };
        let v6 = btf.offset("sock_common", "skc_v6_rcv_saddr").zip(btf.offset("sock_common", "skc_v6_daddr"));
        let tcp = |field: &str, width, place| Ok::<_, String>((offset("tcp_sock", field)?, width, place));
        Ok(Self {
            family: offset("sock_common", "skc_family")?,
            number: offset("sock_common", "skc_num")?,
            dport: offset("sock_common", "skc_dport")?,
            daddr: offset("sock_common", "skc_daddr")?,
            saddr: offset("sock_common", "skc_rcv_saddr")?,
            v6,
            flags: offset("sock_common", "skc_flags")?,
            net: offset("sock_common", "skc_net")?,
            net_inode: offset("net", "ns.inum")?,
            protocol: offset("sock", "sk_protocol")?,
            error: offset("sock", "sk_err")?,
            owned: offset("sock", "sk_lock.owned")?,
            sport: offset("inet_sock", "inet_sport")?,
            tgid: offset("task_struct", "tgid")?,
            cred: offset("task_struct", "cred")?,
            euid: offset("cred", "euid")?,
            counters: vec![
                tcp("bytes_received", Width::Double, place::BYTES_RECEIVED)?,
                tcp("bytes_sent", Width::Double, place::BYTES_SENT)?,
                tcp("bytes_retrans", Width::Double, place::BYTES_RETRANSMITTED)?,
                tcp("segs_in", Width::Word, place::SEGMENTS_IN)?,
                tcp("segs_out", Width::Word, place::SEGMENTS_OUT)?,
                tcp("total_retrans", Width::Word, place::RETRANSMITS)?,
                tcp("srtt_us", Width::Word, place::ROUND_TRIP)?,
            ],
            state_tracepoint: tracepoint("inet_sock_set_state")?,
            destroy_tracepoint: tracepoint("tcp_destroy_sock")?,
        })
    }
}

/// The maps that the programs write to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maps {
    pub(super) ring: RawFd,
    pub(super) lost: RawFd,
    /// For each CPU the last socket that was closed when no process held it.
    pub(super) dead: RawFd,
}

/// Runs at each change of a socket's state: `inet_sock_set_state(sk, oldstate, newstate)`.
///
/// A socket that comes from a listening one is reported when its handshake is complete, which is at once.
pub(super) fn state_program(layout: &Layout, maps: Maps) -> Code {
    let is_dead = dead_socket(Code::default(), maps).store(Width::Double, A, 0, SOCK);
    // The socket's own counters have no other address that the kernel accepts.
    let closed = state_record(reserved(Code::default(), maps, place::END), layout)
        .copy(A, SOCK)
        .call(Helper::SkcToTcpSock)
        .if_equal(RESULT, 0, &Code::default().copy(A, RECORD).set(B, 0).call(Helper::RingbufDiscard).exit());
    let closed = counters(closed, layout)
        .load(Width::Double, A, SOCK, layout.flags)
        .store(Width::Double, RECORD, at(place::FLAGS), A)
        .and(A, IS_DEAD)
        .if_not_equal(A, 0, &is_dead);
    let closed = submitted(closed);
    let begins =
        Code::default().load(Width::Double, A, CONTEXT, 8).if_equal(A, LISTENS, &Code::default().exit());
    let told = Code::default()
        .load(Width::Double, NEW_STATE, CONTEXT, 16)
        .if_equal(NEW_STATE, CLOSED, &closed)
        .if_equal(NEW_STATE, SYN_RECEIVED, &begins);
    let told = submitted(state_record(reserved(told, maps, place::OPEN_END), layout));
    Code::default()
        .copy(CONTEXT, A)
        .load(Width::Double, SOCK, CONTEXT, 0)
        .load(Width::Half, A, SOCK, layout.protocol)
        .if_equal(A, TCP, &told)
        .exit()
}

/// Runs at the end of a socket: `tcp_destroy_sock(sk)`. If no process held it when it was closed, that has been
/// reported already.
pub(super) fn destroy_program(layout: &Layout, maps: Maps) -> Code {
    let code = Code::default().copy(CONTEXT, A).load(Width::Double, SOCK, CONTEXT, 0);
    let code = dead_socket(code, maps).load(Width::Double, A, A, 0);
    let code = code.if_same(A, SOCK, &Code::default().exit());
    submitted(header(reserved(code, maps, place::HEADER_END), layout, DESTROYED))
}

/// Writes the counters of the socket whose address is the result.
fn counters(code: Code, layout: &Layout) -> Code {
    let code = code.load(Width::Half, A, RESULT, layout.sport).swap_to_host(A);
    let code = code.store(Width::Half, RECORD, at(place::SOURCE_PORT), A);
    layout.counters.iter().fold(code, |code, (offset, width, place)| {
        code.load(*width, A, RESULT, *offset).store(*width, RECORD, at(*place), A)
    })
}

/// The address of this CPU's last dead socket, in `A`.
fn dead_socket(code: Code, maps: Maps) -> Code {
    code.call(Helper::GetSmpProcessorId)
        .and(RESULT, CPUS - 1)
        .shift_left(RESULT, 3)
        .map_value(A, maps.dead)
        .add_register(A, RESULT)
}

/// Reserves room for a record; counts it as lost if there is none.
fn reserved(code: Code, maps: Maps, bytes: usize) -> Code {
    let lost = Code::default().map_value(A, maps.lost).set(B, 1).add_to_memory(A, B).exit();
    code.map(A, maps.ring)
        .set(B, bytes as i32)
        .set(C, 0)
        .call(Helper::RingbufReserve)
        .if_equal(RESULT, 0, &lost)
        .copy(RECORD, RESULT)
}

fn submitted(code: Code) -> Code {
    code.copy(A, RECORD).set(B, 0).call(Helper::RingbufSubmit).exit()
}

/// Writes process, time and socket into the record. A process that works on a socket holds its
/// lock; anything that happens to a socket without a lock holder comes from an interrupt or a
/// timer, and the current process is unrelated.
fn header(code: Code, layout: &Layout, kind: u8) -> Code {
    let process = Code::default()
        .call(Helper::GetCurrentCgroupId)
        .store(Width::Double, RECORD, at(place::CGROUP), RESULT)
        .call(Helper::GetCurrentTaskBtf)
        .load(Width::Word, A, RESULT, layout.tgid)
        .store(Width::Word, RECORD, at(place::PID), A)
        .load(Width::Double, A, RESULT, layout.cred)
        .load(Width::Word, A, A, layout.euid)
        .store(Width::Word, RECORD, at(place::UID), A)
        .store_value(Width::Byte, RECORD, at(place::OWNED), 1);
    code.copy(A, SOCK)
        .call(Helper::GetSocketCookie)
        .store(Width::Double, RECORD, at(place::COOKIE), RESULT)
        .store(Width::Double, RECORD, at(place::SOCKET), SOCK)
        .call(Helper::KtimeGetNs)
        .store(Width::Double, RECORD, at(place::TIME), RESULT)
        .store_value(Width::Double, RECORD, at(place::PID), 0)
        .store_value(Width::Byte, RECORD, at(place::KIND), kind.into())
        .store_value(Width::Double, RECORD, at(place::UID), 0)
        .store_value(Width::Double, RECORD, at(place::CGROUP), 0)
        .load(Width::Word, A, SOCK, layout.owned)
        .if_not_equal(A, 0, &process)
}

/// Writes the states, the namespace and both ends into the record.
fn state_record(code: Code, layout: &Layout) -> Code {
    let moved = |code: Code, width, from, to| code.load(width, A, SOCK, from).store(width, RECORD, at(to), A);
    let code = header(code, layout, STATE)
        .load(Width::Double, A, CONTEXT, 8)
        .store(Width::Byte, RECORD, at(place::FROM), A)
        .load(Width::Double, A, CONTEXT, 16)
        .store(Width::Byte, RECORD, at(place::TO), A)
        .load(Width::Double, A, SOCK, layout.net)
        .load(Width::Word, A, A, layout.net_inode)
        .store(Width::Word, RECORD, at(place::NETNS), A);
    let code = moved(code, Width::Word, layout.error, place::ERROR);
    let code = moved(code, Width::Half, layout.number, place::SOURCE_PORT);
    let code = moved(code, Width::Half, layout.dport, place::REMOTE_PORT);
    let code = moved(code, Width::Word, layout.saddr, place::LOCAL);
    let code = moved(code, Width::Word, layout.daddr, place::REMOTE)
        .load(Width::Half, B, SOCK, layout.family)
        .store(Width::Double, RECORD, at(place::FAMILY), B);
    let Some((local, remote)) = layout.v6 else { return code };
    let mut v6 = Code::default();
    for part in [0, 8] {
        v6 = moved(v6, Width::Double, local + part, place::LOCAL + part as usize);
        v6 = moved(v6, Width::Double, remote + part, place::REMOTE + part as usize);
    }
    code.if_equal(B, V6, &v6)
}

/// An offset in the record.
fn at(place: usize) -> i16 {
    place as i16
}
