//! Lines that hold a record in a notation of something else: quoted in a mail, in a cell of a CSV export,
//! escaped for HTML, behind what syslog has put there. A file has one of these throughout, so that the
//! beginning tells.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::line_starts::Edit;

/// Lines that are looked at to tell which it is.
const MOST_LINES: usize = 50;

/// A longer line passes as it is: no log has one.
const MOST_LINE_BYTES: usize = 1024 * 1024;

/// No more stands before a record in syslog.
const MOST_PREFIX_BYTES: usize = 200;

/// Deeper than this no record nests.
const MOST_DEPTH: u32 = 32;

/// What is done with each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rewrite {
    /// `> ` of a mail is taken away.
    Mail,
    /// `&quot;` and the like, as web pages and trackers escape them, become the characters.
    Entities,
    /// JSON in a cell of a table or in a string becomes the JSON: exports of Splunk, `CloudWatch`, Graylog,
    /// Grafana, and lists of Redis.
    Cells,
    /// `{"$date": …}` of `MongoDB` becomes the value.
    ExtendedJson,
    /// What syslog puts before a line of Zeek's columns is taken away; its tabs may be `#011`.
    Syslog,
    /// Lines that tell a search engine what to do with the record below become blank.
    BulkActions,
}

impl Rewrite {
    /// Which of them the lines of a text need, if any.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').take(MOST_LINES).collect();
        if lines.len() > 1 && lines.len() < MOST_LINES {
            // The last one may be cut.
            lines.pop();
        }
        lines.retain(|line| !line.trim_ascii().is_empty());
        let first = lines.first()?;
        let has = |word: &[u8]| lines.iter().any(|line| find(line, word).is_some());
        let is_object = |line: &&[u8]| matches!(line.trim_ascii_start(), [b'{' | b'[', ..]);
        if lines.len() > 1 && lines.iter().all(|line| line.starts_with(b">")) {
            return Some(Self::Mail);
        }
        if lines.iter().all(|line| after_syslog(line).is_some()) {
            return Some(Self::Syslog);
        }
        if !lines.iter().any(is_object) {
            let cells = lines.iter().filter(|line| cell(line).is_some()).count();
            let is_escaped = has(b"users:((&quot;") || has(b"-&gt;");
            return if cells > 0 && cells * 2 >= lines.len() {
                Some(Self::Cells)
            } else {
                is_escaped.then_some(Self::Entities)
            };
        }
        if is_bulk_action(first) {
            return Some(Self::BulkActions);
        }
        let is_of_mongo = [b"{\"$date\"".as_slice(), b"{\"$number", b"{\"$oid\""].into_iter().any(has);
        is_of_mongo.then_some(Self::ExtendedJson)
    }

    fn line(self, line: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Mail => {
                let plain = line.trim_ascii_start();
                let level = plain.iter().take_while(|byte| **byte == b'>').count();
                let plain = &plain[level..];
                Cow::Borrowed(if level > 0 { plain.strip_prefix(b" ").unwrap_or(plain) } else { line })
            }
            Self::Entities => Cow::Owned(without_entities(line)),
            Self::Cells => match cell(line) {
                Some(cell) => Cow::Owned(cell),
                // The names of the columns.
                None if !line.iter().any(u8::is_ascii_digit) => Cow::Borrowed(b""),
                None => Cow::Borrowed(line),
            },
            Self::ExtendedJson => plain_json(line).map_or(Cow::Borrowed(line), Cow::Owned),
            Self::Syslog => match after_syslog(line) {
                Some(rest) => Cow::Owned(replace(rest, b"#011", b"\t")),
                None => Cow::Borrowed(line),
            },
            Self::BulkActions => Cow::Borrowed(if is_bulk_action(line) { b"" } else { line }),
        }
    }
}

impl Edit for Rewrite {
    const MOST_BYTES: usize = MOST_LINE_BYTES;

    fn edit(&mut self, start: &[u8], out: &mut Vec<u8>) {
        if start.len() > MOST_LINE_BYTES {
            return out.extend_from_slice(start);
        }
        let end = start.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
        let (line, ending) = start.split_at(end);
        out.extend_from_slice(&self.line(line));
        out.extend_from_slice(ending);
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut replaced, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = find(rest, from) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

fn without_entities(line: &[u8]) -> Vec<u8> {
    let entities: [(&[u8], &[u8]); 5] =
        [(b"&quot;", b"\""), (b"&#39;", b"'"), (b"&lt;", b"<"), (b"&gt;", b">"), (b"&amp;", b"&")];
    entities.into_iter().fold(line.to_vec(), |line, (from, to)| replace(&line, from, to))
}

/// The object in a cell of a line: `x,"{""a"":1}"`, where quotes are doubled, or `"{\"a\":1}"`.
fn cell(line: &[u8]) -> Option<Vec<u8>> {
    let at =
        find(line, b"\"{").filter(|at| *at == 0 || matches!(line[at - 1], b',' | b';' | b'\t' | b' '))?;
    let begin = line.get(at + 1..)?;
    let is_doubled = match find(begin, b"\"")? {
        quote if begin.get(quote + 1) == Some(&b'"') => true,
        quote if quote > 0 && begin[quote - 1] == b'\\' => false,
        _ => return None,
    };
    let mut object = Vec::with_capacity(begin.len());
    let mut bytes = begin.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'"', Some(b'"')) if is_doubled => {
                bytes.next();
                object.push(b'"');
            }
            (b'\\', Some(next)) if !is_doubled => {
                object.push(*next);
                bytes.next();
            }
            (b'"', _) => return object.ends_with(b"}").then_some(object),
            _ => object.push(byte),
        }
    }
    None
}

/// What follows `Nov 14 22:13:20 sensor zeek: ` in a line of Zeek's columns: a time and a separator.
fn after_syslog(line: &[u8]) -> Option<&[u8]> {
    let at = find(&line[..line.len().min(MOST_PREFIX_BYTES)], b": ")? + 2;
    let rest = &line[at..];
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(rest);
    let fraction = rest.get(whole + 1..)?;
    let after = &fraction[digits(fraction)..];
    let is_time = (9..=10).contains(&whole) && rest[whole] == b'.';
    let is_separated =
        [b"\t".as_slice(), b"|", b"#011"].into_iter().any(|separator| after.starts_with(separator));
    (is_time && is_separated).then_some(rest)
}

/// `{"index":{"_index":"x"}}`.
fn is_bulk_action(line: &[u8]) -> bool {
    let is_short = line.len() < 2000;
    let action = || serde_json::from_slice::<Map<String, Value>>(line).ok();
    is_short
        && action().is_some_and(|action| {
            action.len() == 1
                && action.iter().all(|(name, about)| {
                    matches!(name.as_str(), "index" | "create" | "update" | "delete")
                        && about.as_object().is_some_and(|about| about.keys().all(|key| key.starts_with('_')))
                })
        })
}

/// A record with the values that `MongoDB` has put into objects.
/// Source: `MongoDB`, "Extended JSON (v2)".
fn plain_json(line: &[u8]) -> Option<Vec<u8>> {
    find(line, b"{\"$")?;
    // `mongoexport --jsonArray` and people put commas between lines.
    let (record, comma) = line.strip_suffix(b",").map_or((line, false), |record| (record, true));
    let mut plain = serde_json::to_vec(&unwrapped(serde_json::from_slice(record).ok()?, 0)).ok()?;
    if comma {
        plain.push(b',');
    }
    Some(plain)
}

fn unwrapped(value: Value, depth: u32) -> Value {
    match value {
        Value::Object(object) if depth < MOST_DEPTH => {
            if object.len() == 1
                && let Some((name, inner)) = object.iter().next()
                && name.starts_with('$')
            {
                let inner = unwrapped(inner.clone(), depth + 1);
                let is_number = name.starts_with("$number");
                return if is_number { inner.as_str().and_then(number).unwrap_or(inner) } else { inner };
            }
            object.into_iter().map(|(name, inner)| (name, unwrapped(inner, depth + 1))).collect()
        }
        Value::Array(items) if depth < MOST_DEPTH => {
            items.into_iter().map(|item| unwrapped(item, depth + 1)).collect()
        }
        value => value,
    }
}

fn number(text: &str) -> Option<Value> {
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(text.parse().ok()?)).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Transform as _;
    use super::super::line_starts::LineStarts;
    use super::*;

    /// The lines in chunks of a few bytes.
    fn rewritten(text: &str) -> String {
        let Some(rewrite) = Rewrite::of(text.as_bytes()) else { return text.to_owned() };
        let (mut transform, mut out) = (LineStarts::new(rewrite), Vec::new());
        text.as_bytes().chunks(5).for_each(|chunk| transform.feed(chunk, &mut out));
        transform.end(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn the_record_comes_out_of_what_is_around_it() {
        for (text, plain) in [
            ("> date\n>\n> ESTAB 0\n>> x\n", "date\n\nESTAB 0\nx\n"),
            ("ESTAB users:((&quot;a&amp;b&quot;,pid=1)) -&gt; x\n", "ESTAB users:((\"a&b\",pid=1)) -> x\n"),
            ("_time,_raw\r\n1,\"{\"\"a\"\":\"\"b,c\"\"}\"\r\n", "\r\n{\"a\":\"b,c\"}\r\n"),
            ("\"timestamp\",\"message\"\n\"1\",\"{\\\"a\\\":\\\"\\\\\\\"\\\"}\"\n", "\n{\"a\":\"\\\"\"}\n"),
            ("1) \"{\\\"a\\\":1}\"\n2) \"{\\\"a\\\":2}\"\n", "{\"a\":1}\n{\"a\":2}\n"),
            (
                "{\"_id\":{\"$oid\":\"x\"},\"ts\":{\"$date\":{\"$numberLong\":\"17\"}},\"l\":[{\"$numberInt\":\"5\"}]}\n",
                "{\"_id\":\"x\",\"l\":[5],\"ts\":17}\n",
            ),
            ("Nov 14 22:13:20 s zeek: 1700000000.25#011C1#01110.0.0.5\n", "1700000000.25\tC1\t10.0.0.5\n"),
            ("Nov 14 22:13:20 s bro_conn: 1700000000.25|C1|10.0.0.5\n", "1700000000.25|C1|10.0.0.5\n"),
            ("{\"index\":{\"_index\":\"x\"}}\n{\"a\":1}\n", "\n{\"a\":1}\n"),
        ] {
            assert_eq!(rewritten(text), plain, "{text}");
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for text in [
            "{\"message\":\"{\\\"a\\\":1}\"}\n",
            "{\"index\":{\"name\":\"x\"}}\n{\"a\":1}\n",
            "{\"url\":\"a?b&quot;-&gt;\"}\n",
            "> one line\n",
            "a,b\n1,\"{not json\n",
            "Nov 14 22:13:20 s zeek: started 1700000000.25\n",
            "1700000000.25\tC1\n",
        ] {
            assert_eq!(rewritten(text), text);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_lines_do_no_harm(text in "[>{}\"\\\\,:;&a$1. #|\t\n-]{0,120}") {
            rewritten(&text);
            for rewrite in [Rewrite::Mail, Rewrite::Entities, Rewrite::Cells, Rewrite::ExtendedJson, Rewrite::Syslog, Rewrite::BulkActions] {
                text.lines().for_each(|line| drop(rewrite.line(line.as_bytes()).into_owned()));
            }
        }
    }
}
