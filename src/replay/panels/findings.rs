//! The findings of the whole recording, in the order of time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Cells, Column, FAINT, Theme, left, nothing, or_unknown, paragraph, table};
use crate::humanize;
use crate::replay::state::{Findings, State};

/// For 80 characters.
const NARROW: &[Column] = &[left("TIME (UTC)", 14), left("SEVERITY", 20), left("WHAT", 30)];

/// From 110 characters on.
const WIDE: &[Column] = &[left("TIME (UTC)", 19), left("SEVERITY", 26), left("WHAT", 30)];

/// Lines for the explanation of the selected finding.
const DETAIL: u16 = 6;

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let marks = match &state.findings {
        Findings::Searching => return nothing(buffer, area, "The detectors are at work …"),
        Findings::Failed(why) => {
            paragraph(buffer, area, 1, &format!("The detectors could not run: {why}"), theme.bad());
            return;
        }
        Findings::Found(marks) if marks.is_empty() && state.live.is_some() => {
            return nothing_yet(state, area, buffer);
        }
        Findings::Found(marks) if marks.is_empty() => {
            return nothing(
                buffer,
                area,
                "No detector that ran found anything; netrec analyze says what the recording could not show.",
            );
        }
        Findings::Found(marks) => marks,
    };
    let detail = if area.height > DETAIL * 2 { DETAIL } else { 0 };
    let list = ratatui::layout::Rect { height: area.height - detail, ..area };
    let (columns, format) =
        if area.width >= 110 { (WIDE, "%Y-%m-%d %H:%M:%S") } else { (NARROW, "%m-%d %H:%M:%S") };
    table(buffer, list, columns, (marks.len(), state.selected), |index| {
        let mark = marks.get(index)?;
        let time = humanize::moment(mark.ts_us).map(|time| time.format(format).to_string());
        let cells = vec![or_unknown(time), mark.label.clone(), mark.title.clone()];
        Some(Cells { cells, style: theme.severity(mark.severity) })
    });
    if let (Some(mark), true) = (marks.get(state.selected), detail > 0) {
        let below = Rect { y: list.bottom(), height: detail, ..area };
        let next = paragraph(buffer, below, 0, &mark.title, super::TITLE);
        paragraph(buffer, below, next, &mark.explanation, FAINT);
    }
}

/// What is looked for on the live host, and what cannot be seen there.
fn nothing_yet(state: &State, area: Rect, buffer: &mut Buffer) {
    let looked_for = "Nothing so far. Port scans, bursts, unusual ports and new listeners are looked for; \
                      netrec analyze looks for much more in what was recorded (r).";
    let mut next = paragraph(buffer, area, 1, looked_for, FAINT);
    for unseen in state.live.iter().flat_map(|live| &live.unseen) {
        next = paragraph(buffer, area, next.saturating_add(1), &format!("Not seen: {unseen}"), FAINT);
    }
}
