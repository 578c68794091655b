//! How the allocator gives memory back.

/// Gives back what is free in the heap, where much that is small has just been freed.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no memory is passed; only what nobody holds is given back.
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
/// By itself the allocator gives back what is more than 128 KiB there: of what a batch of rows
/// takes, again with each batch.
pub(crate) fn keep_free(bytes: i32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no memory is passed; the call sets a number of the allocator.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}

/// Lets all threads share one heap, and allocations of so many bytes and more be mappings of their
/// own, which go back to the system when they are freed; the end of the heap does when as much is free.
///
/// By itself the allocator makes a heap per thread and raises that limit to 32 MiB with what is
/// freed: more memory is kept than is ever in use. Nothing here allocates so often that threads
/// would wait for each other.
pub(crate) fn give_back_from(bytes: i32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no memory is passed; the calls set numbers of the allocator.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, bytes);
        libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}
