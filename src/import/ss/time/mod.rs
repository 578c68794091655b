//! The times that people put between the outputs of a loop, or before each of its lines.

mod words;

use chrono::{DateTime, NaiveDate};

use self::words::{Half, half_of_day, month, zone_offset_s};
use crate::import::timestamp;

/// What is written around a time: `=== 12:00 ===`, `# date: …`.
const DECORATION: &[char] = &['=', '#', '-', '*', '>', '<', '[', ']', ' ', '\t', ','];

/// A line of a time has no more bytes and words.
const MOST_BYTES: usize = 120;
const MOST_WORDS: usize = 12;

const DAY_US: i64 = 86_400_000_000;

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
    if text.len() > MOST_BYTES || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number(text).or_else(|| iso(text)).or_else(|| date(text))
}

/// The time before each line, as `ts` of moreutils puts it there, and the line after it. Such a
/// time may lack the year, which `near_us` gives then.
pub(super) fn prefix(line: &str, near_us: Option<i64>) -> Option<(Stamp, &str)> {
    (1..=3).find_map(|words| {
        let mut end = 0;
        for _ in 0..words {
            end += line[end..].len() - line[end..].trim_start_matches(' ').len();
            end += line[end..].find(' ')?;
        }
        let text = line[..end].trim_matches(DECORATION);
        let stamp = number(text).or_else(|| iso(text)).or_else(|| without_year(text, near_us))?;
        Some((stamp, without_sender(line.get(end + 1..)?)))
    })
}

/// Without what stands after the time in the logs of containers (`stdout F `) and of syslog (`host
/// program[12]: `).
fn without_sender(line: &str) -> &str {
    if let Some(rest) = ["stdout F ", "stderr F "].iter().find_map(|stream| line.strip_prefix(stream)) {
        return rest;
    }
    let is_of_sender = |text: &str| {
        let mut words = text.split(' ');
        let (host, program) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let program =
            program.strip_suffix(']').and_then(|text| text.split_once('[')).map_or(program, |(name, _)| name);
        let is_name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
        };
        words.next().is_none() && is_name(host) && is_name(program)
    };
    match line.split_once(": ") {
        Some((sender, rest)) if is_of_sender(sender) => rest,
        // Of an empty line, nothing stands behind the colon.
        _ if line.strip_suffix(':').is_some_and(is_of_sender) => "",
        _ => line,
    }
}

/// `Every 1.0s: ss -tinpe      host: Tue Nov 24 14:03:54 2026`: what follows the last name.
fn after_watch(text: &str) -> &str {
    text.rmatch_indices(": ").map(|(at, _)| &text[at + 2..]).next().unwrap_or(text)
}

/// `date +%s`, `+%s.%N`, `+%s%3N` and `+%s%N`.
fn number(text: &str) -> Option<Stamp> {
    let whole = text.split('.').next()?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_number && matches!(whole.len(), 9 | 10 | 13 | 16 | 19)).then_some(())?;
    Some(Stamp { ts_us: timestamp::epoch(text.as_bytes())?, has_zone: true })
}

fn iso(text: &str) -> Option<Stamp> {
    if let Some(known) = timestamp::iso(text.as_bytes()) {
        return Some(Stamp { ts_us: known.us, has_zone: known.has_zone });
    }
    let mail = DateTime::parse_from_rfc2822(text).ok()?;
    Some(Stamp { ts_us: mail.timestamp_micros(), has_zone: true })
}

/// What the words of a date are, in whatever order a language has them.
#[derive(Debug, Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    time_us: Option<i64>,
    half: Option<Half>,
    offset_s: Option<i64>,
    /// Words that are none of these: the day of the week, a zone of letters, `at`.
    others: usize,
}

/// `Tue Nov 14 10:13:20 PM UTC 2023`, `mar. 14 nov. 2023 22:13:20 CET`, `2023年 11月 14日 火曜日
/// 22:13:20 JST`, `14.11.2023 22:13:20`: each of a year, a month, a day and a time once.
fn date(text: &str) -> Option<Stamp> {
    let parts = Parts::new(text)?;
    let date = NaiveDate::from_ymd_opt(parts.year?, parts.month?, parts.day?)?;
    parts.at(date)
}

/// `Nov 14 22:13:20` in the year in which it is closest to `near_us`.
fn without_year(text: &str, near_us: Option<i64>) -> Option<Stamp> {
    let (parts, near_us) = (Parts::new(text)?, near_us?);
    if parts.year.is_some() {
        return None;
    }
    let near = DateTime::from_timestamp_micros(near_us)?.date_naive();
    let year = chrono::Datelike::year(&near);
    let stamps = (year - 1..=year + 1)
        .filter_map(|year| parts.at(NaiveDate::from_ymd_opt(year, parts.month?, parts.day?)?));
    stamps.min_by_key(|stamp| stamp.ts_us.abs_diff(near_us))
}

impl Parts {
    fn new(text: &str) -> Option<Self> {
        let spaced = words::space_units(text);
        let words: Vec<&str> = spaced
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '、'))
            .filter(|word| !word.is_empty())
            .take(MOST_WORDS + 1)
            .collect();
        if words.len() > MOST_WORDS {
            return None;
        }
        let mut parts = Self::default();
        for word in words {
            parts.take(word)?;
        }
        // A day of the week, a zone and two small words at most.
        (parts.others <= 4 && parts.time_us.is_some()).then_some(parts)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        let plain = word.trim_end_matches(['.', ';']);
        if let Some(half) = half_of_day(word) {
            self.half = Some(half);
        } else if let Some(time_us) = time(plain) {
            set(&mut self.time_us, time_us)?;
        } else if let Some((year, month, day)) = numbers(plain) {
            set(&mut self.year, year)?;
            set(&mut self.month, month)?;
            set(&mut self.day, day)?;
        } else if let Some((number, unit)) = words::with_unit(plain) {
            self.take_number(number, unit)?;
        } else if let Some(offset_s) = zone_offset_s(plain) {
            set(&mut self.offset_s, offset_s)?;
        } else if let Some(month) = month(plain) {
            // The day of the week comes first where both look alike: `mar. 14 mars`.
            self.others += usize::from(self.month.replace(month).is_some());
        } else if plain.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | '\'')) {
            self.others += 1;
        } else {
            return None;
        }
        Some(())
    }

    fn take_number(&mut self, number: u32, unit: Option<char>) -> Option<()> {
        match (unit, number) {
            (Some('年' | '년'), _) | (None, 1970..=2200) => {
                set(&mut self.year, i32::try_from(number).ok()?)
            }
            (Some('月' | '월'), 1..=12) => set(&mut self.month, number),
            // `2023. 11. 14.`: a month after the year.
            (None, 1..=12) if self.year.is_some() && self.month.is_none() => set(&mut self.month, number),
            (None | Some('日' | '일' | '号'), 1..=31) => set(&mut self.day, number),
            _ => None,
        }
    }

    fn at(&self, date: NaiveDate) -> Option<Stamp> {
        let time_us = match (self.half, self.time_us?) {
            (Some(Half::Morning), us) if us >= DAY_US / 2 => us.checked_sub(DAY_US / 2)?,
            (Some(Half::Afternoon), us) if us < DAY_US / 2 => us + DAY_US / 2,
            (_, us) => us,
        };
        let days_us = i64::from(date.to_epoch_days()).checked_mul(DAY_US)?;
        let offset_us = self.offset_s.unwrap_or(0) * 1_000_000;
        Some(Stamp { ts_us: days_us + time_us - offset_us, has_zone: self.offset_s.is_some() })
    }
}

/// Sets what is not set yet: what is there twice is no date.
fn set<T>(part: &mut Option<T>, value: T) -> Option<()> {
    part.replace(value).is_none().then_some(())
}

/// `22:13:20`, with or without a fraction, as µs of the day.
fn time(word: &str) -> Option<i64> {
    let (clock, fraction) = word.split_once(['.', ',']).unwrap_or((word, "0"));
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok().filter(|_| part.len() <= 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_valid = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    let is_number = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_valid || !is_number {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
    Some((hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
}

/// `14.11.2023`, `2023-11-14`, `11/14/2023` as year, month and day. With slashes, day and month
/// are told apart only where one of them is no month.
fn numbers(word: &str) -> Option<(i32, u32, u32)> {
    let separator = word.chars().find(|c| matches!(c, '.' | '-' | '/'))?;
    let mut parts = word.split(separator).map(str::parse::<u32>);
    let (a, b, c) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if parts.next().is_some() {
        return None;
    }
    let year = |number: u32| i32::try_from(number).ok().filter(|year| (1970..=2200).contains(year));
    match (separator, year(a), year(c)) {
        (_, Some(year), None) => Some((year, b, c)),
        ('.', None, Some(year)) => Some((year, b, a)),
        (_, None, Some(year)) if a > 12 => Some((year, b, a)),
        (_, None, Some(year)) if b > 12 => Some((year, a, b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T: i64 = 1_700_000_000_000_000;

    #[test]
    fn times_are_read_as_people_write_them() {
        let cases = [
            ("1700000000", T, true),
            ("=== 1700000000.25 ===", T + 250_000, true),
            ("1700000000250", T + 250_000, true),
            ("1700000000250000000", T + 250_000, true),
            ("Tue Nov 14 22:13:20 UTC 2023", T, true),
            ("Tue Nov 14 23:13:20 CET 2023", T, true),
            ("Tue Nov 14 22:13:20 XYZ 2023", T, false),
            ("Tue Nov  7 22:13:20 2023", 1_699_395_200_000_000, false),
            ("Tue 14 Nov 2023 10:13:20 PM UTC", T, true),
            ("Tue Nov 14 10:13:20 PM UTC 2023", T, true),
            ("Wed Nov 15 12:13:20 AM EET 2023", T, true),
            ("Tue Nov 14 19:13:20 -03 2023", T, true),
            ("Tue Nov 14 23:13:20 GMT+1 2023", T, true),
            ("Tuesday, November 14, 2023 10:13:20 PM", T, false),
            ("# 2023-11-14 22:13:20", T, false),
            ("2023/11/14 22:13:20", T, false),
            ("2023-11-14T23:13:20+01:00", T, true),
            ("2023-11-14T23:13:20+0100", T, true),
            ("2023-11-14 23:13:20 CET", T, true),
            ("Date: Tue, 14 Nov 2023 22:13:20 +0000", T, true),
            ("Every 1.0s: ss -tinpe    host: Tue Nov 14 22:13:20 2023", T, false),
            ("14.11.2023 22:13:20", T, false),
            ("11/14/2023 10:13:20 PM", T, false),
            // de, fr, es, it, pt, nl, pl, ru, ja, zh, ko
            ("Di 14. Nov 23:13:20 CET 2023", T, true),
            ("Di 14. Nov 2023 23:13:20 CET", T, true),
            ("mar. 14 nov. 2023 23:13:20 CET", T, true),
            ("mardi 14 novembre 2023, 22:13:20 (UTC+0000)", T, true),
            ("mar nov 14 23:13:20 CET 2023", T, true),
            ("mar 14 nov 2023, 23:13:20, CET", T, true),
            ("ter 14 nov 2023 19:13:20 -03", T, true),
            ("di 14 nov 2023 23:13:20 CET", T, true),
            ("wto, 14 lis 2023, 23:13:20 CET", T, true),
            ("Вт 14 ноя 2023 22:13:20 UTC", T, true),
            ("2023年 11月 15日 水曜日 07:13:20 JST", T, true),
            ("2023年 11月 14日 星期二 22:13:20 UTC", T, true),
            ("2023年 11月 14日 星期二 下午 10:13:20 UTC", T, true),
            ("2023. 11. 15. (수) 07:13:20 KST", T, true),
        ];
        for (line, ts_us, has_zone) in cases {
            assert_eq!(stamp(line), Some(Stamp { ts_us, has_zone }), "{line}");
        }
        // A day of the week that looks like a month.
        assert_eq!(stamp("mar. 14 mars 2023 22:13:20 UTC").unwrap().ts_us, 1_678_832_000_000_000);
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
            "11/12/2023 10:13:20 PM",
            "Tue Nov 14 2023",
            "Nov 14 22:13:20",
            "Nov 14 15 22:13:20 2023",
        ] {
            assert_eq!(stamp(line), None, "{line}");
        }
    }

    #[test]
    fn a_time_before_a_line_is_taken_off() {
        for line in
            ["2023-11-14T22:13:20Z ESTAB 0 0", "[2023-11-14 22:13:20] ESTAB 0 0", "1700000000 ESTAB 0 0"]
        {
            let (stamp, rest) = prefix(line, None).unwrap();
            assert_eq!((stamp.ts_us, rest), (T, "ESTAB 0 0"), "{line}");
        }
        for line in
            ["2023-11-14T22:13:20.0Z stdout F ESTAB 0 0", "2023-11-14T22:13:20Z web ss[12]: ESTAB 0 0"]
        {
            assert_eq!(prefix(line, None).unwrap().1, "ESTAB 0 0", "{line}");
        }
        let line = "Nov 14 22:13:20 web collect.sh: tcp 0 0 10.0.0.1:22 10.0.0.2:5 ESTABLISHED 1/sshd: x";
        assert_eq!(prefix(line, Some(T)).unwrap().1, "tcp 0 0 10.0.0.1:22 10.0.0.2:5 ESTABLISHED 1/sshd: x");
        let line = "1700000000 tcp 0 0 10.0.0.1:22 10.0.0.2:5 ESTABLISHED 1/sshd: x";
        assert_eq!(prefix(line, Some(T)).unwrap().1, "tcp 0 0 10.0.0.1:22 10.0.0.2:5 ESTABLISHED 1/sshd: x");
        let line = "Nov 14 22:13:20 \t cubic rto:204";
        assert_eq!(prefix(line, None), None);
        let (stamp, rest) = prefix(line, Some(T + 40 * DAY_US)).unwrap();
        assert_eq!((stamp.ts_us, rest), (T, "\t cubic rto:204"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_no_harm(text in "\\PC{0,60}", date in "[0-9a-zA-Z年月日:., +-]{0,50}") {
            for text in [text, date] {
                let _ = (stamp(&text), prefix(&text, Some(T)));
            }
        }
    }
}
