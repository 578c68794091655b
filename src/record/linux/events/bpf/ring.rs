//! The ring buffer that programs in the kernel write to, read through shared memory
//! (`Documentation/bpf/ringbuf.rst`).

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::system;

/// Bits of a record's length: it is being written, it was given up.
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

const HEADER_BYTES: u64 = 8;

/// A ring, and the memory that it shares with the kernel: a page with how far it was read, a page with
/// how far it was written, and the records, twice, so that none of them wraps around.
pub(super) struct Ring {
    map: OwnedFd,
    read: Mapping,
    written: Mapping,
    page_bytes: usize,
    data_bytes: usize,
}

impl Ring {
    /// Makes a ring of so many bytes, a power of two and of pages.
    pub(super) fn new(data_bytes: usize) -> io::Result<Self> {
        let map = system::new_ring(data_bytes as u32)?;
        // SAFETY: `sysconf` has no preconditions.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let read = Mapping::new(&map, page_bytes, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        let written = Mapping::new(&map, page_bytes + 2 * data_bytes, libc::PROT_READ, page_bytes)?;
        Ok(Self { map, read, written, page_bytes, data_bytes })
    }

    /// Descriptor of the map, for programs that write to it and for those who wait for them.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.map.as_raw_fd()
    }

    /// Whether there is anything to read.
    pub(super) fn has_records(&self) -> bool {
        self.read.counter().load(Ordering::Relaxed) < self.written.counter().load(Ordering::Acquire)
    }

    /// Hands every record that is whole to `each`.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        let end = self.written.counter().load(Ordering::Acquire);
        let mut at = self.read.counter().load(Ordering::Relaxed);
        while at < end {
            let place = (at as usize & (self.data_bytes - 1)) + self.page_bytes;
            let length = self.length_at(place).load(Ordering::Acquire);
            let bytes = u64::from(length & !(BUSY | DISCARDED));
            if length & BUSY != 0 || bytes > self.data_bytes as u64 {
                break;
            }
            if length & DISCARDED == 0 {
                // SAFETY: the record lies behind its header, within the two copies of the ring; the kernel
                // writes there again only after the position below was moved.
                let record = unsafe {
                    let start = self.written.base.add(place + HEADER_BYTES as usize);
                    std::slice::from_raw_parts(start, bytes as usize)
                };
                each(record);
            }
            at += (bytes + HEADER_BYTES).next_multiple_of(8);
            self.read.counter().store(at, Ordering::Release);
        }
    }

    /// The length of the record whose header lies here, in bytes from the beginning of the mapping.
    #[expect(clippy::cast_ptr_alignment, reason = "headers are aligned to eight bytes")]
    fn length_at(&self, place: usize) -> &AtomicU32 {
        // SAFETY: headers are aligned to eight bytes, and lie within the first copy of the ring.
        unsafe { &*self.written.base.add(place).cast::<AtomicU32>() }
    }
}

/// Memory shared with the kernel, which begins with a counter.
struct Mapping {
    base: *mut u8,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone; the kernel's side is synchronised by the counters'
// memory ordering.
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
        // SAFETY: the mapping begins with a page that begins with the counter, and both live as long.
        unsafe { &*self.base.cast::<AtomicU64>() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, and it is not used any more.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}
