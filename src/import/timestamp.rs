//! Timestamps as logs and their exports write them: ISO 8601 in its variants, and counts since
//! the Unix epoch in any usual unit.

use chrono::NaiveDate;

/// Counts below this are seconds (the year 5138), in any larger unit they are before 1974.
const LEAST_MILLIS: u64 = 100_000_000_000;
const LEAST_MICROS: u64 = LEAST_MILLIS * 1000;
const LEAST_NANOS: u64 = LEAST_MICROS * 1000;

/// A time, and whether its offset from UTC was given; without one it is taken for UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp {
    /// µs since the Unix epoch.
    pub(super) us: i64,
    /// Whether the text names its offset.
    pub(super) has_zone: bool,
}

/// A time in any of the notations of logs; none for anything else.
pub(super) fn parse(text: &[u8]) -> Option<Timestamp> {
    match text.get(4) {
        Some(b'-' | b'/') => iso(text),
        _ => Some(Timestamp { us: epoch(text)?, has_zone: true }),
    }
}

/// A count since the Unix epoch with an optional fraction, in µs. The size of the number tells
/// its unit: seconds, or ms, µs and ns where seconds would lie thousands of years ahead.
pub(super) fn epoch(text: &[u8]) -> Option<i64> {
    plain_epoch(text).or_else(|| plain_epoch(&super::number::without_exponent(text)?))
}

/// The same for a number without an exponent.
fn plain_epoch(text: &[u8]) -> Option<i64> {
    let dot = super::number::decimal_mark(text).unwrap_or(text.len());
    let whole = super::number::unsigned(text.get(..dot)?)?;
    let fraction = text.get(dot + 1..).unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (per_us, digits) = if whole < LEAST_MILLIS {
        (1_000_000, 6)
    } else if whole < LEAST_MICROS {
        (1000, 3)
    } else if whole < LEAST_NANOS {
        (1, 0)
    } else {
        return i64::try_from(whole / 1000).ok();
    };
    let below = (0..digits).fold(0, |sum, at| sum * 10 + i64::from(fraction.get(at).unwrap_or(&b'0') - b'0'));
    i64::try_from(whole).ok()?.checked_mul(per_us)?.checked_add(below)
}

/// `2023-11-14T22:13:20.250000+0100`: a space or `T` before the time, `/` in the date, a
/// fraction after `.` or `,`, and as offset `Z`, `UTC`, `+01`, `+0100`, `+01:00` or nothing.
pub(super) fn iso(text: &[u8]) -> Option<Timestamp> {
    let (head, rest) = text.split_at_checked(19)?;
    let separators = [head[4], head[7], head[13], head[16]];
    if !matches!(separators, [b'-', b'-', b':', b':'] | [b'/', b'/', b':', b':'])
        || !matches!(head[10], b'T' | b't' | b' ' | b'_')
    {
        return None;
    }
    let number = |range: std::ops::Range<usize>| super::number::unsigned(&head[range]).map(|n| n as u32);
    let date = NaiveDate::from_ymd_opt(number(0..4)? as i32, number(5..7)?, number(8..10)?)?;
    // A leap second is the first of the next minute.
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (below_us, rest) = fraction(rest);
    let offset_s = offset(rest)?;
    let days = i64::from(date.to_epoch_days());
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - offset_s.unwrap_or(0);
    Some(Timestamp { us: seconds * 1_000_000 + below_us, has_zone: offset_s.is_some() })
}

/// The fraction of a second in µs, and what follows it.
fn fraction(text: &[u8]) -> (i64, &[u8]) {
    let Some((b'.' | b',', digits)) = text.split_first() else { return (0, text) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digit = |at: usize| digits[..length].get(at).map_or(0, |byte| i64::from(byte - b'0'));
    ((0..6).fold(0, |sum, at| sum * 10 + digit(at)), &digits[length..])
}

/// The offset from UTC in seconds; `Some(None)` where there is none, none for anything else.
#[allow(clippy::option_option, reason = "a time without an offset is a time")]
pub(super) fn offset(text: &[u8]) -> Option<Option<i64>> {
    let text = text.trim_ascii();
    let sign = match text {
        b"" => return Some(None),
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(Some(0)),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let (hours, minutes) = match &text[1..] {
        [a, b] => ([*a, *b], [b'0', b'0']),
        [a, b, c, d] | [a, b, b':', c, d] => ([*a, *b], [*c, *d]),
        _ => return None,
    };
    let (hours, minutes) = (super::number::unsigned(&hours)?, super::number::unsigned(&minutes)?);
    (hours <= 15 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60) as i64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_time_in_every_notation() {
        for text in [
            "1700000000.25",
            "1700000000.250000",
            "1.70000000025e9",
            "1.70000000025E+12",
            "1700000000250",
            "1700000000250.0",
            "1700000000250000",
            "1700000000250000000",
            "2023-11-14T22:13:20.250000Z",
            "2023-11-14T22:13:20.25+00:00",
            "2023-11-14T22:13:20.250000+0000",
            "2023-11-14T23:13:20.250+01",
            "2023-11-14T18:43:20.250-0330",
            "2023-11-14 22:13:20,250 UTC",
            "2023/11/14 22:13:20.250000000 +0000",
        ] {
            let expected = Some(Timestamp { us: 1_700_000_000_250_000, has_zone: true });
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_time_without_an_offset_says_so() {
        let expected = Some(Timestamp { us: 1_700_000_000_000_000, has_zone: false });
        assert_eq!(parse(b"2023-11-14T22:13:20"), expected);
        assert_eq!(parse(b"2023-11-14 22:13:20.0000001"), expected);
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "-",
            "-1.5",
            "1e",
            "2023-11-14",
            "2023-13-14T22:13:20Z",
            "2023-11-14T25:13:20Z",
            "2023-11-14T22:13:20 soon",
            "2023-11-14T22:13:20+1",
            "99999999999999999999",
            "yesterday",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_agree_with_an_oracle(us in 0_i64..4_000_000_000_000_000) {
            let text = chrono::DateTime::from_timestamp_micros(us).unwrap().to_rfc3339();
            prop_assert_eq!(parse(text.as_bytes()).unwrap().us, us);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>, text in "[0-9T:. +-]{0,40}") {
            let _ = (parse(&bytes), iso(&bytes), parse(text.as_bytes()), iso(text.as_bytes()));
        }
    }
}
