//! The metrics of the report as tables, by section.

use super::findings::Link;
use super::view::{Fact, Image, Table, or_unknown};
use crate::geo::country_name;
use crate::humanize::{self, bytes, bytes_per_s, count, ratio_percent, seconds};
use crate::model::metrics::{
    Anomalies, Bandwidth, Correlation, CountryDirection, Distribution, Geography, Metrics, Overview, PortUse,
    ProcessLoad, ProtocolEfficiency, Share, Tcp, Traffic, Transition,
};
use crate::report::Section;
use crate::report::charts::{self, Picture};
use crate::report::json::v1::Finding;

/// A section of the page, as the template shows it.
pub(super) struct SectionView {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) facts: Vec<Fact>,
    pub(super) tables: Vec<Table>,
    pub(super) charts: Vec<Image>,
    /// Charts without data: the title and the reason, which is escaped as in the chart.
    pub(super) empty_charts: Vec<(&'static str, String)>,
    /// Findings of its detectors; the findings of Security are shown there in full.
    pub(super) findings: Vec<Link>,
    /// Whether the section is empty.
    pub(super) is_empty: bool,
}

impl SectionView {
    fn new(section: Section, facts: Vec<Fact>, tables: Vec<Table>) -> Self {
        let tables = tables.into_iter().filter(tells_something).map(Table::shortened);
        Self {
            id: section.id(),
            title: section.title(),
            facts,
            tables: tables.collect(),
            charts: Vec::new(),
            empty_charts: Vec::new(),
            findings: Vec::new(),
            is_empty: false,
        }
    }
}

/// Whether a table has rows other than a single one for unknown values, as the processes in a
/// capture of a network.
fn tells_something(table: &Table) -> bool {
    let is_unknown = |row: &Vec<String>| row.first().is_some_and(|name| name == "unknown");
    !table.rows.iter().all(is_unknown)
}

/// Every section; tables without information are left out.
pub(super) fn all(metrics: &Metrics, findings: &[Finding], pictures: &[Picture]) -> Vec<SectionView> {
    Section::ALL.into_iter().map(|section| view(section, metrics, findings, pictures)).collect()
}

fn view(section: Section, metrics: &Metrics, findings: &[Finding], pictures: &[Picture]) -> SectionView {
    let has_own_content =
        matches!(section, Section::Dashboard | Section::RawData | Section::Report | Section::Security);
    let is_listed = |finding: &&Finding| section != Section::Security && finding.about.section == section;
    let mut view = SectionView {
        charts: of_section(section, pictures)
            .filter(|picture| charts::why_nothing(&picture.svg).is_none())
            .map(Image::from)
            .collect(),
        empty_charts: of_section(section, pictures)
            .filter_map(|picture| Some((picture.title, charts::why_nothing(&picture.svg)?.to_owned())))
            .collect(),
        findings: findings.iter().filter(is_listed).map(Link::from).collect(),
        ..measured(section, metrics)
    };
    view.is_empty = !has_own_content
        && view.facts.is_empty()
        && view.tables.is_empty()
        && view.charts.is_empty()
        && view.empty_charts.is_empty()
        && view.findings.is_empty();
    view
}

fn of_section(section: Section, pictures: &[Picture]) -> impl Iterator<Item = &Picture> {
    pictures.iter().filter(move |picture| picture.section == section)
}

fn measured(section: Section, metrics: &Metrics) -> SectionView {
    match section {
        Section::Dashboard => overview(&metrics.overview),
        Section::Bandwidth => bandwidth(&metrics.bandwidth),
        Section::Tcp => tcp(&metrics.tcp),
        Section::Geography => geography(&metrics.geography),
        Section::Anomalies => anomalies(&metrics.anomalies),
        Section::Statistics => statistics(metrics),
        Section::Trends => processes(&metrics.processes),
        _ => SectionView::new(section, Vec::new(), Vec::new()),
    }
}

fn overview(overview: &Overview) -> SectionView {
    let mut facts = vec![
        Fact::of("Sockets", count(overview.sockets)),
        Fact::of("Listening TCP sockets", count(overview.listeners)),
        Fact::of("Most open at one snapshot", count(overview.open_connections_max)),
    ];
    if overview.foreign_sockets > 0 {
        facts
            .push(Fact::of("Sockets of other network namespaces, left out", count(overview.foreign_sockets)));
    }
    SectionView::new(
        Section::Dashboard,
        facts,
        vec![
            connections("Connections by process", "process", &overview.top_processes),
            connections("Connections by remote address", "address", &overview.top_endpoints),
            connections("Connections by port of the service", "port", &overview.top_ports),
            connections("Connections by protocol", "protocol", &overview.by_protocol),
            connections("Connections by direction", "direction", &overview.by_direction),
            connections("Connections by kind of remote address", "kind", &overview.by_scope),
        ],
    )
}

fn bandwidth(bandwidth: &Bandwidth) -> SectionView {
    SectionView::new(
        Section::Bandwidth,
        vec![
            Fact::of("Sent", bytes(bandwidth.bytes_sent as f64)),
            Fact::of("Received", bytes(bandwidth.bytes_received as f64)),
            Fact::of("Peak sent", bytes_per_s(bandwidth.peak_sent_per_s)),
            Fact::of("Peak received", bytes_per_s(bandwidth.peak_received_per_s)),
            Fact::of(
                "Connections without byte counts (not included)",
                count(bandwidth.connections_not_counted),
            ),
        ],
        vec![
            moved("Payload during the recording by process", "process", &bandwidth.by_process),
            moved("Payload during the recording by remote address", "address", &bandwidth.by_endpoint),
        ],
    )
}

fn tcp(tcp: &Tcp) -> SectionView {
    let transition = |transition: &Transition| {
        vec![format!("{} → {}", transition.from, transition.to), count(transition.count)]
    };
    let distributions = [
        tcp.duration_s.as_ref().map(|duration| distribution("duration", duration, seconds)),
        tcp.rtt_us.as_ref().map(|rtt| distribution("round-trip time", rtt, |rtt_us| seconds(rtt_us / 1e6))),
    ];
    let header = ["measure", "connections", "min", "median", "mean", "p95", "p99", "max"];
    SectionView::new(
        Section::Tcp,
        vec![
            Fact::of(format!("Short-lived (under {})", seconds(tcp.short_lived_s)), count(tcp.short_lived)),
            Fact::of(format!("Long-lived (at least {})", seconds(tcp.long_lived_s)), count(tcp.long_lived)),
            Fact::of("Segments retransmitted", count(tcp.retransmits)),
            Fact::of("Retransmitted per segment sent", or_unknown(tcp.retransmission_rate, ratio_percent)),
        ],
        vec![
            Table::of("Durations and round-trip times", &header, distributions.into_iter().flatten()),
            Table::of("State changes", &["from → to", "times"], tcp.transitions.iter().map(transition)),
            Table::of(
                "In CLOSE_WAIT at the last snapshot, by process",
                &["process", "connections"],
                tcp.close_wait_by_process
                    .iter()
                    .map(|share| vec![share.name.clone(), count(share.connections)]),
            ),
        ],
    )
}

/// The name of a country, or its code where it has none.
fn country(code: &str) -> String {
    country_name(code).unwrap_or(code).to_owned()
}

fn geography(geography: &Geography) -> SectionView {
    let named = |share: &Share| Share { name: country(&share.name), ..share.clone() };
    let countries: Vec<Share> = geography.by_country.iter().map(named).collect();
    let direction = |entry: &CountryDirection| {
        vec![country(&entry.country_code), entry.direction.clone(), count(entry.connections)]
    };
    SectionView::new(
        Section::Geography,
        vec![
            Fact::of("Public addresses without a known country", count(geography.public_unknown)),
            Fact::of("Private addresses (not looked up)", count(geography.not_public)),
        ],
        vec![
            connections("Connections by country", "country", &countries),
            connections("Connections by city", "city", &geography.by_city),
            Table::of(
                "Direction by country",
                &["country", "direction", "connections"],
                geography.direction_by_country.iter().map(direction),
            ),
        ],
    )
}

fn anomalies(anomalies: &Anomalies) -> SectionView {
    let row = |process: &PortUse| {
        vec![
            process.process.clone(),
            count(process.connections),
            count(process.ports),
            count(process.unusual_ports),
            count(process.unusual_connections),
        ]
    };
    let header = ["process", "connections", "ports", "unusual ports", "connections on unusual ports"];
    let caption = "Ports by process; a port is unusual if no service is registered for it";
    SectionView::new(
        Section::Anomalies,
        Vec::new(),
        vec![Table::of(caption, &header, anomalies.ports_by_process.iter().map(row))],
    )
}

fn statistics(metrics: &Metrics) -> SectionView {
    SectionView::new(
        Section::Statistics,
        Vec::new(),
        vec![protocols(&metrics.protocols), rates(&metrics.traffic), correlations(&metrics.correlations)],
    )
}

fn rates(traffic: &Traffic) -> Table {
    let rows = [
        traffic.sent_per_s.as_ref().map(|sent| distribution("sent", sent, bytes_per_s)),
        traffic.received_per_s.as_ref().map(|received| distribution("received", received, bytes_per_s)),
        traffic
            .opened_per_s
            .as_ref()
            .map(|opened| distribution("connections opened", opened, humanize::per_second)),
    ];
    let caption = format!("Rates per interval of {}", seconds(traffic.slice_s));
    let header = ["rate", "intervals", "min", "median", "mean", "p95", "p99", "max"];
    Table::of(caption, &header, rows.into_iter().flatten())
}

/// The correlations that could be computed.
fn correlations(correlations: &[Correlation]) -> Table {
    let row = |pair: &Correlation| {
        let rho = pair.rho.map(|rho| format!("{rho:+.2}"))?;
        Some(vec![pair.a.clone(), pair.b.clone(), rho, count(pair.connections)])
    };
    let caption = "Spearman's rank correlation between measurements";
    let rows = correlations.iter().filter_map(row);
    Table::of(caption, &["of", "with", "correlation", "connections"], rows)
}

fn protocols(protocols: &[ProtocolEfficiency]) -> Table {
    let row = |protocol: &ProtocolEfficiency| {
        vec![
            protocol.protocol.clone(),
            count(protocol.connections),
            count(protocol.counted),
            or_unknown(protocol.bytes_per_packet_sent, bytes),
            or_unknown(protocol.bytes_per_packet_received, bytes),
            or_unknown(protocol.retransmission_rate, ratio_percent),
            or_unknown(protocol.goodput_bytes_per_s, bytes_per_s),
            or_unknown(protocol.payload_share_estimate, ratio_percent),
        ]
    };
    let header = [
        "protocol",
        "connections",
        "counted",
        "bytes per packet sent",
        "bytes per packet received",
        "retransmitted",
        "goodput",
        "payload share (estimate)",
    ];
    let caption = "Protocols compared, over the whole lifetime of the sockets";
    Table::of(caption, &header, protocols.iter().map(row))
}

fn processes(processes: &[ProcessLoad]) -> SectionView {
    let row = |process: &ProcessLoad| {
        vec![
            process.name.clone(),
            or_unknown(process.pid, |pid| pid.to_string()),
            or_unknown(process.cpu_percent_mean, percent),
            or_unknown(process.cpu_percent_max, percent),
            or_unknown(process.memory_rss_max_bytes, |rss_bytes| bytes(rss_bytes as f64)),
        ]
    };
    // Nothing was measured for processes that existed only between two snapshots.
    let is_measured =
        |process: &&ProcessLoad| process.cpu_percent_max.is_some() || process.memory_rss_max_bytes.is_some();
    let header = ["process", "pid", "mean CPU", "peak CPU", "peak memory"];
    SectionView::new(
        Section::Trends,
        Vec::new(),
        vec![Table::of(
            "CPU (of one core) and resident memory",
            &header,
            processes.iter().filter(is_measured).map(row),
        )],
    )
}

fn percent(value: f64) -> String {
    ratio_percent(value / 100.0)
}

fn connections(caption: &str, name: &str, shares: &[Share]) -> Table {
    let total: u64 = shares.iter().map(|share| share.connections).sum();
    let row = |share: &Share| {
        vec![share.name.clone(), count(share.connections), humanize::percent(share.connections, total)]
    };
    Table::of(caption, &[name, "connections", "share"], shares.iter().map(row))
}

fn moved(caption: &str, name: &str, shares: &[Share]) -> Table {
    let row = |share: &Share| {
        let (sent, received) = (bytes(share.bytes_sent as f64), bytes(share.bytes_received as f64));
        vec![share.name.clone(), count(share.connections), sent, received]
    };
    Table::of(caption, &[name, "connections", "sent", "received"], shares.iter().map(row))
}

fn distribution(name: &str, values: &Distribution, text: fn(f64) -> String) -> Vec<String> {
    let numbers = [values.min, values.median, values.mean, values.p95, values.p99, values.max];
    let mut row = vec![name.to_owned(), count(values.count)];
    row.extend(numbers.map(text));
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn tables_have_as_many_cells_as_headings_and_none_is_empty() {
        let sections = all(&fixture::analysis().metrics, &[], &[]);
        for table in sections.iter().flat_map(|section| &section.tables) {
            assert!(!table.rows.is_empty(), "{}", table.caption);
            assert!(table.rows.iter().all(|row| row.len() == table.header.len()), "{}", table.caption);
        }
    }

    #[test]
    fn an_empty_capture_has_facts_but_no_tables() {
        let sections = all(&fixture::empty().metrics, &[], &[]);
        assert_eq!(sections.iter().map(|section| section.tables.len()).sum::<usize>(), 0);
    }
}
