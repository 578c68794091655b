//! Numbers of logs: seconds with a fraction into microseconds, without floats.

/// No log has times beyond the year 9999.
const MOST_SECONDS: i64 = 253_402_300_799;

/// Where the fraction of a number begins: at its dot, or at its comma, as exports of a European system write it.
pub(super) fn decimal_mark(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| matches!(byte, b'.' | b','))
}

/// Seconds with an optional fraction as µs; digits beyond the sixth are dropped. None for
/// anything else, also for an exponent.
pub(super) fn micros(text: &[u8]) -> Option<i64> {
    let (is_negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let dot = decimal_mark(text);
    let (whole, fraction) = dot.map_or((text, [].as_slice()), |dot| (&text[..dot], &text[dot + 1..]));
    let seconds = i64::try_from(unsigned(whole)?).ok().filter(|seconds| *seconds <= MOST_SECONDS)?;
    let mut micros = 0;
    for at in 0..6 {
        let digit = fraction.get(at).copied().unwrap_or(b'0');
        micros = micros * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    if !fraction.iter().skip(6).all(u8::is_ascii_digit) {
        return None;
    }
    let micros = seconds * 1_000_000 + micros;
    Some(if is_negative { -micros } else { micros })
}

/// Seconds as [`micros`], also with an exponent, as JSON has them (`1e-06`).
pub(super) fn seconds(text: &[u8]) -> Option<i64> {
    micros(text).or_else(|| {
        let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        (text.contains(&b'e') || text.contains(&b'E'))
            .then(|| (number * 1e6).round())
            .filter(|us| us.abs() < 1e18)
            .map(|us| us as i64)
    })
}

/// A number without a sign, also where a program has made a float of it (`443.0`, `4.096e3`).
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    unsigned(text).or_else(|| {
        let dot = text.iter().position(|byte| !byte.is_ascii_digit())?;
        let is_float = text[dot] == b'.' && text[dot + 1..].iter().all(|byte| *byte == b'0');
        if is_float { unsigned(&text[..dot]) } else { unsigned(&without_exponent(text)?) }
    })
}

/// Digits of a number before the exponent is applied, and zeros that an exponent adds: no count and no
/// time has more.
const MOST_DIGITS: usize = 40;

/// A number with an exponent written out, without rounding: `1.70000000025e9` becomes
/// `1700000000.25`. None for anything else, for a number below one, and for one that is too long.
pub(super) fn without_exponent(text: &[u8]) -> Option<Vec<u8>> {
    let at = text.iter().position(|byte| matches!(byte, b'e' | b'E'))?;
    let (mantissa, exponent) = (&text[..at], std::str::from_utf8(&text[at + 1..]).ok()?);
    let exponent: i32 = exponent.parse().ok()?;
    let dot = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let mut digits: Vec<u8> = mantissa.iter().copied().filter(|byte| *byte != b'.').collect();
    let whole = usize::try_from(i32::try_from(dot).ok()?.checked_add(exponent)?).ok()?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !is_number || digits.len() > MOST_DIGITS || !(1..=MOST_DIGITS).contains(&whole) {
        return None;
    }
    if digits.len() < whole {
        digits.resize(whole, b'0');
    }
    while digits.len() > whole && digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.len() > whole {
        digits.insert(whole, b'.');
    }
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count().min(whole - 1);
    Some(digits.split_off(zeros))
}

/// A number without a sign; none for anything else and for what is too large.
pub(super) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_microseconds() {
        let cases: [(&str, Option<i64>); 15] = [
            ("1700000000.123456", Some(1_700_000_000_123_456)),
            ("0.000000", Some(0)),
            ("1.5", Some(1_500_000)),
            ("1,5", Some(1_500_000)),
            ("1.000,5", None),
            ("2", Some(2_000_000)),
            ("2.", Some(2_000_000)),
            ("-0.25", Some(-250_000)),
            ("0.1234567", Some(123_456)),
            ("1e5", None),
            ("3.2+0000", None),
            ("", None),
            (".5", None),
            ("XXXXXXXXXX.XXXXXX", None),
            ("99999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(micros(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn numbers_of_other_programs_are_the_same_numbers() {
        assert_eq!(seconds(b"1e-06"), Some(1));
        assert_eq!(seconds(b"1.5E+2"), Some(150_000_000));
        assert_eq!((seconds(b"1e300"), seconds(b"inf"), seconds(b"nan")), (None, None, None));
        assert_eq!((whole(b"443.0"), whole(b"443.5"), whole(b"443")), (Some(443), None, Some(443)));
        assert_eq!((whole(b"4.096e3"), whole(b"4.0965e3"), whole(b"1E2")), (Some(4096), None, Some(100)));
        assert_eq!((whole(b"e3"), whole(b"1e"), whole(b"1e99"), whole(b"-1e2")), (None, None, None, None));
        let written_out =
            |text: &str| without_exponent(text.as_bytes()).map(|n| String::from_utf8(n).unwrap());
        assert_eq!(written_out("1.70000000025e9").as_deref(), Some("1700000000.25"));
        assert_eq!(written_out("1700000000250E-3").as_deref(), Some("1700000000.25"));
        assert_eq!(
            (written_out("00.5e+2"), written_out("0e0")),
            (Some("50".to_owned()), Some("0".to_owned()))
        );
        assert_eq!((written_out("1e-6"), written_out("17"), written_out("1e2147483647")), (None, None, None));
    }

    #[test]
    fn numbers_that_are_too_large_are_none() {
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"18446744073709551616"), None);
        assert_eq!(unsigned(b"-1"), None);
    }
}
