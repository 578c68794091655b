//! What each host's captures show on their own.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use arrow_array::RecordBatch;

use super::columns::Columns;
use crate::model::finding::Severity;

/// Captures and their findings, by host.
#[derive(Default)]
pub(super) struct HostTables {
    /// Sorted by host, start and path.
    pub(super) captures: Vec<Capture>,
    /// By `host_id`, or by `capture_id` for captures without one.
    found: BTreeMap<String, Found>,
}

/// A row of the table of captures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::struct_field_names, reason = "capture_id is what the tables call it")]
pub(super) struct Capture {
    pub(super) host_id: Option<String>,
    pub(super) span_us: Option<(i64, i64)>,
    pub(super) path: String,
    pub(super) name: Option<String>,
    pub(super) capture_id: Option<String>,
    pub(super) status: String,
    pub(super) error: Option<String>,
    pub(super) bytes: u64,
}

/// The findings of a host.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Findings by severity, mildest first.
    pub(super) counts: [u64; Severity::ALL.len()],
    /// The worst finding.
    pub(super) finding: Option<Headline>,
    /// The strongest assessment.
    pub(super) assessment: Option<Headline>,
}

/// The headline of a host.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Headline {
    pub(super) severity: Severity,
    pub(super) confidence: f64,
    pub(super) title: String,
    pub(super) first_us: i64,
    pub(super) command: String,
}

impl Capture {
    /// The key of its findings.
    pub(super) fn key(&self) -> Option<&str> {
        self.host_id.as_deref().or(self.capture_id.as_deref())
    }
}

impl Found {
    /// The headline: the assessment, which joins findings, unless a finding is worse.
    pub(super) fn headline(&self) -> Option<&Headline> {
        let severity = |headline: &Option<Headline>| headline.as_ref().map(|headline| headline.severity);
        if severity(&self.assessment) >= severity(&self.finding) {
            return self.assessment.as_ref();
        }
        self.finding.as_ref()
    }
}

impl Headline {
    /// Keeps the worse one; of equals, the one with the smaller text.
    fn keep(worst: &mut Option<Self>, other: Self) {
        let rank = |a: &Self, b: &Self| {
            (a.severity.cmp(&b.severity))
                .then(a.confidence.total_cmp(&b.confidence))
                .then_with(|| (&b.title, b.first_us, &b.command).cmp(&(&a.title, a.first_us, &a.command)))
        };
        if worst.as_ref().is_none_or(|worst| rank(&other, worst) == Ordering::Greater) {
            *worst = Some(other);
        }
    }
}

impl HostTables {
    /// Whether a table is used.
    pub(super) fn is_used(table: &str) -> bool {
        ["captures", "findings", "assessments"].contains(&table)
    }

    /// Adds rows of a table.
    ///
    /// # Errors
    /// A sentence, if a column is missing.
    pub(super) fn add(&mut self, table: &str, batch: &RecordBatch) -> Result<(), String> {
        match table {
            "captures" => self.add_captures(batch),
            "findings" => self.add_found(batch, |found, headline| {
                found.counts[headline.severity as usize] += 1;
                Headline::keep(&mut found.finding, headline);
            }),
            "assessments" => {
                self.add_found(batch, |found, headline| Headline::keep(&mut found.assessment, headline))
            }
            _ => Ok(()),
        }
    }

    /// The findings of a host's captures.
    pub(super) fn found(&self, key: &str) -> Option<&Found> {
        self.found.get(key)
    }

    /// Sorts the captures.
    pub(super) fn complete(&mut self) {
        self.captures.sort_unstable();
    }

    /// A host's capture at a moment on its own clock: the last that began before it.
    pub(super) fn capture_at(&self, host_id: &str, us: i64) -> Option<&Capture> {
        let from = self.captures.partition_point(|capture| capture.host_id.as_deref() < Some(host_id));
        let is_host = |capture: &&Capture| capture.host_id.as_deref() == Some(host_id);
        let of_host = self.captures[from..].iter().take_while(is_host);
        let began = |capture: &&Capture| capture.span_us.is_some_and(|(start, _)| start <= us);
        of_host.clone().filter(began).last().or_else(|| of_host.clone().next())
    }

    fn add_captures(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let columns = Columns::of(batch);
        let (host_id, capture_id) = (columns.text("host_id")?, columns.text("capture_id")?);
        let (path, name) = (columns.text("path")?, columns.text("host_name")?);
        let (status, error) = (columns.text("status")?, columns.text("error")?);
        let (start, end, bytes) =
            (columns.long("start_us")?, columns.long("end_us")?, columns.long("bytes")?);
        for row in 0..batch.num_rows() {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            self.captures.push(Capture {
                host_id: owned(host_id.get(row)),
                span_us: start.get(row).zip(end.get(row)),
                path: owned(path.get(row)).unwrap_or_default(),
                name: owned(name.get(row)),
                capture_id: owned(capture_id.get(row)),
                status: owned(status.get(row)).unwrap_or_default(),
                error: owned(error.get(row)),
                bytes: bytes.get(row).and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            });
        }
        Ok(())
    }

    fn add_found(
        &mut self,
        batch: &RecordBatch,
        mut keep: impl FnMut(&mut Found, Headline),
    ) -> Result<(), String> {
        let columns = Columns::of(batch);
        let (host_id, capture_id) = (columns.text("host_id")?, columns.text("capture_id")?);
        let (severity, confidence) = (columns.text("severity")?, columns.float("confidence")?);
        let (title, command, first) =
            (columns.text("title")?, columns.text("command")?, columns.long("first_seen_us")?);
        for row in 0..batch.num_rows() {
            let Some(key) = host_id.get(row).or_else(|| capture_id.get(row)) else { continue };
            let severity = severity.get(row).unwrap_or_default();
            let severity = Severity::ALL.into_iter().find(|known| known.as_str() == severity);
            let headline = Headline {
                severity: severity.unwrap_or(Severity::Info),
                confidence: confidence.get(row).unwrap_or(0.0),
                title: title.get(row).unwrap_or_default().to_owned(),
                first_us: first.get(row).unwrap_or(0),
                command: command.get(row).unwrap_or_default().to_owned(),
            };
            keep(self.found.entry(key.to_owned()).or_default(), headline);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headline(severity: Severity, title: &str) -> Headline {
        Headline { severity, confidence: 0.5, title: title.to_owned(), first_us: 0, command: String::new() }
    }

    #[test]
    fn a_host_is_told_by_its_worst_whatever_came_first() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let all =
                [headline(Severity::Low, "a"), headline(Severity::High, "z"), headline(Severity::High, "b")];
            let mut worst = None;
            for at in order {
                Headline::keep(&mut worst, all[at].clone());
            }
            assert_eq!(worst.unwrap().title, "b");
        }
    }

    #[test]
    fn an_assessment_speaks_for_its_findings_unless_one_is_worse() {
        let mut found = Found { finding: Some(headline(Severity::High, "f")), ..Found::default() };
        assert_eq!(found.headline().unwrap().title, "f");
        found.assessment = Some(headline(Severity::High, "a"));
        assert_eq!(found.headline().unwrap().title, "a");
        found.assessment = Some(headline(Severity::Low, "a"));
        assert_eq!(found.headline().unwrap().title, "f");
    }

    #[test]
    fn a_moment_is_in_the_capture_that_began_last_before_it() {
        let capture = |host: &str, start: i64| Capture {
            host_id: Some(host.to_owned()),
            span_us: Some((start, start + 10)),
            path: format!("{host}-{start}"),
            name: None,
            capture_id: None,
            status: "ok".to_owned(),
            error: None,
            bytes: 0,
        };
        let captures = vec![capture("a", 10), capture("b", 10), capture("b", 20), capture("c", 10)];
        let tables = HostTables { captures, ..HostTables::default() };
        let path = |us| tables.capture_at("b", us).map(|capture| capture.path.as_str());
        assert_eq!([path(25), path(19), path(5)], [Some("b-20"), Some("b-10"), Some("b-10")]);
        assert!(tables.capture_at("d", 10).is_none());
    }
}
