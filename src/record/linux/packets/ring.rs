//! `AF_PACKET`'s ring (`TPACKET_V3`): packets that the kernel writes into memory shared with this
//! process, in blocks that are handed over when they are full, or after a while.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{sock_filter, sockaddr_ll, tpacket_block_desc, tpacket_req3, tpacket3_hdr};

use super::filter;
use crate::record::SourceOptions;

/// Bytes of a block.
const BLOCK_BYTES: usize = 128 << 10;

/// How long the kernel keeps a block that is not full, in ms.
pub(super) const RETIRE_MS: u64 = 20;

/// Largest packet that is copied; the kernel wants to know.
const FRAME_BYTES: usize = 8 << 10;

/// The packets of the network namespace in which it was opened.
#[derive(Debug)]
pub(in super::super) struct Ring {
    map: Mapping,
    blocks: usize,
    next: usize,
    lost: u64,
    /// Closed last: the memory is the kernel's until then.
    socket: OwnedFd,
}

/// A packet as the kernel describes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Captured<'a> {
    /// Wall clock, ns since the Unix epoch.
    pub(super) wall_ns: i64,
    /// From the IP header on, as far as it was copied.
    pub(super) bytes: &'a [u8],
    /// Length of the whole packet from there on.
    pub(super) length: usize,
    /// Number of the interface on which it was seen.
    pub(super) interface: i32,
    pub(super) way: Way,
}

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To this host.
    In,
    /// From this host.
    Out,
    /// From this host to itself.
    Loopback,
}

impl Ring {
    /// Opens the ring with `bytes` of memory; whatever passes from now on is in it.
    ///
    /// # Errors
    /// What the system said: `EPERM` without `CAP_NET_RAW`.
    pub(in super::super) fn open(wanted: SourceOptions, bytes: usize) -> io::Result<Self> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        // No protocol yet: nothing comes before the filter is in place.
        // SAFETY: no memory is passed; the result is checked.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened and belongs to no one else.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        attach(fd, &filter::program(wanted))?;
        let blocks = (bytes / BLOCK_BYTES).max(2);
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        set(fd, libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let request = tpacket_req3 {
            tp_block_size: BLOCK_BYTES as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: FRAME_BYTES as u32,
            tp_frame_nr: (blocks * BLOCK_BYTES / FRAME_BYTES) as u32,
            tp_retire_blk_tov: RETIRE_MS as u32,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(fd, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let map = Mapping::new(fd, blocks * BLOCK_BYTES)?;
        bind(fd)?;
        Ok(Self { map, blocks, next: 0, lost: 0, socket })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Hands every packet of the blocks that are full to `each`.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Captured<'_>)) {
        for _ in 0..self.blocks {
            let start = self.next * BLOCK_BYTES;
            if self.map.status(start).load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return;
            }
            read_block(self.map.block(start), &mut each);
            self.map.status(start).store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.next = (self.next + 1) % self.blocks;
        }
    }

    /// Packets that the kernel dropped because the ring was full.
    pub(super) fn lost(&mut self) -> u64 {
        let mut counts = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        let mut length = size_of_val(&counts) as libc::socklen_t;
        // SAFETY: the place and its length are those of `counts`.
        let result = unsafe {
            let place = (&raw mut counts).cast();
            libc::getsockopt(
                self.descriptor(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                place,
                &raw mut length,
            )
        };
        if result == 0 {
            // The kernel begins anew with each reading.
            self.lost += u64::from(counts.tp_drops);
        }
        self.lost
    }
}

/// Where the kernel's description of the packet's addresses lies behind its header.
const ADDRESS_AT: usize = size_of::<tpacket3_hdr>().next_multiple_of(16);

fn read_block(block: &[u8], each: &mut impl FnMut(Captured<'_>)) {
    let Some(description) = read::<tpacket_block_desc>(block, 0) else { return };
    // SAFETY: version 3 has no other kind of header.
    let header = unsafe { description.hdr.bh1 };
    let mut at = header.offset_to_first_pkt as usize;
    for _ in 0..header.num_pkts {
        let Some(packet) = read::<tpacket3_hdr>(block, at) else { return };
        if let Some(captured) = captured(block, at, &packet) {
            each(captured);
        }
        at += packet.tp_next_offset as usize;
    }
}

fn captured<'a>(block: &'a [u8], at: usize, packet: &tpacket3_hdr) -> Option<Captured<'a>> {
    let address = read::<sockaddr_ll>(block, at + ADDRESS_AT)?;
    let start = at + usize::from(packet.tp_net);
    let way = match address.sll_pkttype {
        _ if address.sll_hatype == libc::ARPHRD_LOOPBACK => Way::Loopback,
        libc::PACKET_OUTGOING => Way::Out,
        _ => Way::In,
    };
    Some(Captured {
        wall_ns: i64::from(packet.tp_sec) * 1_000_000_000 + i64::from(packet.tp_nsec),
        bytes: block.get(start..start.checked_add(packet.tp_snaplen as usize)?)?,
        length: packet.tp_len as usize,
        interface: address.sll_ifindex,
        way,
    })
}

/// A plain structure of the kernel's at an offset, if it lies within the bytes.
fn read<T: Copy>(bytes: &[u8], at: usize) -> Option<T> {
    let place = bytes.get(at..at.checked_add(size_of::<T>())?)?;
    // SAFETY: the bytes are as long as `T`, which consists of integers alone.
    Some(unsafe { place.as_ptr().cast::<T>().read_unaligned() })
}

fn attach(fd: RawFd, program: &[sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    set(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn set<T>(fd: RawFd, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value and its length are those of `value`.
    check(unsafe { libc::setsockopt(fd, level, option, std::ptr::from_ref(value).cast(), length) })
}

fn bind(fd: RawFd) -> io::Result<()> {
    // SAFETY: an address of zeroes is valid; interface 0 is all of them.
    let mut address: sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address and its length belong together.
    check(unsafe { libc::bind(fd, (&raw const address).cast(), length) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The memory shared with the kernel.
#[derive(Debug)]
struct Mapping {
    base: *mut u8,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone; the kernel's side is synchronised by the
// blocks' status.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(fd: RawFd, bytes: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of a descriptor that is open; the result is checked.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, libc::MAP_SHARED, fd, 0) };
        if base == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(Self { base: base.cast(), bytes })
        }
    }

    /// Whose the block at this offset is.
    #[allow(
        clippy::cast_ptr_alignment,
        reason = "a mapping begins at a page, and a block at a multiple of 8"
    )]
    fn status(&self, start: usize) -> &AtomicU32 {
        let at = start + std::mem::offset_of!(tpacket_block_desc, hdr);
        debug_assert!(at + size_of::<AtomicU32>() <= self.bytes, "a block beyond the ring");
        // SAFETY: blocks are aligned and lie within the mapping, and the status is the first
        // field of their header.
        unsafe { &*self.base.add(at).cast::<AtomicU32>() }
    }

    /// The bytes of a block, which must be this process's.
    fn block(&self, start: usize) -> &[u8] {
        // SAFETY: the block lies within the mapping, and the kernel does not write into it until
        // its status says that it may.
        unsafe { std::slice::from_raw_parts(self.base.add(start), BLOCK_BYTES) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, and it is not used any more.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}
