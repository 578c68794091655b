//! Copies a line to the clipboard as text.

use super::{Detail, Mode, Panel, Request, State};
use crate::capture::Row;
use crate::escape;
use crate::humanize;
use crate::replay::panels::detail::headline;
use crate::replay::view::{DestinationLine, Item, ProcessLine, process_name};

impl State {
    /// Copies the selected line.
    pub(super) fn copy_line(&mut self) -> Option<Request> {
        let text = self.selected_text();
        if text.is_none() {
            self.message = Some("there is no line to copy".to_owned());
        }
        // Text that is pasted into a shell must not contain a line break.
        text.map(|text| Request::Copy(escape::terminal(&text)))
    }

    fn selected_text(&self) -> Option<String> {
        if let (Mode::Detail, Some(Detail { of, .. })) = (&self.mode, &self.detail) {
            return Some(connection(of));
        }
        match self.panel {
            Panel::Connections => match self.items().get(self.selected)? {
                Item::Connection(at) => Some(connection(&self.lines().get(*at)?.row)),
                Item::Group(group) => Some(group.name.clone()),
            },
            Panel::Processes => Some(process(self.processes().get(self.selected)?)),
            Panel::Destinations => Some(destination(self.destinations().get(self.selected)?)),
            Panel::Findings => {
                let mark = self.marks().get(*self.finding_order().get(self.selected)?)?;
                Some(format!("{} {}", humanize::second_utc(mark.ts_us), mark.line()))
            }
        }
    }
}

fn connection(row: &Row) -> String {
    let owner = row.owner.as_deref();
    let pid = owner.and_then(|owner| owner.pid).map_or_else(String::new, |pid| format!(" (pid {pid})"));
    let process = process_name(row).map_or_else(String::new, |name| format!(", {name}{pid}"));
    let state = row.state.map_or_else(String::new, |state| format!(", {}", state.as_str()));
    format!("{} {}{state}{process}", humanize::second_utc(row.ts_us), headline(row))
}

fn process(line: &ProcessLine) -> String {
    let owner = line.row.owner.as_deref();
    let parts = [
        process_name(&line.row).map(str::to_owned),
        owner.and_then(|owner| owner.pid).map(|pid| format!("pid {pid}")),
        owner.and_then(|owner| owner.exe.clone()),
        owner.and_then(|owner| owner.cmdline.clone()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn destination(line: &DestinationLine) -> String {
    let name = line.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    format!("{}{name}", line.addr)
}
