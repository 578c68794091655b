//! What a terminal was told between the text: colors, titles, and the carriage returns of its line
//! ends, as `script`, `tmux pipe-pane` and `docker exec -t` write them.
//! Source: ECMA-48, "Control functions for coded character sets".

use super::Transform;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 7;

/// Takes the sequences away.
#[derive(Default)]
pub(super) struct Escapes(State);

#[derive(Default, Clone, Copy)]
enum State {
    #[default]
    Text,
    /// After an escape.
    Begun,
    /// In parameters, up to a letter.
    Control,
    /// In a string, such as a title.
    Title,
    /// In such a string, after an escape.
    TitleEnds,
    /// One more byte belongs to it.
    OneMore,
}

/// Whether there are any in the beginning of a text.
pub(super) fn are_in(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair[0] == ESCAPE && matches!(pair[1], b'[' | b']'))
}

impl Transform for Escapes {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            self.0 = self.0.after(byte, out);
        }
    }
}

impl State {
    /// The state after a byte, which is written if it is text.
    fn after(self, byte: u8, out: &mut Vec<u8>) -> Self {
        match self {
            Self::Title if byte == ESCAPE => Self::TitleEnds,
            _ if byte == ESCAPE => Self::Begun,
            Self::Text => {
                if !matches!(byte, b'\r' | BELL) {
                    out.push(byte);
                }
                Self::Text
            }
            // What does not end with its line is no sequence.
            Self::Title | Self::Control if byte == b'\n' => {
                out.push(byte);
                Self::Text
            }
            Self::Begun => match byte {
                b'[' => Self::Control,
                b']' | b'P' | b'X' | b'^' | b'_' => Self::Title,
                b'(' | b')' | b'*' | b'+' | b'#' | b'%' => Self::OneMore,
                _ => Self::Text,
            },
            Self::Control if (0x20..=0x3f).contains(&byte) => Self::Control,
            Self::Title if byte != BELL => Self::Title,
            Self::Control | Self::Title | Self::OneMore | Self::TitleEnds => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strip(text: &[u8]) -> String {
        let mut out = Vec::new();
        Escapes::default().feed(text, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn colors_titles_and_modes_are_taken_away() {
        let text = b"\x1b]0;root@web: ~\x07\x1b[01;32mroot@web\x1b[00m:~# ss\r\n\x1b[?2004l\rtcp \x1b(B10.0.0.1:22\r\n";
        assert_eq!(strip(text), "root@web:~# ss\ntcp 10.0.0.1:22\n");
        assert_eq!(strip(b"\x1b]2;title\x1b\\text\n\x1b]broken\nnext"), "text\n\nnext");
        assert!(are_in(text) && !are_in(b"plain \x1b text"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>) {
            strip(&bytes);
        }
    }
}
