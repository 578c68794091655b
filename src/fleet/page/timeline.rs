//! Events across the fleet on one time axis.

use super::super::report::Report;
use super::scale::{Scale, Tick, WIDTH, place};
use crate::report::severity_name;

/// Height of a lane.
const LANE: f64 = 24.0;

/// Room for the names of the lanes.
const NAMES: f64 = 240.0;

/// Maximum number of lanes per kind.
const MOST_LANES: usize = 8;

/// Minimum width of a bar.
const NARROWEST: f64 = 3.0;

/// Maximum length of a lane's name.
const MOST_CHARS: usize = 34;

/// The picture.
pub(super) struct Timeline {
    pub(super) width: String,
    pub(super) height: String,
    pub(super) names_x: String,
    pub(super) left: String,
    pub(super) axis_y: String,
    pub(super) label_y: String,
    pub(super) lanes: Vec<Lane>,
    pub(super) ticks: Vec<Tick>,
}

/// A lane of the picture.
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) y: String,
    pub(super) label_y: String,
    pub(super) dots: Vec<Dot>,
    pub(super) bars: Vec<Bar>,
}

/// A moment.
pub(super) struct Dot {
    pub(super) x: String,
    pub(super) tone: &'static str,
    pub(super) title: String,
}

/// A period.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) tone: &'static str,
    pub(super) title: String,
}

impl Timeline {
    /// The timeline of a report; `None` without events.
    pub(super) fn new(report: &Report) -> Option<Self> {
        let headlines = report.hosts.iter().filter_map(|host| host.first_seen_us);
        let spreads = report.spreads.iter().take(MOST_LANES).flat_map(|spread| &spread.hosts);
        let moments = headlines
            .chain(spreads.map(|host| host.start_us))
            .chain(report.chains.iter().take(MOST_LANES).flat_map(|chain| [chain.start_us, chain.end_us]))
            .chain(report.scans.iter().take(MOST_LANES).flat_map(|scan| [scan.start_us, scan.end_us]));
        let scale = Scale::over(moments, NAMES + 10.0, WIDTH - 60.0)?;
        let mut lanes = Lanes { scale, list: Vec::new() };
        lanes.spreads(report);
        lanes.chains(report);
        lanes.scans(report);
        lanes.hosts(report);
        let axis = y_of(lanes.list.len()) - LANE / 2.0;
        Some(Self {
            width: place(WIDTH),
            height: place(axis + 26.0),
            names_x: place(NAMES),
            left: place(NAMES + 10.0),
            axis_y: place(axis),
            label_y: place(axis + 16.0),
            lanes: lanes.list,
            ticks: scale.ticks(),
        })
    }
}

/// The middle of a lane.
fn y_of(line: usize) -> f64 {
    16.0 + line as f64 * LANE
}

struct Lanes {
    scale: Scale,
    list: Vec<Lane>,
}

impl Lanes {
    fn push(&mut self, name: &str, dots: Vec<Dot>, bars: Vec<Bar>) {
        let y = y_of(self.list.len());
        let name = crate::escape::shorten(name, MOST_CHARS).into_owned();
        self.list.push(Lane { name, y: place(y), label_y: place(y + 4.0), dots, bars });
    }

    fn bar(&self, (from, to): (i64, i64), tone: &'static str, title: String) -> Bar {
        let (x, end) = (self.scale.x(from), self.scale.x(to));
        let y = place(y_of(self.list.len()) - 6.0);
        Bar { x: place(x), y, width: place((end - x).max(NARROWEST)), tone, title }
    }

    fn spreads(&mut self, report: &Report) {
        for spread in report.spreads.iter().take(MOST_LANES) {
            let dot = |host: &super::super::report::Arrival| Dot {
                x: place(self.scale.x(host.start_us)),
                tone: "critical",
                title: format!("{} {}", host.host, host.start.as_deref().unwrap_or_default()),
            };
            let dots = spread.hosts.iter().map(dot).collect();
            let name = format!("spread: {}", spread.exe.as_deref().unwrap_or(&spread.sha256));
            self.push(&name, dots, Vec::new());
        }
    }

    fn chains(&mut self, report: &Report) {
        for chain in report.chains.iter().take(MOST_LANES) {
            let bar = self.bar((chain.start_us, chain.end_us), "high", chain.hosts.join(" → "));
            let name = format!("chain: {}", chain.hosts.join(" → "));
            self.push(&name, Vec::new(), vec![bar]);
        }
    }

    fn scans(&mut self, report: &Report) {
        for scan in report.scans.iter().take(MOST_LANES) {
            let title = format!("{} ports by {} hosts", scan.ports, scan.hosts_total);
            let bar = self.bar((scan.start_us, scan.end_us), "medium", title);
            self.push(&format!("scan: {}", scan.target), Vec::new(), vec![bar]);
        }
    }

    /// Each host's worst finding, in a lane per severity.
    fn hosts(&mut self, report: &Report) {
        let mut severities: Vec<_> = report.hosts.iter().filter_map(|host| host.severity).collect();
        severities.sort_unstable();
        severities.dedup();
        for severity in severities.into_iter().rev() {
            let hosts = report.hosts.iter().filter(|host| host.severity == Some(severity));
            let dot = |host: &super::super::report::Host| {
                let headline = host.headline.as_deref().unwrap_or_default();
                Some(Dot {
                    x: place(self.scale.x(host.first_seen_us?)),
                    tone: severity_name(severity),
                    title: format!("{}: {headline}", host.host),
                })
            };
            let dots = hosts.filter_map(dot).collect();
            self.push(&format!("hosts: {}", severity_name(severity)), dots, Vec::new());
        }
    }
}
