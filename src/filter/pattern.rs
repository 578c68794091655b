//! Case-insensitive patterns with wildcards.

/// A pattern for a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// This character.
    Char(char),
    /// Any one character: `?`.
    One,
    /// Any number of characters: `*`.
    Many,
}

/// Whether `*` and `?` are wildcards or literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wildcards {
    On,
    Off,
}

impl Pattern {
    /// Matches the whole text.
    pub(super) fn whole(text: &str, wildcards: Wildcards) -> Self {
        let piece = |c: char| match c {
            '*' if wildcards == Wildcards::On => Piece::Many,
            '?' if wildcards == Wildcards::On => Piece::One,
            c => Piece::Char(folded(c)),
        };
        Self { pieces: text.chars().map(piece).collect() }
    }

    /// Matches any part of the text.
    pub(super) fn part(text: &str, wildcards: Wildcards) -> Self {
        let Self { mut pieces } = Self::whole(text, wildcards);
        pieces.insert(0, Piece::Many);
        pieces.push(Piece::Many);
        Self { pieces }
    }

    /// Whether the text matches. Backtracks only to the last `*`, so the time is bounded by the
    /// product of both lengths.
    pub(super) fn fits(&self, text: &str) -> bool {
        let (mut piece, mut rest) = (0, text.chars());
        let mut last_many = None;
        loop {
            let before = rest.clone();
            match (self.pieces.get(piece), rest.next()) {
                (Some(Piece::Many), _) => {
                    rest = before;
                    piece += 1;
                    last_many = Some((piece, rest.clone()));
                    continue;
                }
                (None, None) => return true,
                (Some(Piece::One), Some(_)) => {
                    piece += 1;
                    continue;
                }
                (Some(Piece::Char(wanted)), Some(c)) if *wanted == folded(c) => {
                    piece += 1;
                    continue;
                }
                _ => {}
            }
            let Some((after, from)) = &mut last_many else { return false };
            if from.next().is_none() {
                return false;
            }
            (piece, rest) = (*after, from.clone());
        }
    }
}

/// Lower case, if that is a single character.
fn folded(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(Pattern::whole(pattern, Wildcards::On).fits(text), expected, "{pattern} {text}");
    }

    #[test]
    fn wildcards_stand_for_one_character_or_many() {
        check("curl", "curl", true);
        check("curl", "curl2", false);
        check("CURL", "curl", true);
        check("c?rl", "curl", true);
        check("c?rl", "crl", false);
        check("kworker*", "kworker/0:1", true);
        check("*worker*1", "kworker/0:1", true);
        check("*a*b", "xaxaxb", true);
        check("*a*b", "xaxaxbc", false);
        check("*", "", true);
        check("", "", true);
        check("", "x", false);
        check("größe*", "GRÖSSE", false);
        check("GRÖ*", "größe", true);
    }

    #[test]
    fn without_wildcards_a_star_is_a_star_and_a_part_is_found_anywhere() {
        assert!(Pattern::whole("a*b", Wildcards::Off).fits("a*b"));
        assert!(!Pattern::whole("a*b", Wildcards::Off).fits("axb"));
        assert!(Pattern::part("--insecure", Wildcards::On).fits("curl --insecure x"));
        assert!(!Pattern::part("--insecure", Wildcards::On).fits("curl --secure x"));
    }

    proptest! {
        #[test]
        fn a_long_text_is_answered_in_time_that_can_be_waited_for(n in 1_usize..400) {
            let text = "a".repeat(4000);
            prop_assert!(!Pattern::whole(&"*a".repeat(n), Wildcards::On).fits(&(text.clone() + "b")));
            prop_assert!(Pattern::whole(&"*a".repeat(n), Wildcards::On).fits(&text));
        }

        #[test]
        fn every_text_fits_itself_and_its_ends(text in ".{0,20}") {
            prop_assert!(Pattern::whole(&text, Wildcards::Off).fits(&text));
            let around = format!("x{text}y");
            prop_assert!(Pattern::part(&text, Wildcards::Off).fits(&around));
        }
    }
}
