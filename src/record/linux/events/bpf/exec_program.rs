//! The eBPF program that runs at each exec and records who runs what, with which arguments. It
//! wakes the reader only for a new executable or network namespace, so that a host that starts the
//! same programs over and over costs next to nothing.

use std::os::fd::RawFd;

use super::btf::Btf;
use super::code::{Code, Helper, Reg, Width};

/// Offsets in a record.
pub(super) mod place {
    pub(in super::super) const TIME: usize = 0;
    pub(in super::super) const PID: usize = 8;
    pub(in super::super) const UID: usize = 12;
    pub(in super::super) const NETNS: usize = 16;
    /// Length of the arguments, and how much of it is in the record.
    pub(in super::super) const LENGTH: usize = 24;
    pub(in super::super) const STORED: usize = 28;
    pub(in super::super) const KEY: usize = 32;
    pub(in super::super) const ARGUMENTS: usize = 64;
    pub(in super::super) const END: usize = 1024;
}

/// Size of an executable's key in bytes: device, inode, and time of the last change.
pub(super) const KEY_BYTES: usize = 32;

/// Maximum number of known executables and namespaces.
pub(super) const MOST_KNOWN: u32 = 8192;

/// `BPF_RB_NO_WAKEUP`, `BPF_RB_FORCE_WAKEUP`.
const QUIETLY: i32 = 1;
const AT_ONCE: i32 = 2;

const RESULT: Reg = Reg(0);
const A: Reg = Reg(1);
const B: Reg = Reg(2);
const C: Reg = Reg(3);
const CONTEXT: Reg = Reg(6);
const RECORD: Reg = Reg(7);
const WAKING: Reg = Reg(9);
const FRAME_END: Reg = Reg(10);

/// Stack offsets of the executable's key and the namespace's key.
const FILE_KEY: i16 = -(KEY_BYTES as i16);
const NETNS_KEY: i16 = 2 * FILE_KEY;

/// Offsets in this kernel of what the program needs.
pub(super) struct ExecLayout {
    file: i16,
    inode: i16,
    number: i16,
    super_block: i16,
    device: i16,
    changed_s: i16,
    changed_ns: i16,
    nsproxy: i16,
    net: i16,
    net_inode: i16,
    cred: i16,
    euid: i16,
    mm: i16,
    arguments: i16,
    arguments_end: i16,
    pub(super) tracepoint: u32,
}

impl ExecLayout {
    /// Builds the layout from the kernel's type information.
    ///
    /// # Errors
    /// A sentence: what is missing.
    pub(super) fn new(btf: &Btf) -> Result<Self, String> {
        let any = |structure: &str, fields: &[&str]| {
            let found = fields.iter().find_map(|field| btf.offset(structure, field));
            found.ok_or_else(|| format!("this kernel has no {structure}.{}", fields.concat()))
        };
        let one = |structure: &str, field: &str| any(structure, &[field]);
        Ok(Self {
            file: one("linux_binprm", "file")?,
            inode: one("file", "f_inode")?,
            number: one("inode", "i_ino")?,
            super_block: one("inode", "i_sb")?,
            device: one("super_block", "s_dev")?,
            changed_s: any("inode", &["i_ctime_sec", "__i_ctime.tv_sec", "i_ctime.tv_sec"])?,
            changed_ns: any("inode", &["i_ctime_nsec", "__i_ctime.tv_nsec", "i_ctime.tv_nsec"])?,
            nsproxy: one("task_struct", "nsproxy")?,
            net: one("nsproxy", "net_ns")?,
            net_inode: one("net", "ns.inum")?,
            cred: one("task_struct", "cred")?,
            euid: one("cred", "euid")?,
            mm: one("task_struct", "mm")?,
            arguments: one("mm_struct", "arg_start")?,
            arguments_end: one("mm_struct", "arg_end")?,
            tracepoint: btf
                .typedef("btf_trace_sched_process_exec")
                .ok_or("this kernel has no tracepoint sched_process_exec")?,
        })
    }
}

/// The maps that the program uses.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExecMaps {
    pub(super) ring: RawFd,
    pub(super) lost: RawFd,
    /// The set of known keys.
    pub(super) known: RawFd,
}

/// The key of a network namespace.
pub(super) fn netns_key(netns: u32) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&u64::from(netns).to_ne_bytes());
    // No file has a change time this late.
    key[24..].copy_from_slice(&u64::MAX.to_ne_bytes());
    key
}

/// Runs at each exec: `sched_process_exec(task, old_pid, bprm)`.
pub(super) fn exec_program(layout: &ExecLayout, maps: ExecMaps) -> Code {
    let is_known = Code::default().set(WAKING, QUIETLY);
    let is_new = Code::default().set(WAKING, AT_ONCE);
    let lost = Code::default().map_value(A, maps.lost).set(B, 1).add_to_memory(A, B).exit();
    let code = keys(Code::default().copy(CONTEXT, A), layout).set(WAKING, AT_ONCE);
    let code = look_up(code, maps, FILE_KEY).if_not_equal(RESULT, 0, &is_known);
    let code = look_up(code, maps, NETNS_KEY)
        .if_equal(RESULT, 0, &is_new)
        .map(A, maps.ring)
        .set(B, place::END as i32)
        .set(C, 0)
        .call(Helper::RingbufReserve)
        .if_equal(RESULT, 0, &lost)
        .copy(RECORD, RESULT);
    arguments(facts(code, layout), layout).copy(A, RECORD).copy(B, WAKING).call(Helper::RingbufSubmit).exit()
}

/// Builds the keys on the stack.
fn keys(code: Code, layout: &ExecLayout) -> Code {
    code.load(Width::Double, A, CONTEXT, 16)
        .load(Width::Double, A, A, layout.file)
        .load(Width::Double, A, A, layout.inode)
        .load(Width::Double, B, A, layout.number)
        .store(Width::Double, FRAME_END, FILE_KEY + 8, B)
        .load(Width::Double, B, A, layout.changed_s)
        .store(Width::Double, FRAME_END, FILE_KEY + 16, B)
        .load(Width::Word, B, A, layout.changed_ns)
        // The highest bit marks that the value was queried.
        .and(B, i32::MAX)
        .store(Width::Double, FRAME_END, FILE_KEY + 24, B)
        .load(Width::Double, A, A, layout.super_block)
        .load(Width::Word, B, A, layout.device)
        .store(Width::Double, FRAME_END, FILE_KEY, B)
        .load(Width::Double, A, CONTEXT, 0)
        .load(Width::Double, A, A, layout.nsproxy)
        .load(Width::Double, A, A, layout.net)
        .load(Width::Word, B, A, layout.net_inode)
        .store(Width::Double, FRAME_END, NETNS_KEY, B)
        .store_value(Width::Double, FRAME_END, NETNS_KEY + 8, 0)
        .store_value(Width::Double, FRAME_END, NETNS_KEY + 16, 0)
        .store_value(Width::Double, FRAME_END, NETNS_KEY + 24, -1)
}

fn look_up(code: Code, maps: ExecMaps, key: i16) -> Code {
    code.map(A, maps.known).copy(B, FRAME_END).add(B, key.into()).call(Helper::MapLookup)
}

/// Writes process, time and user into the record.
fn facts(code: Code, layout: &ExecLayout) -> Code {
    let mut code = code
        .call(Helper::KtimeGetNs)
        .store(Width::Double, RECORD, place::TIME as i16, RESULT)
        .call(Helper::GetCurrentPidTgid)
        .shift_right(RESULT, 32)
        .store(Width::Word, RECORD, place::PID as i16, RESULT)
        .load(Width::Double, A, CONTEXT, 0)
        .load(Width::Double, A, A, layout.cred)
        .load(Width::Word, B, A, layout.euid)
        .store(Width::Word, RECORD, place::UID as i16, B)
        .load(Width::Double, B, FRAME_END, NETNS_KEY)
        .store(Width::Double, RECORD, place::NETNS as i16, B);
    for part in (0..KEY_BYTES as i16).step_by(8) {
        code = code.load(Width::Double, B, FRAME_END, FILE_KEY + part).store(
            Width::Double,
            RECORD,
            place::KEY as i16 + part,
            B,
        );
    }
    code
}

/// Copies the arguments, as many as fit; the reader reads longer ones itself.
fn arguments(code: Code, layout: &ExecLayout) -> Code {
    let room = (place::END - place::ARGUMENTS) as i32;
    let cut = Code::default().set(B, room).set(WAKING, AT_ONCE);
    let unread =
        Code::default().store_value(Width::Word, RECORD, place::STORED as i16, 0).set(WAKING, AT_ONCE);
    code.load(Width::Double, A, CONTEXT, 0)
        .load(Width::Double, A, A, layout.mm)
        .load(Width::Double, C, A, layout.arguments)
        .load(Width::Double, B, A, layout.arguments_end)
        .subtract(B, C)
        .store(Width::Word, RECORD, place::LENGTH as i16, B)
        .if_greater(B, room, &cut)
        .store(Width::Word, RECORD, place::STORED as i16, B)
        .copy(A, RECORD)
        .add(A, place::ARGUMENTS as i32)
        .call(Helper::ProbeReadUser)
        .if_not_equal(RESULT, 0, &unread)
}
