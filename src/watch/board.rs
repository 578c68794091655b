//! The findings of the live host, each with a stable identity during the session.
//!
//! The detectors analyze a sliding window. A finding that recurs has another beginning, other
//! counts and, if it has grown, fewer values that all of its connections share. It is still the
//! same finding, and is shown once.

use std::collections::BTreeSet;

use crate::model::finding::{Entities, Finding};
use crate::replay::background::mark;
use crate::replay::state::TimelineMarker;

/// Maximum number of findings; the oldest are dropped first.
const MOST_FINDINGS: usize = 1000;

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Board {
    known: Vec<KnownFinding>,
    /// Total number of findings so far.
    count: u64,
}

/// A finding, with what identifies it.
#[derive(Debug)]
struct KnownFinding {
    mark: TimelineMarker,
    subject: Subject,
    conn_ids: BTreeSet<u64>,
    /// First and last moment, µs since the Unix epoch.
    span_us: (i64, i64),
}

/// The subject of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Subject {
    process: Option<String>,
    remote: (Option<String>, Option<u16>),
    /// The local port, if it is a service's.
    service: Option<u16>,
}

impl Subject {
    fn of(entities: &Entities) -> Self {
        let service = entities.local_port.filter(|_| entities.remote_port.is_none());
        Self {
            process: entities.process_name.clone(),
            remote: (entities.remote_addr.clone(), entities.remote_port),
            service,
        }
    }
}

impl Board {
    /// Adds the findings of one run of the detectors.
    pub(super) fn take(&mut self, findings: Vec<Finding>) {
        let mut taken = BTreeSet::new();
        for finding in findings {
            let new = KnownFinding {
                subject: Subject::of(&finding.judgement.entities),
                conn_ids: finding.evidence.connections.iter().copied().collect(),
                span_us: finding.evidence.span_us,
                mark: mark(finding),
            };
            let place = self.place_of(&new, &taken);
            taken.insert(place.unwrap_or(self.known.len()));
            match place {
                Some(place) => self.known[place].grow(new),
                None => self.add(new),
            }
        }
        let surplus = self.known.len().saturating_sub(MOST_FINDINGS);
        self.known.drain(..surplus);
    }

    /// Every finding, in time order.
    pub(super) fn marks(&self) -> Vec<TimelineMarker> {
        let mut marks: Vec<TimelineMarker> = self.known.iter().map(|known| known.mark.clone()).collect();
        marks.sort_by(|a, b| a.ts_us.cmp(&b.ts_us).then(b.severity.cmp(&a.severity)));
        marks
    }

    /// The earlier finding that this one continues, unless another of the same run already does.
    /// The strongest match wins: the same title, then the same connections, then the same subject
    /// at the same time.
    fn place_of(&self, new: &KnownFinding, taken: &BTreeSet<usize>) -> Option<usize> {
        let tests: [&dyn Fn(&KnownFinding) -> bool; 4] = [
            &|known| known.shares_connections(new) && known.mark.title == new.mark.title,
            &|known| known.shares_connections(new) && known.subject == new.subject,
            &|known| known.shares_connections(new),
            &|known| known.subject == new.subject && known.overlaps(new),
        ];
        let free = || (0..self.known.len()).filter(|place| !taken.contains(place));
        let is_of_detector = |place: &usize| self.known[*place].mark.detector == new.mark.detector;
        tests.iter().find_map(|test| free().filter(is_of_detector).find(|place| test(&self.known[*place])))
    }

    fn add(&mut self, mut new: KnownFinding) {
        self.count += 1;
        new.mark.id = format!("{}-{}", new.mark.detector, self.count);
        self.known.push(new);
    }
}

impl KnownFinding {
    fn shares_connections(&self, other: &Self) -> bool {
        !self.conn_ids.is_disjoint(&other.conn_ids)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.span_us.0 <= other.span_us.1 && other.span_us.0 <= self.span_us.1
    }

    /// Updates it with what is known now; its identity and beginning stay.
    fn grow(&mut self, new: Self) {
        self.span_us = (self.span_us.0.min(new.span_us.0), self.span_us.1.max(new.span_us.1));
        self.mark = TimelineMarker {
            id: std::mem::take(&mut self.mark.id),
            ts_us: self.mark.ts_us.min(new.mark.ts_us),
            ..new.mark
        };
        self.subject = new.subject;
        self.conn_ids = new.conn_ids;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::detectors::DETECTORS;
    use crate::model::finding::{Confidence, Evidence, Judgement, Measurement, Severity};

    /// A finding of the detector with this index about a process and a remote port.
    fn finding(
        detector: usize,
        title: &str,
        remote_port: Option<u16>,
        (ids, span_us): (&[u64], (i64, i64)),
    ) -> Finding {
        let entities = Entities {
            process_name: Some("nmap".to_owned()),
            remote_addr: Some("203.0.113.9".to_owned()),
            remote_port,
            ..Entities::default()
        };
        let judgement = Judgement {
            severity: Severity::Low,
            confidence: Confidence::new(0.5),
            title: title.to_owned(),
            explanation: String::new(),
            false_positives: String::new(),
            attack: Vec::new(),
            entities,
        };
        let measurements = vec![Measurement::new("ports", 1.0, "ports")];
        let ids: Vec<u64> = ids.to_vec();
        Finding::new(DETECTORS[detector].about, judgement, Evidence::new(measurements, ids, span_us))
    }

    /// Id, title and beginning of every finding after some runs.
    fn shown(runs: Vec<Vec<Finding>>) -> Vec<(String, String, i64)> {
        let mut board = Board::default();
        for findings in runs {
            board.take(findings);
        }
        let id = |id: &str| id.rsplit('-').next().unwrap_or_default().to_owned();
        board.marks().into_iter().map(|mark| (id(&mark.id), mark.title, mark.ts_us)).collect()
    }

    fn row(id: &str, title: &str, ts_us: i64) -> (String, String, i64) {
        (id.to_owned(), title.to_owned(), ts_us)
    }

    #[test]
    fn a_finding_that_grows_while_the_window_slides_stays_one() {
        let runs = vec![
            vec![finding(0, "1 port", Some(22), (&[1], (10, 10)))],
            // More ports, so there is no single remote port any more.
            vec![finding(0, "20 ports", None, (&[1, 2, 3], (10, 30)))],
            // Its first connections have left the window.
            vec![finding(0, "40 ports", None, (&[3, 4, 5], (25, 50)))],
            // All of them have, and it continues.
            vec![finding(0, "9 ports", None, (&[8, 9], (45, 60)))],
        ];
        assert_eq!(shown(runs), [row("1", "9 ports", 10)]);
    }

    #[test]
    fn another_time_another_detector_and_another_subject_are_other_findings() {
        let runs = vec![
            vec![finding(0, "a", Some(1), (&[1], (10, 20)))],
            vec![finding(0, "later", Some(1), (&[2], (30, 40)))],
            vec![finding(1, "other", Some(1), (&[2], (30, 40)))],
            vec![finding(0, "elsewhere", Some(2), (&[7], (30, 40)))],
        ];
        let ids: Vec<String> = shown(runs).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(ids, ["1", "2", "3", "4"]);
    }

    #[test]
    fn two_findings_of_one_run_are_two_whatever_they_have_in_common() {
        let run = || {
            vec![finding(0, "a", Some(1), (&[1, 2], (10, 20))), finding(0, "b", Some(1), (&[2, 3], (10, 20)))]
        };
        assert_eq!(shown(vec![run(), run()]), [row("1", "a", 10), row("2", "b", 10)]);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let many = |from: u64| -> Vec<Finding> {
            let all = from..from + 600;
            all.map(|id| finding(0, "x", None, (&[id], (id as i64, id as i64)))).collect()
        };
        let shown = shown(vec![many(0), many(600)]);
        assert_eq!((shown.len(), shown[0].2), (MOST_FINDINGS, 200));
    }
}
