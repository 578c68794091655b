//! The ring buffer of eBPF programs, read through shared memory (`Documentation/bpf/ringbuf.rst`).

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::system;

/// Flag bits in a record's length: still being written, discarded.
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

const HEADER_BYTES: u64 = 8;

/// A ring and its memory shared with the kernel: a page with the read position, a page with the
/// write position, and the records.
pub(super) struct Ring {
    map: OwnedFd,
    read: Mapping,
    written: Mapping,
    page_bytes: usize,
    data_bytes: usize,
    /// Buffer for a record that wraps around the end. The kernel would map everything twice to
    /// avoid that, and count it twice as the recorder's memory.
    scratch: Vec<u8>,
}

impl Ring {
    /// Creates a ring of this size, which must be a power of two and a multiple of the page size.
    pub(super) fn new(data_bytes: usize) -> io::Result<Self> {
        let map = system::new_ring(data_bytes as u32)?;
        // SAFETY: `sysconf` has no preconditions.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let read = Mapping::new(&map, page_bytes, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        let written = Mapping::new(&map, page_bytes + data_bytes, libc::PROT_READ, page_bytes)?;
        Ok(Self { map, read, written, page_bytes, data_bytes, scratch: Vec::new() })
    }

    /// The map's descriptor, for the programs that write to it and for polling.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.map.as_raw_fd()
    }

    /// Whether there is anything to read.
    pub(super) fn has_records(&self) -> bool {
        self.read.counter().load(Ordering::Relaxed) < self.written.counter().load(Ordering::Acquire)
    }

    /// Passes every complete record to `each`.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        let end = self.written.counter().load(Ordering::Acquire);
        let mut at = self.read.counter().load(Ordering::Relaxed);
        while at < end {
            let length = self.length_at(self.place(at)).load(Ordering::Acquire);
            let bytes = (length & !(BUSY | DISCARDED)) as usize;
            if length & BUSY != 0 || bytes > self.data_bytes {
                break;
            }
            if length & DISCARDED == 0 {
                self.copy(at + HEADER_BYTES, bytes);
                each(&self.scratch);
            }
            at += (bytes as u64 + HEADER_BYTES).next_multiple_of(8);
            self.read.counter().store(at, Ordering::Release);
        }
    }

    /// The offset in the mapping of a ring position.
    fn place(&self, position: u64) -> usize {
        (position as usize & (self.data_bytes - 1)) + self.page_bytes
    }

    /// Copies a record, wrapping around the end of the ring if needed.
    fn copy(&mut self, position: u64, bytes: usize) {
        let start = self.place(position);
        let first = bytes.min(self.page_bytes + self.data_bytes - start);
        self.scratch.clear();
        // SAFETY: both parts lie within the ring, which the kernel overwrites only after it is told
        // the new read position.
        unsafe {
            let part = |at, length| std::slice::from_raw_parts(self.written.base.add(at), length);
            self.scratch.extend_from_slice(part(start, first));
            self.scratch.extend_from_slice(part(self.page_bytes, bytes - first));
        }
    }

    /// The length field of the record whose header is at this offset of the mapping.
    #[expect(clippy::cast_ptr_alignment, reason = "headers are aligned to eight bytes")]
    fn length_at(&self, place: usize) -> &AtomicU32 {
        // SAFETY: headers are aligned to eight bytes, and lie within the first copy of the ring.
        unsafe { &*self.written.base.add(place).cast::<AtomicU32>() }
    }
}

/// Memory shared with the kernel that begins with a counter.
struct Mapping {
    base: *mut u8,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone; access is synchronized with the kernel by the
// counters' memory ordering.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(map: &OwnedFd, bytes: usize, protection: libc::c_int, offset: usize) -> io::Result<Self> {
        // SAFETY: a new mapping of a descriptor that is open; the result is checked.
        let base = unsafe {
            let place = std::ptr::null_mut();
            libc::mmap(place, bytes, protection, libc::MAP_SHARED, map.as_raw_fd(), offset as libc::off_t)
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { base: base.cast(), bytes })
    }

    #[expect(clippy::cast_ptr_alignment, reason = "a mapping is aligned to a page")]
    fn counter(&self) -> &AtomicU64 {
        // SAFETY: the mapping begins with a page that begins with the counter, and lives as long as `self`.
        unsafe { &*self.base.cast::<AtomicU64>() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, and it is not used any more.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}
