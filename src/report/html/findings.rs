//! A finding as the page shows it.

use super::view::{Fact, Table, name_of};
use crate::report::format::{self, UNKNOWN, plural};
use crate::report::json::v1::{Entities, Finding, Measurement, Severity};

/// A finding as text.
pub(super) struct FindingView {
    pub(super) id: String,
    pub(super) severity: &'static str,
    /// Whether its evidence is folded away, so that the others are seen first.
    pub(super) is_minor: bool,
    pub(super) title: String,
    pub(super) meta: String,
    pub(super) explanation: String,
    pub(super) measurements: Table,
    pub(super) entities: Vec<Fact>,
    pub(super) command: String,
    pub(super) false_positives: String,
    pub(super) connections_title: String,
    pub(super) connections: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        let evidence = &finding.evidence;
        let rows = evidence.measurements.iter().map(measurement);
        Self {
            id: finding.id.clone(),
            severity: name_of(finding.severity),
            is_minor: finding.severity < Severity::Medium,
            title: finding.title.clone(),
            meta: meta(finding),
            explanation: finding.explanation.clone(),
            measurements: Table::of(
                "Measured, beside the threshold",
                &["measure", "value", "threshold"],
                rows,
            ),
            entities: entities(&finding.entities),
            command: evidence.command.clone(),
            false_positives: finding.false_positives.clone(),
            connections_title: connections_title(
                evidence.connections.len() as u64,
                evidence.connections_total,
            ),
            connections: evidence.connections.join(" "),
        }
    }
}

/// `beacon · 92 % sure · ATT&CK T1071.001 · 130 connections · first … last …`
fn meta(finding: &Finding) -> String {
    let mut parts =
        vec![finding.detector.clone(), format!("{} sure", format::ratio_percent(finding.confidence))];
    if !finding.attack.is_empty() {
        parts.push(format!("ATT&CK {}", finding.attack.join(", ")));
    }
    parts.push(plural(finding.evidence.connections_total, "connection"));
    parts.push(format!(
        "{} to {}",
        format::second_utc(finding.first_seen.us),
        format::second_utc(finding.last_seen.us)
    ));
    parts.join(" · ")
}

fn measurement(measurement: &Measurement) -> Vec<String> {
    let text = |value: Option<f64>| {
        value.map_or_else(|| UNKNOWN.to_owned(), |value| format::measured(value, &measurement.unit))
    };
    vec![measurement.name.clone(), text(measurement.value), text(measurement.threshold)]
}

fn connections_title(shown: u64, total: u64) -> String {
    if shown < total {
        return format!(
            "The first {} of its {} (conn_id):",
            format::count(shown),
            plural(total, "connection")
        );
    }
    format!("Its {} (conn_id):", plural(total, "connection"))
}

/// What is known of whom and what it is about.
fn entities(entities: &Entities) -> Vec<Fact> {
    let number = |value: Option<u32>| value.map(|number| number.to_string());
    let local = endpoint(entities.local_addr.as_ref(), entities.local_port);
    let remote = endpoint(entities.remote_addr.as_ref(), entities.remote_port);
    let known = [
        ("Process", entities.process_name.clone()),
        ("pid", number(entities.pid)),
        ("Executable", entities.exe.clone()),
        ("Command line", entities.cmdline.clone()),
        ("User", entities.username.clone()),
        ("Container", entities.container.clone()),
        ("Protocol", entities.protocol.clone()),
        ("Local", local),
        ("Remote", remote),
        ("Remote name", entities.remote_name.clone()),
    ];
    known.into_iter().filter_map(|(name, value)| Some(Fact::code(name, value?))).collect()
}

/// `203.0.113.7:443`, `[2001:db8::1]:443`, `203.0.113.7`, `port 443`.
fn endpoint(addr: Option<&String>, port: Option<u16>) -> Option<String> {
    match (addr, port) {
        (Some(addr), Some(port)) if addr.contains(':') => Some(format!("[{addr}]:{port}")),
        (Some(addr), Some(port)) => Some(format!("{addr}:{port}")),
        (Some(addr), None) => Some(addr.clone()),
        (None, Some(port)) => Some(format!("port {port}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_written_as_usual() {
        let v6 = "2001:db8::1".to_owned();
        assert_eq!(endpoint(Some(&v6), Some(443)).as_deref(), Some("[2001:db8::1]:443"));
        assert_eq!(endpoint(Some(&v6), None).as_deref(), Some("2001:db8::1"));
        assert_eq!(endpoint(None, Some(22)).as_deref(), Some("port 22"));
        assert_eq!(endpoint(None, None), None);
    }

    #[test]
    fn a_cut_list_says_so() {
        assert_eq!(connections_title(100, 130), "The first 100 of its 130 connections (conn_id):");
        assert_eq!(connections_title(1, 1), "Its 1 connection (conn_id):");
    }
}
