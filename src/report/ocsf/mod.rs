//! `findings.ndjson`: one OCSF Detection Finding per line, for a SIEM.
//!
//! The published types follow one version of OCSF ([`v1_3`]). Unknown attributes are omitted,
//! because OCSF has no null. `time` is the end of the recording: the analysis never reads the
//! clock, and no finding was known before.

pub mod v1_3;

use std::io::{self, Write};

use serde_json::{Map, json};

use super::json::v1::{Detector, Entities, Finding, Report, Severity};
use super::sockets::Sockets;
use crate::escape;
use crate::model::attack::technique_name;
use crate::model::detector::Method;
use crate::model::records::Direction;
use v1_3::{
    Analytic, Attack, ConnectionInfo, Container, DetectionFinding, Device, Endpoint, Evidence, File,
    FindingInfo, Metadata, Observable, Process, Product, Technique, User, VERSION,
};

/// Writes every finding of a report, worst first.
///
/// # Errors
/// If `out` cannot be written.
pub(super) fn write(report: &Report, sockets: &Sockets, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        let line = serde_json::to_string(&detection(report, finding, sockets)).map_err(io::Error::other)?;
        out.write_all(escape::json(&line).as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn detection(report: &Report, finding: &Finding, sockets: &Sockets) -> DetectionFinding {
    let (severity_id, severity) = severity(finding.severity);
    let (confidence_id, confidence) = confidence(finding.confidence);
    let evidence = evidence(finding, sockets);
    DetectionFinding {
        class_uid: 2004,
        class_name: "Detection Finding",
        category_uid: 2,
        category_name: "Findings",
        activity_id: 1,
        activity_name: "Create",
        type_uid: 200_401,
        type_name: "Detection Finding: Create",
        time: ms(report.capture.end.us),
        start_time: ms(finding.first_seen.us),
        end_time: ms(finding.last_seen.us),
        severity_id,
        severity,
        confidence_id,
        confidence,
        confidence_score: (finding.confidence * 100.0).round() as u32,
        status_id: 1,
        status: "New",
        message: finding.title.clone(),
        metadata: Metadata {
            version: VERSION,
            product: Product { name: "netrec", vendor_name: "netrec", version: env!("CARGO_PKG_VERSION") },
        },
        finding_info: info(report, finding),
        device: report.capture.host_name.as_ref().map(|name| Device {
            hostname: name.clone(),
            type_id: 0,
            kind: "Unknown",
        }),
        observables: observables(&evidence),
        evidences: vec![evidence],
        unmapped: unmapped(report, finding),
    }
}

fn ms(moment_us: i64) -> i64 {
    moment_us.div_euclid(1000)
}

const fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// In three levels of equal width.
fn confidence(share: f64) -> (u32, &'static str) {
    match share {
        _ if share < 1.0 / 3.0 => (1, "Low"),
        _ if share < 2.0 / 3.0 => (2, "Medium"),
        _ => (3, "High"),
    }
}

fn info(report: &Report, finding: &Finding) -> FindingInfo {
    let title_of = |detector: &&Detector| detector.id == finding.detector;
    let name = report.detectors.iter().find(title_of).map_or(&finding.detector, |detector| &detector.title);
    let (type_id, kind) = analytic(finding.about.method);
    FindingInfo {
        uid: finding.id.clone(),
        title: finding.title.clone(),
        desc: finding.explanation.clone(),
        analytic: Analytic { uid: finding.detector.clone(), name: name.clone(), type_id, kind },
        attacks: finding.attack.iter().map(|id| attack(id)).collect(),
        first_seen_time: ms(finding.first_seen.us),
        last_seen_time: ms(finding.last_seen.us),
    }
}

/// The OCSF type of an analytic.
const fn analytic(method: Method) -> (u32, &'static str) {
    match method {
        Method::Rule => (1, "Rule"),
        Method::Behavior => (2, "Behavioral"),
        Method::Statistics => (3, "Statistical"),
        Method::Learning => (4, "Learning (ML/DL)"),
    }
}

/// `T1071.001` is a sub-technique of `T1071`.
fn attack(id: &str) -> Attack {
    let of = |uid: &str| Technique { uid: uid.to_owned(), name: technique_name(uid) };
    match id.split_once('.') {
        Some((technique, _)) => Attack { technique: of(technique), sub_technique: Some(of(id)) },
        None => Attack { technique: of(id), sub_technique: None },
    }
}

fn evidence(finding: &Finding, sockets: &Sockets) -> Evidence {
    let entities = &finding.entities;
    let direction = sockets.direction(finding);
    let local = endpoint(entities.local_addr.as_ref(), entities.local_port, None);
    let remote = endpoint(entities.remote_addr.as_ref(), entities.remote_port, entities.remote_name.as_ref());
    let (src_endpoint, dst_endpoint) = match sockets.is_local_originator(finding) {
        Some(false) => (remote, local),
        Some(true) | None => (local, remote),
    };
    let (direction_id, direction) = match direction {
        Some(Direction::Inbound) => (1, "Inbound"),
        Some(Direction::Outbound) => (2, "Outbound"),
        Some(Direction::Internal) => (99, "Internal"),
        None => (0, "Unknown"),
    };
    let protocol_name = entities.protocol.clone();
    Evidence {
        process: process(entities),
        container: entities.container.as_ref().map(|uid| Container { uid: uid.clone() }),
        src_endpoint,
        dst_endpoint,
        connection_info: ConnectionInfo { direction_id, direction, protocol_name },
        data: json!({ "measurements": finding.evidence.measurements }),
    }
}

fn endpoint(addr: Option<&String>, port: Option<u16>, name: Option<&String>) -> Option<Endpoint> {
    Some(Endpoint { ip: addr?.clone(), port, hostname: name.cloned() })
}

fn process(entities: &Entities) -> Option<Process> {
    let file = entities.exe.as_ref().map(|path| File {
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        path: path.clone(),
        type_id: 1,
    });
    Some(Process {
        pid: entities.pid?,
        name: entities.process_name.clone(),
        cmd_line: entities.cmdline.clone(),
        file,
        user: entities.username.as_ref().map(|name| User { name: name.clone() }),
    })
}

fn observables(evidence: &Evidence) -> Vec<Observable> {
    let process = evidence.process.as_ref();
    let (src, dst) = (evidence.src_endpoint.as_ref(), evidence.dst_endpoint.as_ref());
    let all = [
        ("evidences.src_endpoint.ip", 2, "IP Address", src.map(|end| &end.ip)),
        ("evidences.dst_endpoint.ip", 2, "IP Address", dst.map(|end| &end.ip)),
        ("evidences.src_endpoint.hostname", 1, "Hostname", src.and_then(|end| end.hostname.as_ref())),
        ("evidences.dst_endpoint.hostname", 1, "Hostname", dst.and_then(|end| end.hostname.as_ref())),
        ("evidences.process.name", 9, "Process Name", process.and_then(|process| process.name.as_ref())),
        (
            "evidences.process.user.name",
            4,
            "User Name",
            process.and_then(|process| process.user.as_ref()).map(|user| &user.name),
        ),
    ];
    let known = all.into_iter().filter_map(|(name, type_id, kind, value)| {
        Some(Observable { name, type_id, kind, value: value?.clone() })
    });
    known.collect()
}

fn unmapped(report: &Report, finding: &Finding) -> Map<String, serde_json::Value> {
    let insights = report.insights.iter().filter(|insight| insight.findings.contains(&finding.id));
    let insights: Vec<_> =
        insights.map(|insight| json!({ "id": insight.id, "title": insight.title })).collect();
    Map::from_iter([
        ("capture_file".to_owned(), json!(report.capture.file)),
        ("capture_sha256".to_owned(), json!(report.capture.sha256)),
        ("capture_degraded".to_owned(), json!(report.capture.completeness.degraded)),
        ("connections".to_owned(), json!(finding.evidence.connections)),
        ("connections_total".to_owned(), json!(finding.evidence.connections_total)),
        ("command".to_owned(), json!(finding.evidence.command)),
        ("false_positives".to_owned(), json!(finding.false_positives)),
        ("insights".to_owned(), json!(insights)),
    ])
}

#[cfg(test)]
mod tests {
    use arrow_array::UInt32Array;
    use serde_json::Value;

    use super::*;
    use crate::analyze::Analysis;
    use crate::model::frame::Column;
    use crate::report::fixture;

    fn lines() -> Vec<Value> {
        lines_of(&fixture::analysis())
    }

    fn lines_of(analysis: &Analysis) -> Vec<Value> {
        let report = Report::new(analysis, &fixture::identity());
        let sockets = Sockets::new(&analysis.tables, &report.findings).unwrap();
        let mut out = Vec::new();
        write(&report, &sockets, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.chars().any(|c| escape::is_unsafe(c) && c != '\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_line_has_what_the_schema_requires() {
        let lines = lines();
        assert_eq!(lines.len(), 3);
        for line in &lines {
            for (name, expected) in
                [("class_uid", 2004), ("category_uid", 2), ("activity_id", 1), ("type_uid", 200_401)]
            {
                assert_eq!(line[name], expected, "{name}");
            }
            assert_eq!(line["metadata"]["version"], "1.3.0");
            assert_eq!(line["metadata"]["product"]["vendor_name"], "netrec");
            let info = &line["finding_info"];
            assert!(info["uid"].is_string() && info["title"].is_string());
            assert!(info["analytic"]["type_id"].is_u64());
            // In ms: a moment in 2026, not in the year 58000.
            assert_eq!(line["time"], 1_780_308_600_000_i64);
        }
    }

    #[test]
    fn a_finding_says_who_and_how_bad_and_how_sure() {
        let line = &lines()[0];
        assert_eq!((&line["severity_id"], &line["confidence_score"]), (&json!(4), &json!(92)));
        let evidence = &line["evidences"][0];
        assert_eq!(
            evidence["process"]["file"],
            json!({"name": "kworker", "path": "/tmp/.x/kworker", "type_id": 1})
        );
        assert_eq!(evidence["dst_endpoint"], json!({"ip": "203.0.113.7", "port": 443}));
        assert_eq!(evidence["data"]["measurements"][0]["threshold"], 0.8);
        assert_eq!(line["finding_info"]["attacks"][0]["sub_technique"]["uid"], "T1071.001");
        let ip = line["observables"].as_array().unwrap().iter().find(|o| o["type_id"] == 2).unwrap();
        assert_eq!(ip["value"], "203.0.113.7");
        assert_eq!(line["unmapped"]["insights"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn whoever_opened_the_connections_is_the_source() {
        let remote = json!({"ip": "203.0.113.7", "port": 443});
        for (direction, its_end, id) in [("inbound", "src_endpoint", 1), ("outbound", "dst_endpoint", 2)] {
            let mut analysis = fixture::analysis();
            let directions = Column::of("direction", [direction; 4]);
            analysis.tables.connections.replace(directions).unwrap();
            let evidence = &lines_of(&analysis)[0]["evidences"][0];
            assert_eq!(evidence[its_end], remote, "{direction}: {evidence}");
            assert_eq!(evidence["connection_info"]["direction_id"], id);
        }
    }

    /// Whether there is a null anywhere except as the threshold of a measurement without one.
    fn has_null(value: &Value) -> bool {
        match value {
            Value::Object(map) => map.iter().any(|(name, value)| name != "data" && has_null(value)),
            Value::Array(all) => all.iter().any(has_null),
            other => other.is_null(),
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut analysis = fixture::analysis();
        let none = UInt32Array::from(Vec::<u32>::new());
        analysis.tables.connections = analysis.tables.connections.take(&none).unwrap();
        let lines = lines_of(&analysis);
        let evidence = &lines[1]["evidences"][0];
        assert!(evidence.get("process").is_none() && evidence.get("src_endpoint").is_none());
        assert_eq!(evidence["connection_info"]["direction_id"], 0);
        assert!(!lines.iter().any(has_null));
    }
}
