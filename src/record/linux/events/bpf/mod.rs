//! TCP sockets as seen by two small eBPF programs (process, time and final counters), and started
//! programs as seen by a third one.
//!
//! The programs are assembled here, instruction by instruction, for the structure layout of the
//! running kernel, so that neither a compiler nor a prebuilt object is needed. They only read, and
//! are unloaded when the recorder ends. Compared with perf tracepoints they cost the connecting
//! process less, know each socket's cookie and network namespace at once and its counters before a
//! reset clears them, and are not silenced by another program on the same tracepoint.

mod btf;
mod code;
mod exec_probe;
mod exec_program;
mod programs;
mod record;
mod ring;
mod system;

use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt as _;

use super::kernel_event::KernelEvent;
use btf::Btf;
pub(super) use exec_probe::{ExecProbe, FileKey, Started};
use programs::{Layout, Maps};
use ring::Ring;
use system::Attached;

/// Size of the ring in bytes. Ten thousand connections per second write about 20 MB, and the ring
/// is read every 40 ms. All of it counts as the recorder's memory from the start.
const RING_BYTES: usize = 4 << 20;

/// Inode of the initial PID namespace (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The programs, and the ring that they write to.
pub(super) struct SocketProbe {
    ring: Ring,
    lost: OwnedFd,
    attached: [Attached; 2],
}

impl SocketProbe {
    /// Starts the programs, and the one that reports started programs if the kernel supports it.
    ///
    /// # Errors
    /// A sentence: without `CAP_BPF` and `CAP_PERFMON`, on a kernel before 5.12, or on one without BTF.
    pub(super) fn start() -> Result<(Self, Option<ExecProbe>), String> {
        // The programs report process ids of the initial namespace; in any other namespace they
        // mean other processes.
        let own = fs::metadata("/proc/self/ns/pid").map(|facts| facts.ino()).ok();
        if own != Some(FIRST_PID_NAMESPACE) {
            return Err("the recorder runs in a PID namespace of its own".to_owned());
        }
        let btf = Btf::read().map_err(|e| format!("the kernel does not describe its types: {e}"))?;
        let layout = Layout::new(&btf)?;
        let refused =
            |e| format!("the kernel refused its programs (they need root, or CAP_BPF and CAP_PERFMON): {e}");
        let ring = Ring::new(RING_BYTES).map_err(refused)?;
        let lost = system::new_counter().map_err(refused)?;
        // The programs keep it.
        let dead = system::new_memory(programs::DEAD_BYTES).map_err(refused)?;
        let maps = Maps { ring: ring.as_raw_fd(), lost: lost.as_raw_fd(), dead: dead.as_raw_fd() };
        let destroyed = programs::destroy_program(&layout, maps);
        let states = programs::state_program(&layout, maps);
        let attached = [
            system::attach("netrec_destroy", &destroyed, layout.destroy_tracepoint)?,
            system::attach("netrec_state", &states, layout.state_tracepoint)?,
        ];
        let execs = ExecProbe::start(&btf).ok();
        Ok((Self { ring, lost, attached }, execs))
    }

    /// The descriptor that can be polled.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// Whether there is anything to read.
    pub(super) fn has_records(&self) -> bool {
        self.ring.has_records()
    }

    /// Passes every available event to `each`.
    pub(super) fn drain(&mut self, mut each: impl FnMut(KernelEvent)) {
        self.ring.drain(|record| {
            if let Some(event) = record::decode(record) {
                each(event);
            }
        });
    }

    /// Records so far that did not fit into the ring, and events for which the kernel did not run
    /// the programs.
    pub(super) fn lost(&self) -> u64 {
        let missed: u64 = self.attached.iter().map(Attached::missed).sum();
        system::counter(&self.lost).unwrap_or(0) + missed
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::super::kernel_event::What;
    use super::*;
    use crate::capture::TcpState;

    #[test]
    fn a_connection_of_this_process_is_told_with_its_final_counters() {
        let mut probe = match SocketProbe::start() {
            Ok((probe, _)) => probe,
            Err(reason) => {
                println!("skipped: {reason}");
                return;
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let client_port = client.local_addr().unwrap().port();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[1; 12_345]).unwrap();
        server.read_exact(&mut [0; 12_345]).unwrap();
        drop(client);
        drop(server);
        let mut changes = Vec::new();
        for _ in 0..100 {
            probe.drain(|event| {
                if let What::State(change) = &event.what
                    && [change.local.1, change.remote.1].contains(&port)
                {
                    changes.push((event.pid, change.clone()));
                }
            });
            if changes.iter().filter(|(_, change)| change.to == TcpState::Close).count() == 2 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let own = std::process::id();
        let netns = fs::metadata("/proc/self/ns/net").unwrap().ino();
        let facts = |change: &super::super::kernel_event::StateChange| change.facts.unwrap();
        let connects = changes.iter().find(|(_, change)| change.to == TcpState::SynSent).unwrap();
        assert_eq!((connects.0, connects.1.in_interrupt), (own, false));
        assert!(facts(&connects.1).cookie != 0 && facts(&connects.1).netns == netns);
        let of_client = |change: &super::super::kernel_event::StateChange| change.local.1 == client_port;
        let last =
            changes.iter().find(|(_, change)| change.to == TcpState::Close && of_client(change)).unwrap();
        assert_eq!(facts(&last.1).cookie, facts(&connects.1).cookie);
        assert_eq!(facts(&last.1).counters.unwrap().bytes_sent, Some(12_345));
        let accepted =
            changes.iter().find(|(_, change)| change.to == TcpState::Close && !of_client(change)).unwrap();
        assert_eq!(facts(&accepted.1).counters.unwrap().bytes_received, Some(12_345), "and no FIN");
        assert_eq!(probe.lost(), 0);
    }
}
