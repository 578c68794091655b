//! Records a live host: a snapshot of every socket at every tick, into one capture.
//!
//! ```text
//!  Host (linux: sock_diag + /proc; portable: netstat2 + sysinfo)
//!    │ observe: one row per socket
//!  session: one deadline per tick, late and skipped ticks counted
//!    │ bounded channel: compressing a row group never delays a tick
//!  spool: the only thread that touches the file
//! ```
//!
//! Events between two ticks (opened, state, closed) are returned by the next [`Host::observe`], and
//! the rest by [`Host::finish`]; all of them pass through the same [`writer_thread`], the only
//! writer.

mod budget;
mod clock;
mod disk;
mod duration;
mod host;
mod host_info;
#[cfg(target_os = "linux")]
mod linux;
mod live;
mod machine;
mod pause;
mod portable;
#[cfg(target_os = "linux")]
mod privileges;
mod schedule;
mod segment;
mod series;
mod session;
mod size;
mod stop;
mod upload;
mod worker;
mod writer_thread;

pub use clock::{Clock, SystemClock, Timestamp};
pub use duration::parse_duration;
pub use host::{Host, Seen, SourceOptions, Tick, open_host};
pub(crate) use host_info::host_addresses;
pub use host_info::{HostInfo, capture_name, series_name};
pub use live::{Observed, observe};
#[cfg(target_os = "linux")]
pub(crate) use privileges::{has_all as has_all_privileges, limit as limit_privileges, setcap_names};
pub use schedule::{MIN_INTERVAL, Plan};
pub use series::{Pruned, Rotation};
pub use session::{Progress, Recording, StopReason, record};
pub use size::{parse_percent, parse_size};
pub use stop::Stop;
pub use upload::{Upload, Uploaded, named};
pub use writer_thread::{FinishedFile, Output};
