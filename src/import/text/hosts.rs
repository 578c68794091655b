//! The output of several hosts in one file, as programs that run a command on many hosts print it: what
//! says whose lines follow is taken away, and the hosts are noted. A snapshot is that of one host, so
//! that an import of several is refused by whoever asks for the names.

use super::HostNames;
use super::line_starts::Edit;

/// Lines that are looked at to tell how a file is written.
const MOST_LINES: usize = 400;

/// Lines that must have the same host before them.
const LEAST_PREFIXED: usize = 3;

/// Names that are listed.
const MOST_HOSTS: usize = 1000;

/// No line has more before the output of its host.
const MOST_PREFIX_BYTES: usize = 120;

/// A longer line is none that names a host.
const MOST_HEADING_BYTES: usize = 300;

/// How the hosts are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) enum Style {
    /// Ansible: `web-01 | CHANGED | rc=0 >>`, or `web-01 | SUCCESS => {` before JSON.
    Ansible,
    /// pssh: `[1] 22:13:20 [SUCCESS] web-01`.
    Pssh,
    /// `clush -b` and `dshbak`: the name between two lines of dashes.
    Boxed,
    /// Salt: `web-01:`, and each line of the output after four spaces.
    Salt,
    /// pdsh, `clush` and dsh: `web-01: ` before each line.
    Prefixed,
}

impl Style {
    /// How a text that begins so names its hosts; none if it does not.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let lines = || text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).take(MOST_LINES);
        let mut full = lines().filter(|line| !line.is_empty());
        let first = full.next()?;
        let seconds = || lines().filter(|line| !line.is_empty()).skip(1);
        if seconds().take(LEAST_PREFIXED - 1).filter(|line| prefix(line) == prefix(first)).count()
            == LEAST_PREFIXED - 1
            && prefix(first).is_some()
        {
            return Some(Self::Prefixed);
        }
        if salt(first).is_some() && full.next().is_some_and(|line| line.starts_with(b"    ")) {
            return Some(Self::Salt);
        }
        if is_dashes(first) && seconds().nth(1).is_some_and(is_dashes) {
            return Some(Self::Boxed);
        }
        [(Self::Ansible, ansible as fn(&[u8]) -> Option<&[u8]>), (Self::Pssh, pssh)]
            .into_iter()
            .find(|(_, heading)| lines().any(|line| heading(line).is_some()))
            .map(|(style, _)| style)
    }

    /// The command that takes one host's part out of a file, as the end of a sentence.
    pub(in crate::import) fn way(self, host: &str) -> String {
        match self {
            Self::Ansible => {
                format!("awk '/ \\| .* \\| rc=/ {{p = $1 == \"{host}\"}} p' FILE | netrec import -")
            }
            Self::Pssh => {
                format!(
                    "awk '/^\\[[0-9]+\\] .* \\[[A-Z]+\\] / {{p = $4 == \"{host}\"}} p' FILE | netrec import -"
                )
            }
            Self::Prefixed => format!("grep '^{host}: ' FILE | netrec import -"),
            Self::Boxed => format!(
                "awk '/^-+$/ {{getline n; getline; p = n == \"{host}\"; next}} p' FILE | netrec import -"
            ),
            Self::Salt => {
                format!("awk '/^[^ ].*:$/ {{p = $0 == \"{host}:\"}} p' FILE | netrec import -")
            }
        }
    }
}

fn is_host(name: &[u8]) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-@[]:,".contains(byte);
    !name.is_empty() && name.len() <= MOST_PREFIX_BYTES && name.iter().all(is_of_name)
}

/// `web-01 | CHANGED | rc=0 >>`.
fn ansible(line: &[u8]) -> Option<&[u8]> {
    if line.len() > MOST_HEADING_BYTES {
        return None;
    }
    let at = line.windows(3).position(|bytes| bytes == b" | ")?;
    let (name, rest) = (&line[..at], &line[at + 3..]);
    let words = [b"CHANGED".as_slice(), b"SUCCESS", b"FAILED", b"UNREACHABLE!", b"success", b"FAILED!"];
    (is_host(name) && words.iter().any(|word| rest.starts_with(word))).then_some(name)
}

/// `[1] 22:13:20 [SUCCESS] web-01`, and what went wrong behind it.
fn pssh(line: &[u8]) -> Option<&[u8]> {
    let mut words = line.get(..line.len().min(MOST_HEADING_BYTES))?.split(|byte| *byte == b' ');
    let number = words.next()?.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let is_time = words.next()?.split(|byte| *byte == b':').count() == 3;
    let is_result = matches!(words.next()?, b"[SUCCESS]" | b"[FAILURE]");
    let name = words.next().filter(|name| is_host(name))?;
    (is_time && is_result && number.iter().all(u8::is_ascii_digit)).then_some(name)
}

/// `web-01:`.
fn salt(line: &[u8]) -> Option<&[u8]> {
    line.strip_suffix(b":").filter(|name| is_host(name) && name.iter().any(u8::is_ascii_alphabetic))
}

fn is_dashes(line: &[u8]) -> bool {
    line.len() >= 10 && line.len() <= MOST_HEADING_BYTES && line.iter().all(|byte| *byte == b'-')
}

/// The host before a line. A line of `/proc/net` has a number there.
fn prefix(line: &[u8]) -> Option<&[u8]> {
    let at = line.iter().take(MOST_PREFIX_BYTES).position(|byte| *byte == b':')?;
    let name = &line[..at];
    let is_name = is_host(name) && !name.iter().all(u8::is_ascii_digit);
    (is_name && matches!(line.get(at + 1), None | Some(b' ' | b'\r' | b'\n'))).then_some(name)
}

/// Takes away what names the hosts.
pub(super) struct Hosts {
    style: Style,
    names: HostNames,
    boxed: InBox,
}

/// Where in a box around a name it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InBox {
    Outside,
    BeforeName,
    AfterName,
}

impl Hosts {
    pub(super) fn new(style: Style, names: HostNames) -> Self {
        Self { style, names, boxed: InBox::Outside }
    }

    fn note(&self, name: &[u8]) {
        let mut names = self.names.borrow_mut();
        if !name.is_empty() && names.len() < MOST_HOSTS {
            names.insert(String::from_utf8_lossy(name).into_owned());
        }
    }

    /// What of a line is the output of its host; none if the line only names one.
    fn output<'l>(&mut self, line: &'l [u8]) -> Option<&'l [u8]> {
        let plain = line.strip_suffix(b"\n").unwrap_or(line).trim_ascii_end();
        let heading = match self.style {
            Style::Ansible => ansible(plain),
            Style::Pssh => pssh(plain),
            Style::Salt if line.starts_with(b"    ") => return Some(&line[4..]),
            Style::Salt => salt(plain),
            Style::Boxed => return self.in_box(plain).then_some(line),
            Style::Prefixed => {
                let Some(name) = prefix(line) else { return Some(line) };
                self.note(name);
                let rest = &line[name.len() + 1..];
                return Some(rest.strip_prefix(b" ").unwrap_or(rest));
            }
        };
        match heading {
            Some(name) => {
                self.note(name);
                // The result of a module of Ansible: an object that begins behind the host.
                plain.ends_with(b"=> {").then_some(b"{\n".as_slice())
            }
            None => Some(line),
        }
    }

    /// Whether a line is none of those around a name.
    fn in_box(&mut self, plain: &[u8]) -> bool {
        self.boxed = match self.boxed {
            InBox::Outside if is_dashes(plain) => InBox::BeforeName,
            InBox::Outside => return true,
            InBox::BeforeName => {
                self.note(plain);
                InBox::AfterName
            }
            InBox::AfterName => InBox::Outside,
        };
        false
    }
}

impl Edit for Hosts {
    const MOST_BYTES: usize = 2 * MOST_HEADING_BYTES;

    fn edit(&mut self, start: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.output(start).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Transform;
    use super::super::line_starts::LineStarts;
    use super::*;

    /// The text without what names the hosts, and their names.
    fn strip(text: &str, chunk: usize) -> (String, String) {
        let names = HostNames::default();
        let hosts = Hosts::new(Style::of(text.as_bytes()).unwrap(), HostNames::clone(&names));
        let mut hosts = LineStarts::new(hosts);
        let mut out = Vec::new();
        text.as_bytes().chunks(chunk).for_each(|bytes| hosts.feed(bytes, &mut out));
        hosts.end(&mut out);
        let names = names.borrow().iter().cloned().collect::<Vec<_>>().join(" ");
        (String::from_utf8(out).unwrap(), names)
    }

    #[test]
    fn whatever_names_the_hosts_is_taken_away_and_noted() {
        for text in [
            "web-01 | CHANGED | rc=0 >>\nA 1\nB: 2\nweb-02 | FAILED | rc=1 >>\nC\n",
            "[1] 22:13:20 [SUCCESS] web-01\nA 1\nB: 2\n[2] 22:13:21 [FAILURE] web-02 Exited with error code 1\nC\n",
            "---------------\nweb-01\n---------------\nA 1\nB: 2\n---------------\nweb-02\n---------------\nC\n",
            "web-01:\n    A 1\n    B: 2\nweb-02:\n    C\n",
            "web-01: A 1\nweb-01: B: 2\nweb-01: \nweb-02: C\n",
        ] {
            for chunk in [1, 7, 1000] {
                let (plain, names) = strip(text, chunk);
                assert_eq!(plain.replace("\n\n", "\n"), "A 1\nB: 2\nC\n", "{text}");
                assert_eq!(names, "web-01 web-02", "{text}");
            }
        }
    }

    #[test]
    fn other_text_names_none() {
        for text in [
            "tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n",
            "  sl  local_address\n   0: 0100007F:0277\n   1: 0100007F:0278\n",
            "UtcTime: 1\nProcessId: 2\nImage: 3\n",
            "Active connections:\n  tcp 1\n",
            "a | b | c\n",
            "{\"a\": 1}\n{\"a\": 1}\n{\"a\": 1}\n",
            "22:13:20.0 IP a\n22:13:20.0 IP a\n22:13:20.0 IP a\n",
            "----------\n",
            "",
        ] {
            assert_eq!(Style::of(text.as_bytes()), None, "{text}");
        }
    }
}
