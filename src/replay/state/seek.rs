//! Jumps from finding to finding.

use super::{Findings, Request, State, Step, TimelineMarker};
use crate::capture::Position;

/// The last visited finding. It is forgotten on any other move; until then, the next one may be at
/// the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visited(String);

impl State {
    /// Takes the live host's findings so far, and announces the new ones.
    pub fn find_more(&mut self, marks: Vec<TimelineMarker>) {
        let is_new = |mark: &&TimelineMarker| !self.marks().iter().any(|known| known.id == mark.id);
        let new: Vec<&TimelineMarker> = marks.iter().filter(is_new).collect();
        let worst = new.iter().max_by_key(|mark| mark.severity).map(|mark| mark.line());
        let told = worst.map(|worst| match new.len() {
            1 => format!("new finding: {worst}"),
            many => format!("{many} new findings, the worst: {worst}"),
        });
        if self.message.is_none() {
            self.message = told;
        }
        self.find(Findings::Found(marks));
    }

    /// Jumps to the next or previous finding.
    pub(super) fn seek_finding(&mut self, step: Step) -> Option<Request> {
        if let Some(place) = self.next_finding(step) {
            return self.visit(place);
        }
        self.message = Some(match &self.findings {
            Findings::Searching => "the detectors are still running".to_owned(),
            Findings::Failed(why) => format!("no findings: {why}"),
            Findings::Found(marks) if marks.is_empty() => "there are no findings".to_owned(),
            Findings::Found(_) if step == Step::Forward => "this is the last finding".to_owned(),
            Findings::Found(_) => "this is the first finding".to_owned(),
        });
        None
    }

    fn next_finding(&self, step: Step) -> Option<usize> {
        let marks = self.marks();
        let visited = self.visited.as_ref();
        let here = visited.and_then(|visited| marks.iter().position(|mark| mark.id == visited.0));
        if let Some(here) = here {
            let next = match step {
                Step::Forward => here.checked_add(1),
                Step::Back => here.checked_sub(1),
            };
            return next.filter(|next| *next < marks.len());
        }
        // The sample that shows a finding ends after the finding began.
        let shown_since = self.previous.as_ref().map_or(i64::MIN, |previous| previous.ts_us);
        match step {
            Step::Forward => marks.iter().position(|mark| mark.ts_us > shown_since),
            Step::Back => marks.iter().rposition(|mark| mark.ts_us <= shown_since),
        }
    }

    /// Jumps to a finding, by its index in time order.
    pub(super) fn visit(&mut self, place: usize) -> Option<Request> {
        let mark = self.marks().get(place)?;
        let (ts_us, id) = (mark.ts_us, mark.id.clone());
        let number = format!("{} of {}", place + 1, self.marks().len());
        self.message = Some(format!("{number}, {}", mark.line()));
        let request = self.stop(Request::Show(Position::Time(ts_us)));
        self.visited = Some(Visited(id));
        Some(request)
    }
}
