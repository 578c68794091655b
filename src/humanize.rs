//! The one style for numbers, sizes, durations, times and plurals in everything that people read:
//! terminal output, the player's screen, reports, charts and findings.
//!
//! | what | style | function |
//! |---|---|---|
//! | counts | `1,106` | [`count`], with a noun [`plural`] |
//! | sizes | `210 MB`, decimal units, three significant digits | [`bytes()`], [`bytes_per_s`] |
//! | durations | `12 ms`, `3.5 s`, `3 min 20 s`, `2 d 4 h` | [`duration`], [`seconds`] |
//! | shares | `33 %`, `< 0.01 %` | [`percent`], [`ratio_percent`] |
//! | times | `2026-06-01T10:00:00Z`, which every `--at` accepts | [`second_utc`], for a span [`span_utc`]; in data [`iso_utc`]; with `--local-time` [`second_local`] |
//! | unknown | `–`, never a zero | [`UNKNOWN`] |
//!
//! Nothing else formats a number for people; programs get raw values.

use std::time::Duration;

use chrono::{DateTime, Local, SecondsFormat, Utc};

/// The placeholder for an unknown value.
pub const UNKNOWN: &str = "–";

/// ISO 8601, UTC, to the microsecond; `None` outside the calendar's range.
pub fn iso_utc(time_us: i64) -> Option<String> {
    Some(utc(time_us)?.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// To the second, for people: `2026-06-01T10:00:00Z`.
pub fn second_utc(time_us: i64) -> String {
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    utc(time_us).map_or_else(|| UNKNOWN.to_owned(), text)
}

/// A span of time to the second, with the date once if it is the same: `2026-06-01T10:00:00Z to 10:05:00Z`.
pub fn span_utc((first_us, last_us): (i64, i64)) -> String {
    let (first, last) = (second_utc(first_us), second_utc(last_us));
    match (first.split_once('T'), last.split_once('T')) {
        (Some((day, _)), Some((same_day, time))) if day == same_day => format!("{first} to {time}"),
        _ => format!("{first} to {last}"),
    }
}

/// When something was, in a sentence: `at 2026-06-01T10:00:00Z`, `from 2026-06-01T10:00:00Z to 10:05:00Z`.
pub fn when_utc((first_us, last_us): (i64, i64)) -> String {
    let first = second_utc(first_us);
    if first == second_utc(last_us) {
        format!("at {first}")
    } else {
        format!("from {}", span_utc((first_us, last_us)))
    }
}

/// To the second, in the local time zone with its offset: `2026-06-01T12:00:00+02:00`; used on a
/// terminal on request.
pub fn second_local(time_us: i64) -> String {
    local(time_us, SecondsFormat::Secs)
}

/// Like [`second_local`], to the microsecond.
pub fn micros_local(time_us: i64) -> String {
    local(time_us, SecondsFormat::Micros)
}

fn local(time_us: i64, format: SecondsFormat) -> String {
    let text = |time: DateTime<Utc>| time.with_timezone(&Local).to_rfc3339_opts(format, false);
    utc(time_us).map_or_else(|| UNKNOWN.to_owned(), text)
}

/// The time at a number of µs since the Unix epoch; `None` outside the calendar's range.
pub fn utc(time_us: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(time_us)
}

/// With commas between thousands: `12,345,678`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun: `1 finding`, `2 findings`, `0 processes`, `1,200 entries`.
pub fn plural(number: u64, noun: &str) -> String {
    let number_text = count(number);
    if number == 1 { format!("{number_text} {noun}") } else { format!("{number_text} {}", plural_of(noun)) }
}

/// The regular plural of an English noun, or of the last word of a phrase.
fn plural_of(noun: &str) -> String {
    if ["s", "x", "z", "ch", "sh"].iter().any(|ending| noun.ends_with(ending)) {
        return format!("{noun}es");
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

/// The singular for [`plural_of`].
fn singular_of(plural: &str) -> String {
    let candidates = [
        plural.strip_suffix("ies").map(|stem| format!("{stem}y")),
        plural.strip_suffix("es").map(str::to_owned),
        plural.strip_suffix('s').map(str::to_owned),
    ];
    let mut candidates = candidates.into_iter().flatten();
    candidates.find(|noun| plural_of(noun) == plural).unwrap_or_else(|| plural.to_owned())
}

/// Bytes with a decimal unit: `1.23 MB`.
pub fn bytes(value: f64) -> String {
    scaled(value, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// Bytes per second with a decimal unit; below one, bytes per hour.
pub fn bytes_per_s(value: f64) -> String {
    if value > 0.0 && value < 1.0 {
        format!("{}/h", bytes(value * 3600.0))
    } else {
        format!("{}/s", bytes(value))
    }
}

/// How often something happens: `18.1/s`, `6.6/min`, `0.52/h`.
pub fn per_second(value: f64) -> String {
    match value {
        0.0 => "0/s".to_owned(),
        v if v < 0.01 => format!("{}/h", number(v * 3600.0)),
        v if v < 1.0 => format!("{}/min", number(v * 60.0)),
        v => format!("{}/s", number(v)),
    }
}

/// A count with a decimal prefix, for axes: `1.5 k`.
pub fn short_count(value: f64) -> String {
    scaled(value, &["", "k", "M", "G", "T", "P", "E"]).trim_end().to_owned()
}

/// A duration in the unit that fits, like [`seconds`].
pub fn duration(value: Duration) -> String {
    seconds(value.as_secs_f64())
}

/// Seconds in the unit that fits: `250 µs`, `12 ms`, `3.5 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`.
pub fn seconds(value_s: f64) -> String {
    let value_s = if value_s.is_finite() { value_s.max(0.0) } else { return UNKNOWN.to_owned() };
    match value_s {
        0.0 => "0 s".to_owned(),
        v if v < 0.001 => format!("{} µs", three_digits(v * 1e6)),
        v if v < 0.999_5 => format!("{} ms", three_digits(v * 1e3)),
        v if v < 59.95 => format!("{} s", three_digits(v)),
        v if v < 3_599.5 => two_units(v.round(), 60.0, "min", "s"),
        v if v < 86_370.0 => two_units((v / 60.0).round(), 60.0, "h", "min"),
        v => two_units((v / 3600.0).round(), 24.0, "d", "h"),
    }
}

/// A share of a whole in percent; a dash if the whole is 0.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { UNKNOWN.to_owned() } else { ratio_percent(part as f64 / whole as f64) }
}

/// A ratio in percent, with more digits the smaller it is; `<` where rounding would give zero.
pub fn ratio_percent(ratio: f64) -> String {
    let value = ratio * 100.0;
    match value {
        v if !v.is_finite() => UNKNOWN.to_owned(),
        0.0 => "0 %".to_owned(),
        v if v < 0.01 => "< 0.01 %".to_owned(),
        v if v < 10.0 => format!("{} %", three_digits(v)),
        v => format!("{v:.0} %"),
    }
}

/// A bare number with three significant digits; very small ones as a power of ten.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    if value.abs() >= 1000.0 && value.fract() == 0.0 && value.abs() < 9e15 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(value.abs() as u64));
    }
    if value != 0.0 && value.abs() < 0.000_995 {
        return format!("{value:.1e}");
    }
    three_digits(value)
}

/// A measured value with its name: a share in percent, anything else like [`measured`].
pub fn measurement(name: &str, value: f64, unit: &str) -> String {
    let is_share = unit.is_empty() && name.split(' ').any(|word| word == "share");
    if is_share { ratio_percent(value) } else { measured(value, unit) }
}

/// A measured value with its unit; some units have their own style.
pub fn measured(value: f64, unit: &str) -> String {
    match unit {
        "bytes" | "B" => bytes(value),
        "bytes/s" | "B/s" => bytes_per_s(value),
        "s" => seconds(value),
        "" => number(value),
        "%" => format!("{} %", number(value)),
        // Units of counts are plural: `ports`, but `ports/s` is not changed.
        _ if (value - 1.0).abs() < f64::EPSILON && !unit.contains('/') => {
            format!("1 {}", singular_of(unit))
        }
        _ => format!("{} {unit}", number(value)),
    }
}

/// Three significant digits below 1000, without trailing zeros.
fn three_digits(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        m if m == 0.0 || m >= 99.95 => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.9995 => 2,
        m if m >= 0.0995 => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn scaled(value: f64, units: &[&str]) -> String {
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    let mut value = value;
    let mut index = 0;
    // With three digits, 999.5 would become 1000.
    while value.abs() >= 999.5 && index + 1 < units.len() {
        value /= 1000.0;
        index += 1;
    }
    format!("{} {}", three_digits(value), units[index])
}

fn two_units(value: f64, per_large: f64, large: &str, small: &str) -> String {
    let (whole, rest) = ((value / per_large).floor(), value % per_large);
    if rest == 0.0 { format!("{whole} {large}") } else { format!("{whole} {large} {rest} {small}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_outside_of_the_calendar_have_no_text() {
        assert_eq!(iso_utc(1_780_308_000_000_001).as_deref(), Some("2026-06-01T10:00:00.000001Z"));
        assert_eq!(iso_utc(-1).as_deref(), Some("1969-12-31T23:59:59.999999Z"));
        assert_eq!(iso_utc(i64::MAX), None);
        assert_eq!(second_utc(1_780_308_000_999_999), "2026-06-01T10:00:00Z");
        assert_eq!(second_utc(i64::MIN), UNKNOWN);
    }

    #[test]
    fn a_span_has_its_date_once() {
        let at = |seconds: i64| 1_780_308_000_000_000 + seconds * 1_000_000;
        assert_eq!(span_utc((at(0), at(300))), "2026-06-01T10:00:00Z to 10:05:00Z");
        assert_eq!(span_utc((at(0), at(86_400))), "2026-06-01T10:00:00Z to 2026-06-02T10:00:00Z");
        assert_eq!(span_utc((at(0), i64::MAX)), "2026-06-01T10:00:00Z to –");
        assert_eq!(when_utc((at(0), at(1))), "from 2026-06-01T10:00:00Z to 10:00:01Z");
        assert_eq!(when_utc((at(0), at(0) + 999_999)), "at 2026-06-01T10:00:00Z");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn one_is_not_many() {
        for (number, noun, expected) in [
            (1, "finding", "1 finding"),
            (0, "finding", "0 findings"),
            (2, "process", "2 processes"),
            (1_200, "entry", "1,200 entries"),
            (3, "day", "3 days"),
            (2, "row group", "2 row groups"),
            (2, "match", "2 matches"),
        ] {
            assert_eq!(plural(number, noun), expected);
        }
    }

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        let cases = [(0.0, "0 B"), (999.0, "999 B"), (999.6, "1 kB"), (1_234.0, "1.23 kB"), (5e6, "5 MB")];
        for (value, expected) in cases {
            assert_eq!(bytes(value), expected);
        }
        assert_eq!(bytes(u64::MAX as f64), "18.4 EB");
        assert_eq!(bytes(f64::NAN), UNKNOWN);
    }

    #[test]
    fn rare_things_are_counted_by_the_hour() {
        assert_eq!(bytes_per_s(0.5), "1.8 kB/h");
        assert_eq!(bytes_per_s(0.0), "0 B/s");
        assert_eq!(per_second(18.1), "18.1/s");
        assert_eq!(per_second(0.11), "6.6/min");
        assert_eq!(per_second(1.5e-4), "0.54/h");
        assert_eq!(per_second(0.0), "0/s");
    }

    #[test]
    fn a_share_is_a_percentage() {
        assert_eq!(measurement("failed share", 1.0, ""), "100 %");
        assert_eq!(measurement("share of bytes", 0.25, ""), "25 %");
        assert_eq!(measurement("shared hosts", 2.0, ""), "2");
    }

    #[test]
    fn seconds_take_the_unit_that_fits() {
        let cases = [
            (0.0, "0 s"),
            (0.000_25, "250 µs"),
            (0.0125, "12.5 ms"),
            (0.9999, "1 s"),
            (3.456, "3.46 s"),
            (59.99, "1 min"),
            (125.0, "2 min 5 s"),
            (11_400.0, "3 h 10 min"),
            (187_200.0, "2 d 4 h"),
        ];
        for (value, expected) in cases {
            assert_eq!(seconds(value), expected, "{value}");
        }
        assert_eq!(seconds(f64::INFINITY), UNKNOWN);
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
    }

    #[test]
    fn small_shares_are_not_rounded_to_nothing() {
        assert_eq!(percent(1, 1_000_000), "< 0.01 %");
        assert_eq!(percent(1, 3), "33 %");
        assert_eq!(percent(0, 3), "0 %");
        assert_eq!(percent(0, 0), UNKNOWN);
    }

    #[test]
    fn measured_values_carry_their_unit() {
        assert_eq!(measured(60.0, "s"), "1 min");
        assert_eq!(measured(15.0, "ports"), "15 ports");
        assert_eq!(measured(1.0, "ports"), "1 port");
        assert_eq!(measured(1.0, "addresses"), "1 address");
        assert_eq!(measured(1.0, "contacts/s"), "1 contacts/s");
        assert_eq!(measured(0.9958, ""), "0.996");
        assert_eq!(measured(0.0123, ""), "0.0123");
        assert_eq!(measured(9.1e-5, ""), "9.1e-5");
        assert_eq!(measured(0.0, ""), "0");
        assert_eq!(measured(12_345.0, ""), "12,345");
    }
}
