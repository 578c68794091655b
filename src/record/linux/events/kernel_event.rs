//! A record of the perf ring, understood: what happened, when, in whose context.

use std::net::{IpAddr, Ipv6Addr};

use perf_event_open_sys::bindings as perf;

use super::super::diag::tcp_state;
use super::super::message::{piece, u16_at, u32_at, u64_at};
use super::tracefs::{Field, Tracepoint};
use crate::capture::TcpState;

/// Something that the kernel told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KernelEvent {
    /// Monotonic clock, ns.
    pub(super) time_ns: u64,
    /// Process in whose context it happened, or that it is about.
    pub(super) pid: u32,
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A TCP socket changed its state.
    State(StateChange),
    /// A TCP socket ceased to be; the kernel's address of it may be used again.
    Destroyed { socket: u64, cookie: u64, in_interrupt: bool },
    /// A process took another name; `exec` if because it runs another program now.
    Named { name: String, exec: bool },
    /// A process mapped a file into memory as code. The first after an exec is the executable.
    Mapped { path: String, inode: u64 },
    /// A process was started by another.
    Forked { parent: u32 },
    /// A process came into a network namespace, of this inode: born there, or by entering it.
    Entered { netns: u64 },
    /// A process ended.
    Exited,
    /// The ring was full, and this many records were dropped.
    Lost(u64),
}

/// A TCP socket changed its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateChange {
    /// The kernel's address of the socket: its identity while it lives.
    pub(super) socket: u64,
    pub(super) from: TcpState,
    pub(super) to: TcpState,
    /// It happened while an interrupt was served, so the process is there by accident.
    pub(super) in_interrupt: bool,
    pub(super) local: (IpAddr, u16),
    pub(super) remote: (IpAddr, u16),
}

/// Reads records by the offsets of this kernel.
pub(super) struct Decoder {
    state: StateFields,
    destroy: DestroyFields,
}

struct DestroyFields {
    id: u16,
    flags: Field,
    socket: Field,
    cookie: Field,
}

struct StateFields {
    id: u16,
    flags: Field,
    socket: Field,
    from: Field,
    to: Field,
    sport: Field,
    dport: Field,
    protocol: Field,
    saddr: Field,
    daddr: Field,
}

/// Bytes that every record but a sample ends with: process and thread, time, CPU.
const SAMPLE_ID_BYTES: usize = 24;

/// Bits of `common_flags` that stand for a hardware or a software interrupt.
const IN_INTERRUPT: u8 = 0x08 | 0x10;

impl Decoder {
    /// From the descriptions of `sock/inet_sock_set_state` and `tcp/tcp_destroy_sock`.
    ///
    /// # Errors
    /// In words, if a field is missing or has another size than it should.
    pub(super) fn new(state: &Tracepoint, destroy: &Tracepoint) -> Result<Self, String> {
        Ok(Self {
            state: StateFields {
                id: state.id,
                flags: state.field("common_flags", 1)?,
                socket: state.field("skaddr", 8)?,
                from: state.field("oldstate", 4)?,
                to: state.field("newstate", 4)?,
                sport: state.field("sport", 2)?,
                dport: state.field("dport", 2)?,
                protocol: state.field("protocol", 2)?,
                saddr: state.field("saddr_v6", 16)?,
                daddr: state.field("daddr_v6", 16)?,
            },
            destroy: DestroyFields {
                id: destroy.id,
                flags: destroy.field("common_flags", 1)?,
                socket: destroy.field("skaddr", 8)?,
                cookie: destroy.field("sock_cookie", 8)?,
            },
        })
    }

    /// Understands a record; none for what is of no interest.
    pub(super) fn decode(&self, kind: u32, misc: u16, body: &[u8]) -> Option<KernelEvent> {
        match kind {
            perf::PERF_RECORD_SAMPLE => self.sample(body),
            perf::PERF_RECORD_LOST => about(body, 0, What::Lost(u64_at(body, 8)?)),
            perf::PERF_RECORD_COMM => {
                let name = text(body.get(8..body.len().checked_sub(SAMPLE_ID_BYTES)?)?);
                let exec = u32::from(misc) & perf::PERF_RECORD_MISC_COMM_EXEC != 0;
                about(body, u32_at(body, 0)?, What::Named { name, exec })
            }
            perf::PERF_RECORD_MMAP2 => {
                let path = text(body.get(64..body.len().checked_sub(SAMPLE_ID_BYTES)?)?);
                about(body, u32_at(body, 0)?, What::Mapped { path, inode: u64_at(body, 40)? })
            }
            perf::PERF_RECORD_FORK => {
                let (pid, parent, tid) = (u32_at(body, 0)?, u32_at(body, 4)?, u32_at(body, 8)?);
                // A new thread is a fork too, and of no interest.
                (pid == tid).then_some(())?;
                about(body, pid, What::Forked { parent })
            }
            perf::PERF_RECORD_NAMESPACES => {
                // A number of namespaces, then device and inode of each; that of the network is the
                // first.
                let (pid, count) = (u32_at(body, 0)?, u64_at(body, 8)?);
                (count > u64::from(perf::NET_NS_INDEX)).then_some(())?;
                about(body, pid, What::Entered { netns: u64_at(body, 24)? })
            }
            perf::PERF_RECORD_EXIT => {
                let (pid, tid) = (u32_at(body, 0)?, u32_at(body, 8)?);
                (pid == tid).then_some(())?;
                about(body, pid, What::Exited)
            }
            _ => None,
        }
    }

    fn sample(&self, body: &[u8]) -> Option<KernelEvent> {
        let pid = u32_at(body, 0)?;
        let time_ns = u64_at(body, 8)?;
        let raw_bytes = u32_at(body, 24)? as usize;
        let raw = body.get(28..28_usize.checked_add(raw_bytes)?)?;
        let id = u16_at(raw, 0)?;
        let what = if id == self.state.id {
            self.state.decode(raw)?
        } else if id == self.destroy.id {
            What::Destroyed {
                socket: u64_at(raw, self.destroy.socket.offset)?,
                cookie: u64_at(raw, self.destroy.cookie.offset)?,
                in_interrupt: is_in_interrupt(raw, self.destroy.flags)?,
            }
        } else {
            return None;
        };
        Some(KernelEvent { time_ns, pid, what })
    }
}

impl StateFields {
    fn decode(&self, raw: &[u8]) -> Option<What> {
        let protocol = u16_at(raw, self.protocol.offset)?;
        (i32::from(protocol) == libc::IPPROTO_TCP).then_some(())?;
        Some(What::State(StateChange {
            socket: u64_at(raw, self.socket.offset)?,
            from: tcp_state(*raw.get(self.from.offset)?)?,
            to: tcp_state(*raw.get(self.to.offset)?)?,
            in_interrupt: is_in_interrupt(raw, self.flags)?,
            local: (addr_at(raw, self.saddr.offset)?, u16_at(raw, self.sport.offset)?),
            remote: (addr_at(raw, self.daddr.offset)?, u16_at(raw, self.dport.offset)?),
        }))
    }
}

fn is_in_interrupt(raw: &[u8], flags: Field) -> Option<bool> {
    Some(raw.get(flags.offset)? & IN_INTERRUPT != 0)
}

/// An event of a record that is no sample: its time lies in the trailer.
fn about(body: &[u8], pid: u32, what: What) -> Option<KernelEvent> {
    let time_ns = u64_at(body, body.len().checked_sub(SAMPLE_ID_BYTES - 8)?)?;
    Some(KernelEvent { time_ns, pid, what })
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn addr_at(bytes: &[u8], offset: usize) -> Option<IpAddr> {
    Some(IpAddr::V6(Ipv6Addr::from(piece::<16>(bytes, offset)?)).to_canonical())
}
