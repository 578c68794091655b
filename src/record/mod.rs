//! Records a live host.

#[cfg(target_os = "linux")]
mod events;
