//! The host that is recorded, behind a trait: the real ones, and those of the tests.

use std::time::Duration;

use super::Timestamp;
use super::portable::PortableHost;
use crate::Result;
use crate::capture::{Row, SourceReport};

/// One tick as a host sees it.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// Number of the snapshot, from 0.
    pub number: u32,
    /// When it began.
    pub moment: Timestamp,
    /// Time between ticks, the measure of how much work is too much.
    pub interval: Duration,
}

/// What a tick saw, for the progress line and the closing sentence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Sockets in this snapshot.
    pub sockets: u64,
    /// Processes that own at least one of them.
    pub processes: u64,
    /// Different sockets since the start of the recording.
    pub connections: u64,
}

/// Sources that are used only where they are asked for, because they look at every packet, and what is not
/// to be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// Payload of each UDP socket and remote.
    pub udp_bytes: bool,
    /// Names of remotes, from DNS answers and TLS server names.
    pub names: bool,
    /// No programs of the recorder's own in the kernel, where that is against the rules of the house.
    pub no_bpf: bool,
}

impl SourceOptions {
    /// Whether packets have to be looked at.
    #[must_use]
    pub fn packets(self) -> bool {
        self.udp_bytes || self.names
    }
}

/// A host that can be asked for its sockets.
pub trait Host {
    /// Appends one row per socket, each stamped with the tick.
    ///
    /// # Errors
    /// [`crate::Error::Record`] if the sockets cannot be listed at all; a socket of which only
    /// a part is known is a row with nulls instead.
    fn observe(&mut self, tick: Tick, rows: &mut Vec<Row>) -> Result<Seen>;

    /// Appends what is still to be told when the recording ends; no snapshot.
    fn finish(&mut self, _end: Timestamp, _rows: &mut Vec<Row>) {}

    /// Events that the system dropped before they were read; none if no source of events runs.
    fn events_lost(&self) -> Option<u64> {
        None
    }

    /// Every source of facts that was asked, and how it fared so far.
    fn reports(&self) -> Vec<SourceReport>;
}

/// This host, by the best means that it offers: the kernel's socket diagnostics on Linux, else
/// what the system's own tools read too.
///
/// # Errors
/// [`crate::Error::Record`] if its sockets cannot be listed in any way.
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
