//! Numbers in the words of findings, in the one style of [`crate::humanize`].

use crate::humanize;

/// Seconds: `2 s`, `5 min`, `1 h 30 min`.
pub fn duration(seconds: f64) -> String {
    humanize::seconds(seconds)
}

/// Bytes, in powers of ten: `512 B`, `1.54 MB`.
pub fn bytes(bytes: f64) -> String {
    humanize::bytes(bytes)
}

/// A count: `1,106`.
pub fn number(number: usize) -> String {
    humanize::count(number as u64)
}

/// How many of something, with the plural where it belongs.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", humanize::count(number as u64), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural_and_thousands_are_grouped() {
        assert_eq!(count(1, "connection", "connections"), "1 connection");
        assert_eq!(count(0, "connection", "connections"), "0 connections");
        assert_eq!(count(1_000, "connection", "connections"), "1,000 connections");
    }
}
