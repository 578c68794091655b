//! Maps keys to actions: one list for the keyboard and the help.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The action of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Close what is shown over a panel; from a panel, end the program.
    Quit,
    /// End the program.
    Interrupt,
    /// Show or hide the help.
    Help,
    /// Start or stop playing.
    Play,
    /// Play twice as fast.
    Faster,
    /// Play half as fast.
    Slower,
    /// The next sample.
    NextTick,
    /// The previous sample.
    PreviousTick,
    /// The start of the recording.
    Start,
    /// Its end.
    End,
    /// Ask for a time to go to.
    AskTime,
    /// Ask for a filter.
    AskFilter,
    /// The moment of the next finding.
    NextFinding,
    /// The moment of the previous finding.
    PreviousFinding,
    /// The next panel.
    NextPanel,
    /// The panel with this number.
    Panel(usize),
    /// Choose columns.
    Columns,
    /// Group the connections by something else.
    Group,
    /// Sort by the next column.
    Sort,
    /// Reverse the sort order.
    Reverse,
    /// The line below.
    Down,
    /// The line above.
    Up,
    /// Down by one screen.
    PageDown,
    /// Up by one screen.
    PageUp,
    /// Open the selected line.
    Open,
    /// Close what was opened.
    Back,
    /// Write the visible rows as CSV.
    ExportCsv,
    /// Write the visible rows as JSON.
    ExportJson,
    /// Show the command for this moment.
    Command,
    /// Copy the selected line.
    Copy,
    /// Copy the command for this moment.
    CopyCommand,
    /// Start or stop recording the live host.
    Record,
    /// Take the mouse, or leave it to the terminal.
    Mouse,
    /// Redraw everything.
    Redraw,
    /// Return to the shell for a while.
    Suspend,
}

/// A key, its name in the help, and what it does.
pub(super) struct Binding {
    keys: &'static [KeyCode],
    /// As shown in the help; empty if another line covers this key.
    pub(super) names: &'static str,
    action: Action,
    /// What it does, for the help.
    pub(super) meaning: &'static str,
}

const fn binding(
    keys: &'static [KeyCode],
    names: &'static str,
    action: Action,
    meaning: &'static str,
) -> Binding {
    Binding { keys, names, action, meaning }
}

use KeyCode::{BackTab, Char, Down, Enter, Esc, Left, PageDown, PageUp, Right, Tab, Up};

/// Every key, in the order of the help.
pub(super) const BINDINGS: &[Binding] = &[
    binding(&[Char(' ')], "space", Action::Play, "play, pause"),
    binding(&[Char('+'), Char('=')], "+", Action::Faster, "play twice as fast"),
    binding(&[Char('-')], "-", Action::Slower, "play half as fast"),
    binding(&[Right, Char('l')], "→ l", Action::NextTick, "next snapshot"),
    binding(&[Left, Char('h')], "← h", Action::PreviousTick, "previous snapshot"),
    binding(&[KeyCode::Home, Char('g')], "home g", Action::Start, "start of the recording"),
    binding(&[KeyCode::End, Char('G')], "end G", Action::End, "end of the recording"),
    binding(&[Char('t'), Char(':')], "t", Action::AskTime, "go to 14:02, -5m, ISO time"),
    binding(&[Char('n')], "n", Action::NextFinding, "next finding"),
    binding(&[Char('N'), Char('p')], "N p", Action::PreviousFinding, "previous finding"),
    binding(&[Char('/'), Char('f')], "/ f", Action::AskFilter, "filter: process:curl port:443"),
    binding(&[Tab, BackTab], "tab", Action::NextPanel, "next panel"),
    binding(&[Char('1')], "1 … 4", Action::Panel(0), "panels"),
    binding(&[Char('2')], "", Action::Panel(1), ""),
    binding(&[Char('3')], "", Action::Panel(2), ""),
    binding(&[Char('4')], "", Action::Panel(3), ""),
    binding(&[Down, Char('j')], "↓ ↑", Action::Down, "next, previous line (j k)"),
    binding(&[Up, Char('k')], "", Action::Up, ""),
    binding(&[PageDown], "pg ↓↑", Action::PageDown, "next, previous page"),
    binding(&[PageUp], "", Action::PageUp, ""),
    binding(&[Enter], "enter", Action::Open, "details; unfold; go to finding"),
    binding(&[Esc, KeyCode::Backspace], "esc", Action::Back, "back; clear the filter"),
    binding(&[Char('s')], "s", Action::Sort, "sort by the next column"),
    binding(&[Char('S')], "S", Action::Reverse, "reverse the order"),
    binding(&[Char('b')], "b", Action::Group, "group by process, destination…"),
    binding(&[Char('o')], "o", Action::Columns, "choose columns"),
    binding(&[Char('e')], "e", Action::ExportCsv, "export the rows shown as CSV"),
    binding(&[Char('E')], "E", Action::ExportJson, "export the rows shown as JSON"),
    binding(&[Char('c')], "c", Action::Command, "show the command for this view"),
    binding(&[Char('y')], "y", Action::Copy, "copy the line (OSC 52)"),
    binding(&[Char('Y')], "Y", Action::CopyCommand, "copy the command (OSC 52)"),
    binding(&[Char('r')], "r", Action::Record, "watch: start, stop recording"),
    binding(&[Char('m')], "m", Action::Mouse, "mouse off, on"),
    binding(&[], "Ctrl-Z", Action::Suspend, "suspend; fg comes back"),
    binding(&[Char('?')], "?", Action::Help, "this help"),
    binding(&[Char('q')], "q", Action::Quit, "back; quit"),
];

/// The action of a key, if it has one.
pub fn of_key(key: KeyEvent) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            Char('c') => Some(Action::Interrupt),
            Char('z') => Some(Action::Suspend),
            Char('l') => Some(Action::Redraw),
            _ => None,
        };
    }
    BINDINGS.iter().find(|binding| binding.keys.contains(&key.code)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings() {
        let mut keys: Vec<String> =
            BINDINGS.iter().flat_map(|binding| binding.keys).map(|key| format!("{key:?}")).collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn control_c_always_ends() {
        assert_eq!(of_key(KeyEvent::new(Char('c'), KeyModifiers::CONTROL)), Some(Action::Interrupt));
        assert_eq!(of_key(KeyEvent::new(Char('c'), KeyModifiers::NONE)), Some(Action::Command));
        assert_eq!(of_key(KeyEvent::new(Char('x'), KeyModifiers::CONTROL)), None);
    }
}
