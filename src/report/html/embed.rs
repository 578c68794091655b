//! Makes the page a single file: its style and script are allowed by their hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The source expression by which a Content-Security-Policy allows a style or a script.
pub(crate) fn csp_hash(content: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(content.as_bytes()).into();
    format!("'sha256-{}'", STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_what_browsers_compute() {
        // The example from the Content Security Policy standard.
        let hash = csp_hash("alert('Hello, world.');");
        assert_eq!(hash, "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
    }
}
