//! What the fleet commands share: where they write and what they print.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::Done;
use crate::fleet::Report;
use crate::safe_fs::{NewDir, NewFile, Replace};
use crate::{Error, Result, escape, humanize};

/// Entries of a list that are printed.
const TOLD: usize = 3;

/// Creates a folder unless it exists.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    match NewDir::make(path) {
        // Another task may have created it at the same moment.
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
        // Once it has content, it is not removed.
        Ok(made) => {
            std::mem::forget(made);
            Ok(())
        }
    }
}

/// Writes a file under a hidden name, and renames it when it is complete.
pub(super) fn write(path: &Path, content: &[u8], replace: Replace) -> Result<()> {
    let mut file = NewFile::create(path, replace)?;
    file.write_all(content).map_err(Error::io("write", path))?;
    file.commit().map(drop)
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(Error::io("read", path))
}

/// The outcome of a report: degraded if a capture is missing from it or incomplete.
pub(super) fn done(report: &Report) -> Done {
    Done::of(report.captures.degraded > 0 || report.captures.failed_total > 0)
}

/// Prints what the hosts show together.
pub(super) fn tell(report: &Report) {
    let captures = &report.captures;
    let but = [(captures.failed_total, "could not be read"), (captures.degraded, "degraded")];
    let but = but.iter().filter(|(count, _)| *count > 0);
    let but: Vec<String> = but.map(|(count, what)| format!(", {} {what}", humanize::count(*count))).collect();
    tell!(
        "fleet      {}, {}{}",
        humanize::plural(report.hosts_total, "host"),
        humanize::plural(captures.analyzed, "capture"),
        but.concat(),
    );
    let coverage = &report.coverage;
    let (edges, unmatched) = (coverage.edges.values().sum::<u64>(), coverage.unmatched.values().sum::<u64>());
    tell!(
        "edges      {} of {} inside the network recorded at both ends",
        humanize::count(edges),
        humanize::plural(edges + unmatched, "connection"),
    );
    if coverage.foreign_sockets > 0 {
        let foreign = humanize::plural(coverage.foreign_sockets, "socket");
        tell!("left out   {foreign} of other network namespaces than those of the recorded hosts");
    }
    for line in lines(report) {
        tell!("{}", escape::terminal(&line));
    }
}

fn lines(report: &Report) -> Vec<String> {
    let spreads = report.spreads.iter().take(TOLD).map(|spread| {
        let exe = spread.exe.as_deref().unwrap_or(&spread.sha256);
        let first = spread.hosts.iter().find(|arrival| arrival.from.is_none()).or(spread.hosts.first());
        let first = first.map_or("unknown", |arrival| arrival.host.as_str());
        format!("spread     {exe} on {}, first on {first}", humanize::plural(spread.hosts_total, "host"))
    });
    let chains =
        report.chains.iter().take(TOLD).map(|chain| format!("chain      {}", chain.hosts.join(" > ")));
    let beacons = report.beacons.iter().take(TOLD).map(|beacon| {
        format!(
            "beacon     {}:{} every {} from {}",
            beacon.place,
            beacon.port,
            humanize::seconds(beacon.period_s),
            humanize::plural(beacon.hosts_total, "host")
        )
    });
    let scans = report.scans.iter().take(TOLD).map(|scan| {
        let (ports, hosts) =
            (humanize::plural(scan.ports, "port"), humanize::plural(scan.hosts_total, "host"));
        format!("scan       {}: {ports} by {hosts}", scan.target)
    });
    let hosts = report.hosts.iter().take(TOLD).filter_map(|host| {
        let severity = crate::report::severity_name(host.severity?);
        Some(format!("host       {} ({severity}): {}", host.host, host.headline.as_deref()?))
    });
    spreads.chain(chains).chain(beacons).chain(scans).chain(hosts).collect()
}
