//! How the allocator gives memory back.

/// Lets allocations of so many bytes and more be mappings of their own, which go back to the system
/// when they are freed. By itself the allocator raises that limit to 32 MiB with what is freed, and
/// keeps up to twice as much per thread: more memory than is ever in use.
pub(crate) fn give_back_from(bytes: i32) {
    #[cfg(target_env = "gnu")]
    // SAFETY: no memory is passed; the call sets a number of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, bytes);
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = bytes;
}
