//! Sizes and shares as people write them: `500MB`, `2GiB`, `2%`.

const UNITS: &[(&str, u64)] = &[
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Minimum size of a file: a row group or two.
const LEAST_BYTES: u64 = 1_000_000;

/// Parses a file size in bytes.
///
/// # Errors
/// A sentence for a usage error: no number, no unit, or below the minimum.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let number: u64 =
        number.parse().map_err(|_| "write it as a number and a unit, such as 500MB or 2GiB".to_owned())?;
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let factor = factor.ok_or_else(|| format!("{unit:?} is not a unit of size: use MB, GB, MiB or GiB"))?;
    let bytes = number.checked_mul(factor).ok_or("that is too large")?;
    if bytes < LEAST_BYTES { Err("at least 1MB".to_owned()) } else { Ok(bytes) }
}

/// Parses a share of one core in percent.
///
/// # Errors
/// A sentence for a usage error: no number, or not between 0.1 and 100.
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    let percent: f64 =
        number.parse().map_err(|_| "write it as a share of one core, such as 2%".to_owned())?;
    if (0.1..=100.0).contains(&percent) {
        Ok(percent)
    } else {
        Err("it must be between 0.1% and 100%".to_owned())
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        assert_eq!(parse_size("500MB"), Ok(500_000_000));
        assert_eq!(parse_size("2 GiB"), Ok(2 << 30));
        assert_eq!(parse_size("1000kB"), Ok(1_000_000));
    }

    #[test]
    fn a_size_that_cannot_be_meant_is_refused_with_a_reason() {
        for (text, because) in [
            ("500", "unit"),
            ("MB", "number"),
            ("5mb", "unit"),
            ("100kB", "at least"),
            ("99999999999999TB", "too large"),
            ("-1MB", "number"),
        ] {
            let error = parse_size(text).unwrap_err();
            assert!(error.contains(because), "{text}: {error}");
        }
    }

    #[test]
    fn shares_are_read_with_and_without_the_sign() {
        assert_eq!((parse_percent("2%"), parse_percent("0.5")), (Ok(2.0), Ok(0.5)));
        for text in ["0%", "101%", "NaN", "inf", "two", ""] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
    }
}
