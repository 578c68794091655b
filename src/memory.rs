//! How the allocator returns memory to the system.

/// Returns the free memory of the heap, after many small allocations were freed.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no memory is passed; only unused memory is returned.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Free bytes in the heap that are worth the time to give them back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MUCH: u32 = 8 << 20;

/// As [`give_back`], if there is much to give.
pub(crate) fn give_back_much() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: no memory is passed; the call counts what is free.
        let info = unsafe { libc::mallinfo() };
        // It wraps at 4 GiB, where once too seldom does no harm.
        if info.fordblks.cast_unsigned() >= MUCH {
            give_back();
        }
    }
}

/// Lets so many free bytes stay at the end of the heap, for what needs them again at once.
///
/// By default the allocator returns anything above 128 KiB there: part of what each batch of rows
/// needs again.
pub(crate) fn keep_free(bytes: i32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no memory is passed; the call sets a parameter of the allocator.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}

/// Makes all threads share one heap, and makes allocations of at least this size separate mappings,
/// which return to the system when freed; the end of the heap is trimmed at the same size.
///
/// By default the allocator creates a heap per thread, and freed blocks raise that threshold to 32
/// MiB: more memory is kept than is ever in use. Nothing here allocates so often that threads would
/// wait for each other.
pub(crate) fn give_back_from(bytes: i32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no memory is passed; the calls set parameters of the allocator.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, bytes);
        libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}
