//! The name of a file before each line, and perhaps its number, as `grep -H`, `grep -r` and `zgrep` print
//! them: `conn.log:1700000000.25…`, `/var/log/suricata/eve.json:12:{…`.

use super::line_starts::Edit;

/// Longer names no file has.
const MOST_NAME_BYTES: usize = 300;

/// What the names of logs end in, also where there are colons in them.
const ENDINGS: [&[u8]; 6] = [b".log", b".json", b".gz", b".zst", b".txt", b".csv"];

/// Lines that are looked at to tell whether all have one.
const MOST_LINES: usize = 50;

/// Takes the names away.
pub(super) struct FileNames;

impl Edit for FileNames {
    const MOST_BYTES: usize = 2 * MOST_NAME_BYTES;

    fn edit(&mut self, start: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(without_name(start).unwrap_or(start));
    }
}

/// Whether all of the first lines have such a beginning.
pub(super) fn are_on_all_lines(text: &[u8]) -> bool {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').take(MOST_LINES).collect();
    if lines.len() < MOST_LINES {
        // The last one may be cut.
        let cut = lines.pop().unwrap_or_default();
        lines.extend(without_name(cut).map(|_| cut));
    }
    lines.retain(|line| !line.trim_ascii().is_empty() && *line != b"--");
    if lines.iter().all(|line| name_bytes(line).is_some()) {
        return !lines.is_empty();
    }
    // Numbers alone have to count up.
    let numbers: Option<Vec<u64>> = lines.iter().map(|line| Some(number(line)?.0)).collect();
    numbers.is_some_and(|numbers| numbers.len() > 1 && numbers.is_sorted_by(|a, b| a < b))
}

/// What follows the name of a file and the number of a line, if there are any.
fn without_name(line: &[u8]) -> Option<&[u8]> {
    match name_bytes(line) {
        Some(bytes) => {
            let rest = &line[bytes..];
            Some(number(rest).map_or(rest, |(_, rest)| rest))
        }
        None => Some(number(line)?.1),
    }
}

/// The bytes of a name and its colon. A host, which some programs print so, has no slash and a space
/// behind the colon; a time has a date before its first colon.
fn name_bytes(line: &[u8]) -> Option<usize> {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-/+@%~:".contains(byte) || *byte >= 0x80;
    let begin = line.iter().take(MOST_NAME_BYTES).take_while(|byte| is_of_name(byte)).count();
    let mut colons = (0..begin).filter(|at| line[*at] == b':');
    // Zeek's archive has names such as `conn.00:00:00-01:00:00.log.gz`.
    let has_ending = |colon: &usize| ENDINGS.iter().any(|ending| line[..*colon].ends_with(ending));
    let colon = colons.clone().find(has_ending);
    let colon = colon.or_else(|| colons.next().filter(|colon| !is_date(&line[..*colon])))?;
    let (name, rest) = (&line[..colon], &line[colon + 1..]);
    let has_slash = name.contains(&b'/');
    let is_name = name.iter().any(u8::is_ascii_alphabetic) && (has_slash || name.contains(&b'.'));
    let is_text = rest.first().is_some_and(|byte| has_slash || !matches!(byte, b' ' | b'\t' | b':'));
    (is_name && is_text).then_some(colon + 1)
}

/// `2023/11/14T22`.
fn is_date(text: &[u8]) -> bool {
    matches!(text, [year @ .., b'/' | b'-', _, _, b'/' | b'-', _, _, b'T', _, _] if year.iter().all(u8::is_ascii_digit))
}

/// A number, a colon, and what follows at once.
fn number(line: &[u8]) -> Option<(u64, &[u8])> {
    let colon = line.iter().take(12).position(|byte| *byte == b':')?;
    let number = crate::import::number::unsigned(&line[..colon])?;
    let rest = &line[colon + 1..];
    rest.first().is_some_and(|byte| !matches!(byte, b' ' | b'\t' | b':')).then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Transform;
    use super::super::line_starts::LineStarts;
    use super::*;

    fn strip(text: &[u8], chunk: usize) -> Vec<u8> {
        let (mut names, mut out) = (LineStarts::new(FileNames), Vec::new());
        text.chunks(chunk).for_each(|bytes| names.feed(bytes, &mut out));
        names.end(&mut out);
        out
    }

    #[test]
    fn names_and_numbers_are_taken_away() {
        for (text, plain) in [
            ("conn.log:1700000000.25\tC1\nconn.log:#close\n", "1700000000.25\tC1\n#close\n"),
            ("/var/log/eve.json:12:{\"a\":1}\n/var/log/eve.json:19:{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n"),
            (
                "/proc/net/tcp:  sl  local_address\n/proc/net/tcp:   0: 0100007F:0277",
                "  sl  local_address\n   0: 0100007F:0277",
            ),
            ("conn.00:00:00-01:00:00.log.gz:1700000000.25\tC1\n", "1700000000.25\tC1\n"),
            ("2023-11-14/conn.01:00:00-02:00:00.log:3:{\"a\":1}\n", "{\"a\":1}\n"),
            ("7:{\"a\":1}\n9:{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n"),
        ] {
            assert!(are_on_all_lines(text.as_bytes()), "{text}");
            for chunk in [1, 2, 7, 1000] {
                assert_eq!(String::from_utf8(strip(text.as_bytes(), chunk)).unwrap(), plain);
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_name_stays() {
        for text in [
            "22:13:20.0 IP 10.0.0.1.1 > 10.0.0.2.2: S\n22:13:20.1 IP 10.0.0.1.1 > 10.0.0.2.2: S\n",
            "web1.example: tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n",
            "  sl  local_address rem_address\n   0: 0100007F:0277\n",
            "2001:db8::1\n2001:db8::2\n",
            "2023/11/14T22:13:20\tC1\n",
            "2023-11-14T22:13:20.25Z\tC1\n",
            "10.0.0.1:22\n",
            "conn.log:1\nno name\n",
            "{\"a.b\":1}\n",
            "http://x/y\n",
            "",
        ] {
            assert!(!are_on_all_lines(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(text in "[a./:1\n ]{0,60}", chunk in 1..9_usize) {
            prop_assert_eq!(strip(text.as_bytes(), chunk), strip(text.as_bytes(), 1000));
        }
    }
}
