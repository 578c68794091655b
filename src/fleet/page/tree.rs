//! The spread of a program from host to host: time from left to right, one host per line.

use std::collections::{BTreeMap, BTreeSet};

use super::super::report::{Arrival, Spread};
use super::scale::{Scale, Tick, WIDTH, place};
use super::view::shown;
use crate::humanize;

/// Height of a line.
const LINE: f64 = 22.0;

/// Space above the first line.
const TOP: f64 = 18.0;

/// Space for the names on the right.
const NAMES: f64 = 300.0;

/// A picture of a [`Spread`].
pub(super) struct Tree {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) axis_y: String,
    pub(super) label_y: String,
    pub(super) nodes: Vec<Node>,
    pub(super) ticks: Vec<Tick>,
}

/// A host in the tree.
pub(super) struct Node {
    pub(super) x: String,
    pub(super) y: String,
    /// Label beside the dot.
    pub(super) label_x: String,
    pub(super) label_y: String,
    pub(super) label: String,
    /// Line from the previous host; `None` for a first one.
    pub(super) path: Option<String>,
}

impl Tree {
    pub(super) fn new(spread: &Spread) -> Self {
        let scale = Scale::over(spread.hosts.iter().map(|host| host.start_us), 24.0, WIDTH - NAMES);
        let order = order(&spread.hosts);
        let y_of: BTreeMap<&str, f64> = order
            .iter()
            .enumerate()
            .map(|(line, host)| (host.host.as_str(), TOP + line as f64 * LINE))
            .collect();
        let x_of: BTreeMap<&str, f64> = order
            .iter()
            .map(|host| (host.host.as_str(), scale.map_or(24.0, |scale| scale.x(host.start_us))))
            .collect();
        let at = |host: &str| Some((*x_of.get(host)?, *y_of.get(host)?));
        let node = |host: &&Arrival| {
            let (x, y) = at(&host.host)?;
            let from = host.from.as_deref().and_then(at);
            Some(Node {
                x: place(x),
                y: place(y),
                label_x: place(x + 10.0),
                label_y: place(y + 4.0),
                label: label(host),
                path: from.map(|(from_x, from_y)| format!("M{from_x:.1} {from_y:.1}V{y:.1}H{x:.1}")),
            })
        };
        let axis = TOP + order.len() as f64 * LINE;
        let exe = spread.exe.as_deref().unwrap_or("An executable of unknown path");
        Self {
            title: format!("{exe} spread to {}", humanize::plural(spread.hosts_total, "host")),
            note: format!(
                "SHA-256 {}. {}",
                spread.sha256,
                shown(spread.hosts.len(), spread.hosts_total, "host")
            ),
            width: place(WIDTH),
            height: place(axis + 26.0),
            axis_y: place(axis),
            label_y: place(axis + 16.0),
            nodes: order.iter().filter_map(node).collect(),
            ticks: scale.map_or_else(Vec::new, |scale| scale.ticks()),
        }
    }
}

fn label(host: &Arrival) -> String {
    let from = match (&host.from, host.port) {
        (Some(_), Some(port)) => format!("by port {port}"),
        _ => "patient zero, or its way was not recorded".to_owned(),
    };
    format!("{} · {from}", host.host)
}

/// Every host after the one it got the program from, each once, even if the data are inconsistent.
fn order(hosts: &[Arrival]) -> Vec<&Arrival> {
    let known: BTreeSet<&str> = hosts.iter().map(|host| host.host.as_str()).collect();
    let mut children: BTreeMap<&str, Vec<&Arrival>> = BTreeMap::new();
    let mut waiting: Vec<&Arrival> = Vec::new();
    for host in hosts.iter().rev() {
        match host.from.as_deref().filter(|from| known.contains(from) && *from != host.host) {
            Some(from) => children.entry(from).or_default().push(host),
            None => waiting.push(host),
        }
    }
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    while let Some(host) = waiting.pop() {
        if seen.insert(host.host.as_str()) {
            order.push(host);
            waiting.extend(children.remove(host.host.as_str()).unwrap_or_default());
        }
    }
    // Hosts that got it from each other, which wrong clocks can suggest.
    order.extend(hosts.iter().filter(|host| !seen.contains(host.host.as_str())));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(host: &str, from: Option<&str>, start_us: i64) -> Arrival {
        Arrival {
            host: host.to_owned(),
            start_us,
            start: None,
            from: from.map(str::to_owned),
            port: from.map(|_| 22),
            command: None,
        }
    }

    fn names(hosts: &[Arrival]) -> Vec<&str> {
        order(hosts).iter().map(|host| host.host.as_str()).collect()
    }

    #[test]
    fn every_host_follows_the_one_it_came_from_and_is_there_once() {
        let hosts = [
            arrival("a", None, 0),
            arrival("b", Some("a"), 1),
            arrival("c", Some("a"), 2),
            arrival("d", Some("b"), 3),
            arrival("e", Some("not recorded"), 4),
        ];
        assert_eq!(names(&hosts), ["a", "b", "d", "c", "e"]);
        let round = [arrival("x", Some("y"), 0), arrival("y", Some("x"), 1), arrival("z", Some("z"), 2)];
        assert_eq!(names(&round), ["z", "x", "y"]);
    }
}
