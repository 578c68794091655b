//! The services with the most connections, by port.

use super::bars::{self, Values};
use super::canvas::{self, Canvas};
use super::{Chart, Subject, palette};
use crate::Result;
use crate::analyze::services;
use crate::capture::Protocol;
use crate::humanize;
use crate::model::metrics::Share;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "top-ports",
    title: "Which services have the most connections?",
    section: Section::Dashboard,
    draw,
};

fn draw(subject: &Subject<'_>) -> Result<String> {
    let ports = &subject.analysis.metrics.overview.top_ports;
    let total: u64 = ports.iter().map(|share| share.connections).sum();
    if total == 0 {
        return canvas::nothing(CHART.title, "The capture has no connections.");
    }
    let named: Vec<_> = ports.iter().map(named).collect();
    let rows = bars::counted(&named, total, palette::of_anything);
    let subtitle = format!(
        "{} connections; local port of inbound connections, otherwise remote port; names as registered",
        humanize::count(total)
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        bars::draw(canvas, Canvas::inside(), &rows, Values::AtEnd)
    })
}

/// Adds the service that is registered for the port, if any.
fn named(share: &Share) -> Share {
    let service = share
        .name
        .split_once('/')
        .and_then(|(port, protocol)| services::name(Protocol::from_text(protocol)?, port.parse().ok()?));
    let name = service.map_or_else(|| share.name.clone(), |service| format!("{} {service}", share.name));
    Share { name, ..share.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_the_name_of_its_service_and_others_have_none() {
        let name = |text: &str| named(&Share { name: text.to_owned(), ..Share::default() }).name;
        assert_eq!(name("443/tcp"), "443/tcp HTTPS");
        assert_eq!(name("47001/tcp"), "47001/tcp");
        assert_eq!(name("other"), "other");
    }
}
