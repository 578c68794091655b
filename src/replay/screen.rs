//! The screen: header, time line, panel, footer.

use std::net::IpAddr;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::panels::{Theme, connections, destinations, findings, help, processes, story, timeline};
use super::state::{Findings, Live, Mode, Panel, State};
use crate::analyze::words;
use crate::escape;
use crate::humanize;

/// Draws everything. `country` says where an address is.
pub fn draw(frame: &mut Frame<'_>, state: &State, theme: Theme, country: &dyn Fn(IpAddr) -> String) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let [head, times, tabs, body, foot] = rows(area);
    line(buffer, head, &header(state), Style::new().add_modifier(Modifier::REVERSED));
    timeline::draw(state, theme, times, buffer);
    draw_tabs(state, tabs, buffer);
    match (&state.mode, state.panel) {
        (Mode::Help, _) => help::draw(theme, body, buffer),
        (Mode::Story, _) => story::draw(state, theme, body, buffer),
        (_, Panel::Connections) => connections::draw(state, theme, body, buffer),
        (_, Panel::Processes) => processes::draw(state, theme, body, buffer),
        (_, Panel::Destinations) => destinations::draw(state, theme, country, body, buffer),
        (_, Panel::Findings) => findings::draw(state, theme, body, buffer),
    }
    line(buffer, foot, &footer(state), Style::new());
}

/// Header, time line, tabs, panel, footer; what does not fit has no height.
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

fn line(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    if area.height == 0 {
        return;
    }
    buffer.set_style(area, style);
    buffer.set_stringn(area.x, area.y, escape::terminal(text), usize::from(area.width), style);
}

fn header(state: &State) -> String {
    let time = |format: &str| {
        let moment = humanize::moment(state.sample.ts_us);
        moment.map_or_else(|| humanize::UNKNOWN.to_owned(), |moment| moment.format(format).to_string())
    };
    let sockets = words::count(state.sample.rows.len(), "socket", "sockets");
    let events = words::count(state.sample.events.len(), "event", "events");
    let seen = format!("tick {}  {sockets}, {events}", state.sample.tick);
    let ((playing, file), time) = match &state.live {
        Some(live) => (live_words(state, live), time("%Y-%m-%d %H:%M:%S")),
        None => (recording_words(state), time("%Y-%m-%d %H:%M:%S%.3f")),
    };
    format!(" {time} UTC  {playing}  {seen}  {file}")
}

/// How a recording plays, and its name.
fn recording_words(state: &State) -> (String, String) {
    let playing = if state.is_playing { "▶" } else { "paused" };
    let file = escape::shorten(&state.file, 24).into_owned();
    (format!("{playing} {}x", humanize::number(state.speed)), file)
}

/// Whether the live host is followed and how long it has been recorded, and the file.
fn live_words(state: &State, live: &Live) -> (String, String) {
    let playing = if state.is_playing { "● live" } else { "paused" };
    match &live.recording {
        None => (playing.to_owned(), format!("{:.0} s kept", live.memory_s)),
        Some((file, since_us)) => {
            let seconds = state.span_us.1.saturating_sub(*since_us) / 1_000_000;
            let file = escape::shorten(file, 40).into_owned();
            (format!("{playing}  REC {}:{:02}", seconds / 60, seconds % 60), file)
        }
    }
}

fn draw_tabs(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let mut x = area.x;
    for (number, panel) in Panel::ALL.into_iter().enumerate() {
        let count = match (panel, &state.findings) {
            (Panel::Findings, Findings::Found(marks)) => format!(" ({})", marks.len()),
            (Panel::Findings, _) => " (…)".to_owned(),
            (Panel::Connections, _) => format!(" ({})", state.lines().len()),
            _ => String::new(),
        };
        let name = format!(" {} {}{count} ", number + 1, panel.name());
        let is_shown = panel == state.panel;
        let style = if is_shown {
            Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
        } else {
            Style::new()
        };
        let left = area.right().saturating_sub(x);
        x = buffer.set_stringn(x, area.y, name, usize::from(left), style).0;
    }
}

fn footer(state: &State) -> String {
    match (&state.mode, &state.message) {
        (Mode::Filter(text), Some(why)) => format!("filter: {text}█  {why}"),
        (Mode::Filter(text), None) => format!("filter: {text}█"),
        (Mode::Time(text), _) => format!("go to (UTC; 14:02, -5m, +30s): {text}█"),
        (_, Some(message)) => message.clone(),
        (Mode::Story, None) => "esc back  c command  ? help  q quit".to_owned(),
        (_, None) if !state.filter.is_empty() => format!("filter: {}  (esc clears)  ? help", state.filter),
        _ if state.live.is_some() => {
            "space pause  ←→ step  r record  n finding  / filter  enter open  ? help  q quit".to_owned()
        }
        _ => "space play  ←→ step  n finding  t time  / filter  enter open  ? help  q quit".to_owned(),
    }
}
