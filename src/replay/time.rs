//! Moments as people write them: `14:02`, `-5m`, `+30s`, `2026-06-01T10:00:00Z`. All in UTC.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use crate::record::parse_duration;

const DAY_US: i64 = 86_400_000_000;

/// A moment that may depend on the recording and on where one is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// µs since the Unix epoch.
    At(i64),
    /// A time of day, µs since midnight.
    OfDay(i64),
    /// So many µs from here. From a start that is not given: of the recording for later ones,
    /// its end for earlier ones.
    From(i64),
    /// The start of the recording.
    Start,
    /// Its end.
    End,
}

impl When {
    /// The moment in a recording of this span, seen from `here`; µs since the Unix epoch.
    pub fn resolve(self, span_us: (i64, i64), here_us: Option<i64>) -> i64 {
        match self {
            Self::At(ts_us) => ts_us,
            Self::From(by_us) if by_us < 0 => here_us.unwrap_or(span_us.1).saturating_add(by_us),
            Self::From(by_us) => here_us.unwrap_or(span_us.0).saturating_add(by_us),
            Self::Start => span_us.0,
            Self::End => span_us.1,
            Self::OfDay(of_day_us) => day_of(here_us.unwrap_or(span_us.0), of_day_us, span_us),
        }
    }
}

/// On the day that one looks at if the recording has that time, else on the next day that has it.
fn day_of(here_us: i64, of_day_us: i64, (first, last): (i64, i64)) -> i64 {
    let on_day_of = |moment: i64| moment.saturating_sub(moment.rem_euclid(DAY_US)).saturating_add(of_day_us);
    let here = on_day_of(here_us);
    let first_day = on_day_of(first);
    let candidates = [here, first_day, first_day.saturating_add(DAY_US)];
    candidates.into_iter().find(|moment| (first..=last).contains(moment)).unwrap_or(here)
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
        let parsed = absolute(text).map(Self::At).or_else(|| of_day(text).map(Self::OfDay));
        parsed.ok_or_else(|| {
            "write a time (UTC) as 14:02, 14:02:30, 2026-06-01T10:00:00Z, @1780308000, -5m, +30s, start or end"
                .to_owned()
        })
    }
}

fn duration_us(text: &str) -> Result<i64, String> {
    let micros = parse_duration(text)?.as_micros();
    i64::try_from(micros).map_err(|_| "that is too long".to_owned())
}

fn absolute(text: &str) -> Option<i64> {
    if let Some(seconds) = text.strip_prefix('@') {
        let seconds: f64 = seconds.parse().ok()?;
        return seconds.is_finite().then_some((seconds * 1e6) as i64);
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.timestamp_micros());
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let naive = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let naive = naive.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    Some(naive?.and_utc().timestamp_micros())
}

fn of_day(text: &str) -> Option<i64> {
    let time =
        ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok());
    Some(time?.signed_duration_since(NaiveTime::MIN).num_microseconds()?.clamp(0, DAY_US - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-06-01T22:00:00Z to 2026-06-02T03:00:00Z.
    const SPAN: (i64, i64) = (1_780_351_200_000_000, 1_780_369_200_000_000);

    #[track_caller]
    fn check(text: &str, here_us: Option<i64>, expected: &str) {
        let when: When = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let moment = DateTime::from_timestamp_micros(when.resolve(SPAN, here_us)).unwrap();
        assert_eq!(moment.format("%Y-%m-%d %H:%M:%S%.6f").to_string(), expected, "{text}");
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
        check("02:00", Some(SPAN.1), "2026-06-02 02:00:00.000000");
        check("22:30", Some(SPAN.1), "2026-06-01 22:30:00.000000");
        check("12:00", None, "2026-06-01 12:00:00.000000");
    }

    #[test]
    fn a_step_is_from_here_or_from_an_end() {
        check("+30s", None, "2026-06-01 22:00:30.000000");
        check("-5m", None, "2026-06-02 02:55:00.000000");
        check("-1h30m", Some(SPAN.1 - 3_600_000_000), "2026-06-02 00:30:00.000000");
    }

    #[test]
    fn nonsense_is_refused_with_examples() {
        for text in ["", "noon", "25:00", "5m", "+5", "2026-13-01", "@x"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
        assert!("noon".parse::<When>().unwrap_err().contains("14:02"));
    }
}
