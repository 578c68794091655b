//! The two eBPF programs: one runs at each state change of a TCP socket, the other at its end. Each
//! writes one record.

use std::os::fd::RawFd;

use super::btf::Btf;
use super::code::{Code, Helper, Reg, Width};

/// Offsets in a record.
pub(super) mod place {
    pub(in super::super) const COOKIE: usize = 0;
    pub(in super::super) const SOCKET: usize = 8;
    pub(in super::super) const TIME: usize = 16;
    pub(in super::super) const PID: usize = 24;
    pub(in super::super) const KIND: usize = 28;
    pub(in super::super) const FROM: usize = 29;
    pub(in super::super) const TO: usize = 30;
    pub(in super::super) const OWNED: usize = 31;
    pub(in super::super) const NETNS: usize = 32;
    pub(in super::super) const UID: usize = 36;
    pub(in super::super) const ERROR: usize = 40;
    pub(in super::super) const SOURCE_PORT: usize = 44;
    pub(in super::super) const CGROUP: usize = 48;
    /// Length of a record of a socket's end.
    pub(in super::super) const HEADER_END: usize = 56;
    /// The beginning of the kernel's own structure (`struct sock_common`), copied as is.
    pub(in super::super) const COMMON: usize = 56;
    pub(in super::super) const COMMON_END: usize = 168;
    /// Only if the socket is closed.
    pub(in super::super) const BYTES_RECEIVED: usize = 168;
    pub(in super::super) const BYTES_SENT: usize = 176;
    pub(in super::super) const BYTES_RETRANSMITTED: usize = 184;
    pub(in super::super) const SEGMENTS_IN: usize = 192;
    pub(in super::super) const SEGMENTS_OUT: usize = 196;
    pub(in super::super) const RETRANSMITS: usize = 200;
    pub(in super::super) const ROUND_TRIP: usize = 204;
    pub(in super::super) const END: usize = 208;
}

/// Kinds of records.
pub(super) const STATE: u8 = 1;
pub(super) const DESTROYED: u8 = 2;

/// Stack offset at which the record is built.
const FRAME: i16 = -(place::END as i16);

const TCP: i32 = libc::IPPROTO_TCP;
const CLOSED: i32 = 7;

const RESULT: Reg = Reg(0);
const A: Reg = Reg(1);
const B: Reg = Reg(2);
const C: Reg = Reg(3);
const D: Reg = Reg(4);
const CONTEXT: Reg = Reg(6);
const SOCK: Reg = Reg(7);
const IS_OWNED: Reg = Reg(8);
const NEW_STATE: Reg = Reg(9);
const FRAME_END: Reg = Reg(10);

/// Offsets in this kernel of what the programs and the reader of their records need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) family: i16,
    pub(super) dport: i16,
    pub(super) daddr: i16,
    pub(super) saddr: i16,
    /// `None` in a kernel without IPv6.
    pub(super) v6: Option<(i16, i16)>,
    pub(super) flags: i16,
    net: i16,
    net_inode: i16,
    protocol: i16,
    error: i16,
    owned: i16,
    sport: i16,
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
        let layout = Self {
            family: offset("sock_common", "skc_family")?,
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
        };
        layout.check()?;
        Ok(layout)
    }

    /// Checks that every field read from the copied part of the socket is inside it.
    fn check(&self) -> Result<(), String> {
        let (saddr, daddr) = self.v6.unwrap_or((0, 0));
        let ends = [
            self.family + 2,
            self.dport + 2,
            self.daddr + 4,
            self.saddr + 4,
            saddr + 16,
            daddr + 16,
            self.flags + 8,
            self.net + 8,
        ];
        let room = (place::COMMON_END - place::COMMON) as i16;
        let fits = ends.iter().all(|end| *end <= room);
        if fits { Ok(()) } else { Err("this kernel's socket structures have an unknown layout".to_owned()) }
    }
}

/// The maps that the programs write to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maps {
    pub(super) ring: RawFd,
    pub(super) lost: RawFd,
}

/// Runs at each change of a socket's state: `inet_sock_set_state(sk, oldstate, newstate)`.
pub(super) fn state_program(layout: &Layout, maps: Maps) -> Code {
    let common = (place::COMMON_END - place::COMMON) as i32;
    let mut counters = Code::default();
    for (offset, width, place) in &layout.counters {
        counters = counters.load(*width, A, RESULT, *offset).store(*width, FRAME_END, frame(*place), A);
    }
    let counters = output(counters, maps, place::END).exit();
    let when_closed =
        Code::default().copy(A, SOCK).call(Helper::SkcToTcpSock).if_not_equal(RESULT, 0, &counters);
    let mut told = header(Code::default(), layout, STATE)
        .load(Width::Double, A, CONTEXT, 8)
        .store(Width::Byte, FRAME_END, frame(place::FROM), A)
        .store(Width::Byte, FRAME_END, frame(place::TO), NEW_STATE)
        .load(Width::Word, A, SOCK, layout.error)
        .store(Width::Word, FRAME_END, frame(place::ERROR), A)
        .copy(C, SOCK)
        .add(C, layout.sport.into());
    told = read(told, place::SOURCE_PORT, 2).copy(C, SOCK);
    told = read(told, place::COMMON, common)
        .load(Width::Double, C, FRAME_END, frame(place::COMMON) + layout.net)
        .add(C, layout.net_inode.into());
    told = read(told, place::NETNS, 4).if_equal(NEW_STATE, CLOSED, &when_closed);
    let told = output(told, maps, place::COMMON_END);
    Code::default()
        .copy(CONTEXT, A)
        .load(Width::Double, SOCK, CONTEXT, 0)
        .load(Width::Double, NEW_STATE, CONTEXT, 16)
        .load(Width::Half, A, SOCK, layout.protocol)
        .if_equal(A, TCP, &told)
        .exit()
}

/// Runs at the end of a socket: `tcp_destroy_sock(sk)`.
pub(super) fn destroy_program(layout: &Layout, maps: Maps) -> Code {
    let code = Code::default().copy(CONTEXT, A).load(Width::Double, SOCK, CONTEXT, 0);
    output(header(code, layout, DESTROYED), maps, place::HEADER_END).exit()
}

/// Writes process, time and socket into the record. A process that works on a socket holds its
/// lock; anything that happens to a socket without a lock holder comes from an interrupt or a
/// timer, and the current process is unrelated.
fn header(code: Code, layout: &Layout, kind: u8) -> Code {
    let process = Code::default()
        .call(Helper::GetCurrentCgroupId)
        .store(Width::Double, FRAME_END, frame(place::CGROUP), RESULT)
        .call(Helper::GetCurrentTask)
        .copy(C, RESULT)
        .add(C, layout.cred.into());
    let process = read(process, place::COMMON, 8)
        .load(Width::Double, C, FRAME_END, frame(place::COMMON))
        .add(C, layout.euid.into());
    let process = read(process, place::UID, 4);
    code.copy(A, SOCK)
        .call(Helper::GetSocketCookie)
        .store(Width::Double, FRAME_END, frame(place::COOKIE), RESULT)
        .store(Width::Double, FRAME_END, frame(place::SOCKET), SOCK)
        .call(Helper::KtimeGetNs)
        .store(Width::Double, FRAME_END, frame(place::TIME), RESULT)
        .call(Helper::GetCurrentPidTgid)
        .shift_right(RESULT, 32)
        .store(Width::Word, FRAME_END, frame(place::PID), RESULT)
        .store_value(Width::Word, FRAME_END, frame(place::KIND), 0)
        .store_value(Width::Byte, FRAME_END, frame(place::KIND), kind.into())
        .store_value(Width::Double, FRAME_END, frame(place::NETNS), 0)
        .store_value(Width::Double, FRAME_END, frame(place::ERROR), 0)
        .store_value(Width::Double, FRAME_END, frame(place::CGROUP), 0)
        .load(Width::Word, IS_OWNED, SOCK, layout.owned)
        .store(Width::Byte, FRAME_END, frame(place::OWNED), IS_OWNED)
        .if_not_equal(IS_OWNED, 0, &process)
}

/// Copies bytes from the address in `C` into the record; zeros if they cannot be read.
fn read(code: Code, to: usize, bytes: i32) -> Code {
    code.copy(A, FRAME_END).add(A, frame(to).into()).set(B, bytes).call(Helper::ProbeReadKernel)
}

/// Submits the record, or counts it as lost.
fn output(code: Code, maps: Maps, bytes: usize) -> Code {
    let lost = Code::default().map_value(A, maps.lost).set(B, 1).add_to_memory(A, B);
    code.map(A, maps.ring)
        .copy(B, FRAME_END)
        .add(B, FRAME.into())
        .set(C, bytes as i32)
        .set(D, 0)
        .call(Helper::RingbufOutput)
        .if_not_equal(RESULT, 0, &lost)
}

/// The stack offset of an offset in the record.
fn frame(place: usize) -> i16 {
    FRAME + place as i16
}
