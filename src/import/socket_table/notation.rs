//! Records out of whatever notation a table has: JSON ([`super::objects`]), columns between delimiters, `Name : value`
//! lists and aligned columns of PowerShell, and the aligned columns of a few tools.

use super::fields::{Fields, plain_name};
use super::{is_record, objects};
use crate::import::ss::state;

/// A record in quotes goes on over at most so many bytes.
const MOST_QUOTED_BYTES: usize = 256 * 1024;

/// Columns of a table.
const MOST_COLUMNS: usize = 300;

const DELIMITERS: &[char] = &[',', ';', '\t', '|'];

/// Columns of tcpvcon, which prints no heading.
const TCPVCON: &[&str] = &["protocol", "process", "pid", "state", "localaddress", "remoteaddress"];

/// What was found on lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Record(Fields),
    /// A record that tells of no socket.
    Other,
    /// A line between tables.
    Outside,
    Unreadable,
}

/// The name of a column, and where its underline begins and ends.
type Column = (String, usize, usize);

/// Which table the lines are of.
#[derive(Debug, Default)]
enum Table {
    #[default]
    None,
    Delimited {
        delimiter: char,
        names: Vec<String>,
    },
    /// Aligned columns, and the line of their names.
    Aligned {
        columns: Vec<Column>,
        heading: String,
    },
    /// `Name : value`, a record until a name comes again.
    List(Fields),
    Sockstat,
    Netscan,
}

/// Reads lines.
#[derive(Debug, Default)]
pub(super) struct Notation {
    table: Table,
    previous: String,
    /// A record of which a value in quotes goes on.
    quoted: Option<Values>,
    /// Whether a list has `=` between names and values.
    has_equations: bool,
}

impl Notation {
    /// Takes a line that is not blank.
    pub(super) fn take(&mut self, line: &str, found: &mut Vec<Parsed>) {
        if let Some(mut values) = self.quoted.take() {
            values.feed("\n");
            values.feed(line);
            return self.take_values(values, found);
        }
        if line.trim_start().starts_with('{') {
            return objects::collect(line, found);
        }
        if is_underline(line) {
            self.end(found);
            let heading = std::mem::take(&mut self.previous);
            self.table = Table::Aligned { columns: aligned_columns(&heading, line), heading };
        } else if let Some(table) = heading(line) {
            self.end(found);
            self.table = table;
        } else {
            self.take_line(line, found);
        }
        line.clone_into(&mut self.previous);
    }

    /// Takes what was kept back.
    pub(super) fn end(&mut self, found: &mut Vec<Parsed>) {
        if self.quoted.take().is_some() {
            found.push(Parsed::Unreadable);
        }
        if let Table::List(fields) = std::mem::take(&mut self.table) {
            found.push(of_fields(fields));
        }
    }

    /// Whether a heading that nothing else has was found.
    pub(super) fn has_heading(&self) -> bool {
        match &self.table {
            Table::Delimited { .. } | Table::Sockstat | Table::Netscan => true,
            Table::Aligned { columns, .. } => is_record(&aligned("", columns)),
            Table::None | Table::List(_) => false,
        }
    }

    /// Whether nothing can be missing of a last line that has no end.
    pub(super) fn is_complete(&self, line: &str) -> bool {
        match &self.table {
            Table::Delimited { delimiter, names } => {
                split(line, *delimiter).is_some_and(|values| values.len() == names.len())
            }
            Table::None => line.trim_end().ends_with('}'),
            _ => false,
        }
    }

    fn take_line(&mut self, line: &str, found: &mut Vec<Parsed>) {
        match &mut self.table {
            Table::Delimited { .. } => return self.take_delimited(line, found),
            // A loop prints its heading again.
            Table::Aligned { heading, .. } if line.split_whitespace().eq(heading.split_whitespace()) => {
                return;
            }
            Table::Aligned { columns, .. } => return found.push(of_fields(aligned(line, columns))),
            Table::Sockstat => return found.push(sockstat(line).map_or(Parsed::Unreadable, of_fields)),
            Table::Netscan => return found.push(netscan(line).map_or(Parsed::Unreadable, of_fields)),
            Table::None | Table::List(_) => {}
        }
        let is_of_equations = self.has_equations || matches!(self.table, Table::None);
        let equation = equation(line).filter(|_| is_of_equations);
        if let Some((name, value)) = equation.or_else(|| pair(line)) {
            self.has_equations = equation.is_some();
            return self.take_pair(name, value, found);
        }
        if let Table::List(fields) = &mut self.table
            && line.starts_with(' ')
        {
            return fields.extend_last(line.trim());
        }
        if let Some(fields) = without_heading(line) {
            return found.push(of_fields(fields));
        }
        // Export-Csv of PowerShell 5 begins with `#TYPE`.
        if line.bytes().any(|byte| byte.is_ascii_digit()) && !line.starts_with("#TYPE ") {
            found.push(Parsed::Outside);
        }
    }

    fn take_pair(&mut self, name: &str, value: &str, found: &mut Vec<Parsed>) {
        let is_next = matches!(&self.table, Table::List(fields) if fields.has(&plain_name(name)));
        if is_next {
            self.end(found);
        }
        if !matches!(self.table, Table::List(_)) {
            self.table = Table::List(Fields::default());
        }
        if let Table::List(fields) = &mut self.table {
            fields.put(name, value);
        }
    }

    fn take_delimited(&mut self, line: &str, found: &mut Vec<Parsed>) {
        let Table::Delimited { delimiter, .. } = &self.table else { return };
        let mut values = Values::new(*delimiter);
        values.feed(line);
        self.take_values(values, found);
    }

    fn take_values(&mut self, values: Values, found: &mut Vec<Parsed>) {
        let Table::Delimited { names, .. } = &self.table else { return };
        let is_too_long = values.bytes > MOST_QUOTED_BYTES;
        let values = match values.end() {
            Ok(values) => values,
            Err(_) if is_too_long => return found.push(Parsed::Unreadable),
            Err(unended) => {
                self.quoted = Some(unended);
                return;
            }
        };
        // A delimiter within a value that is not quoted, or a line that is cut.
        if values.len() != names.len() {
            let is_text = matches!(&*values, [text] if !text.bytes().any(|byte| byte.is_ascii_digit()));
            if !is_text {
                found.push(Parsed::Unreadable);
            }
            return;
        }
        let mut fields = Fields::default();
        names.iter().zip(&values).for_each(|(name, value)| fields.put(name, value));
        found.push(of_fields(fields));
    }
}

fn of_fields(fields: Fields) -> Parsed {
    if is_record(&fields) { Parsed::Record(fields) } else { Parsed::Other }
}

/// The table that a heading begins.
fn heading(line: &str) -> Option<Table> {
    let words: Vec<String> = line.split_whitespace().take(12).map(plain_name).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["user", "command", "pid", "fd", "proto", ..] => return Some(Table::Sockstat),
        ["offset", "proto", "local", "address", ..] => return Some(Table::Netscan),
        _ => {}
    }
    DELIMITERS.iter().find_map(|&delimiter| {
        let names = split(line, delimiter).filter(|names| (3..=MOST_COLUMNS).contains(&names.len()))?;
        let mut fields = Fields::default();
        for name in &names {
            fields.put(name, "");
        }
        // An object of JSON has delimiters too.
        (is_record(&fields) && !line.contains('{')).then_some(Table::Delimited { delimiter, names })
    })
}

/// The values of a record (RFC 4180), line by line: one in quotes may go over several.
#[derive(Debug)]
pub(in crate::import) struct Values {
    delimiter: char,
    ended: Vec<String>,
    value: String,
    is_quoted: bool,
    bytes: usize,
}

impl Values {
    /// No value yet.
    pub(in crate::import) fn new(delimiter: char) -> Self {
        Self { delimiter, ended: Vec::new(), value: String::new(), is_quoted: false, bytes: 0 }
    }

    /// Takes a line, or the end of one.
    pub(in crate::import) fn feed(&mut self, text: &str) {
        self.bytes += text.len();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if self.is_quoted && letters.peek() == Some(&'"') => {
                    letters.next();
                    self.value.push('"');
                }
                '"' if self.is_quoted => self.is_quoted = false,
                '"' if self.value.trim().is_empty() => self.is_quoted = true,
                letter if letter == self.delimiter && !self.is_quoted => {
                    self.ended.push(std::mem::take(&mut self.value));
                }
                letter => self.value.push(letter),
            }
        }
    }

    /// How many bytes it has taken.
    pub(in crate::import) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All values, unless one in quotes goes on.
    pub(in crate::import) fn end(mut self) -> Result<Vec<String>, Self> {
        if self.is_quoted {
            return Err(self);
        }
        self.ended.push(self.value);
        Ok(self.ended)
    }
}

/// The values of a line; none if one in quotes does not end.
fn split(line: &str, delimiter: char) -> Option<Vec<String>> {
    let mut values = Values::new(delimiter);
    values.feed(line);
    values.end().ok()
}

/// `LocalAddress   : 10.0.0.5`.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(" :")?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.len() < 60 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_value = value.is_empty() || value.starts_with(' ');
    (is_name && is_value).then(|| (name, value.trim()))
}

/// `  local_address = 10.0.0.5`, as osquery prints it (`--line`).
fn equation(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(" = ")?;
    let name = name.trim();
    let is_name = name.len() < 60 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_name && !name.is_empty()).then(|| (name, value.trim()))
}

/// `------------   ---------`.
fn is_underline(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("--") && line.chars().all(|c| matches!(c, '-' | ' ')) && line.contains(' ')
}

/// The columns that dashes below their names mark.
fn aligned_columns(heading: &str, underline: &str) -> Vec<Column> {
    let names = words(heading);
    let spans = words(underline).into_iter().take(MOST_COLUMNS);
    spans
        .map(|(_, start, end)| {
            // A name may have spaces.
            let of_column = names.iter().filter(|(_, s, e)| *s < end && *e > start);
            (of_column.map(|(word, ..)| *word).collect::<String>(), start, end)
        })
        .collect()
}

/// The words of a line with the numbers of their first character and of that behind the last.
fn words(line: &str) -> Vec<(&str, usize, usize)> {
    let mut found = Vec::new();
    let mut begin: Option<(usize, usize)> = None;
    let mut number = 0;
    for (at, letter) in line.char_indices() {
        match (letter.is_whitespace(), begin) {
            (false, None) => begin = Some((at, number)),
            (true, Some((from, first))) => {
                found.push((&line[from..at], first, number));
                begin = None;
            }
            _ => {}
        }
        number += 1;
    }
    if let Some((from, first)) = begin {
        found.push((&line[from..], first, number));
    }
    found
}

/// A line of aligned columns: a word is of the column below whose underline it stands.
fn aligned(line: &str, columns: &[Column]) -> Fields {
    let mut values = vec![String::new(); columns.len()];
    for (word, start, end) in words(line) {
        let below = columns.iter().position(|(_, s, e)| start < *e && end > *s);
        let before = || columns.iter().rposition(|(_, s, _)| *s <= start);
        let Some(value) = below.or_else(before).and_then(|at| values.get_mut(at)) else { continue };
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(word);
    }
    let mut fields = Fields::default();
    columns.iter().zip(&values).for_each(|((name, ..), value)| fields.put(name, value));
    fields
}

fn named(names: &[&str], values: &[&str]) -> Fields {
    let mut fields = Fields::default();
    names.iter().zip(values).for_each(|(name, value)| fields.put(name, value));
    fields
}

/// A line of tcpvcon, which is known by what stands in its columns.
fn without_heading(line: &str) -> Option<Fields> {
    let values = split(line, if line.contains('\t') { '\t' } else { ',' })?;
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let is_protocol = |text: &str| matches!(text, "TCP" | "UDP" | "TCPV6" | "UDPV6");
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    match values.as_slice() {
        [protocol, _, pid, _, _, _] if is_protocol(protocol) && is_number(pid) => {
            Some(named(TCPVCON, &values))
        }
        _ => None,
    }
}

/// `root  sshd  812  4  tcp4  10.0.0.5:22  192.0.2.1:50122  ESTABLISHED`, where a command may have spaces.
fn sockstat(line: &str) -> Option<Fields> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let protocol = (4..words.len()).find(|at| {
        let word = words[*at].trim_end_matches(['4', '6']);
        matches!(word, "tcp" | "udp" | "stream" | "dgram" | "seqpac")
    })?;
    let command = words[1..protocol - 2].join(" ");
    let user = words[0];
    let pid = words[protocol - 2];
    let rest = [words.get(protocol + 1), words.get(protocol + 2), words.get(protocol + 3)];
    let [local, remote, state] = rest.map(|word| word.copied().unwrap_or_default());
    let unknown = |text: &str| if text == "?" { String::new() } else { text.to_owned() };
    let (user, command, pid) = (unknown(user), unknown(&command), unknown(pid));
    let names = ["user", "command", "pid", "protocol", "localaddress", "remoteaddress", "state"];
    Some(named(&names, &[&user, &command, &pid, words[protocol], local, remote, state]))
}

/// `0x7d6124d0  TCPv4  10.0.0.5:49158  192.0.2.1:443  ESTABLISHED  4100  chrome.exe`, without a state for UDP.
fn netscan(line: &str) -> Option<Fields> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [offset, protocol, local, remote, rest @ ..] = words.as_slice() else { return None };
    let is_state = rest.first().is_some_and(|word| state::of_word(word).is_some());
    let (state, rest) = rest.split_at(usize::from(is_state));
    let names = ["offset", "protocol", "localaddress", "remoteaddress", "state", "pid", "owner"];
    let word = |words: &[&str], at: usize| words.get(at).copied().unwrap_or_default().to_owned();
    let (state, pid, owner) = (word(state, 0), word(rest, 0), word(rest, 1));
    Some(named(&names, &[offset, protocol, local, remote, &state, &pid, &owner]))
}
