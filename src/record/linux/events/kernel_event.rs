//! Decodes a record of the perf ring: what happened, when, in which process's context.

use std::net::{IpAddr, Ipv6Addr};

use perf_event_open_sys::bindings as perf;

use super::super::message::{piece, u16_at, u32_at, u64_at};
use super::datagram_events::{DatagramDecoder, Routed, Transferred};
use super::tracefs::{Field, Tracepoint};
use crate::capture::{Counters, TcpState};

/// The tracepoints that are decoded.
pub(super) const STATE: &str = "sock/inet_sock_set_state";
pub(super) const DESTROY: &str = "tcp/tcp_destroy_sock";
pub(super) const MOVED: &str = "cgroup/cgroup_attach_task";

/// The hierarchy number of cgroup2.
const UNIFIED_HIERARCHY: u32 = 0;

/// An event reported by the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KernelEvent {
    /// Monotonic clock, ns.
    pub(super) time_ns: u64,
    /// Process in whose context it happened, or that it concerns.
    pub(super) pid: u32,
    /// Known facts of the process at that moment.
    pub(super) actor: Option<Actor>,
    pub(super) what: What,
}

/// A process at the moment when it acted on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Actor {
    /// Effective user.
    pub(super) uid: u32,
    /// Inode of its cgroup2 folder.
    pub(super) cgroup_id: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A TCP socket changed its state.
    State(StateChange),
    /// A TCP socket was destroyed; the kernel may reuse its address.
    Destroyed { socket: u64, cookie: u64, in_interrupt: bool },
    /// A process looked up the route for a packet of a protocol other than TCP.
    Routed(Routed),
    /// A process sent or received through a raw, ping, packet or UDP-Lite socket.
    Transferred(Transferred),
    /// A process changed its name; `exec` if because it now runs another program. Thread names are
    /// ignored.
    Named { name: String, exec: bool },
    /// A process mapped a file as code. The first one after an exec is the executable.
    Mapped { path: String, inode: u64 },
    /// A process was started by another.
    Forked { parent: u32 },
    /// A thread came into a network namespace with this inode, at its start or by entering it.
    Entered { netns: u64, thread: u32 },
    /// A process was moved into a cgroup of cgroup2 or of an older hierarchy.
    Moved { path: String, is_unified: bool },
    /// A process ended.
    Exited,
    /// The ring was full, and this many records were dropped.
    Lost(u64),
}

/// A TCP socket changed its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateChange {
    /// The kernel's address of the socket, which identifies it while it exists.
    pub(super) socket: u64,
    pub(super) from: TcpState,
    pub(super) to: TcpState,
    /// It happened in an interrupt, so the process is unrelated.
    pub(super) in_interrupt: bool,
    pub(super) local: (IpAddr, u16),
    pub(super) remote: (IpAddr, u16),
    /// Facts that only an eBPF program can see.
    pub(super) facts: Option<SocketFacts>,
}

impl StateChange {
    /// Whether the process itself caused it: connecting and closing happen in the context of the
    /// process. Everything in an interrupt, which includes the whole accepting side, happens in the
    /// context of an arbitrary process.
    pub(super) fn is_by_process(&self) -> bool {
        self.to == TcpState::SynSent || (!self.in_interrupt && self.from != TcpState::Listen)
    }
}

/// Facts of a socket other than its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SocketFacts {
    pub(super) cookie: u64,
    /// Inode of the network namespace.
    pub(super) netns: u64,
    /// The final counters, once it is closed.
    pub(super) counters: Option<Counters>,
    /// It was closed when no process held it, and is destroyed.
    pub(super) is_destroyed: bool,
}

/// Decodes records by the offsets of this kernel.
#[derive(Default)]
pub(super) struct Decoder {
    state: Option<StateFields>,
    destroy: Option<DestroyFields>,
    moved: Option<MovedFields>,
    /// `None` if those tracepoints are unavailable.
    pub(super) datagrams: Option<DatagramDecoder>,
}

struct MovedFields {
    id: u16,
    root: Field,
    pid: Field,
    path: Field,
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

/// Bytes at the end of every record except a sample: process and thread, time, CPU.
const SAMPLE_ID_BYTES: usize = 24;

/// Bits of `common_flags` that mark a hardware or a software interrupt.
const IN_INTERRUPT: u8 = 0x08 | 0x10;

impl Decoder {
    /// Adds another tracepoint whose samples are decoded from now on.
    ///
    /// # Errors
    /// A sentence, if a field is missing or has an unexpected size, or if the tracepoint is
    /// unknown.
    pub(super) fn add(&mut self, name: &str, tracepoint: &Tracepoint) -> Result<(), String> {
        match name {
            STATE => self.state = Some(StateFields::new(tracepoint)?),
            DESTROY => self.destroy = Some(DestroyFields::new(tracepoint)?),
            MOVED => self.moved = Some(MovedFields::new(tracepoint)?),
            _ => return Err(format!("there is no decoder for the tracepoint {name}")),
        }
        Ok(())
    }

    /// Decodes a record; `None` if it is not needed.
    pub(super) fn decode(&self, kind: u32, misc: u16, body: &[u8]) -> Option<KernelEvent> {
        match kind {
            perf::PERF_RECORD_SAMPLE => self.sample(body),
            perf::PERF_RECORD_LOST => about(body, 0, What::Lost(u64_at(body, 8)?)),
            perf::PERF_RECORD_COMM => {
                let (pid, tid) = (u32_at(body, 0)?, u32_at(body, 4)?);
                (pid == tid).then_some(())?;
                let name = text(body.get(8..body.len().checked_sub(SAMPLE_ID_BYTES)?)?);
                let exec = u32::from(misc) & perf::PERF_RECORD_MISC_COMM_EXEC != 0;
                about(body, pid, What::Named { name, exec })
            }
            perf::PERF_RECORD_MMAP2 => {
                let path = text(body.get(64..body.len().checked_sub(SAMPLE_ID_BYTES)?)?);
                about(body, u32_at(body, 0)?, What::Mapped { path, inode: u64_at(body, 40)? })
            }
            perf::PERF_RECORD_FORK => {
                let (pid, parent, tid) = (u32_at(body, 0)?, u32_at(body, 4)?, u32_at(body, 8)?);
                // A new thread is a fork too, and is ignored.
                (pid == tid).then_some(())?;
                about(body, pid, What::Forked { parent })
            }
            perf::PERF_RECORD_NAMESPACES => {
                // The number of namespaces, then device and inode of each; the network namespace is
                // the first.
                let (pid, thread, count) = (u32_at(body, 0)?, u32_at(body, 4)?, u64_at(body, 8)?);
                (count > u64::from(perf::NET_NS_INDEX)).then_some(())?;
                about(body, pid, What::Entered { netns: u64_at(body, 24)?, thread })
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
        if let Some(fields) = self.state.as_ref().filter(|fields| fields.id == id) {
            return Some(KernelEvent { time_ns, pid, actor: None, what: fields.decode(raw)? });
        }
        if let Some(fields) = self.destroy.as_ref().filter(|fields| fields.id == id) {
            return Some(KernelEvent { time_ns, pid, actor: None, what: fields.decode(raw)? });
        }
        if let Some(fields) = self.moved.as_ref().filter(|fields| fields.id == id) {
            let (pid, what) = fields.decode(raw)?;
            return Some(KernelEvent { time_ns, pid, actor: None, what });
        }
        let what = self.datagrams.as_ref()?.decode(u32_at(body, 4)?, raw)?;
        Some(KernelEvent { time_ns, pid, actor: None, what })
    }
}

impl MovedFields {
    fn new(tracepoint: &Tracepoint) -> Result<Self, String> {
        Ok(Self {
            id: tracepoint.id,
            root: tracepoint.field("dst_root", 4)?,
            pid: tracepoint.field("pid", 4)?,
            path: tracepoint.field("dst_path", 4)?,
        })
    }

    /// The process that was moved, which is not the one that moves it.
    fn decode(&self, raw: &[u8]) -> Option<(u32, What)> {
        // Offset and length of a text in one number.
        let place = u32_at(raw, self.path.offset)?;
        let (start, length) = ((place & 0xffff) as usize, (place >> 16) as usize);
        let path = text(raw.get(start..start.checked_add(length)?)?);
        let is_unified = u32_at(raw, self.root.offset)? == UNIFIED_HIERARCHY;
        Some((u32_at(raw, self.pid.offset)?, What::Moved { path, is_unified }))
    }
}

impl DestroyFields {
    fn new(tracepoint: &Tracepoint) -> Result<Self, String> {
        Ok(Self {
            id: tracepoint.id,
            flags: tracepoint.field("common_flags", 1)?,
            socket: tracepoint.field("skaddr", 8)?,
            cookie: tracepoint.field("sock_cookie", 8)?,
        })
    }

    fn decode(&self, raw: &[u8]) -> Option<What> {
        Some(What::Destroyed {
            socket: u64_at(raw, self.socket.offset)?,
            cookie: u64_at(raw, self.cookie.offset)?,
            in_interrupt: is_in_interrupt(raw, self.flags)?,
        })
    }
}

impl StateFields {
    fn new(tracepoint: &Tracepoint) -> Result<Self, String> {
        Ok(Self {
            id: tracepoint.id,
            flags: tracepoint.field("common_flags", 1)?,
            socket: tracepoint.field("skaddr", 8)?,
            from: tracepoint.field("oldstate", 4)?,
            to: tracepoint.field("newstate", 4)?,
            sport: tracepoint.field("sport", 2)?,
            dport: tracepoint.field("dport", 2)?,
            protocol: tracepoint.field("protocol", 2)?,
            saddr: tracepoint.field("saddr_v6", 16)?,
            daddr: tracepoint.field("daddr_v6", 16)?,
        })
    }

    fn decode(&self, raw: &[u8]) -> Option<What> {
        let protocol = u16_at(raw, self.protocol.offset)?;
        (i32::from(protocol) == libc::IPPROTO_TCP).then_some(())?;
        Some(What::State(StateChange {
            socket: u64_at(raw, self.socket.offset)?,
            from: TcpState::of_kernel_number(*raw.get(self.from.offset)?)?,
            to: TcpState::of_kernel_number(*raw.get(self.to.offset)?)?,
            in_interrupt: is_in_interrupt(raw, self.flags)?,
            local: (addr_at(raw, self.saddr.offset)?, u16_at(raw, self.sport.offset)?),
            remote: (addr_at(raw, self.daddr.offset)?, u16_at(raw, self.dport.offset)?),
            facts: None,
        }))
    }
}

pub(super) fn is_in_interrupt(raw: &[u8], flags: Field) -> Option<bool> {
    Some(raw.get(flags.offset)? & IN_INTERRUPT != 0)
}

/// An event from a record other than a sample: its time is in the trailer.
fn about(body: &[u8], pid: u32, what: What) -> Option<KernelEvent> {
    let time_ns = u64_at(body, body.len().checked_sub(SAMPLE_ID_BYTES - 8)?)?;
    Some(KernelEvent { time_ns, pid, actor: None, what })
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn addr_at(bytes: &[u8], offset: usize) -> Option<IpAddr> {
    Some(IpAddr::V6(Ipv6Addr::from(piece::<16>(bytes, offset)?)).to_canonical())
}
