//! The screen: header, timeline, panel, footer.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::columns::{Cut, cells, cut};
use super::look::Theme;
use super::panels::{chooser, connections, destinations, detail, findings, help, processes, timeline};
use super::state::{Findings, Hits, Live, Mode, Panel, State};
use super::view::Grouping;
use crate::humanize;

/// Minimum number of a file name's characters; a shorter rest is left out.
const LEAST_OF_NAME: usize = 12;

/// Draws everything; returns the positions of what was drawn.
pub fn draw(frame: &mut Frame<'_>, state: &State, theme: Theme) -> Hits {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let [head, times, tabs, body, foot] = rows(area);
    let width = usize::from(area.width);
    line(buffer, head, &header(state, theme, width), (theme, Style::new().add_modifier(Modifier::REVERSED)));
    timeline::draw(state, theme, times, buffer);
    let mut hits = match (&state.mode, state.panel) {
        (Mode::Help, _) => help::draw(state, theme, body, buffer),
        (Mode::Columns, _) => chooser::draw(state, theme, body, buffer),
        (Mode::Detail, _) => detail::draw(state, theme, body, buffer),
        (_, Panel::Connections) => connections::draw(state, theme, body, buffer),
        (_, Panel::Processes) => processes::draw(state, theme, body, buffer),
        (_, Panel::Destinations) => destinations::draw(state, theme, body, buffer),
        (_, Panel::Findings) => findings::draw(state, theme, body, buffer),
    };
    hits.timeline = times;
    hits.tabs = draw_tabs(state, theme, tabs, buffer);
    line(buffer, foot, &footer(state), (theme, Style::new()));
    theme.restrict(buffer);
    hits
}

/// Header, timeline, tabs, panel, footer; what does not fit has no height.
fn rows(area: Rect) -> [Rect; 5] {
    let mut y = area.y;
    let mut take = |height: u16| {
        let height = height.min(area.bottom().saturating_sub(y));
        let row = Rect { y, height, ..area };
        y += height;
        row
    };
    [take(1), take(2), take(1), take(area.height.saturating_sub(5)), take(1)]
}

fn line(buffer: &mut Buffer, area: Rect, text: &str, (theme, style): (Theme, Style)) {
    if area.height == 0 {
        return;
    }
    buffer.set_style(area, style);
    let text = cut(&theme.text(text), usize::from(area.width), Cut::End, theme);
    buffer.set_stringn(area.x, area.y, text, usize::from(area.width), style);
}

/// The time, the playback state, the counts of the snapshot, and the file name if there is room.
fn header(state: &State, theme: Theme, width: usize) -> String {
    let time = |format: &str| {
        let moment = humanize::utc(state.sample.ts_us);
        moment.map_or_else(|| humanize::UNKNOWN.to_owned(), |moment| moment.format(format).to_string())
    };
    let sockets = humanize::plural(state.sample.rows.len() as u64, "socket");
    let events = humanize::plural(state.sample.events.len() as u64, "event");
    let seen = format!("tick {}  {sockets}, {events}", state.sample.tick);
    let ((playing, file), time) = match &state.live {
        Some(live) => (live_words(state, live), time("%Y-%m-%d %H:%M:%S")),
        None => (recording_words(state), time("%Y-%m-%d %H:%M:%S%.3f")),
    };
    let local = if state.has_local_time { local_time(state.sample.ts_us) } else { String::new() };
    let before = format!(" {time} UTC{local}  {playing}  {seen}  ");
    let room = width.saturating_sub(cells(&before) + 1);
    // A name cut to three letters is useless.
    if room < cells(&file).min(LEAST_OF_NAME) {
        return before;
    }
    before + &cut(&theme.text(&file), room, Cut::Middle, theme)
}

/// The local time with its offset, for the header: ` (12:00:05 +02:00)`.
fn local_time(ts_us: i64) -> String {
    let local = humanize::utc(ts_us).map(|moment| moment.with_timezone(&chrono::Local));
    local.map_or_else(String::new, |local| format!(" ({})", local.format("%H:%M:%S %:z")))
}

/// The playback state of a recording, and its name.
fn recording_words(state: &State) -> (String, String) {
    let playing = if state.is_playing { "▶" } else { "paused" };
    (format!("{playing} {}x", humanize::number(state.speed)), state.file.clone())
}

/// Whether the live host is followed, how long it has been recorded, and the file.
fn live_words(state: &State, live: &Live) -> (String, String) {
    let playing = if state.is_playing { "● live" } else { "paused" };
    match &live.recording {
        None => (playing.to_owned(), format!("{:.0} s kept", live.memory_s)),
        Some((file, since_us)) => {
            let seconds = state.span_us.1.saturating_sub(*since_us) / 1_000_000;
            (format!("{playing}  REC {}:{:02}", seconds / 60, seconds % 60), file.clone())
        }
    }
}

fn draw_tabs(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Vec<Rect> {
    let mut x = area.x;
    let mut places = Vec::new();
    for (number, panel) in Panel::ALL.into_iter().enumerate() {
        let count = match (panel, &state.findings) {
            (Panel::Findings, Findings::Found(marks)) => {
                format!(" ({})", humanize::count(marks.len() as u64))
            }
            (Panel::Findings, Findings::Searching) => " (…)".to_owned(),
            (Panel::Findings, Findings::Failed(_)) => " (failed)".to_owned(),
            (Panel::Connections, _) => format!(" ({})", humanize::count(state.lines().len() as u64)),
            _ => String::new(),
        };
        let name = theme.text(&format!(" {} {}{count} ", number + 1, panel.name()));
        let style = if panel == state.panel {
            Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
        } else {
            Style::new()
        };
        let width = (cells(&name) as u16).min(area.right().saturating_sub(x));
        let place = Rect { x, width, ..area };
        if area.height > 0 {
            buffer.set_stringn(x, area.y, name, usize::from(width), style);
        }
        x += width;
        places.push(place);
    }
    let position = format!(" {} ", position(state));
    let (width, room) = (cells(&position) as u16, area.right().saturating_sub(x));
    if area.height > 0 && width <= room {
        buffer.set_string(area.right() - width, area.y, position, Style::new());
    }
    places
}

/// The selected line, and the number of lines.
fn position(state: &State) -> String {
    let lines = match state.panel {
        Panel::Connections => state.items().len(),
        Panel::Processes => state.processes().len(),
        Panel::Destinations => state.destinations().len(),
        Panel::Findings => state.finding_order().len(),
    };
    if lines == 0 {
        return String::new();
    }
    format!("{}/{}", humanize::count(state.selected as u64 + 1), humanize::count(lines as u64))
}

fn footer(state: &State) -> String {
    match (&state.mode, &state.message) {
        (Mode::Filter(text), Some(why)) => format!("filter: {text}█  {why}"),
        (Mode::Filter(text), None) => format!("filter: {text}█"),
        (Mode::Time(text), _) => format!("go to (UTC; 14:02, -5m, +30s): {text}█"),
        (_, Some(message)) => message.clone(),
        (Mode::Detail, None) => "esc back  y copy  c command  ? help".to_owned(),
        (Mode::Help, None) => "q back".to_owned(),
        (Mode::Columns, None) => "space show, hide  a automatic  esc back".to_owned(),
        (Mode::Normal, None) => hints(state),
    }
}

fn hints(state: &State) -> String {
    let grouped = match state.grouping {
        Grouping::None => String::new(),
        grouping => format!("  {}", grouping.describe()),
    };
    if !state.filter.is_empty() {
        return format!("filter: {}  (esc clears){grouped}  ? help", state.filter);
    }
    let keys = match &state.live {
        Some(_) => "space pause  ←→ step  r record  n finding  / filter  enter open  ? help  q quit",
        None => "space play  ←→ step  n finding  t time  / filter  enter open  ? help  q quit",
    };
    format!("{keys}{grouped}")
}
