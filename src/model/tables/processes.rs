//! The table of processes.

use super::cell::Text;
use super::declare::table;

table! {
    /// The table of processes, column by column.
    ProcessColumns of
    /// A process that owned a socket, with sums over its sockets. Rows lie by pid, then start.
    ProcessRow<T> {
        /// Its row.
        process: u32,
        /// Process id.
        pid: u32 or null,
        /// The parent's process id.
        ppid: u32 or null,
        /// User id.
        uid: u32 or null,
        /// Name of the process.
        process_name: Text or null,
        /// Path of the executable, as the kernel says it.
        exe: Text or null,
        /// Command line.
        cmdline: Text or null,
        /// Name of the user.
        username: Text or null,
        /// Name of the parent.
        parent_name: Text or null,
        /// What it is called in findings: its name, with its script or path where that is not enough.
        actor: Text or null,
        /// Container.
        container: Text or null,
        /// SHA-256 of the executable.
        exe_sha256: Text or null,
        /// When it began, µs since the Unix epoch.
        process_start_us: i64 or null,
        /// Mean CPU use over its ticks, percent of one core.
        cpu_percent_mean: f32 or null,
        /// Largest CPU use over its ticks, percent of one core.
        cpu_percent_max: f32 or null,
        /// Largest resident memory seen, bytes.
        memory_rss_max_bytes: u64 or null,
        /// Its sockets with a remote.
        connections: u32,
        /// Its listening TCP sockets.
        listeners: u32,
        /// Different remote addresses.
        endpoints: u32,
        /// Payload bytes sent during the recording, where counted.
        bytes_sent: u64,
        /// Payload bytes received during the recording, where counted.
        bytes_received: u64,
        /// First row of its sockets, µs since the Unix epoch.
        first_seen_us: i64 or null,
        /// Last row of its sockets, µs since the Unix epoch.
        last_seen_us: i64 or null,
    }
}
