//! `tables/`: the report's tables as CSV, one file each.
//!
//! Tables refer to each other by number: `process` is a row in `processes.csv`, `endpoint` one in
//! `endpoints.csv`, `conn_id` one in `connections.csv`.

use arrow_array::UInt32Array;

use super::json::v1::{Entities, Finding, Insight, Report, Severity};
use crate::Result;
use crate::analyze::Analysis;
use crate::model::Tables;
use crate::model::frame::{DataFrame, df};
use crate::model::records::Role;
use crate::model::tables::{SocketColumns, pairs};

/// A table: its name and where its rows come from.
pub struct TableFile {
    /// Name of the file, without its ending.
    pub name: &'static str,
    /// Its rows.
    pub rows: fn(&Analysis, &Report) -> Result<DataFrame>,
}

/// Every table, the largest first.
pub const TABLES: &[TableFile] = &[
    TableFile { name: "connections", rows: |analysis, _| every_socket(&analysis.tables) },
    TableFile { name: "listeners", rows: |analysis, _| listeners(&analysis.tables) },
    TableFile { name: "processes", rows: |analysis, _| Ok(analysis.tables.processes.clone()) },
    TableFile { name: "endpoints", rows: |analysis, _| Ok(analysis.tables.endpoints.clone()) },
    TableFile { name: "pairs", rows: |analysis, _| pairs(&analysis.tables) },
    TableFile { name: "findings", rows: |_, report| findings(&report.findings) },
    TableFile { name: "insights", rows: |_, report| insights(&report.insights) },
];

/// Columns that only sockets with a remote have.
const OF_REMOTES: [&str; 7] =
    ["remote_addr", "remote_port", "remote_name", "remote_scope", "country_code", "direction", "endpoint"];

/// Every socket, those of other network namespaces too, by first seen, then `conn_id`.
fn every_socket(tables: &Tables) -> Result<DataFrame> {
    if tables.foreign.height() == 0 {
        return Ok(tables.connections.clone());
    }
    let all = DataFrame::concat(vec![tables.connections.clone(), tables.foreign.clone()])?;
    let sockets = SocketColumns::of(&all)?;
    let mut rows: Vec<u32> = (0..sockets.len() as u32).collect();
    rows.sort_unstable_by_key(|row| {
        let row = *row as usize;
        (sockets.first_seen_us(row), sockets.conn_id(row))
    });
    all.take(&UInt32Array::from(rows))
}

/// The sockets that wait for others.
fn listeners(tables: &Tables) -> Result<DataFrame> {
    let frame = &tables.connections;
    let sockets = SocketColumns::of(frame)?;
    let is_listener = |row: &u32| sockets.role(*row as usize) == Role::Listener;
    let rows = UInt32Array::from_iter_values((0..sockets.len() as u32).filter(is_listener));
    frame.without(&OF_REMOTES).take(&rows)
}

fn findings(findings: &[Finding]) -> Result<DataFrame> {
    let texts = |of: fn(&Finding) -> String| findings.iter().map(of).collect::<Vec<_>>();
    let mut frame = df!(
        "id" => texts(|f| f.id.clone()),
        "detector" => texts(|f| f.detector.clone()),
        "severity" => texts(|f| name_of(f.severity).to_owned()),
        "confidence" => findings.iter().map(|f| f.confidence).collect::<Vec<_>>(),
        "title" => texts(|f| f.title.clone()),
        "explanation" => texts(|f| f.explanation.clone()),
        "attack" => texts(|f| f.attack.join(" ")),
        "connections" => findings.iter().map(|f| f.evidence.connections_total).collect::<Vec<_>>(),
        "measured" => texts(measured),
        "first_seen_us" => findings.iter().map(|f| f.first_seen.us).collect::<Vec<_>>(),
        "last_seen_us" => findings.iter().map(|f| f.last_seen.us).collect::<Vec<_>>(),
        "command" => texts(|f| f.evidence.command.clone()),
    )?;
    frame.extend(entities(findings.iter().map(|f| &f.entities))?)?;
    Ok(frame)
}

/// The measured values beside their thresholds: `ports tried 120 (15); …`.
fn measured(finding: &Finding) -> String {
    let words = finding.evidence.measurements.iter().map(|m| {
        let value = m.value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
        let threshold = m.threshold.map(|threshold| format!(" ({threshold})")).unwrap_or_default();
        let unit = if m.unit.is_empty() { String::new() } else { format!(" {}", m.unit) };
        format!("{} {value}{unit}{threshold}", m.name)
    });
    words.collect::<Vec<_>>().join("; ")
}

fn insights(insights: &[Insight]) -> Result<DataFrame> {
    let texts = |of: fn(&Insight) -> String| insights.iter().map(of).collect::<Vec<_>>();
    let mut frame = df!(
        "id" => texts(|i| i.id.clone()),
        "severity" => texts(|i| name_of(i.severity).to_owned()),
        "confidence" => insights.iter().map(|i| i.confidence).collect::<Vec<_>>(),
        "title" => texts(|i| i.title.clone()),
        "summary" => texts(|i| i.summary.clone()),
        "attack" => texts(|i| i.attack.join(" ")),
        "findings" => texts(|i| i.findings.join(" ")),
        "supports" => texts(|i| i.supports.join(" ")),
        "against" => texts(|i| i.against.join(" ")),
        "next_steps" => texts(|i| i.next_steps.join(" ")),
        "commands" => texts(|i| i.commands.join("; ")),
        "first_seen_us" => insights.iter().map(|i| i.first_seen.us).collect::<Vec<_>>(),
        "last_seen_us" => insights.iter().map(|i| i.last_seen.us).collect::<Vec<_>>(),
    )?;
    frame.extend(entities(insights.iter().map(|i| &i.entities))?)?;
    Ok(frame)
}

/// The process, the remote and other entities.
fn entities<'a>(of: impl Iterator<Item = &'a Entities>) -> Result<DataFrame> {
    let all: Vec<&Entities> = of.collect();
    let texts = |of: fn(&Entities) -> &Option<String>| all.iter().map(|e| of(e).clone()).collect::<Vec<_>>();
    df!(
        "process_name" => texts(|e| &e.process_name),
        "pid" => all.iter().map(|e| e.pid).collect::<Vec<_>>(),
        "exe" => texts(|e| &e.exe),
        "cmdline" => texts(|e| &e.cmdline),
        "username" => texts(|e| &e.username),
        "container" => texts(|e| &e.container),
        "protocol" => texts(|e| &e.protocol),
        "local_addr" => texts(|e| &e.local_addr),
        "local_port" => all.iter().map(|e| e.local_port).collect::<Vec<_>>(),
        "remote_addr" => texts(|e| &e.remote_addr),
        "remote_port" => all.iter().map(|e| e.remote_port).collect::<Vec<_>>(),
        "remote_name" => texts(|e| &e.remote_name),
    )
}

/// A severity as written in every format.
pub const fn name_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::csv;
    use crate::report::fixture;

    fn text_of(name: &str) -> String {
        let analysis = fixture::analysis();
        let report = Report::new(&analysis, &fixture::identity());
        let table = TABLES.iter().find(|table| table.name == name).unwrap();
        let frame = (table.rows)(&analysis, &report).unwrap();
        let mut out = Vec::new();
        csv::Table::of(&frame).write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_finding_has_its_numbers_and_whom_it_is_about() {
        let text = text_of("findings");
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let names = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        let cell = |name: &str| &rows[0][names.iter().position(|n| n == name).unwrap()];
        assert_eq!(rows.len(), 3);
        assert_eq!((cell("severity"), cell("confidence"), cell("connections")), ("high", "0.92", "130"));
        assert_eq!(cell("measured"), "score 0.973 (0.8); period 20 s; q-value unknown (0.01)");
        assert_eq!((cell("pid"), cell("remote_addr"), cell("local_port")), ("4242", "203.0.113.7", ""));
        assert_eq!(cell("first_seen"), "2026-06-01T10:00:00.000000Z");
        assert!(cell("process_name").starts_with("'=<script>"));
    }

    #[test]
    fn an_insight_names_its_findings() {
        let text = text_of("insights");
        let id = &Report::new(&fixture::analysis(), &fixture::identity()).findings[0].id;
        assert!(text.lines().count() == 2 && text.contains(id.as_str()), "{text}");
    }

    #[test]
    fn listeners_are_the_sockets_that_listen_without_a_remote() {
        let text = text_of("listeners");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("sshd") && !lines[0].contains("remote"), "{text}");
    }

    #[test]
    fn names_are_different() {
        let mut names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLES.len());
    }
}
