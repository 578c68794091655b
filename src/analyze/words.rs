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

/// The first of some texts, and how many more there are: `a, b and 3 more`.
pub fn first_of<T: AsRef<str>>(texts: &[T], most: usize) -> String {
    let first: Vec<&str> = texts.iter().take(most).map(AsRef::as_ref).collect();
    match texts.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_named_and_the_others_counted() {
        assert_eq!(first_of(&["a", "b"], 2), "a, b");
        assert_eq!(first_of(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(first_of::<&str>(&[], 2), "");
    }

    #[test]
    fn one_is_no_plural_and_thousands_are_grouped() {
        assert_eq!(count(1, "connection", "connections"), "1 connection");
        assert_eq!(count(0, "connection", "connections"), "0 connections");
        assert_eq!(count(1_000, "connection", "connections"), "1,000 connections");
    }
}
