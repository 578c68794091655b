//! Owners of packets, as some programs write them into pcapng.
//!
//! macOS' tcpdump lists processes in blocks of their own, to which packets refer; ptcpdump writes the
//! process into the comment of a packet. Sources: Wireshark's `file-pcapng-darwin.c`, and ptcpdump's
//! documentation.

use std::sync::Arc;

use crate::capture::Owner;
use crate::import::flow::FrameOwner;

/// Processes of a section that are kept.
const MOST_PROCESSES: usize = 100_000;

/// Characters of a text that are kept.
const MOST_CHARS: usize = 4096;

/// The owners that a section names, and that of the packet which was read last.
#[derive(Debug, Default)]
pub(super) struct Owners {
    processes: Vec<Option<Arc<Owner>>>,
    /// The flags of the packet, and the number of its process among those above.
    pub(super) flags: u32,
    pub(super) process: Option<u32>,
    /// The comment that named the last owner, and that owner.
    comment: Vec<u8>,
    commented: Option<Arc<Owner>>,
    has_comment: bool,
}

impl Owners {
    /// Another packet comes.
    #[inline]
    pub(super) fn begin_packet(&mut self) {
        (self.flags, self.process, self.has_comment) = (0, None, false);
    }

    /// Adds the next process of the section. The number counts also where it says nothing.
    pub(super) fn add_process(&mut self, pid: Option<u32>, name: &[u8]) {
        if self.processes.len() >= MOST_PROCESSES {
            return;
        }
        let pid = pid.filter(|pid| (1..=i32::MAX as u32).contains(pid));
        let owner = Owner { pid, process_name: text(&String::from_utf8_lossy(name)), ..Owner::default() };
        self.processes.push(pid.map(|_| Arc::new(owner)));
    }

    /// Takes a comment, which may name an owner.
    pub(super) fn take_comment(&mut self, comment: &[u8]) {
        if !comment.starts_with(b"PID: ") {
            return;
        }
        if self.comment != comment {
            self.comment = comment.to_vec();
            self.commented = owner_of_comment(&String::from_utf8_lossy(comment)).map(Arc::new);
        }
        self.has_comment = true;
    }

    /// The owner of the packet.
    pub(super) fn of_packet(&self) -> Option<FrameOwner> {
        let owner = match self.process {
            Some(number) => self.processes.get(number as usize)?.as_ref(),
            None => self.commented.as_ref().filter(|_| self.has_comment),
        };
        // Bits 0 and 1: inbound and outbound.
        let is_outgoing = match self.flags & 3 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        };
        Some(FrameOwner { owner: Arc::clone(owner?), is_outgoing })
    }
}

/// `PID: 1234`, `Cmd: /usr/bin/curl`, `Args: curl example.com`, `UserId: 1000`, `ParentPID: 500`,
/// `ParentCmd: /usr/bin/bash`, each on a line of its own.
fn owner_of_comment(comment: &str) -> Option<Owner> {
    let line = |name: &str| {
        comment.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).and_then(text)
    };
    let number = |name: &str| line(name)?.parse::<u32>().ok();
    let file_name = |path: String| path.rsplit('/').next().map(str::to_owned);
    let exe = line("Cmd");
    Some(Owner {
        pid: Some(number("PID").filter(|pid| *pid > 0)?),
        ppid: number("ParentPID"),
        uid: number("UserId"),
        process_name: exe.clone().and_then(file_name),
        exe,
        cmdline: line("Args"),
        parent_name: line("ParentCmd").and_then(file_name),
        ..Owner::default()
    })
}

/// A text, bounded; none if it is empty.
fn text(text: &str) -> Option<String> {
    let text: String = text.trim_matches(['\0', ' ']).chars().take(MOST_CHARS).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_number_or_in_the_comment() {
        let mut owners = Owners::default();
        owners.add_process(Some(0), b"kernel_task");
        owners.add_process(Some(77), b"curl\0");
        owners.begin_packet();
        (owners.process, owners.flags) = (Some(1), 2);
        let found = owners.of_packet().unwrap();
        assert_eq!((found.owner.pid, found.owner.process_name.as_deref()), (Some(77), Some("curl")));
        assert_eq!(found.is_outgoing, Some(true));
        for number in [0, 2, u32::MAX] {
            owners.process = Some(number);
            assert_eq!(owners.of_packet(), None);
        }
        owners.begin_packet();
        owners.take_comment(
            b"PID: 1234\nCmd: /usr/bin/curl\nArgs: curl example.com\nParentPID: 5\nParentCmd: /bin/sh",
        );
        let found = owners.of_packet().unwrap().owner;
        assert_eq!(
            (found.pid, found.ppid, found.cmdline.as_deref()),
            (Some(1234), Some(5), Some("curl example.com"))
        );
        assert_eq!((found.process_name.as_deref(), found.parent_name.as_deref()), (Some("curl"), Some("sh")));
        owners.begin_packet();
        owners.take_comment(b"any other comment");
        assert_eq!(owners.of_packet(), None);
    }
}
