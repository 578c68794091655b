//! Escapes every value in the templates.

use std::fmt::{self, Write};

use askama::filters::Escaper;

use crate::escape;

/// Longest value on the page, in characters: a longer one is cut in the middle, and whole in
/// `report.json`.
const MOST_CHARS: usize = 2_000;

/// Escapes markup, makes characters visible that control, reorder or hide text, and cuts overlong
/// texts.
#[derive(Debug, Clone, Copy)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> fmt::Result {
        let text = escape::shorten(text, MOST_CHARS);
        askama::filters::Html.write_escaped_str(&mut out, &escape::html(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_hidden_characters_are_shown() {
        let mut out = String::new();
        Visible.write_escaped_str(&mut out, "<b a='\"'>&\u{202e}\u{1b}é").unwrap();
        assert_eq!(out, r"&#60;b a=&#39;&#34;&#39;&#62;&#38;\u{202e}\u{1b}é");
    }

    #[test]
    fn a_megabyte_is_cut_in_its_middle() {
        let mut out = String::new();
        Visible.write_escaped_str(&mut out, &format!("<a{}z>", "x".repeat(1 << 20))).unwrap();
        assert!(out.len() < 3_000 && out.starts_with("&#60;ax") && out.ends_with("xz&#62;"), "{}", out.len());
        assert!(out.contains("x…x"));
    }
}
