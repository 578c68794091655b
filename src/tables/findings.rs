//! Builds the rows of findings and measurements.

use arrow_array::RecordBatch;

use super::Recording;
use super::build::{Cell, batch, int, text};
use super::schema::Table;
use crate::Result;
use crate::escape;
use crate::humanize;
use crate::model::finding::{Finding, Measurement};

pub(super) fn findings(recording: &Recording<'_>, table: &Table) -> Result<RecordBatch> {
    let found = recording.analysis().findings();
    let attack: Vec<String> = found.iter().map(|finding| finding.judgement.attack.join(" ")).collect();
    let commands: Vec<String> =
        found.iter().map(|finding| replay(&recording.identity().name, finding.evidence.span_us.0)).collect();
    batch(table, found.len(), &|row, column| {
        let Finding { id, about, judgement, evidence } = found[row];
        let entities = &judgement.entities;
        match column {
            "host_id" => text(recording.identity().host_id.as_deref()),
            "boot_id" => text(recording.boot_at(evidence.span_us.0)),
            "capture_id" => Cell::Text(&recording.identity().capture_id),
            "id" => Cell::Text(id),
            "detector" => Cell::Text(about.id),
            "severity" => Cell::Text(judgement.severity.as_str()),
            "confidence" => Cell::Float(judgement.confidence.get()),
            "title" => Cell::Text(&judgement.title),
            "explanation" => Cell::Text(&judgement.explanation),
            "attack" => text(Some(attack[row].as_str()).filter(|attack| !attack.is_empty())),
            "connections" => int(Some(evidence.connections_total)),
            "first_seen_us" => Cell::Int(evidence.span_us.0),
            "last_seen_us" => Cell::Int(evidence.span_us.1),
            "process_name" => text(entities.process_name.as_deref()),
            "pid" => int(entities.pid.map(u64::from)),
            "exe" => text(entities.exe.as_deref()),
            "username" => text(entities.username.as_deref()),
            "container" => text(entities.container.as_deref()),
            "protocol" => text(entities.protocol.as_deref()),
            "local_addr" => text(entities.local_addr.as_deref()),
            "local_port" => int(entities.local_port.map(u64::from)),
            "remote_addr" => text(entities.remote_addr.as_deref()),
            "remote_port" => int(entities.remote_port.map(u64::from)),
            "remote_name" => text(entities.remote_name.as_deref()),
            "command" => Cell::Text(&commands[row]),
            _ => Cell::Null,
        }
    })
}

pub(super) fn measurements(recording: &Recording<'_>, table: &Table) -> Result<RecordBatch> {
    let found = recording.analysis().findings();
    let measured: Vec<(&Finding, &Measurement)> = found
        .iter()
        .flat_map(|finding| finding.evidence.measurements.iter().map(move |measured| (*finding, measured)))
        .collect();
    batch(table, measured.len(), &|row, column| {
        let (finding, measurement) = measured[row];
        match column {
            "host_id" => text(recording.identity().host_id.as_deref()),
            "boot_id" => text(recording.boot_at(finding.evidence.span_us.0)),
            "capture_id" => Cell::Text(&recording.identity().capture_id),
            "finding" => Cell::Text(&finding.id),
            "detector" => Cell::Text(finding.about.id),
            "name" => Cell::Text(&measurement.name),
            "value" => Cell::Float(measurement.value),
            "unit" => text(Some(measurement.unit).filter(|unit| !unit.is_empty())),
            "threshold" => measurement.threshold.map_or(Cell::Null, Cell::Float),
            _ => Cell::Null,
        }
    })
}

pub(super) fn assessments(recording: &Recording<'_>, table: &Table) -> Result<RecordBatch> {
    let insights = &recording.analysis().insights;
    let attack: Vec<String> = insights.iter().map(|insight| insight.attack.join(" ")).collect();
    let commands: Vec<String> =
        insights.iter().map(|insight| replay(&recording.identity().name, insight.span_us.0)).collect();
    batch(table, insights.len(), &|row, column| {
        let insight = &insights[row];
        match column {
            "host_id" => text(recording.identity().host_id.as_deref()),
            "boot_id" => text(recording.boot_at(insight.span_us.0)),
            "capture_id" => Cell::Text(&recording.identity().capture_id),
            "id" => Cell::Text(&insight.id),
            "severity" => Cell::Text(insight.severity.as_str()),
            "confidence" => Cell::Float(insight.confidence.get()),
            "title" => Cell::Text(&insight.title),
            "summary" => Cell::Text(&insight.summary),
            "attack" => text(Some(attack[row].as_str()).filter(|attack| !attack.is_empty())),
            "findings" => int(Some(insight.findings.len() as u64)),
            "first_seen_us" => Cell::Int(insight.span_us.0),
            "last_seen_us" => Cell::Int(insight.span_us.1),
            "command" => Cell::Text(&commands[row]),
            _ => Cell::Null,
        }
    })
}

/// The command that shows a moment of a capture.
fn replay(capture: &str, us: i64) -> String {
    let at = humanize::iso_utc(us).unwrap_or_else(|| "start".to_owned());
    format!("netrec replay {} --at {at}", escape::shell_path(capture.as_ref()))
}
