//! The description of the host in a capture.

use std::net::IpAddr;

use chrono::DateTime;
use sysinfo::System;

/// Maximum number of a host name's characters in a file name.
const NAME_CHARS: usize = 64;

/// The host, and the recorder's privileges on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// Host name.
    pub host_name: Option<String>,
    /// Operating system and version.
    pub os: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Identity of the host, derived from its machine id.
    pub machine_id: Option<String>,
    /// Identity of the boot.
    pub boot_id: Option<String>,
    /// `root` and the names of the effective capabilities.
    pub privileges: Vec<String>,
    /// The recorder's own process id.
    pub recorder_pid: Option<u32>,
}

impl HostInfo {
    /// Reads the description from the system; whatever it does not provide is `None`.
    #[must_use]
    pub fn read() -> Self {
        Self {
            host_name: System::host_name().ok().filter(|name| !name.is_empty()),
            os: System::long_os_version().ok(),
            kernel: System::kernel_version().ok(),
            machine_id: super::machine::machine_id(),
            boot_id: boot_id(),
            privileges: privileges(),
            recorder_pid: Some(std::process::id()),
        }
    }
}

/// The default name of a capture: `netrec-web01-20261122T201500Z.parquet`.
#[must_use]
pub fn capture_name(host_name: Option<&str>, start_us: i64) -> String {
    let time = DateTime::from_timestamp_micros(start_us).unwrap_or_default();
    format!("{}-{}.parquet", series_name(host_name), time.format("%Y%m%dT%H%M%SZ"))
}

/// The prefix of the names of a host's captures: `netrec-web01`.
#[must_use]
pub fn series_name(host_name: Option<&str>) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let host: String = host_name.unwrap_or("").chars().take(NAME_CHARS).map(safe).collect();
    let host = host.trim_matches(['.', '-']);
    format!("netrec-{}", if host.is_empty() { "host" } else { host })
}

/// The addresses of every interface, sorted; empty if the system does not report them.
#[cfg(unix)]
pub(crate) fn host_addresses() -> Vec<IpAddr> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: `list` is a valid place for the head of the list.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Vec::new();
    }
    let mut addresses = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: `next` is an element of the list, which is freed after the loop.
        let entry = unsafe { &*next };
        // SAFETY: the C library gives an address of the size that its family says.
        addresses.extend(unsafe { address(entry.ifa_addr) });
        next = entry.ifa_next;
    }
    // SAFETY: `list` came from getifaddrs, and no reference to it is left.
    unsafe { libc::freeifaddrs(list) };
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The IP address in a socket address, if it has one.
///
/// # Safety
/// `raw` is null or points to a socket address of the size that its family says.
#[cfg(unix)]
unsafe fn address(raw: *const libc::sockaddr) -> Option<IpAddr> {
    if raw.is_null() {
        return None;
    }
    // SAFETY: guaranteed by the caller; reading unaligned makes no demand on the library's allocation.
    unsafe {
        match i32::from((*raw).sa_family) {
            libc::AF_INET => {
                let v4 = raw.cast::<libc::sockaddr_in>().read_unaligned();
                Some(IpAddr::from(v4.sin_addr.s_addr.to_ne_bytes()))
            }
            libc::AF_INET6 => {
                let v6 = raw.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(IpAddr::from(v6.sin6_addr.s6_addr))
            }
            _ => None,
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn host_addresses() -> Vec<IpAddr> {
    Vec::new()
}

#[cfg(target_os = "linux")]
fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn boot_id() -> Option<String> {
    None
}

fn privileges() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: geteuid has no preconditions and cannot fail.
    #[cfg(unix)]
    if unsafe { libc::geteuid() } == 0 {
        names.push("root".to_owned());
    }
    #[cfg(target_os = "linux")]
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        names.extend(effective_capabilities(&status));
    }
    names
}

/// The names of the bits of `CapEff` in `/proc/PID/status`.
#[cfg(target_os = "linux")]
fn effective_capabilities(status: &str) -> Vec<String> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    let held = CAPABILITIES.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    held.map(|(_, name)| format!("CAP_{name}")).collect()
}

/// Linux capabilities in bit order, without `CAP_`.
#[cfg(target_os = "linux")]
const CAPABILITIES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check_name(host: Option<&str>, expected: &str) {
        // 2026-11-22 20:15:00 UTC.
        assert_eq!(capture_name(host, 1_795_378_500_000_000), expected);
    }

    #[test]
    fn a_capture_is_named_after_host_and_start() {
        check_name(Some("web01"), "netrec-web01-20261122T201500Z.parquet");
        check_name(None, "netrec-host-20261122T201500Z.parquet");
    }

    #[test]
    fn a_hostile_host_name_cannot_leave_the_folder() {
        check_name(Some("../../etc/passwd"), "netrec-etc-passwd-20261122T201500Z.parquet");
        check_name(Some("a b\u{1b}[31m\n"), "netrec-a-b--31m-20261122T201500Z.parquet");
        check_name(Some(".."), "netrec-host-20261122T201500Z.parquet");
        assert!(capture_name(Some(&"x".repeat(500)), 0).len() < 120);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn capabilities_are_named_by_their_bits() {
        let names = effective_capabilities("Name:\tx\nCapEff:\t0000000000080004\nCapBnd:\t0\n");
        assert_eq!(names, ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"]);
        assert!(effective_capabilities("CapEff:\tnonsense").is_empty());
        assert_eq!(effective_capabilities("CapEff: ffffffffffffffff").len(), CAPABILITIES.len());
    }

    #[test]
    #[cfg(unix)]
    fn loopback_is_among_the_addresses() {
        assert!(host_addresses().iter().any(IpAddr::is_loopback));
    }
}
