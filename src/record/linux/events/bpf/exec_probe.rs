//! Programs at the moment of their start, reported by a small eBPF program.

use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use super::super::super::message::{piece, u32_at, u64_at};
use super::btf::Btf;
use super::exec_program::{self, ExecLayout, ExecMaps, KEY_BYTES, MOST_KNOWN, place};
use super::ring::Ring;
use super::system::{self, Attached};

/// Size of the ring in bytes, for a thousand programs.
const RING_BYTES: usize = 1 << 20;

/// Identifies an executable, and changes with its content.
pub(in super::super) type FileKey = [u8; KEY_BYTES];

/// A program that has just started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Started {
    /// Monotonic clock, ns.
    pub(in super::super) time_ns: u64,
    pub(in super::super) pid: u32,
    /// Effective user.
    pub(in super::super) uid: u32,
    /// Inode of the network namespace.
    pub(in super::super) netns: u32,
    pub(in super::super) file: FileKey,
    /// The arguments, each terminated by a zero; `None` if they could not be read.
    pub(in super::super) arguments: Option<Vec<u8>>,
    /// Whether the arguments are complete.
    pub(in super::super) is_whole: bool,
}

/// The eBPF program, and the ring that it writes to.
pub(in super::super) struct ExecProbe {
    ring: Ring,
    known: OwnedFd,
    lost: OwnedFd,
    attached: Attached,
}

impl ExecProbe {
    /// Starts the eBPF program.
    ///
    /// # Errors
    /// A sentence: what the kernel lacks or refuses.
    pub(super) fn start(btf: &Btf) -> Result<Self, String> {
        let layout = ExecLayout::new(btf)?;
        let refused = |e: std::io::Error| e.to_string();
        let ring = Ring::new(RING_BYTES).map_err(refused)?;
        let lost = system::new_counter().map_err(refused)?;
        let known = system::new_cache(KEY_BYTES as u32, MOST_KNOWN).map_err(refused)?;
        let maps = ExecMaps { ring: ring.as_raw_fd(), lost: lost.as_raw_fd(), known: known.as_raw_fd() };
        let program = exec_program::exec_program(&layout, maps);
        let attached = system::attach("netrec_exec", &program, layout.tracepoint)?;
        Ok(Self { ring, known, lost, attached })
    }

    /// The descriptor to poll for new records.
    pub(in super::super) fn as_raw_fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// The programs started since the last call.
    pub(in super::super) fn take(&mut self) -> Vec<Started> {
        let mut started = Vec::new();
        if self.ring.has_records() {
            self.ring.drain(|record| started.extend(decode(record)));
        }
        started
    }

    /// Number of programs not reported so far.
    pub(in super::super) fn lost(&self) -> u64 {
        system::counter(&self.lost).unwrap_or(0) + self.attached.missed()
    }

    /// From now on this executable wakes nobody.
    pub(in super::super) fn know_file(&self, file: &FileKey) {
        system::remember(&self.known, file);
    }

    /// From now on this network namespace wakes nobody.
    pub(in super::super) fn know_netns(&self, netns: u32) {
        system::remember(&self.known, &exec_program::netns_key(netns));
    }
}

fn decode(record: &[u8]) -> Option<Started> {
    let (length, stored) = (u32_at(record, place::LENGTH)?, u32_at(record, place::STORED)?);
    let end = place::ARGUMENTS.checked_add(stored as usize)?;
    let arguments = record.get(place::ARGUMENTS..end)?;
    Some(Started {
        time_ns: u64_at(record, place::TIME)?,
        pid: u32_at(record, place::PID)?,
        uid: u32_at(record, place::UID)?,
        netns: u32_at(record, place::NETNS)?,
        file: piece(record, place::KEY)?,
        arguments: (stored > 0).then(|| arguments.to_vec()),
        is_whole: length == stored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exec_is_told_with_its_arguments() {
        let probe = Btf::read().map_err(|e| e.to_string()).and_then(|btf| ExecProbe::start(&btf));
        let mut probe = match probe {
            Ok(probe) => probe,
            Err(reason) => {
                println!("skipped: {reason}");
                return;
            }
        };
        let long = "x".repeat(2 * place::END);
        let pids = ["short", &long].map(|argument| {
            let mut child = std::process::Command::new("true").arg(argument).spawn().unwrap();
            let pid = child.id();
            child.wait().unwrap();
            pid
        });
        let started = probe.take();
        let [short, long] = pids.map(|pid| started.iter().find(|one| one.pid == pid).unwrap());
        assert_eq!((short.arguments.as_deref(), short.is_whole), (Some(&b"true\0short\0"[..]), true));
        assert!(!long.is_whole && long.arguments.as_ref().is_some_and(|found| found.len() == 960));
        assert_eq!(short.file, long.file);
        // SAFETY: `geteuid` has no preconditions.
        assert_eq!(short.uid, unsafe { libc::geteuid() });
        let netns = std::fs::metadata("/proc/self/ns/net").unwrap();
        assert_eq!(u64::from(short.netns), std::os::unix::fs::MetadataExt::ino(&netns));
        // From now on the kernel keeps it until the ring is read.
        probe.know_file(&short.file);
        probe.know_netns(short.netns);
    }
}
