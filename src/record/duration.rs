//! Durations as people write them: `500ms`, `10s`, `10m`, `1h30m`.

use std::time::Duration;

const UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Parses a duration; several parts add up (`1h30m`).
///
/// # Errors
/// A sentence for a usage error: no number, no unit, an unknown unit, or zero.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("a duration is needed, such as 10m or 1h30m".to_owned());
    }
    let mut total_ms = 0_u64;
    while !rest.is_empty() {
        let (part_ms, tail) = parse_part(rest, text)?;
        total_ms = total_ms.checked_add(part_ms).ok_or("that is too long")?;
        rest = tail;
    }
    if total_ms == 0 {
        return Err("it must be longer than 0".to_owned());
    }
    Ok(Duration::from_millis(total_ms))
}

/// One number with its unit, and the rest of the text.
fn parse_part<'a>(rest: &'a str, text: &str) -> Result<(u64, &'a str), String> {
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = rest.split_at(digits);
    if number.is_empty() {
        return Err("write it as a number and a unit, such as 500ms, 10s, 10m, 1h30m".to_owned());
    }
    let number: u64 = number.parse().map_err(|_| "that is too long".to_owned())?;
    let letters = rest.len() - rest.trim_start_matches(char::is_alphabetic).len();
    let (unit, rest) = rest.split_at(letters);
    if unit.is_empty() {
        return Err(format!("a unit is missing: {text}s, {text}m or {text}h?"));
    }
    let unit_ms = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms);
    let unit_ms = unit_ms.ok_or_else(|| format!("\"{unit}\" is not a unit of time: use ms, s, m, h or d"))?;
    Ok((number.checked_mul(unit_ms).ok_or("that is too long")?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected_ms: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(expected_ms)), "{text}");
    }

    fn check_refused(text: &str, because: &str) {
        let error = parse_duration(text).unwrap_err();
        assert!(error.contains(because), "{text}: {error}");
    }

    #[test]
    fn common_spellings() {
        check("500ms", 500);
        check("10s", 10_000);
        check("10m", 600_000);
        check("1h30m", 5_400_000);
        check("2d", 172_800_000);
        check(" 90s ", 90_000);
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        check_refused("", "a duration is needed");
        check_refused("0", "unit is missing");
        check_refused("0s", "longer than 0");
        check_refused("10", "10s, 10m or 10h?");
        check_refused("ten", "number and a unit");
        check_refused("-5s", "number and a unit");
        check_refused("5 parsecs", "unit is missing");
        check_refused("5parsecs", "not a unit of time");
        check_refused("99999999999999999999s", "too long");
        check_refused("18446744073709551615d", "too long");
    }
}
