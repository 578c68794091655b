//! What makes the page one file: pictures as `data:` addresses, style and script by their hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::dark;

/// A picture as the address of an image. Nothing in an image can run or load anything.
pub(super) fn data_uri(svg: &str) -> String {
    let after_root = svg.find('>').map_or(0, |end| end + 1);
    let (root, content) = svg.split_at(after_root);
    let dark = dark::style(content);
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(format!("{root}{dark}{content}")))
}

/// What a Content-Security-Policy calls a style or a script that it allows.
pub(in crate::report) fn csp_hash(content: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(content.as_bytes()).into();
    format!("'sha256-{}'", STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_what_browsers_compute() {
        // The example of the Content Security Policy standard.
        let hash = csp_hash("alert('Hello, world.');");
        assert_eq!(hash, "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
    }

    #[test]
    fn the_style_lies_inside_of_the_picture() {
        let uri = data_uri("<svg xmlns=\"x\">\n<rect fill=\"#FFFFFF\"/></svg>");
        let picture = STANDARD.decode(uri.strip_prefix("data:image/svg+xml;base64,").unwrap()).unwrap();
        let picture = String::from_utf8(picture).unwrap();
        assert!(picture.starts_with("<svg xmlns=\"x\"><style>") && picture.ends_with("</svg>"), "{picture}");
    }
}
