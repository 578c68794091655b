//! The time stamps that people put between the outputs of a loop.

use chrono::{DateTime, NaiveDateTime};

/// What is written around a time: `=== 12:00 ===`, `# date: …`.
const DECORATION: &[char] = &['=', '#', '-', '*', '>', '<', '[', ']', ' ', '\t'];

/// Formats of `date`, of ISO 8601 and of loops, in which the zone is named by letters or not at all.
const WITHOUT_ZONE: &[&str] = &[
    "%a %b %e %H:%M:%S %Y",
    "%a %d %b %Y %I:%M:%S %p",
    "%a %e %b %Y %I:%M:%S %p",
    "%a %e %b %H:%M:%S %Y",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
];

/// Formats with a numeric zone; [`DateTime::parse_from_rfc3339`] and `_rfc2822` take others.
const WITH_ZONE: &[&str] = &["%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"];

/// A time and whether its zone is known; without one it is taken for UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) struct Stamp {
    pub(in crate::import) ts_us: i64,
    pub(in crate::import) has_zone: bool,
}

/// The time that a line is about; none if it is no such line.
pub(in crate::import) fn stamp(line: &str) -> Option<Stamp> {
    let text = line.trim_matches(DECORATION);
    let text = text.split_once("Every ").map_or(text, |_| after_watch(text));
    let text = ["date:", "Date:", "time:", "Time:", "ts="]
        .iter()
        .find_map(|label| text.strip_prefix(label))
        .unwrap_or(text)
        .trim();
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    epoch(text).or_else(|| with_zone(text)).or_else(|| without_zone(text))
}

/// `Every 1.0s: ss -tinpe      host: Tue Nov 24 14:03:54 2026`: what follows the last name.
fn after_watch(text: &str) -> &str {
    text.rmatch_indices(": ").map(|(at, _)| &text[at + 2..]).next().unwrap_or(text)
}

fn epoch(text: &str) -> Option<Stamp> {
    let whole = text.split('.').next()?;
    let digits = whole.bytes().all(|byte| byte.is_ascii_digit());
    let ts_us = match whole.len() {
        9 | 10 if digits => crate::import::number::micros(text.as_bytes())?,
        // `date +%s%3N` and `%s%N`.
        13 if digits => whole.parse::<i64>().ok()?.checked_mul(1000)?,
        19 if digits => whole.parse::<i64>().ok()? / 1000,
        _ => return None,
    };
    Some(Stamp { ts_us, has_zone: true })
}

fn with_zone(text: &str) -> Option<Stamp> {
    let known = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text)).ok();
    let time =
        known.or_else(|| WITH_ZONE.iter().find_map(|format| DateTime::parse_from_str(text, format).ok()))?;
    Some(Stamp { ts_us: time.timestamp_micros(), has_zone: true })
}

fn without_zone(text: &str) -> Option<Stamp> {
    // `Tue Nov 24 14:03:54 UTC 2026`: letters of a zone are not parsed, only UTC is known.
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let zone = words.iter().rposition(|word| is_zone(word));
    let is_utc = zone.is_some_and(|at| matches!(words[at], "UTC" | "GMT" | "Z"));
    if let Some(at) = zone {
        words.remove(at);
    }
    let text = words.join(" ");
    let time = WITHOUT_ZONE.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())?;
    Some(Stamp { ts_us: time.and_utc().timestamp_micros(), has_zone: is_utc })
}

fn is_zone(word: &str) -> bool {
    let is_letters = word.bytes().all(|byte| byte.is_ascii_uppercase());
    is_letters && (1..=5).contains(&word.len()) && !matches!(word, "AM" | "PM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let cases = [
            ("1700000000", 1_700_000_000_000_000, true),
            ("=== 1700000000.25 ===", 1_700_000_000_250_000, true),
            ("1700000000250", 1_700_000_000_250_000, true),
            ("Tue Nov 14 22:13:20 UTC 2023", 1_700_000_000_000_000, true),
            ("Tue Nov 14 22:13:20 CET 2023", 1_700_000_000_000_000, false),
            ("Tue Nov  7 22:13:20 2023", 1_699_395_200_000_000, false),
            ("Tue 14 Nov 2023 10:13:20 PM UTC", 1_700_000_000_000_000, true),
            ("# 2023-11-14 22:13:20", 1_700_000_000_000_000, false),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000_000_000, true),
            ("2023-11-14T23:13:20+0100", 1_700_000_000_000_000, true),
            ("Date: Tue, 14 Nov 2023 22:13:20 +0000", 1_700_000_000_000_000, true),
            ("Every 1.0s: ss -tinpe    host: Tue Nov 14 22:13:20 2023", 1_700_000_000_000_000, false),
        ];
        for (line, ts_us, has_zone) in cases {
            assert_eq!(stamp(line), Some(Stamp { ts_us, has_zone }), "{line}");
        }
    }

    #[test]
    fn other_lines_are_no_times() {
        for line in [
            "",
            "ESTAB 0 0 10.0.0.1:22 10.0.0.2:5555",
            "State Recv-Q Send-Q Local Address:Port",
            "123",
            "\t cubic wscale:7,7 rto:204",
            "tcp        0      0 10.0.0.1:22   10.0.0.2:5555   ESTABLISHED 1/sshd",
        ] {
            assert_eq!(stamp(line), None, "{line}");
        }
    }
}
