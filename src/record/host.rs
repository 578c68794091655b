//! The recorded host, behind a trait: the real ones and those of the tests.

use std::net::IpAddr;
use std::time::Duration;

use super::Timestamp;
use super::portable::PortableHost;
use crate::Result;
use crate::capture::{Row, SourceReport};

/// One tick, as passed to a host.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// Number of the snapshot, from 0.
    pub number: u32,
    /// When it began.
    pub moment: Timestamp,
    /// Time between ticks: the budget for the work of one tick.
    pub interval: Duration,
}

/// The counts of a tick, for the progress line and the final sentence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Sockets in this snapshot.
    pub sockets: u64,
    /// Processes that own at least one of them.
    pub processes: u64,
    /// Distinct sockets since the start of the recording.
    pub connections: u64,
}

/// Which optional sources to use: those that are off by default because they look at every packet,
/// and those that can be disabled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// Count the payload of each UDP socket and remote.
    pub udp_bytes: bool,
    /// Record names of remotes, from DNS answers and TLS server names.
    pub names: bool,
    /// Load no eBPF programs, where policy forbids them.
    pub no_bpf: bool,
}

impl SourceOptions {
    /// Whether packets must be captured.
    #[must_use]
    pub fn packets(self) -> bool {
        self.udp_bytes || self.names
    }
}

/// A host whose sockets can be listed.
pub trait Host {
    /// Appends one row per socket, each stamped with the tick.
    ///
    /// # Errors
    /// [`crate::Error::Record`] if the sockets cannot be listed at all; a socket known only in part
    /// is a row with nulls instead.
    fn observe(&mut self, tick: Tick, rows: &mut Vec<Row>) -> Result<Seen>;

    /// Appends the remaining events when the recording ends; no snapshot.
    fn finish(&mut self, _end: Timestamp, _rows: &mut Vec<Row>) {}

    /// Events that the system dropped before they were read; `None` without a source of events.
    fn events_lost(&self) -> Option<u64> {
        None
    }

    /// The status so far of every source that was tried.
    fn reports(&self) -> Vec<SourceReport>;

    /// The addresses that its interfaces have now.
    fn addresses(&self) -> Vec<IpAddr> {
        super::host_info::host_addresses()
    }
}

/// Opens this host by the best method available: the kernel's socket diagnostics on Linux, else the
/// interfaces that the system's own tools use.
///
/// # Errors
/// [`crate::Error::Record`] if its sockets cannot be listed by any method.
pub fn open_host(wanted: SourceOptions) -> Result<Box<dyn Host>> {
    #[cfg(target_os = "linux")]
    let reason = match super::linux::LinuxHost::open(wanted) {
        Ok(host) => return Ok(Box::new(host)),
        Err(error) => format!("socket diagnostics by the kernel cannot be used ({error})"),
    };
    #[cfg(not(target_os = "linux"))]
    let reason = "socket diagnostics by the kernel are a part of Linux".to_owned();
    Ok(Box::new(PortableHost::open(reason, wanted)?))
}
