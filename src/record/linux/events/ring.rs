//! The perf ring: records that the kernel writes to memory shared with this process.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use perf_event_open_sys::{bindings as perf, ioctls};

/// Total size in bytes of the rings of all CPUs, and maximum and minimum size of one; halved until
/// the system allows it. Ten thousand connections per second fill 3 MiB per second in each of two
/// rings, and on an overloaded host the reader may have to wait that long for its turn.
pub(super) const ALL_RINGS_BYTES: usize = 16 << 20;

/// The same if the rings contain only process events.
pub(super) const LIVES_BYTES: usize = 4 << 20;

/// Fill level at which a ring wakes its reader.
const WAKEUP_BYTES: u32 = 32 << 10;

/// The smallest useful ring.
const SMALLEST_RING_BYTES: usize = 64 << 10;

/// One CPU's records of several tracepoints and of process events.
pub(super) struct Ring {
    /// The first owns the ring, the others write into it. Closing them stops the events.
    events: Vec<OwnedFd>,
    map: Mapping,
    /// Buffer for a record that wraps around the end of the ring.
    scratch: Vec<u8>,
}

impl Ring {
    /// Opens the tracepoints on one CPU of several, for all processes and network namespaces,
    /// together with the process events.
    ///
    /// # Errors
    /// The system's error: `EACCES` without the privilege.
    pub(super) fn open(cpu: i32, (cpus, all_bytes): (usize, usize), tracepoints: &[u16]) -> io::Result<Self> {
        // A dummy event that never happens. One per CPU reports the processes; a second would
        // report everything twice.
        let mut lives = attributes(perf::PERF_TYPE_SOFTWARE, u64::from(perf::PERF_COUNT_SW_DUMMY));
        lives.set_comm(1);
        lives.set_comm_exec(1);
        lives.set_task(1);
        lives.set_mmap(1);
        lives.set_mmap2(1);
        lives.set_namespaces(1);
        let mut events = vec![open_event(&mut lives, cpu)?];
        for id in tracepoints {
            let mut attributes = attributes(perf::PERF_TYPE_TRACEPOINT, u64::from(*id));
            attributes.__bindgen_anon_1.sample_period = 1;
            events.push(open_event(&mut attributes, cpu)?);
        }
        let Some(first) = events.first() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let map = Mapping::new(first.as_raw_fd(), ring_bytes(cpus, all_bytes))?;
        for other in &events[1..] {
            // SAFETY: both are open descriptors of perf events.
            check(unsafe { ioctls::SET_OUTPUT(other.as_raw_fd(), first.as_raw_fd()) })?;
        }
        Ok(Self { events, map, scratch: Vec::new() })
    }

    /// Adds a tracepoint with a kernel filter; returns its position, for [`Ring::filter`].
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn add(&mut self, cpu: i32, tracepoint: u16, filter: &CStr) -> io::Result<usize> {
        let mut attributes = attributes(perf::PERF_TYPE_TRACEPOINT, u64::from(tracepoint));
        attributes.__bindgen_anon_1.sample_period = 1;
        let event = open_event(&mut attributes, cpu)?;
        // SAFETY: the descriptors are perf events, and the text is a C string.
        unsafe {
            check(ioctls::SET_FILTER(event.as_raw_fd(), filter.as_ptr().cast_mut()))?;
            check(ioctls::SET_OUTPUT(event.as_raw_fd(), self.as_raw_fd()))?;
        }
        self.events.push(event);
        Ok(self.events.len() - 1)
    }

    /// Replaces the filter of an added tracepoint.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn filter(&self, place: usize, filter: &CStr) -> io::Result<()> {
        let Some(event) = self.events.get(place) else { return Err(io::ErrorKind::InvalidInput.into()) };
        // SAFETY: the descriptor is a perf event, and the text is a C string.
        check(unsafe { ioctls::SET_FILTER(event.as_raw_fd(), filter.as_ptr().cast_mut()) })
    }

    /// The descriptor to poll: the first event's, which owns the ring.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.events.first().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// The positions of tracepoints to which other eBPF programs are attached, according to perf.
    /// The kernel asks such a program first, and most answer that nobody else receives the event.
    pub(super) fn shared_with_others(&self) -> Vec<usize> {
        let is_shared = |event: &OwnedFd| {
            let mut query = perf::perf_event_query_bpf::default();
            // SAFETY: the descriptor is open; there is room for no ids, and none are requested.
            let result = unsafe { ioctls::QUERY_BPF(event.as_raw_fd(), &raw mut query) };
            // With room for none of them, it returns ENOSPC.
            let is_answer = result == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::ENOSPC);
            is_answer && query.prog_cnt > 0
        };
        (0..self.events.len() - 1).filter(|place| is_shared(&self.events[place + 1])).collect()
    }

    /// Whether there is anything to read.
    pub(super) fn has_records(&self) -> bool {
        self.map.tail() < self.map.head()
    }

    /// Passes every available record to `each`: type, `misc` bits and body.
    pub(super) fn drain(&mut self, mut each: impl FnMut(u32, u16, &[u8])) {
        let head = self.map.head();
        let mut tail = self.map.tail();
        while tail < head {
            let mut header = [0; 8];
            self.map.copy(tail, &mut header);
            let [k0, k1, k2, k3, m0, m1, s0, s1] = header;
            let size = usize::from(u16::from_ne_bytes([s0, s1]));
            // The kernel writes whole records; an impossible size means that the ring cannot be
            // trusted, and its content is discarded rather than misread.
            if size < header.len() || tail + size as u64 > head {
                tail = head;
                break;
            }
            self.scratch.resize(size - header.len(), 0);
            self.map.copy(tail + header.len() as u64, &mut self.scratch);
            each(u32::from_ne_bytes([k0, k1, k2, k3]), u16::from_ne_bytes([m0, m1]), &self.scratch);
            tail += size as u64;
        }
        self.map.set_tail(tail);
    }
}

/// Size of one ring in bytes: a power of two, such that all rings of a host with up to 64 CPUs have
/// this total.
fn ring_bytes(cpus: usize, all_bytes: usize) -> usize {
    let share = all_bytes / cpus.max(1).next_power_of_two();
    share.clamp(4 * SMALLEST_RING_BYTES, all_bytes / 2)
}

fn attributes(kind: perf::perf_type_id, config: u64) -> perf::perf_event_attr {
    let mut attributes = perf::perf_event_attr {
        type_: kind,
        size: size_of::<perf::perf_event_attr>() as u32,
        config,
        sample_type: u64::from(
            perf::PERF_SAMPLE_TID | perf::PERF_SAMPLE_TIME | perf::PERF_SAMPLE_CPU | perf::PERF_SAMPLE_RAW,
        ),
        clockid: libc::CLOCK_MONOTONIC,
        ..perf::perf_event_attr::default()
    };
    // The ring is read by the clock, and earlier only if it is filling up: waking the reader for
    // each record would slow down the processes that cause them.
    attributes.__bindgen_anon_2.wakeup_watermark = WAKEUP_BYTES;
    attributes.set_watermark(1);
    attributes.set_use_clockid(1);
    attributes.set_sample_id_all(1);
    attributes
}

fn open_event(attributes: &mut perf::perf_event_attr, cpu: i32) -> io::Result<OwnedFd> {
    let flags = libc::c_ulong::from(perf::PERF_FLAG_FD_CLOEXEC);
    // SAFETY: the attributes are a valid structure of the size they state.
    let fd = unsafe { perf_event_open_sys::perf_event_open(attributes, -1, cpu, -1, flags) };
    check(fd)?;
    // SAFETY: the call returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The memory shared with the kernel: a page with the positions, then the ring itself.
struct Mapping {
    base: *mut u8,
    page_bytes: usize,
    ring_bytes: usize,
}

// SAFETY: the mapping belongs to this value alone; access is synchronized with the kernel by the
// positions' memory ordering.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(fd: RawFd, wanted_bytes: usize) -> io::Result<Self> {
        // SAFETY: `sysconf` has no preconditions.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let mut ring_bytes = wanted_bytes;
        loop {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let bytes = page_bytes + ring_bytes;
            // SAFETY: a new mapping of a descriptor that is open; the result is checked.
            let base =
                unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, libc::MAP_SHARED, fd, 0) };
            if base != libc::MAP_FAILED {
                return Ok(Self { base: base.cast(), page_bytes, ring_bytes });
            }
            let error = io::Error::last_os_error();
            // Locked memory is limited without CAP_IPC_LOCK: use less.
            if ring_bytes <= SMALLEST_RING_BYTES || error.raw_os_error() != Some(libc::EPERM) {
                return Err(error);
            }
            ring_bytes /= 2;
        }
    }

    /// The kernel's write position.
    fn head(&self) -> u64 {
        // SAFETY: the first page is a `perf_event_mmap_page`, whose `data_head` is aligned.
        let head = unsafe { &*(&raw const (*self.page()).data_head).cast::<AtomicU64>() };
        head.load(Ordering::Acquire)
    }

    /// This process's read position.
    fn tail(&self) -> u64 {
        // SAFETY: as for `head`; only this process writes it.
        let tail = unsafe { &*(&raw const (*self.page()).data_tail).cast::<AtomicU64>() };
        tail.load(Ordering::Relaxed)
    }

    /// Returns the memory before this position to the kernel.
    fn set_tail(&self, position: u64) {
        // SAFETY: as for `head`.
        let tail = unsafe { &*(&raw const (*self.page()).data_tail).cast::<AtomicU64>() };
        tail.store(position, Ordering::Release);
    }

    fn page(&self) -> *const perf::perf_event_mmap_page {
        self.base.cast()
    }

    /// Copies from a ring position, wrapping around its end if needed.
    fn copy(&self, position: u64, target: &mut [u8]) {
        let start = (position % self.ring_bytes as u64) as usize;
        let first = target.len().min(self.ring_bytes - start);
        // SAFETY: both parts lie within the ring, between tail and head, where the kernel does not
        // write until the tail advances.
        unsafe {
            let ring = self.base.add(self.page_bytes);
            std::ptr::copy_nonoverlapping(ring.add(start), target.as_mut_ptr(), first);
            std::ptr::copy_nonoverlapping(ring, target[first..].as_mut_ptr(), target.len() - first);
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, and it is not used any more.
        unsafe { libc::munmap(self.base.cast(), self.page_bytes + self.ring_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_cpus_share_the_memory() {
        let kib = |cpus| ring_bytes(cpus, ALL_RINGS_BYTES) >> 10;
        assert_eq!([1, 2, 3, 4, 16].map(kib), [8192, 8192, 4096, 4096, 1024]);
        assert_eq!(kib(64) * 64, ALL_RINGS_BYTES >> 10);
        assert_eq!(ring_bytes(2, LIVES_BYTES), LIVES_BYTES / 2);
        assert!(ring_bytes(1000, LIVES_BYTES).is_power_of_two());
    }
}
