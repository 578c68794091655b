//! What the report of each source of events says: what it gives, what is lacking without it, and what it
//! has lost.

use super::EventState;
use crate::capture::{SourceReport, SourceStatus};

pub(super) const PROBE_GIVES: &str = "every TCP state change with its process, and the final counters of every \
    connection, including reset ones";
pub(super) const PROBE_LACKS: &str = "TCP events come from perf-events and sock_destroy instead, if those run: \
    connections reset by their own process have no final counters, and another eBPF program on the same \
    tracepoint can hide processes";
pub(super) const LIVES_GIVE: &str = "the start and end of every process";
pub(super) const LIVES_LACK: &str = "programs that end before they can be examined have no name";
pub(super) const UDP_GIVES: &str = "every closing UDP socket";
pub(super) const PERF_GIVES: &str =
    "every TCP state change with its process, and the start and end of every process";
pub(super) const PERF_LACKS: &str = "connections between two ticks have no process and no states";
pub(super) const DESTROY_GIVES: &str = "every closing socket with its final counters";
pub(super) const DESTROY_LACKS: &str = "connections between two ticks have no byte counts";
pub(super) const EXECS_GIVE: &str = "command lines of programs when they start";
pub(super) const EXECS_TOLD: &str = "not needed: kernel-programs provides the command lines of programs when they \
    start";
pub(super) const EXECS_LACK: &str = "programs that end within milliseconds have no command line";

/// The report of a source that runs.
pub(super) fn ran(name: &str, gives: &str) -> SourceReport {
    SourceReport { name: name.to_owned(), status: SourceStatus::Ran, detail: gives.to_owned() }
}

/// The report of a source that this host does not give, and what that costs.
pub(super) fn missing(name: &str, reason: &str, lacks: &str) -> SourceReport {
    SourceReport {
        name: name.to_owned(),
        status: SourceStatus::Missing,
        detail: format!("{reason}; {lacks}"),
    }
}

/// The reports of the kernel's programs, perf events, closing notifications and program starts, with
/// what each has lost.
pub(super) fn with_losses(reports: &[SourceReport; 4], state: &EventState) -> [SourceReport; 4] {
    let mut reports = reports.clone();
    let [probe, perf, closings, execs] = &mut reports;
    let untold = state.programs.execs_lost();
    lack(execs, untold, |count| format!("{count} program starts came too fast to be reported"));
    lack(perf, state.shared.len() as u64, |_| {
        let names: Vec<&str> = state.shared.iter().copied().collect();
        format!("another eBPF program is attached to {} and may hide its events", names.join(" and "))
    });
    let untold = state.correlator.untold();
    lack(perf, untold, |count| format!("{count} connections closed without an event"));
    // Lost records belong to the source of socket events.
    let records = if probe.status == SourceStatus::Missing { perf } else { probe };
    let dropped = |lost| format!("the kernel dropped {lost} of its events");
    lack(records, state.lost_records, dropped);
    lack(closings, state.lost_closings, dropped);
    let unnoticed = state.correlator.unnoticed().saturating_sub(state.lost_closings);
    lack(closings, unnoticed, |count| {
        format!(
            "{count} have none, so their counters and network namespace are unknown: the namespace \
             was new or was not entered, or the socket belonged to the kernel"
        )
    });
    let cleared = state.correlator.cleared().saturating_sub(state.correlator.unnoticed());
    lack(closings, cleared, |count| {
        format!(
            "for {count}, the kernel cleared the counters before reporting them (reset by their own \
             process, MPTCP, or a socket that reconnected), so the last snapshot's counters are a \
             lower bound"
        )
    });
    reports
}

/// Adds to a report what its source has lost.
fn lack(report: &mut SourceReport, count: u64, detail: impl Fn(u64) -> String) {
    if count > 0 && report.status != SourceStatus::Missing {
        report.status = SourceStatus::Partial;
        report.detail = format!("{}; {}", report.detail, detail(count));
    }
}
