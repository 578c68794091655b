//! Lines that a container's runtime has split: both write at most 16 KiB at once, and a longer line of
//! the program as several. They are joined again, with what the runtime wrote around the first part.
//!
//! Sources: Kubernetes, "CRI log format" (`P` and `F` for partial and full); Docker's json-file driver,
//! whose last part alone ends in a line feed.

use super::Transform;

/// Joined lines are no longer than this; of longer ones, the parts stay apart.
const MOST_LINE_BYTES: usize = 1024 * 1024;

/// Lines that are looked at to tell what wrote them.
const MOST_LINES: usize = 20;

/// A container's runtime, by how it writes logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runtime {
    /// containerd and CRI-O: `2023-11-14T22:13:20.25Z stdout F text`.
    Cri,
    /// Docker: `{"log":"text\n","stream":"stdout","time":"…"}`.
    Docker,
}

/// A line as the runtime wrote it: what precedes its text, the text, and what follows.
struct Parts<'a> {
    begin: &'a [u8],
    text: &'a [u8],
    end: &'a [u8],
    is_partial: bool,
}

impl Runtime {
    /// What wrote a text that begins so; the last line may be cut.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let lines: Vec<&[u8]> =
            text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(MOST_LINES).collect();
        let whole = if lines.len() > 1 { &lines[..lines.len() - 1] } else { &lines };
        [Self::Cri, Self::Docker]
            .into_iter()
            .find(|runtime| !whole.is_empty() && whole.iter().all(|line| runtime.parts(line).is_some()))
    }

    fn parts(self, line: &[u8]) -> Option<Parts<'_>> {
        match self {
            Self::Cri => {
                let stream_at = line.iter().take(40).position(|byte| *byte == b' ')? + 1;
                let is_time = line[0].is_ascii_digit() && line[..stream_at].contains(&b'T');
                let rest = line.get(stream_at..)?;
                let tag =
                    [b"stdout ".as_slice(), b"stderr "].into_iter().find_map(|s| rest.strip_prefix(s))?;
                let [kind @ (b'P' | b'F'), b' ', text @ ..] = tag else { return None };
                let begin = &line[..line.len() - text.len()];
                is_time.then_some(Parts { begin, text, end: &[], is_partial: *kind == b'P' })
            }
            Self::Docker => {
                const BEGIN: &[u8] = b"{\"log\":\"";
                const AFTER: &[u8] = b"\",\"stream\":\"";
                let text = line.strip_prefix(BEGIN)?;
                // In the text itself, each quote has a backslash before it.
                let end_at = text.windows(AFTER.len()).position(|bytes| bytes == AFTER)?;
                let (text, end) = text.split_at(end_at);
                Some(Parts { begin: BEGIN, text, end, is_partial: !text.ends_with(b"\\n") })
            }
        }
    }
}

/// Joins the parts.
pub(super) struct PartialLines {
    runtime: Runtime,
    /// The line that is coming in.
    line: Vec<u8>,
    /// What was joined so far; empty if no line is open.
    joined: Vec<u8>,
    /// What follows the text of the joined line.
    end: Vec<u8>,
}

impl PartialLines {
    pub(super) fn new(runtime: Runtime) -> Self {
        Self { runtime, line: Vec::new(), joined: Vec::new(), end: Vec::new() }
    }

    /// Takes the line that has come in, which `ends` with its line feed.
    fn take_line(&mut self, ends: bool, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        match self.runtime.parts(&line) {
            Some(parts) if parts.is_partial && ends && self.joined.len() < MOST_LINE_BYTES => {
                let begin = if self.joined.is_empty() { parts.begin } else { &[] };
                self.joined.extend_from_slice(begin);
                self.joined.extend_from_slice(parts.text);
                self.end = parts.end.to_vec();
            }
            Some(parts) if !self.joined.is_empty() => {
                out.append(&mut self.joined);
                out.extend_from_slice(parts.text);
                out.extend_from_slice(parts.end);
            }
            _ => {
                self.flush(out);
                out.extend_from_slice(&line);
            }
        }
        if ends && self.joined.is_empty() {
            out.push(b'\n');
        }
        self.line = line;
        self.line.clear();
    }

    /// Hands over a line whose last part has not come.
    fn flush(&mut self, out: &mut Vec<u8>) {
        if !self.joined.is_empty() {
            out.append(&mut self.joined);
            out.append(&mut self.end);
            out.push(b'\n');
        }
    }
}

impl Transform for PartialLines {
    fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&bytes[..at]);
            self.take_line(true, out);
            bytes = &bytes[at + 1..];
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > MOST_LINE_BYTES {
            self.flush(out);
            out.append(&mut self.line);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.line.is_empty() {
            self.flush(out);
        } else {
            self.take_line(false, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn join(text: &str, chunk: usize) -> String {
        let runtime = Runtime::of(text.as_bytes()).unwrap();
        let (mut lines, mut out) = (PartialLines::new(runtime), Vec::new());
        text.as_bytes().chunks(chunk).for_each(|bytes| lines.feed(bytes, &mut out));
        lines.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parts_become_the_line_that_they_were() {
        let cri = "2023-11-14T22:13:20.1Z stdout P {\"a\":\n2023-11-14T22:13:20.2Z stdout P 1,\n\
            2023-11-14T22:13:20.3Z stdout F \"b\":2}\n2023-11-14T22:13:21+01:00 stderr F {}\n";
        let docker = "{\"log\":\"{\\\"a\\\":\",\"stream\":\"stdout\",\"time\":\"1\"}\n\
            {\"log\":\"2}\\n\",\"stream\":\"stdout\",\"time\":\"2\"}\n";
        for chunk in [1, 7, 1000] {
            assert_eq!(
                join(cri, chunk),
                "2023-11-14T22:13:20.1Z stdout P {\"a\":1,\"b\":2}\n2023-11-14T22:13:21+01:00 stderr F {}\n"
            );
            assert_eq!(
                join(docker, chunk),
                "{\"log\":\"{\\\"a\\\":2}\\n\",\"stream\":\"stdout\",\"time\":\"2\"}\n"
            );
        }
    }

    #[test]
    fn what_is_whole_or_never_ends_stays_as_it_is() {
        let whole = "2023-11-14T22:13:20.1Z stdout F {}\n2023-11-14T22:13:20.2Z stdout F text";
        assert_eq!(join(whole, 5), whole);
        let cut = "2023-11-14T22:13:20.1Z stdout P {\n2023-11-14T22:13:20.2Z stdout P }\n";
        assert_eq!(join(cut, 5), "2023-11-14T22:13:20.1Z stdout P {}\n");
        for other in ["{\"ts\":1}\n{\"ts\":2}\n", "2023-11-14T22:13:20Z text\n", ""] {
            assert_eq!(Runtime::of(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(parts in proptest::collection::vec("[PF] [a\"\\\\ ]{0,6}", 1..9), chunk in 1..9_usize) {
            let lines: Vec<String> = parts.iter().map(|part| format!("2023-11-14T22:13:20Z stdout {part}\n")).collect();
            let text = lines.concat();
            prop_assert_eq!(join(&text, chunk), join(&text, 10_000));
        }
    }
}
