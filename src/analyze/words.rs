//! Numbers in the words of findings: short, with a unit that fits.

/// Seconds in words that stay short: `2 s`, `5 min`, `1.5 h`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 119.95 => short(s, "s"),
        s if s < 7_200.0 => short(s / 60.0, "min"),
        s if s < 172_800.0 => short(s / 3_600.0, "h"),
        s => short(s / 86_400.0, "days"),
    }
}

/// Bytes in words that stay short, in powers of ten: `512 bytes`, `1.5 MB`.
pub fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 1e3 => short(b, "bytes"),
        b if b < 1e6 => short(b / 1e3, "kB"),
        b if b < 1e9 => short(b / 1e6, "MB"),
        b if b < 1e12 => short(b / 1e9, "GB"),
        b => short(b / 1e12, "TB"),
    }
}

/// How many of something, with the plural where it belongs.
pub fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

fn short(value: f64, unit: &str) -> String {
    let text = format!("{value:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(2.0), "2 s");
        assert_eq!(duration(0.0), "0 s");
        assert_eq!(duration(300.0), "5 min");
        assert_eq!(duration(5_400.0 * 2.0), "3 h");
        assert_eq!(duration(86_400.0 * 3.5), "3.5 days");
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        assert_eq!(bytes(999.0), "999 bytes");
        assert_eq!(bytes(1_540_000.0), "1.5 MB");
        assert_eq!(bytes(2e12), "2 TB");
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!(count(1, "connection", "connections"), "1 connection");
        assert_eq!(count(0, "connection", "connections"), "0 connections");
    }
}
