//! The `bpf` system call: maps, programs, and attaching them.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use super::code::Code;

/// `BPF_MAP_CREATE`, `BPF_MAP_LOOKUP_ELEM`, `BPF_MAP_UPDATE_ELEM`, `BPF_PROG_LOAD`, `BPF_OBJ_GET_INFO_BY_FD`,
/// `BPF_RAW_TRACEPOINT_OPEN`.
const MAP_CREATE: libc::c_int = 0;
const MAP_LOOKUP: libc::c_int = 1;
const MAP_UPDATE: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const INFO_BY_DESCRIPTOR: libc::c_int = 15;
const RAW_TRACEPOINT_OPEN: libc::c_int = 17;

/// Size of `struct bpf_prog_info` in words of eight bytes, and the index of `recursion_misses` in
/// it, which stays 0 on kernels before 5.12.
const INFO_WORDS: usize = 32;
const MISSES: usize = 26;

/// `BPF_MAP_TYPE_ARRAY`, `BPF_MAP_TYPE_LRU_HASH`, `BPF_MAP_TYPE_RINGBUF`.
const ARRAY: u32 = 2;
const LRU_HASH: u32 = 9;
const RING: u32 = 27;

/// `BPF_PROG_TYPE_TRACING`, attached as `BPF_TRACE_RAW_TP`.
const TRACING: u32 = 26;
const TRACE_RAW_TRACEPOINT: u32 = 23;

/// Buffer size in bytes for the verifier's log.
const LOG_BYTES: usize = 64 << 10;

/// The arguments of `BPF_PROG_LOAD` that are used (`union bpf_attr`).
#[repr(C)]
#[derive(Default)]
struct LoadArguments {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_bytes: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_kind: u32,
    types: [u32; 2],
    functions: u64,
    function_count: u32,
    line_bytes: u32,
    lines: u64,
    line_count: u32,
    attach_to: u32,
}

/// A program attached to its tracepoint; it runs until this is dropped.
pub(super) struct Attached {
    program: OwnedFd,
    _link: OwnedFd,
}

impl Attached {
    /// How often the kernel skipped the program because it was already running on that CPU, for
    /// example when an interrupt came in between.
    pub(super) fn missed(&self) -> u64 {
        let mut info = [0_u64; INFO_WORDS];
        let descriptor_and_length = self.program.as_raw_fd() as u64 | ((size_of_val(&info) as u64) << 32);
        let mut arguments = [descriptor_and_length, info.as_mut_ptr() as u64];
        if cfg!(target_endian = "big") {
            arguments[0] = arguments[0].rotate_left(32);
        }
        // SAFETY: the kernel writes at most the stated length into the words, which outlive the call.
        let told = unsafe { call(INFO_BY_DESCRIPTOR, &mut arguments) };
        if told.is_ok() { info[MISSES] } else { 0 }
    }
}

/// Creates a ring buffer of this size, a power of two.
pub(super) fn new_ring(bytes: u32) -> io::Result<OwnedFd> {
    descriptor(MAP_CREATE, &mut [RING, 0, 0, bytes])
}

/// Creates a counter that starts at 0.
pub(super) fn new_counter() -> io::Result<OwnedFd> {
    new_memory(8)
}

/// Creates memory of this size for programs, filled with zeros.
pub(super) fn new_memory(bytes: u32) -> io::Result<OwnedFd> {
    descriptor(MAP_CREATE, &mut [ARRAY, 4, bytes, 1])
}

/// The value of a counter; `None` if it cannot be read.
pub(super) fn counter(map: &OwnedFd) -> Option<u64> {
    let (key, mut value) = (0_u32, 0_u64);
    let mut arguments = [map.as_raw_fd() as u64, (&raw const key) as u64, (&raw mut value) as u64, 0];
    // SAFETY: key and value are of the sizes that the map was made with, and outlive the call.
    unsafe { call(MAP_LOOKUP, &mut arguments) }.ok()?;
    Some(value)
}

/// Creates a set of keys that evicts the least recently used.
pub(super) fn new_cache(key_bytes: u32, most: u32) -> io::Result<OwnedFd> {
    descriptor(MAP_CREATE, &mut [LRU_HASH, key_bytes, 4, most])
}

/// Adds a key to a set; if that fails, the kernel reports it again.
pub(super) fn remember(map: &OwnedFd, key: &[u8]) {
    let value = 1_u32;
    let mut arguments = [map.as_raw_fd() as u64, key.as_ptr() as u64, (&raw const value) as u64, 0];
    // SAFETY: key and value are of the sizes that the map was made with, and outlive the call.
    let _ = unsafe { call(MAP_UPDATE, &mut arguments) };
}

/// Loads a program into the kernel, which verifies it, and attaches it to a tracepoint.
///
/// # Errors
/// A sentence with the last line of the verifier's log.
pub(super) fn attach(name: &str, code: &Code, tracepoint: u32) -> Result<Attached, String> {
    let program = load(name, code, tracepoint)?;
    let mut arguments = [0_u64, program.as_raw_fd() as u64];
    let link = descriptor(RAW_TRACEPOINT_OPEN, &mut arguments);
    let link = link.map_err(|e| format!("{name} cannot be attached: {e}"))?;
    Ok(Attached { program, _link: link })
}

fn load(name: &str, code: &Code, tracepoint: u32) -> Result<OwnedFd, String> {
    let mut arguments = LoadArguments {
        kind: TRACING,
        instructions: code.words().len() as u32,
        code: code.words().as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        attach_kind: TRACE_RAW_TRACEPOINT,
        attach_to: tracepoint,
        ..LoadArguments::default()
    };
    for (to, from) in arguments.name.iter_mut().zip(name.bytes().take(15)) {
        *to = from;
    }
    let error = match descriptor(PROG_LOAD, &mut arguments) {
        Ok(program) => return Ok(program),
        Err(error) => error,
    };
    // A log takes time, so it is requested only after a failure.
    let mut log = vec![0_u8; LOG_BYTES];
    (arguments.log_level, arguments.log_bytes, arguments.log) =
        (1, LOG_BYTES as u32, log.as_mut_ptr() as u64);
    let _ = descriptor(PROG_LOAD, &mut arguments);
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let said = String::from_utf8_lossy(&log[..end]).into_owned();
    let reason = said.lines().rfind(|line| !line.starts_with("processed")).unwrap_or_default();
    Err(format!("the kernel refused {name} ({error}): {reason}"))
}

fn descriptor<T>(command: libc::c_int, arguments: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: everything that the arguments point to outlives the call.
    let fd = unsafe { call(command, arguments) }?;
    // SAFETY: the call returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// # Safety
/// Addresses in the arguments must be valid for what the command does with them.
unsafe fn call<T>(command: libc::c_int, arguments: &mut T) -> io::Result<libc::c_int> {
    let place: *mut T = arguments;
    // SAFETY: the arguments are as long as stated; the caller guarantees the addresses in them.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, place, size_of::<T>()) };
    if result >= 0 { Ok(result as libc::c_int) } else { Err(io::Error::last_os_error()) }
}
