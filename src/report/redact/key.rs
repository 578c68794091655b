//! The secret key of the pseudonyms.

use std::fmt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Error, Result};

/// Minimum key length in bytes, so that a key cannot be guessed.
const MIN_BYTES: usize = 16;

/// A key for pseudonyms: HMAC-SHA-256 (RFC 2104).
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// A random key for one report, which is not stored.
    ///
    /// # Errors
    /// [`Error::Io`] if the system's random generator fails.
    pub fn random() -> Result<Self> {
        let mut secret = [0; 32];
        let failed = |e: getrandom::Error| {
            Error::io("read", "the system's randomness")(std::io::Error::other(e.to_string()))
        };
        getrandom::fill(&mut secret).map_err(failed)?;
        Ok(Self::of(&secret))
    }

    /// Loads a key from a file: all of its bytes.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Key`] if it is too short for a secret.
    pub fn load(path: &Path) -> Result<Self> {
        let secret = std::fs::read(path).map_err(Error::io("read", path))?;
        if secret.len() < MIN_BYTES {
            let reason = format!("it has {} bytes; a secret needs at least {MIN_BYTES}", secret.len());
            return Err(Error::Key { path: path.to_path_buf(), reason });
        }
        Ok(Self::of(&secret))
    }

    fn of(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).unwrap_or_else(|_| unreachable!("a key of any length will do")))
    }

    fn mac(&self, message: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in message {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// A 64-bit keyed hash of a text of some kind; indistinguishable from random without the key.
    pub(super) fn hash(&self, kind: &str, text: &[u8]) -> u64 {
        // The length separates the kind from the text.
        let mac = self.mac(&[&[kind.len() as u8], kind.as_bytes(), text]);
        mac[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// A pseudonymous number; the same for equal numbers.
    pub(super) fn number(&self, number: u64) -> u64 {
        self.hash("number", &number.to_be_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
pub(super) fn of_tests() -> Key {
    Key::of(b"a key for tests only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_construction_is_that_of_the_rfc() {
        // RFC 4231, test cases 2 and 6.
        let first = Key::of(b"Jefe").mac(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(first[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        let long = Key::of(&[0xaa; 131]).mac(&[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
        assert_eq!(long[..4], [0x60, 0xe4, 0x31, 0x59]);
    }

    #[test]
    fn a_short_file_is_no_secret() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        std::fs::write(&path, "short").unwrap();
        assert!(Key::load(&path).unwrap_err().to_string().contains("16"));
        std::fs::write(&path, "long enough for a secret").unwrap();
        let (a, b) = (Key::load(&path).unwrap(), Key::load(&path).unwrap());
        assert_eq!(a.hash("x", b"y"), b.hash("x", b"y"));
        assert_ne!(a.hash("x", b"y"), Key::random().unwrap().hash("x", b"y"));
        assert!(!format!("{a:?}").contains("long"));
    }
}
