//! `netrec record --check`: what this user on this host will see and what not, and how to get it.
//!
//! The code for scripts says whether something could be done about it: what is seen in part though no
//! privilege is missing (sockets of the kernel itself, say) is so on nearly every host.

use super::Done;
use crate::Result;
use crate::capture::{SourceReport, SourceStatus};
use crate::record::{self, Clock as _, Host, HostFacts, MIN_INTERVAL, SystemClock, Tick, Wanted};
use crate::report::escape;

/// Opens every source and takes one snapshot, as a recording would; writes nothing.
pub(super) fn run(wanted: Wanted, facts: &HostFacts) -> Result<Done> {
    let mut host = record::open_host(wanted)?;
    let reports = probe(host.as_mut())?;
    let privileges =
        if facts.privileges.is_empty() { "none".to_owned() } else { facts.privileges.join(", ") };
    // As they are now: a recording keeps only those that its sources need.
    say!("privileges before those not needed are given up: {}", escape::terminal(&privileges));
    for report in &reports {
        let sees = match report.status {
            SourceStatus::Ran => "yes",
            SourceStatus::Partial => "in part",
            SourceStatus::Missing => "NO",
        };
        say!("{sees:<8} {:<18} {}", report.name, escape::terminal(&report.detail));
    }
    if !wanted.packets() {
        say!("unasked  {:<18} bytes over UDP and names of remotes: --udp-bytes, --names", "packets");
    }
    if reports.iter().all(|report| report.status == SourceStatus::Ran) {
        say!("All that can be recorded here will be.");
        return Ok(Done::Well);
    }
    advise(wanted);
    let is_missing = reports.iter().any(|report| report.status == SourceStatus::Missing);
    Ok(Done::of(is_missing || !has_all_privileges(wanted)))
}

fn probe(host: &mut dyn Host) -> Result<Vec<SourceReport>> {
    let tick = Tick { number: 0, moment: SystemClock.now(), interval: MIN_INTERVAL };
    host.observe(tick, &mut Vec::new())?;
    Ok(host.reports())
}

#[cfg(target_os = "linux")]
use record::has_all_privileges;

/// Elsewhere nobody knows.
#[cfg(not(target_os = "linux"))]
fn has_all_privileges(_wanted: Wanted) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn advise(wanted: Wanted) {
    if has_all_privileges(wanted) {
        say!("No privilege is missing: the rest cannot be seen on this host, or not at this moment.");
        return;
    }
    let program =
        std::env::current_exe().map_or_else(|_| "netrec".to_owned(), |path| path.display().to_string());
    say!("To see the rest, run as root, or give the program its privileges once:");
    say!(
        "  sudo setcap {}=ep '{}'",
        record::setcap_names(wanted),
        escape::terminal(&program).replace('\'', r"'\''")
    );
}

#[cfg(not(target_os = "linux"))]
fn advise(_wanted: Wanted) {
    say!("To see the rest, run as root; bytes and short connections are recorded on Linux only.");
}
