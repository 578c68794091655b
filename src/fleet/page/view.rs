//! The report's sentences and table rows.

use super::super::report::{Captures, Host, Rare, Report};
use crate::humanize;
use crate::report::severity_name;

/// Maximum number of hosts named in a cell.
const MOST_NAMED: usize = 8;

/// A table of text; not shown without rows.
pub(super) struct Listing {
    pub(super) title: &'static str,
    pub(super) note: String,
    pub(super) heads: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    /// Whether the last cell of each row is a command.
    pub(super) has_command: bool,
}

/// A host in the ranking.
pub(super) struct HostRow {
    pub(super) host: String,
    pub(super) tone: Option<&'static str>,
    pub(super) headline: String,
    pub(super) findings: String,
    pub(super) involved_in: String,
    pub(super) connections: String,
    pub(super) recording: &'static str,
    pub(super) command: String,
}

impl HostRow {
    pub(super) fn new(host: &Host) -> Self {
        let counts = ["critical", "high", "medium", "low", "info"];
        let counts = counts.iter().filter_map(|name| Some(format!("{} {name}", host.findings.get(name)?)));
        Self {
            host: host.host.clone(),
            tone: host.severity.map(severity_name),
            headline: host.headline.clone().unwrap_or_else(|| "nothing found".to_owned()),
            findings: counts.collect::<Vec<_>>().join(", "),
            involved_in: host.involved_in.join(", "),
            connections: humanize::count(host.connections),
            recording: if host.degraded { "degraded" } else { "complete" },
            command: host.command.clone(),
        }
    }
}

/// How many of how many are shown; empty for all.
pub(super) fn shown(shown: usize, all: u64, noun: &str) -> String {
    if shown as u64 >= all {
        return String::new();
    }
    format!(
        "{} of {} shown; all are in results/.",
        humanize::count(shown as u64),
        humanize::plural(all, noun)
    )
}

pub(super) fn lead(captures: &Captures) -> String {
    let degraded = match captures.degraded {
        0 => String::new(),
        degraded => format!(", {} of degraded recordings", humanize::count(degraded)),
    };
    let copies = match captures.copies {
        0 => String::new(),
        1 => ", 1 copy passed over".to_owned(),
        copies => format!(", {} copies passed over", humanize::count(copies)),
    };
    let span = match (&captures.start, &captures.end) {
        (Some(start), Some(end)) => format!("; {} to {}", seconds(start), seconds(end)),
        _ => String::new(),
    };
    format!("{} analyzed{degraded}{copies}{span}", humanize::plural(captures.analyzed, "capture"))
}

pub(super) fn unread(captures: &Captures) -> Option<String> {
    let failed = captures.failed_total;
    (failed > 0).then(|| {
        format!("{} could not be read and is not part of this.", humanize::plural(failed, "capture"))
    })
}

/// Sentences about what only all hosts together show.
pub(super) fn headlines(report: &Report) -> Vec<String> {
    let spreads = report.spreads.iter().take(3).map(|spread| {
        let exe = spread.exe.as_deref().unwrap_or("an executable of unknown path");
        let first = spread.hosts.iter().find(|host| host.from.is_none()).or(spread.hosts.first());
        let first = first.map_or(humanize::UNKNOWN, |host| host.host.as_str());
        format!("{exe} spread to {}; first on {first}", humanize::plural(spread.hosts_total, "host"))
    });
    let chains = report.chains.iter().take(3).map(|chain| {
        let user = chain.user.as_ref().map_or(String::new(), |user| format!(" by {user}"));
        format!("Login sessions one inside the other{user}: {}", chain.hosts.join(" → "))
    });
    let scans = report.scans.iter().take(3).map(|scan| {
        let target = scan.target_host.as_deref().map_or(String::new(), |host| format!(" ({host})"));
        let (hosts, ports) =
            (humanize::plural(scan.hosts_total, "host"), humanize::plural(scan.ports, "port"));
        format!("{hosts} together probed {ports} of {}{target}", scan.target)
    });
    // A beacon on most of the fleet is part of its setup.
    let few = report.beacons.iter().filter(|beacon| beacon.hosts_total * 2 <= report.hosts_total);
    let beacons = few.take(3).map(|beacon| {
        format!(
            "{} contact {}:{} every {}",
            humanize::plural(beacon.hosts_total, "host"),
            beacon.place,
            beacon.port,
            humanize::seconds(beacon.period_s)
        )
    });
    spreads.chain(chains).chain(scans).chain(beacons).collect()
}

pub(super) fn tiles(report: &Report) -> Vec<(String, &'static str)> {
    let coverage = &report.coverage;
    let edges: u64 = coverage.edges.values().sum();
    let unmatched: u64 = coverage.unmatched.values().sum();
    vec![
        (humanize::count(report.hosts_total), "hosts"),
        (humanize::count(coverage.connections), "connections"),
        (humanize::count(edges), "connections recorded at both ends"),
        (humanize::count(unmatched), "inside the network without an edge"),
        (humanize::count(report.totals.spreads), "programs that spread"),
        (humanize::count(report.totals.chains), "login chains"),
        (humanize::count(report.totals.beacons), "beacons of several hosts"),
        (humanize::count(report.totals.scans), "shared scans"),
    ]
}

/// A time without fractions of a second, which only programs need.
fn seconds(iso: &str) -> String {
    iso.get(..19).map_or_else(|| iso.to_owned(), |seconds| format!("{seconds}Z"))
}

/// A time, or a dash if unknown.
fn moment(iso: Option<&String>) -> String {
    iso.map_or_else(|| humanize::UNKNOWN.to_owned(), |iso| seconds(iso))
}

fn known(text: Option<&String>) -> String {
    text.map_or_else(|| humanize::UNKNOWN.to_owned(), Clone::clone)
}

/// The findings across hosts.
pub(super) fn tables(report: &Report) -> Vec<Listing> {
    let totals = &report.totals;
    let arrivals =
        report.spreads.iter().flat_map(|spread| spread.hosts.iter().map(move |host| (spread, host)));
    let spreads = arrivals.map(|(spread, host)| {
        let from =
            host.from.clone().unwrap_or_else(|| "patient zero, or its way was not recorded".to_owned());
        let exe = spread.exe.clone().unwrap_or_else(|| spread.sha256.clone());
        vec![host.host.clone(), exe, moment(host.start.as_ref()), from, known(host.command.as_ref())]
    });
    let chains = report.chains.iter().map(|chain| {
        let (user, start) = (known(chain.user.as_ref()), moment(chain.start.as_ref()));
        vec![chain.hosts.join(" → "), user, start, known(chain.command.as_ref())]
    });
    let beacons = report.beacons.iter().map(|beacon| {
        let (place, period) =
            (format!("{}:{}", beacon.place, beacon.port), humanize::seconds(beacon.period_s));
        vec![place, period, some(&beacon.hosts, beacon.hosts_total), humanize::count(beacon.programs)]
    });
    let scans = report.scans.iter().map(|scan| {
        let target = scan.target_host.as_ref().map_or(String::new(), |host| format!(" ({host})"));
        vec![
            format!("{}{target}", scan.target),
            some(&scan.hosts, scan.hosts_total),
            humanize::count(scan.ports),
            humanize::count(scan.tries),
            moment(scan.start.as_ref()),
        ]
    });
    let table = |title, note, heads, rows, has_command| Listing { title, note, heads, rows, has_command };
    vec![
        table(
            "Programs that spread",
            shown(report.spreads.len(), totals.spreads, "program"),
            &["Host", "Executable", "Process began", "Came from", "Look"],
            spreads.collect(),
            true,
        ),
        table(
            "Login chains",
            shown(report.chains.len(), totals.chains, "chain"),
            &["Hosts", "User", "First session", "Look"],
            chains.collect(),
            true,
        ),
        table(
            "The same beacon on several hosts",
            shown(report.beacons.len(), totals.beacons, "beacon"),
            &["To", "Every", "Hosts", "Programs"],
            beacons.collect(),
            false,
        ),
        table(
            "Scans shared by several hosts",
            shown(report.scans.len(), totals.scans, "scan"),
            &["Target", "Hosts", "Ports", "Attempts", "First attempt"],
            scans.collect(),
            false,
        ),
    ]
}

/// Supporting tables: what is rare, and what could not be matched.
pub(super) fn evidence(report: &Report) -> Vec<Listing> {
    let (totals, captures) = (&report.totals, &report.captures);
    let clocks = report.clocks.iter().map(|clock| {
        vec![clock.host.clone(), format!("{:+.3} s", clock.ahead_s), humanize::count(clock.partners)]
    });
    let failed = captures.failed.iter().map(|failed| vec![failed.capture.clone(), failed.error.clone()]);
    vec![
        rare("Executables on one host only", &report.rare_executables, totals.rare_executables),
        rare("Services on one host only", &report.rare_listeners, totals.rare_listeners),
        Listing {
            title: "Coverage",
            note: "An edge is claimed only if both ends were recorded and choose each other. Everything else inside \
                   the network stays in results/unmatched.parquet with its reason."
                .to_owned(),
            heads: &["Connections", "Number"],
            rows: coverage(report),
            has_command: false,
        },
        Listing {
            title: "Clocks more than a second off",
            note: shown(report.clocks.len(), totals.clocks, "clock"),
            heads: &["Host", "Ahead by", "Compared with hosts"],
            rows: clocks.collect(),
            has_command: false,
        },
        Listing {
            title: "Captures that could not be read",
            note: shown(captures.failed.len(), captures.failed_total, "capture"),
            heads: &["Capture", "Reason"],
            rows: failed.collect(),
            has_command: false,
        },
    ]
}

fn rare(title: &'static str, rare: &[Rare], total: u64) -> Listing {
    let row = |rare: &Rare| {
        vec![
            rare.what.clone(),
            rare.host.clone(),
            moment(rare.first_seen.as_ref()),
            known(rare.sha256.as_ref()),
            known(rare.command.as_ref()),
        ]
    };
    Listing {
        title,
        note: shown(rare.len(), total, "entry"),
        heads: &["What", "Host", "First seen", "SHA-256", "Look"],
        rows: rare.iter().map(row).collect(),
        has_command: true,
    }
}

fn coverage(report: &Report) -> Vec<Vec<String>> {
    let coverage = &report.coverage;
    let edges = coverage.edges.iter().map(|(kind, count)| {
        let how = match *kind {
            "exact" => "recorded at both ends: same five-tuple",
            "dnat" => "recorded at both ends: destination rewritten (load balancer, DNAT)",
            _ => "recorded at both ends: source rewritten (SNAT)",
        };
        (how.to_owned(), *count)
    });
    let unmatched = coverage.unmatched.iter().map(|(reason, count)| {
        let why = match *reason {
            "same-host" => "no edge: the other end is on the same host, in a container",
            "peer-not-recorded" => "no edge: the peer was not recorded",
            "not-seen-by-peer" => "no edge: the peer recorded no such connection",
            _ => "no edge: several connections would fit",
        };
        (why.to_owned(), *count)
    });
    let more = [
        ("edges whose ends counted the same bytes", coverage.bytes_agree),
        ("edges whose ends counted different bytes", coverage.bytes_differ),
        ("hosts whose clock could be compared", coverage.clocks_aligned),
        ("left out: sockets of other network namespaces", coverage.foreign_sockets),
        ("left out: sockets of captures that name no host", coverage.sockets_without_host),
    ];
    let more = more.into_iter().map(|(what, count)| (what.to_owned(), count));
    edges.chain(unmatched).chain(more).map(|(what, count)| vec![what, humanize::count(count)]).collect()
}

/// The first names in a list.
fn some(hosts: &[String], total: u64) -> String {
    let named = hosts.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>();
    match total.saturating_sub(named.len() as u64) {
        0 => format!("{total}: {}", named.join(", ")),
        more => format!("{total}: {} and {} more", named.join(", "), humanize::count(more)),
    }
}
