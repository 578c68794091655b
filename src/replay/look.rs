//! The terminal's abilities: colors or none, Unicode or only ASCII.

use std::ffi::OsString;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::{bar, scrollbar};

use crate::escape;

pub(super) const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
pub(super) const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// The non-ASCII characters that the screen itself draws, and their replacements without UTF-8.
const ASCII: &[(char, char)] = &[
    ('…', '~'),
    ('→', '>'),
    ('←', '<'),
    ('↓', 'v'),
    ('↑', '^'),
    ('▼', 'v'),
    ('▲', '^'),
    ('▾', '-'),
    ('▸', '+'),
    ('●', '*'),
    ('▶', '>'),
    ('└', '`'),
    ('·', '.'),
    ('–', '-'),
    ('µ', 'u'),
    ('×', 'x'),
    ('≥', '>'),
    ('│', '|'),
    ('█', '#'),
];

/// Nine levels of a bar in ASCII.
const ASCII_BARS: bar::Set<'static> = bar::Set {
    full: "#",
    seven_eighths: "%",
    three_quarters: "*",
    five_eighths: "+",
    half: "=",
    three_eighths: "-",
    one_quarter: ":",
    one_eighth: ".",
    empty: " ",
};

const BARS: scrollbar::Set<'static> = scrollbar::Set { track: "│", thumb: "█", begin: "▲", end: "▼" };
const ASCII_SCROLLBAR: scrollbar::Set<'static> =
    scrollbar::Set { track: "|", thumb: "#", begin: "^", end: "v" };

/// The abilities of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Whether to use the terminal's sixteen colors; otherwise only bold, dim and reverse.
    pub has_colours: bool,
    /// Whether only ASCII can be shown.
    pub is_ascii: bool,
}

impl Theme {
    /// The abilities according to the environment: a non-empty `NO_COLOR` disables colors, and a
    /// locale other than UTF-8 means ASCII.
    pub fn from_environment() -> Self {
        Self::from_variables(&|name| std::env::var_os(name))
    }

    fn from_variables(get: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let value = |name: &str| get(name).filter(|value| !value.is_empty());
        // The order in which the C library determines the character encoding.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(value);
        let locale = locale.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let is_utf8 = cfg!(not(unix)) || locale.contains("utf-8") || locale.contains("utf8");
        Self { has_colours: value("NO_COLOR").is_none(), is_ascii: !is_utf8 }
    }

    /// A text escaped for the terminal, and converted to ASCII if needed: characters without a
    /// replacement become `\u{…}`.
    pub(super) fn text(self, text: &str) -> String {
        let text = escape::terminal(text);
        if !self.is_ascii || text.is_ascii() {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match ascii(c) {
                Some(likeness) => out.push(likeness),
                None => out.extend(c.escape_unicode()),
            }
        }
        out
    }

    /// The mark for cut text.
    pub(super) fn ellipsis(self) -> char {
        if self.is_ascii { '~' } else { '…' }
    }

    pub(super) fn bars(self) -> bar::Set<'static> {
        if self.is_ascii { ASCII_BARS } else { bar::NINE_LEVELS }
    }

    pub(super) fn scrollbar(self) -> scrollbar::Set<'static> {
        if self.is_ascii { ASCII_SCROLLBAR } else { BARS }
    }

    /// Converts what was drawn to ASCII, if needed.
    pub(super) fn restrict(self, buffer: &mut Buffer) {
        if !self.is_ascii {
            return;
        }
        for cell in &mut buffer.content {
            if !cell.symbol().is_ascii() {
                let likeness = cell.symbol().chars().next().and_then(ascii).unwrap_or('?');
                cell.set_char(likeness);
            }
        }
    }

    fn colour(self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn good(self) -> Style {
        self.colour(Color::Green)
    }

    pub(super) fn bad(self) -> Style {
        self.colour(Color::Red)
    }

    pub(super) fn accent(self) -> Style {
        self.colour(Color::Cyan)
    }

    /// The style of a severity, 0 to 4.
    pub(super) fn severity(self, severity: usize) -> Style {
        let colours = [Color::Gray, Color::Cyan, Color::Yellow, Color::Red, Color::Magenta];
        self.colour(colours[severity.min(4)]).add_modifier(Modifier::BOLD)
    }
}

fn ascii(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    ASCII.iter().find(|(symbol, _)| *symbol == c).map(|(_, likeness)| *likeness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(variables: &[(&str, &str)]) -> Theme {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Theme::from_variables(&get)
    }

    #[test]
    fn the_locale_says_whether_there_is_more_than_ascii() {
        for (variables, is_ascii) in [
            (&[("LANG", "en_US.UTF-8")][..], false),
            (&[("LANG", "C.utf8")], false),
            (&[("LANG", "C")], true),
            (&[("LANG", "de_DE.ISO-8859-1")], true),
            (&[], true),
            (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")], true),
            (&[("LANG", "C"), ("LC_CTYPE", "C.UTF-8")], false),
            (&[("LANG", "C.UTF-8"), ("LC_ALL", "")], false),
        ] {
            assert_eq!(theme(variables).is_ascii, is_ascii, "{variables:?}");
        }
    }

    #[test]
    fn no_color_counts_unless_it_is_empty() {
        assert!(!theme(&[("NO_COLOR", "1")]).has_colours);
        assert!(theme(&[("NO_COLOR", "")]).has_colours);
    }

    #[test]
    fn ascii_keeps_what_has_no_likeness_visible() {
        let ascii = Theme { has_colours: false, is_ascii: true };
        assert_eq!(ascii.text("a → b…"), "a > b~");
        assert_eq!(ascii.text("mö\u{202e}"), r"m\u{f6}\u{202e}");
        assert_eq!(Theme { is_ascii: false, ..ascii }.text("mö\u{1b}"), r"mö\u{1b}");
    }
}
