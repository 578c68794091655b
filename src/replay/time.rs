//! Parses times as people write them: `14:02`, `-5m`, `+30s`, `2026-06-01T10:00:00Z`. All are UTC.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat};

use crate::humanize;
use crate::record::parse_duration;

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 86_400_000_000;

/// A time that may be relative to the recording or to the current position.
///
/// Its width is its precision: `14:02` is that minute, `2026-06-01` that day. A recording that
/// begins within it contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// µs since the Unix epoch, and the width in µs.
    At(i64, i64),
    /// A time of day, µs since midnight, and the width in µs.
    OfDay(i64, i64),
    /// An offset in µs from the current position. Without a position, positive offsets are from the
    /// start of the recording, negative ones from its end.
    From(i64),
    /// The start of the recording.
    Start,
    /// Its end.
    End,
}

/// A time that is not in the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside {
    /// The time, µs since the Unix epoch.
    pub at_us: i64,
    /// First and last moment of the recording, µs since the Unix epoch.
    pub span_us: (i64, i64),
}

/// A time range, limited to the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First and last moment, both included, µs since the Unix epoch.
    pub ends_us: (i64, i64),
    /// The requested end that is not in the recording.
    pub missing: Option<Outside>,
}

impl When {
    /// The moment in a recording of this span, relative to `here`; µs since the Unix epoch.
    ///
    /// # Errors
    /// [`Outside`] if it is not in the recording.
    pub fn resolve(self, span_us: (i64, i64), here_us: Option<i64>) -> Result<i64, Outside> {
        let (at_us, width_us) = self.place(span_us, here_us);
        let (first, last) = span_us;
        if (first..=last).contains(&at_us) {
            return Ok(at_us);
        }
        let has_begun = at_us < first && at_us.saturating_add(width_us) > first;
        if has_begun { Ok(first) } else { Err(Outside { at_us, span_us }) }
    }

    /// The nearest moment in the recording.
    pub fn nearest(self, span_us: (i64, i64), here_us: Option<i64>) -> i64 {
        self.place(span_us, here_us).0.clamp(span_us.0, span_us.1)
    }

    /// Whether it is relative to the current position.
    pub fn is_step(self) -> bool {
        matches!(self, Self::From(_))
    }

    /// The moment and its width, whether or not it is in the recording.
    fn place(self, span_us: (i64, i64), here_us: Option<i64>) -> (i64, i64) {
        match self {
            Self::At(ts_us, width_us) => (ts_us, width_us),
            Self::From(by_us) if by_us < 0 => (here_us.unwrap_or(span_us.1).saturating_add(by_us), 0),
            Self::From(by_us) => (here_us.unwrap_or(span_us.0).saturating_add(by_us), 0),
            Self::Start => (span_us.0, 0),
            Self::End => (span_us.1, 0),
            Self::OfDay(of_day_us, width_us) => {
                (day_of(here_us.unwrap_or(span_us.0), (of_day_us, width_us), span_us), width_us)
            }
        }
    }
}

impl Range {
    /// The range between two times of a recording.
    ///
    /// # Errors
    /// A sentence, if it is empty, ends before it starts, or is outside the recording.
    pub fn between(from: When, to: When, span_us: (i64, i64)) -> Result<Self, String> {
        let (first, last) = span_us;
        let (from_us, to_us) = (from.place(span_us, None).0, to.place(span_us, None).0);
        if from_us > to_us {
            let (from, to) = (precise(from_us), precise(to_us));
            return Err(format!("the range ends before it starts: {from} is later than {to}"));
        }
        // A recording may be of one moment, as a table of sockets is.
        if from_us == to_us && first != last {
            let moment = precise(from_us);
            return Err(format!("the range is empty: both ends are {moment}; --at shows one moment"));
        }
        if to_us < first {
            return Err(Outside { at_us: to_us, span_us }.to_string());
        }
        if from_us > last {
            return Err(Outside { at_us: from_us, span_us }.to_string());
        }
        let is_early = from.resolve(span_us, None).is_err();
        let missing = [(is_early, from_us), (to_us > last, to_us)];
        let missing = missing.into_iter().find(|(is_missing, _)| *is_missing);
        Ok(Self {
            ends_us: (from_us.max(first), to_us.min(last)),
            missing: missing.map(|(_, at_us)| Outside { at_us, span_us }),
        })
    }
}

impl Outside {
    /// A short message for a narrow screen.
    pub fn short(&self) -> String {
        format!("{} the recording: {}", self.side(), humanize::span_utc(self.span_us))
    }

    fn side(&self) -> &'static str {
        if self.at_us < self.span_us.0 { "before" } else { "after" }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (precise(self.span_us.0), precise(self.span_us.1));
        let (at, side) = (precise(self.at_us), self.side());
        write!(f, "{at} is {side} the recording, which runs from {first} to {last}")
    }
}

/// With enough digits to be distinct; a time outside the calendar's range in seconds since the Unix
/// epoch.
fn precise(us: i64) -> String {
    let format = match us % 1_000_000 {
        0 => SecondsFormat::Secs,
        us if us % 1000 == 0 => SecondsFormat::Millis,
        _ => SecondsFormat::Micros,
    };
    let text = |time: DateTime<chrono::Utc>| time.to_rfc3339_opts(format, true);
    humanize::utc(us).map_or_else(|| format!("@{}", us / 1_000_000), text)
}

/// On the current day if the recording contains that time, else on the next day that does.
fn day_of(here_us: i64, (of_day_us, width_us): (i64, i64), (first, last): (i64, i64)) -> i64 {
    let on_day_of = |moment: i64| moment.saturating_sub(moment.rem_euclid(DAY_US)).saturating_add(of_day_us);
    let here = on_day_of(here_us);
    let first_day = on_day_of(first);
    let is_in = |moment: &i64| *moment <= last && moment.saturating_add(width_us) > first;
    let candidates = [here, first_day, first_day.saturating_add(DAY_US)];
    candidates.into_iter().find(is_in).unwrap_or(here)
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text {
            "start" => return Ok(Self::Start),
            "end" => return Ok(Self::End),
            _ => {}
        }
        if let Some(later) = text.strip_prefix('+') {
            return Ok(Self::From(duration_us(later)?));
        }
        if let Some(earlier) = text.strip_prefix('-') {
            return Ok(Self::From(-duration_us(earlier)?));
        }
        let absolute = || absolute(text).map(|(at, width)| Self::At(at, width));
        let of_day = || of_day(text).map(|(at, width)| Self::OfDay(at, width));
        absolute().or_else(of_day).ok_or_else(|| {
            "write a time (UTC) as 14:02, 14:02:30, 2026-06-01T10:00:00Z, @1780308000, -5m, +30s, start or end"
                .to_owned()
        })
    }
}

fn duration_us(text: &str) -> Result<i64, String> {
    let micros = parse_duration(text)?.as_micros();
    i64::try_from(micros).map_err(|_| "that is too long".to_owned())
}

/// A moment and its width, both in µs.
fn absolute(text: &str) -> Option<(i64, i64)> {
    if let Some(seconds) = text.strip_prefix('@') {
        let at: f64 = seconds.parse().ok()?;
        return at.is_finite().then_some(((at * 1e6) as i64, width_of_second(seconds)));
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some((moment.timestamp_micros(), width_of_second(text)));
    }
    let naive = |format: &&str| NaiveDateTime::parse_from_str(text, format).ok();
    let to_us = |time: NaiveDateTime| time.and_utc().timestamp_micros();
    if let Some(time) = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"].iter().find_map(naive) {
        return Some((to_us(time), width_of_second(text)));
    }
    if let Some(time) = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"].iter().find_map(naive) {
        return Some((to_us(time), MINUTE_US));
    }
    let midnight = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?;
    Some((to_us(midnight), DAY_US))
}

/// A time of day and its width, both in µs; times are UTC, with or without the `Z` of the reports.
fn of_day(text: &str) -> Option<(i64, i64)> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let time = |format: &str| NaiveTime::parse_from_str(text, format).ok();
    let seconds = time("%H:%M:%S%.f").map(|time| (time, width_of_second(text)));
    let (time, width_us) = seconds.or_else(|| Some((time("%H:%M")?, MINUTE_US)))?;
    let of_day_us = time.signed_duration_since(NaiveTime::MIN).num_microseconds()?;
    Some((of_day_us.clamp(0, DAY_US - 1), width_us))
}

/// The width of a time with whole seconds is a second; with a fraction it is exact.
fn width_of_second(text: &str) -> i64 {
    if text.contains('.') { 0 } else { SECOND_US }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-06-01T22:00:00Z to 2026-06-02T03:00:00Z.
    const SPAN: (i64, i64) = (1_780_351_200_000_000, 1_780_369_200_000_000);

    fn when(text: &str) -> When {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[track_caller]
    fn check(text: &str, here_us: Option<i64>, expected: &str) {
        let moment = when(text).resolve(SPAN, here_us).unwrap_or_else(|outside| panic!("{text}: {outside}"));
        let moment = DateTime::from_timestamp_micros(moment).unwrap();
        assert_eq!(moment.format("%Y-%m-%d %H:%M:%S%.6f").to_string(), expected, "{text}");
    }

    #[track_caller]
    fn check_outside(text: &str, expected: &str) {
        let outside = when(text).resolve(SPAN, None).unwrap_err().to_string();
        let range = "the recording, which runs from 2026-06-01T22:00:00Z to 2026-06-02T03:00:00Z";
        assert_eq!(outside, format!("{expected} {range}"), "{text}");
    }

    #[track_caller]
    fn between(from: &str, to: &str) -> Result<Range, String> {
        Range::between(when(from), when(to), SPAN)
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        check("2026-06-01T23:00:00.000001Z", None, "2026-06-01 23:00:00.000001");
        check("2026-06-02T01:00:00+02:00", None, "2026-06-01 23:00:00.000000");
        check("2026-06-01 23:00", None, "2026-06-01 23:00:00.000000");
        check("2026-06-02", None, "2026-06-02 00:00:00.000000");
        check("@1780351200.5", None, "2026-06-01 22:00:00.500000");
        check("start", None, "2026-06-01 22:00:00.000000");
        check("end", None, "2026-06-02 03:00:00.000000");
    }

    #[test]
    fn a_time_of_day_is_looked_for_in_the_recording() {
        check("23:30", None, "2026-06-01 23:30:00.000000");
        check("01:15:30", None, "2026-06-02 01:15:30.000000");
        check("01:15:30Z", None, "2026-06-02 01:15:30.000000");
        check("02:00", Some(SPAN.1), "2026-06-02 02:00:00.000000");
        check("22:30", Some(SPAN.1), "2026-06-01 22:30:00.000000");
    }

    #[test]
    fn a_step_is_from_here_or_from_an_end() {
        check("+30s", None, "2026-06-01 22:00:30.000000");
        check("-5m", None, "2026-06-02 02:55:00.000000");
        check("-1h30m", Some(SPAN.1 - 3_600_000_000), "2026-06-02 00:30:00.000000");
    }

    #[test]
    fn a_time_is_as_wide_as_it_was_written() {
        let span = (SPAN.0 + 13_400_000, SPAN.1);
        for text in ["22:00", "2026-06-01", "2026-06-01T22:00", "22:00:13", "@1780351213"] {
            assert_eq!(when(text).resolve(span, None), Ok(span.0), "{text}");
        }
        for text in ["21:59", "22:00:12", "22:00:13.3", "2026-05-31"] {
            assert!(when(text).resolve(span, None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_that_the_recording_does_not_have_is_refused_with_what_it_has() {
        check_outside("2020-01-01", "2020-01-01T00:00:00Z is before");
        check_outside("2026-06-02T03:00:00.000001Z", "2026-06-02T03:00:00.000001Z is after");
        check_outside("12:00", "2026-06-01T12:00:00Z is before");
        check_outside("+6h", "2026-06-02T04:00:00Z is after");
        check_outside("-6h", "2026-06-01T21:00:00Z is before");
        check_outside("@1e30", "@9223372036854 is after");
        assert_eq!(when("+6h").nearest(SPAN, None), SPAN.1);
        assert_eq!(when("-6h").nearest(SPAN, None), SPAN.0);
    }

    #[test]
    fn a_range_is_what_the_recording_has_of_it() {
        let whole = Range { ends_us: SPAN, missing: None };
        assert_eq!(between("start", "end"), Ok(whole));
        assert_eq!(between("22:00", "03:00"), Ok(whole));
        let early = between("21:00", "end").unwrap();
        assert_eq!((early.ends_us, early.missing.unwrap().at_us), (SPAN, SPAN.0 - 3_600_000_000));
        let late = between("2026-06-02", "2026-06-03").unwrap();
        assert_eq!((late.ends_us.1, late.missing.unwrap().at_us), (SPAN.1, SPAN.1 + 75_600_000_000));
    }

    #[test]
    fn a_range_that_holds_nothing_is_refused() {
        for (from, to, because) in [
            ("end", "start", "ends before it starts"),
            ("23:00", "23:00", "is empty"),
            ("2020-01-01", "2020-01-02", "is before the recording"),
            ("2027-01-01", "2027-01-02", "is after the recording"),
            ("start", "-6h", "ends before it starts"),
        ] {
            let error = between(from, to).unwrap_err();
            assert!(error.contains(because), "{from} {to}: {error}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_examples() {
        for text in ["", "noon", "25:00", "5m", "+5", "2026-13-01", "@x"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
        assert!("noon".parse::<When>().unwrap_err().contains("14:02"));
    }
}
