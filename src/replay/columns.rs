//! Table columns: which of them fit into a width, how they are sorted, and how long texts are cut.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;

use ratatui::text::Span;

use super::look::Theme;

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Which part of a long text is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Its beginning.
    End,
    /// Its beginning and end, as for a path or an address with its port.
    Middle,
    /// The port of an address.
    Port,
}

/// A column's description.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) title: &'static str,
    /// What it shows, for the column chooser.
    pub(super) about: &'static str,
    pub(super) align: Align,
    pub(super) cut: Cut,
    /// Minimum width at which it is shown.
    pub(super) min: u16,
    /// Width at which typical values are not cut.
    pub(super) ideal: u16,
    /// Priority for space, 0 first.
    pub(super) rank: u8,
    /// Whether it gets the remaining space.
    pub(super) stretches: bool,
    /// Whether its values add up in a group.
    pub(super) is_sum: bool,
    /// Whether it is hidden if no line has a value, unless it was chosen.
    pub(super) is_optional: bool,
}

/// A column of a table whose lines are `T`.
pub(super) struct Column<T: 'static> {
    pub(super) head: Head,
    pub(super) text: fn(&T) -> String,
    pub(super) key: fn(&T) -> Key,
    /// The connections whose trend is drawn instead of a text.
    pub(super) trend: Option<fn(&T) -> &[u64]>,
}

const fn head(title: &'static str, about: &'static str, align: Align, widths: (u16, u16), rank: u8) -> Head {
    let (min, ideal) = widths;
    Head {
        title,
        about,
        align,
        cut: Cut::End,
        min,
        ideal,
        rank,
        stretches: false,
        is_sum: false,
        is_optional: false,
    }
}

/// A column of texts.
pub(super) const fn left<T>(
    (title, about): (&'static str, &'static str),
    widths: (u16, u16),
    rank: u8,
    text: fn(&T) -> String,
    key: fn(&T) -> Key,
) -> Column<T> {
    Column { head: head(title, about, Align::Left, widths, rank), text, key, trend: None }
}

/// A column of numbers.
pub(super) const fn right<T>(
    (title, about): (&'static str, &'static str),
    width: u16,
    rank: u8,
    text: fn(&T) -> String,
    key: fn(&T) -> Key,
) -> Column<T> {
    Column { head: head(title, about, Align::Right, (width, width), rank), text, key, trend: None }
}

impl<T> Column<T> {
    pub(super) const fn cut(mut self, cut: Cut) -> Self {
        self.head.cut = cut;
        self
    }

    pub(super) const fn stretches(mut self) -> Self {
        self.head.stretches = true;
        self
    }

    pub(super) const fn optional(mut self) -> Self {
        self.head.is_optional = true;
        self
    }

    pub(super) const fn sum(mut self) -> Self {
        self.head.is_sum = true;
        self
    }

    pub(super) const fn trend(mut self, of: fn(&T) -> &[u64]) -> Self {
        self.trend = Some(of);
        self
    }
}

/// A sort key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Text(String),
    Number(f64),
    /// Unknown; always sorted last.
    Unknown,
}

impl Key {
    pub(super) fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Unknown, |text| Self::Text(text.to_owned()))
    }

    pub(super) fn number(number: Option<f64>) -> Self {
        number.map_or(Self::Unknown, Self::Number)
    }

    /// An address and port, sorted by number.
    pub(super) fn end(addr: IpAddr, port: u16) -> Self {
        Self::Text(match addr {
            IpAddr::V4(v4) => format!("4 {:08x} {port:05}", v4.to_bits()),
            IpAddr::V6(v6) => format!("6 {:032x} {port:05}", v6.to_bits()),
        })
    }

    /// The sum of two numbers; unknown if both are.
    pub(super) fn sum(a: Option<f64>, b: Option<f64>) -> Self {
        if a.is_none() && b.is_none() {
            return Self::Unknown;
        }
        Self::Number(a.unwrap_or(0.0) + b.unwrap_or(0.0))
    }

    /// Texts from A to Z, numbers from the largest; or reversed.
    fn compare(&self, other: &Self, is_reversed: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Unknown, Self::Unknown) => return Ordering::Equal,
            (Self::Unknown, _) => return Ordering::Greater,
            (_, Self::Unknown) => return Ordering::Less,
            (Self::Number(a), Self::Number(b)) => b.total_cmp(a),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        if is_reversed { order.reverse() } else { order }
    }
}

/// The sort order of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sort {
    /// The column's index in the panel; `None` for the default order.
    pub column: Option<usize>,
    /// Texts from Z to A, numbers from the smallest.
    pub is_reversed: bool,
}

/// Sorts lines that are in their default order, which decides between equal ones. `line` returns
/// what the columns read.
pub(super) fn sort<S, T>(lines: &mut Vec<S>, columns: &[Column<T>], by: Sort, line: impl Fn(&S) -> &T) {
    let Some(column) = by.column.and_then(|column| columns.get(column)) else {
        if by.is_reversed {
            lines.reverse();
        }
        return;
    };
    let mut keyed: Vec<(Key, S)> = lines.drain(..).map(|own| ((column.key)(line(&own)), own)).collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b, by.is_reversed));
    lines.extend(keyed.into_iter().map(|(_, line)| line));
}

/// Which columns the user has chosen to show or to hide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice(BTreeMap<usize, bool>);

impl Choice {
    /// Shows a column with priority, or hides it.
    pub(super) fn set(&mut self, column: usize, is_wanted: bool) {
        self.0.insert(column, is_wanted);
    }

    /// The user's choice for a column, if any.
    pub(super) fn of(&self, column: usize) -> Option<bool> {
        self.0.get(&column).copied()
    }
}

/// A visible column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its index in the panel.
    pub(super) column: usize,
    pub(super) width: u16,
}

/// The columns that fit into a width, in order. Chosen columns get space first, then the others by
/// rank; from the first that does not fit on, all are hidden.
pub(super) fn fit(heads: &[&Head], choice: &Choice, width: u16) -> Vec<Slot> {
    let mut order: Vec<usize> = (0..heads.len()).filter(|at| choice.of(*at) != Some(false)).collect();
    order.sort_by_key(|at| (choice.of(*at).is_none(), heads[*at].rank));
    let mut slots: Vec<Slot> = Vec::new();
    let mut left = width;
    for column in order {
        let gap = u16::from(!slots.is_empty());
        let room = left.saturating_sub(gap);
        if room < heads[column].min && !slots.is_empty() || room == 0 {
            break;
        }
        let width = heads[column].ideal.min(room);
        slots.push(Slot { column, width });
        left = room - width;
    }
    // The last added column is the least important one, so it is best used to show whole values.
    if let Some(slot) = slots.iter_mut().rev().find(|slot| heads[slot.column].stretches) {
        slot.width += left;
    }
    slots.sort_by_key(|slot| slot.column);
    slots
}

/// Cuts a text to a width in terminal cells.
pub(super) fn cut(text: &str, width: usize, cut: Cut, theme: Theme) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    // One character stands for "all addresses".
    let every = ["0.0.0.0:", "[::]:"].iter().find_map(|every| text.strip_prefix(every));
    if let (Cut::Port, Some(port)) = (cut, every.filter(|port| cells(port) + 2 <= width)) {
        return format!("*:{port}");
    }
    let kept = width.saturating_sub(1);
    let tail = match cut {
        Cut::End => 0,
        Cut::Middle => kept / 2,
        Cut::Port => text.rsplit_once(':').map_or(kept / 2, |(_, port)| cells(port) + 1).min(kept),
    };
    let head = if cut == Cut::Port { 0 } else { kept - tail };
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars().take_while(|c| fits(&mut used, *c, head)) {
        out.push(c);
    }
    if width > 0 {
        out.push(theme.ellipsis());
    }
    let mut used = 0;
    let end: Vec<char> = text.chars().rev().take_while(|c| fits(&mut used, *c, tail)).collect();
    out.extend(end.into_iter().rev());
    out
}

fn fits(used: &mut usize, c: char, width: usize) -> bool {
    *used += cells(c.encode_utf8(&mut [0; 4]));
    *used <= width
}

/// Width of a text in terminal cells.
pub(super) fn cells(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { Span::raw(text).width() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTF8: Theme = Theme { has_colours: false, is_ascii: false };

    fn column(title: &'static str, widths: (u16, u16), rank: u8) -> Column<u8> {
        left((title, ""), widths, rank, |_| String::new(), |line| Key::number(Some(f64::from(*line))))
    }

    fn columns() -> Vec<Column<u8>> {
        vec![column("a", (5, 5), 1), column("b", (4, 10), 0).stretches(), column("c", (6, 8), 2)]
    }

    #[track_caller]
    fn check(choice: &[(usize, bool)], width: u16, expected: &[(usize, u16)]) {
        let columns = columns();
        let heads: Vec<&Head> = columns.iter().map(|column| &column.head).collect();
        let mut chosen = Choice::default();
        for (column, is_wanted) in choice {
            chosen.set(*column, *is_wanted);
        }
        let slots: Vec<_> =
            fit(&heads, &chosen, width).iter().map(|slot| (slot.column, slot.width)).collect();
        assert_eq!(slots, expected, "{width}");
    }

    #[test]
    fn columns_give_way_in_the_order_of_their_rank() {
        check(&[], 40, &[(0, 5), (1, 10 + 40 - 25), (2, 8)]);
        check(&[], 23, &[(0, 5), (1, 10), (2, 6)]);
        check(&[], 22, &[(0, 5), (1, 16)]);
        check(&[], 15, &[(1, 15)]);
        check(&[], 3, &[(1, 3)]);
        check(&[], 0, &[]);
    }

    #[test]
    fn what_was_chosen_comes_first_and_what_was_not_wanted_never() {
        check(&[(2, true)], 13, &[(1, 4), (2, 8)]);
        check(&[(1, false)], 15, &[(0, 5), (2, 8)]);
    }

    #[test]
    fn the_telling_part_of_a_text_stays() {
        for (text, width, how, expected) in [
            ("short", 5, Cut::End, "short"),
            ("python3.11", 6, Cut::End, "pytho…"),
            ("/usr/lib/x/program", 10, Cut::Middle, "/usr/…gram"),
            ("127.0.0.53:40003", 10, Cut::Port, "…:40003"),
            ("[fe80::1]:22", 3, Cut::Port, "…22"),
            ("0.0.0.0:8443", 8, Cut::Port, "*:8443"),
            ("0.0.0.0:22", 10, Cut::Port, "0.0.0.0:22"),
            ("漢字漢字", 5, Cut::End, "漢字…"),
            ("abc", 0, Cut::Middle, ""),
        ] {
            assert_eq!(cut(text, width, how, UTF8), expected);
        }
        let ascii = Theme { is_ascii: true, ..UTF8 };
        assert_eq!(cut("python3.11", 6, Cut::End, ascii), "pytho~");
    }

    #[test]
    fn numbers_are_sorted_from_the_largest_and_the_unknown_is_last() {
        let columns =
            [left(("a", ""), (1, 1), 0, |_| String::new(), |line: &Option<f64>| Key::number(*line))];
        let sorted = |is_reversed| {
            let mut lines = vec![None, Some(1.0), Some(3.0), None, Some(2.0)];
            sort(&mut lines, &columns, Sort { column: Some(0), is_reversed }, |line| line);
            lines
        };
        assert_eq!(sorted(false), [Some(3.0), Some(2.0), Some(1.0), None, None]);
        assert_eq!(sorted(true), [Some(1.0), Some(2.0), Some(3.0), None, None]);
        let mut lines = vec![None, Some(1.0)];
        sort(&mut lines, &columns, Sort { column: None, is_reversed: true }, |line| line);
        assert_eq!(lines, [Some(1.0), None]);
    }
}
