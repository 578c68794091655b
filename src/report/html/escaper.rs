//! The escaper of every value in the templates.

use std::fmt::{self, Write};

use askama::filters::Escaper;

use crate::report::escape;

/// Escapes markup, and makes characters visible that control, reorder or hide text.
#[derive(Debug, Clone, Copy)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> fmt::Result {
        askama::filters::Html.write_escaped_str(&mut out, &escape::html(text))
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
}
