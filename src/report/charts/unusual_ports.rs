//! Connections of each process against the number of its unusual ports.

use super::axis::{self, Axis};
use super::canvas;
use super::scatter::{self, Disc, Scale};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::metrics::PortUse;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "unusual-ports",
    title: "Which processes use unusual ports?",
    section: Section::Anomalies,
    draw,
};

/// Room for tick labels, in pixels.
const LABELS: i32 = 40;
const RADIUS: i32 = 7;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let processes = &subject.analysis.metrics.anomalies.ports_by_process;
    if processes.is_empty() {
        return canvas::nothing(CHART.title, "The capture has no connections.");
    }
    if let Some(why) = subject.why_no_process() {
        return canvas::nothing(CHART.title, why);
    }
    let plot = axis::plot(LABELS);
    let largest = |of: fn(&PortUse) -> u64| processes.iter().map(of).max().unwrap_or(0) as f64;
    let connections =
        Axis::amounts(largest(|p| p.connections), (plot.left, plot.right), humanize::short_count);
    let ports = Axis::amounts(largest(|p| p.unusual_ports), (plot.bottom, plot.top), humanize::short_count);
    let x = Scale { axis: connections, unit: "connections, logarithmic" };
    let y = Scale { axis: ports, unit: "unusual ports, logarithmic" };
    let discs: Vec<Disc> = processes.iter().map(|process| disc(subject, process)).collect();
    let with_some = processes.iter().filter(|process| process.unusual_ports > 0).count() as u64;
    let subtitle = format!(
        "one dot per process name; a port is unusual if no service is registered for it; {} of {} use one",
        humanize::count(with_some),
        humanize::count(processes.len() as u64)
    );
    canvas::picture(CHART.title, &subtitle, |canvas| scatter::draw(canvas, plot, &discs, &x, &y))
}

fn disc(subject: &Subject<'_>, process: &PortUse) -> Disc {
    Disc {
        name: process.process.clone(),
        x: process.connections as f64,
        y: process.unusual_ports as f64,
        radius: RADIUS,
        colour: subject.colours.get(&process.process),
    }
}
