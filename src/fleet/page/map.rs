//! The map: hosts on a circle, and who connected to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;

use super::super::report::{Host, Link, Report};
use super::scale::{WIDTH, place};
use super::view::shown;
use crate::report::json::v1::Severity;
use crate::report::severity_name;

/// Maximum number of hosts on the map.
const MOST_HOSTS: usize = 40;

const HEIGHT: f64 = 640.0;
const RADIUS: f64 = 235.0;

/// How far a line bends towards the center, 0 to 1.
const BEND: f64 = 0.55;

/// Maximum length of a name on the map.
const MOST_CHARS: usize = 28;

/// The picture.
pub(super) struct Map {
    pub(super) width: String,
    pub(super) height: String,
    pub(super) note: String,
    pub(super) lines: Vec<Line>,
    pub(super) nodes: Vec<Node>,
}

/// A host.
pub(super) struct Node {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) label_x: String,
    pub(super) label_y: String,
    pub(super) anchor: &'static str,
    pub(super) tone: &'static str,
    pub(super) label: String,
    pub(super) title: String,
}

/// Connections from one host to another.
pub(super) struct Line {
    pub(super) path: String,
    pub(super) width: String,
    /// `spread`, `chain` or `other`.
    pub(super) kind: &'static str,
    pub(super) title: String,
}

impl Map {
    /// The map of the most relevant hosts; `None` if no two hosts of the fleet are connected.
    pub(super) fn new(report: &Report) -> Option<Self> {
        let chosen = chosen(report);
        let places: BTreeMap<&str, (f64, f64)> =
            chosen.iter().enumerate().map(|(at, host)| (*host, on_circle(at, chosen.len()))).collect();
        let line = |((from, to), links): ((&str, &str), Vec<&Link>)| {
            Some(line(*places.get(from)?, *places.get(to)?, &links))
        };
        let mut pairs: BTreeMap<(&str, &str), Vec<&Link>> = BTreeMap::new();
        for link in &report.links {
            pairs.entry((&link.from, &link.to)).or_default().push(link);
        }
        let mut lines: Vec<Line> = pairs.into_iter().filter_map(line).collect();
        if lines.is_empty() {
            return None;
        }
        // Important lines are drawn last.
        lines.sort_by_key(|line| rank(line.kind));
        let facts: BTreeMap<&str, &Host> =
            report.hosts.iter().map(|host| (host.host.as_str(), host)).collect();
        let node = |(at, host): (usize, &&str)| node(host, at, chosen.len(), facts.get(host).copied());
        let of_links = shown(report.links.len(), report.totals.links, "pair of hosts and port");
        Some(Self {
            width: place(WIDTH),
            height: place(HEIGHT),
            note: format!(
                "{} {of_links} Chosen: hosts in a spread, a chain or a scan, then the worst, then those with the rarest \
                 connections.",
                shown(chosen.len(), report.hosts_total, "host")
            ),
            nodes: chosen.iter().enumerate().map(node).collect(),
            lines,
        })
    }
}

/// The hosts on the map: those of a spread in its order, so that they are adjacent, then the others.
fn chosen(report: &Report) -> Vec<&str> {
    let spread = report.spreads.iter().flat_map(|spread| spread.hosts.iter().map(|host| host.host.as_str()));
    let chains = report.chains.iter().flat_map(|chain| chain.hosts.iter().map(String::as_str));
    let involved = report.hosts.iter().filter(|host| !host.involved_in.is_empty());
    let worst = report.hosts.iter().filter(|host| host.severity >= Some(Severity::High));
    let linked = report.links.iter().flat_map(|link| [link.from.as_str(), link.to.as_str()]);
    let mut seen = BTreeSet::new();
    spread
        .chain(chains)
        .chain(involved.map(|host| host.host.as_str()))
        .chain(worst.map(|host| host.host.as_str()))
        .chain(linked)
        .filter(|host| seen.insert(*host))
        .take(MOST_HOSTS)
        .collect()
}

fn angle(at: usize, count: usize) -> f64 {
    TAU * (at as f64 / count.max(1) as f64 - 0.25)
}

fn on_circle(at: usize, count: usize) -> (f64, f64) {
    let angle = angle(at, count);
    (WIDTH / 2.0 + RADIUS * angle.cos(), HEIGHT / 2.0 + RADIUS * angle.sin())
}

fn node(host: &str, at: usize, count: usize, facts: Option<&Host>) -> Node {
    let (x, y) = on_circle(at, count);
    let angle = angle(at, count);
    let tone = facts.and_then(|facts| facts.severity).map_or("no-finding", severity_name);
    let headline = facts.and_then(|facts| facts.headline.as_deref()).unwrap_or("nothing found");
    Node {
        x: place(x),
        y: place(y),
        label_x: place(x + 14.0 * angle.cos()),
        label_y: place(y + 14.0 * angle.sin() + 4.0),
        anchor: if angle.cos() > 0.05 {
            "start"
        } else if angle.cos() < -0.05 {
            "end"
        } else {
            "middle"
        },
        tone,
        label: crate::escape::shorten(host, MOST_CHARS).into_owned(),
        title: format!("{host}: {headline}"),
    }
}

fn line(from: (f64, f64), to: (f64, f64), links: &[&Link]) -> Line {
    let middle = |a: f64, b: f64, center: f64| {
        let half = f64::midpoint(a, b);
        half + (center - half) * BEND
    };
    let (bend_x, bend_y) = (middle(from.0, to.0, WIDTH / 2.0), middle(from.1, to.1, HEIGHT / 2.0));
    // The line ends at the edge of the dot.
    let (dx, dy) = (to.0 - bend_x, to.1 - bend_y);
    let length = dx.hypot(dy).max(1.0);
    let end = (to.0 - dx / length * 9.0, to.1 - dy / length * 9.0);
    let connections: u64 = links.iter().map(|link| link.connections).sum();
    let kinds = links.iter().map(|link| link.part_of.unwrap_or("other"));
    let describe = |link: &&Link| {
        let process = |name: &Option<String>| name.clone().unwrap_or_else(|| "unknown".to_owned());
        let (source, target) = (process(&link.source_process), process(&link.target_process));
        format!("{}× {source} → port {} {target}", link.connections, link.port)
    };
    let described: Vec<String> = links.iter().take(5).map(describe).collect();
    let ends = links.first().map_or(String::new(), |link| format!("{} → {}", link.from, link.to));
    Line {
        path: format!("M{:.1} {:.1}Q{bend_x:.1} {bend_y:.1} {:.1} {:.1}", from.0, from.1, end.0, end.1),
        width: place(1.0 + (connections as f64).log10().min(4.0)),
        kind: kinds.max_by_key(|kind| rank(kind)).unwrap_or("other"),
        title: format!("{ends}: {}", described.join("; ")),
    }
}

fn rank(kind: &str) -> u8 {
    match kind {
        "spread" => 2,
        "chain" => 1,
        _ => 0,
    }
}
