//! The findings of the whole recording.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::table::Drawn;
use super::{nothing, or_unknown, paragraph, sheet};
use crate::humanize;
use crate::replay::columns::{Column, Key, left, right};
use crate::replay::look::{FAINT, TITLE, Theme};
use crate::replay::state::{Findings, Hits, State, TimelineMarker};

pub(in crate::replay) const COLUMNS: &[Column<TimelineMarker>] = &[
    left(("TIME (UTC)", "when it begins"), (14, 14), 0, time, |mark: &TimelineMarker| {
        // Like texts, earliest first.
        Key::Number(-(mark.ts_us as f64))
    }),
    left(
        ("SEVERITY", "how bad it is, if true"),
        (9, 9),
        1,
        |mark: &TimelineMarker| mark.severity.to_string(),
        |mark: &TimelineMarker| Key::Number(mark.severity as usize as f64),
    ),
    right(("CONF.", "how likely it is true"), 6, 4, confidence, |mark: &TimelineMarker| {
        Key::Number(mark.confidence)
    }),
    left(
        ("DETECTOR", "what found it"),
        (10, 16),
        3,
        |mark: &TimelineMarker| mark.detector.to_owned(),
        |mark: &TimelineMarker| Key::text(Some(mark.detector)),
    ),
    left(
        ("FINDING", "who did what to whom"),
        (20, 36),
        2,
        |mark: &TimelineMarker| mark.title.clone(),
        |mark: &TimelineMarker| Key::text(Some(&mark.title)),
    )
    .stretches(),
];

/// Lines for the explanation of the selected finding.
const DETAIL: u16 = 7;

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Hits {
    let marks = match &state.findings {
        Findings::Searching => {
            nothing(buffer, area, theme, "The detectors are running…");
            return Hits::default();
        }
        Findings::Failed(why) => {
            let why = format!("The detectors could not run: {why}");
            paragraph(buffer, area, 1, &why, (theme, theme.bad()));
            return Hits::default();
        }
        Findings::Found(marks) => marks,
    };
    if marks.is_empty() {
        draw_none(state, theme, area, buffer);
        return Hits::default();
    }
    let detail = if area.height > DETAIL * 2 { DETAIL } else { 0 };
    let list = Rect { height: area.height - detail, ..area };
    let order = state.finding_order();
    let at = |index: usize| marks.get(*order.get(index)?);
    let hits = sheet(state, theme, COLUMNS, order.len()).draw(list, buffer, |index| {
        let mark = at(index)?;
        Some(Drawn::Line(mark, theme.severity(mark.severity as usize)))
    });
    if let (Some(mark), true) = (at(state.selected), detail > 0) {
        let below = Rect { y: list.bottom(), height: detail, ..area };
        let next = paragraph(buffer, below, 0, &mark.title, (theme, TITLE));
        let when = format!("{}. {}", humanize::second_utc(mark.ts_us), mark.explanation);
        paragraph(buffer, below, next, &when, (theme, FAINT));
    }
    hits
}

/// The panel without findings: what was searched for, and what could not be.
fn draw_none(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let mut next = 1;
    let mut say = |text: &str| next = paragraph(buffer, area, next, text, (theme, FAINT)).saturating_add(1);
    match &state.live {
        Some(live) => {
            say(&format!("No findings so far. {}", live.detectors));
            live.unseen.iter().for_each(|unseen| say(&format!("Not seen: {unseen}")));
        }
        None => say("No detector found anything. netrec analyze reports what the recording could not show."),
    }
    state.failed_detectors.iter().for_each(|failed| say(&format!("Failed: {failed}")));
}

fn time(mark: &TimelineMarker) -> String {
    or_unknown(humanize::utc(mark.ts_us).map(|time| time.format("%m-%d %H:%M:%S").to_string()))
}

fn confidence(mark: &TimelineMarker) -> String {
    humanize::ratio_percent(mark.confidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity;

    #[test]
    fn every_severity_has_room() {
        for severity in Severity::ALL {
            assert!(severity.as_str().len() <= usize::from(COLUMNS[1].head.min));
        }
    }
}
