//! What makes the page one file: pictures as `data:` addresses, style and script by their hashes.

use sha2::{Digest, Sha256};

/// In a page that follows the reader's dark setting, the pictures do as well: the neutral
/// colours of the charts are exchanged, the colours that mean something stay.
const DARK: &str = "<style>@media(prefers-color-scheme:dark){\
    [fill=\"#FFFFFF\"]{fill:#161b22}\
    [fill=\"#1F2933\"]{fill:#e6edf3}\
    [fill=\"#616E7C\"]{fill:#9aa7b4}\
    [stroke=\"#E4E7EB\"]{stroke:#2b333d}\
    [stroke=\"#9AA5B1\"]{stroke:#5b6774}\
    [fill=\"#D55E00\"]{fill:#f08b3e}\
    [fill=\"#0072B2\"]{fill:#3d9bd6}\
    [stroke=\"#0072B2\"]{stroke:#3d9bd6}\
    }</style>";

/// A picture as the address of an image. Nothing in an image can run or load anything.
pub(super) fn data_uri(svg: &str) -> String {
    let after_root = svg.find('>').map_or(0, |end| end + 1);
    let (root, content) = svg.split_at(after_root);
    format!("data:image/svg+xml;base64,{}", base64(format!("{root}{DARK}{content}").as_bytes()))
}

/// What a Content-Security-Policy calls a style or a script that it allows.
pub(in crate::report) fn csp_hash(content: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(content.as_bytes()).into();
    format!("'sha256-{}'", base64(&digest))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().zip([16, 8, 0]).map(|(byte, shift)| u32::from(*byte) << shift).sum::<u32>();
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = ALPHABET[(group >> shift & 63) as usize];
            out.push(if index <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::charts::palette;

    #[test]
    fn base64_as_in_the_rfc() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (text, expected) in vectors {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn the_hash_is_what_browsers_compute() {
        // The example of the Content Security Policy standard.
        let hash = csp_hash("alert('Hello, world.');");
        assert_eq!(hash, "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
    }

    #[test]
    fn the_dark_colours_replace_the_neutral_ones_of_the_palette() {
        for colour in [palette::PAPER, palette::INK, palette::MUTED, palette::GRID, palette::AXIS] {
            let name = format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
            assert!(DARK.contains(&name), "{name}");
        }
    }

    #[test]
    fn the_style_lies_inside_of_the_picture() {
        let svg = "<svg xmlns=\"x\">\n<rect/></svg>";
        let start = base64(format!("<svg xmlns=\"x\">{DARK}\n").as_bytes());
        assert!(data_uri(svg).contains(&start[..100]));
    }
}
