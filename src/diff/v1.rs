//! The comparison as it is published (`netrec diff --json`), version 1.
//!
//! Within the version, fields are only added; what is not known is null. Every list is sorted.

use schemars::JsonSchema;
use serde::Serialize;

/// What is new between two captures.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Diff {
    /// Always `netrec/diff.v1`.
    pub schema: String,
    /// The earlier capture.
    pub before: Capture,
    /// The later capture.
    pub after: Capture,
    /// What makes the comparison doubtful, in sentences.
    pub cautions: Vec<String>,
    /// Who waits for others.
    pub listeners: Change<Listener>,
    /// Which programs own sockets, from where and as whom.
    pub programs: Change<Program>,
    /// Who started whom.
    pub parents: Change<Parent>,
    /// Whom this side talks to.
    pub destinations: Change<Destination>,
    /// Executables with the same path and another content.
    pub changed_executables: Vec<ChangedExecutable>,
    /// Programs that ran in both, and in the later one from another path.
    pub moved_programs: Vec<MovedProgram>,
    /// Who moves much more or much less than before.
    pub shifted_volumes: Vec<ShiftedVolume>,
}

/// A capture, in short.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Capture {
    /// Name of its file.
    pub file: String,
    /// Name of the host.
    pub host_name: Option<String>,
    /// Start of the recording, µs since the Unix epoch, UTC.
    pub start_us: i64,
    /// Length of the recording in seconds.
    pub duration_s: Option<f64>,
}

/// What is in one capture and not in the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change<T> {
    /// Only in the later capture.
    pub new: Vec<T>,
    /// Only in the earlier capture; it may only have been silent in the later one.
    pub gone: Vec<T>,
}

/// Who waits for others: a TCP socket that listens, or a UDP socket without a remote that has a
/// port below 32768 or stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Listener {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The address it is bound to.
    pub local_addr: String,
    /// The port.
    pub local_port: u16,
    /// Name of the process; an unknown one is taken for the same.
    pub process_name: Option<String>,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Program {
    /// Name of the process.
    pub process_name: String,
    /// Its executable; an unknown one is taken for the same.
    pub exe: Option<String>,
    /// As whom it runs; an unknown user is taken for the same.
    pub username: Option<String>,
}

/// Who started whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Parent {
    /// Name of the process that started the other.
    pub parent_name: String,
    /// Name of the process that was started.
    pub process_name: String,
}

/// Whom somebody talks to. One is recognised by its name or by one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Destination {
    /// Name of the process; an unknown one is taken for the same.
    pub process_name: Option<String>,
    /// The address on this side, where the capture is one of many hosts and the process unknown.
    pub local_addr: Option<String>,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The port there.
    pub remote_port: u16,
    /// The name it was asked for by.
    pub remote_name: Option<String>,
    /// Its addresses; of one without a name exactly one.
    pub remote_addrs: Vec<String>,
}

/// An executable with the same path and another content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangedExecutable {
    /// Its path.
    pub exe: String,
    /// SHA-256 in the earlier capture, in hexadecimal.
    pub sha256_before: Vec<String>,
    /// SHA-256 in the later capture that were not in the earlier one.
    pub sha256_after: Vec<String>,
}

/// A program that ran in both captures, and in the later one from another path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MovedProgram {
    /// Name of the process.
    pub process_name: String,
    /// Its executables in the earlier capture.
    pub exes_before: Vec<String>,
    /// Its executables in the later capture that were not in the earlier one.
    pub exes_after: Vec<String>,
}

/// Somebody who moves much more or much less than before.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ShiftedVolume {
    /// Name of the process.
    pub process_name: Option<String>,
    /// The address on this side, where the capture is one of many hosts and the process unknown.
    pub local_addr: Option<String>,
    /// `sent` or `received`.
    pub way: String,
    /// Bytes per second in the earlier capture.
    pub before_bytes_per_s: f64,
    /// Bytes per second in the later capture.
    pub after_bytes_per_s: f64,
}
