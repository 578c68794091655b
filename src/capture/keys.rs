//! Ed25519 keys in the format of `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`,
//! or as 64 hexadecimal digits.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::digest::Digest;
use crate::safe_fs::{NewFile, Replace, with_ending};
use crate::{Error, Result, hex};

/// Prefix of an Ed25519 private key in PKCS #8 (RFC 8410), before its 32 bytes.
const PRIVATE_DER: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// Prefix of an Ed25519 public key (RFC 8410), before its 32 bytes.
const PUBLIC_DER: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// A key file is a few lines; a longer one was given by mistake.
const LONGEST_FILE_BYTES: u64 = 16 * 1024;

/// A private key. Its bytes are never shown.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl SigningKey {
    /// A new key from the system's random generator.
    ///
    /// # Errors
    /// [`Error::Record`] if the random generator fails.
    pub fn generate() -> Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)
            .map_err(|e| Error::Record(format!("the system provides no random bytes: {e}")))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&secret)))
    }

    /// Reads a private key.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Key`] if it is no private key.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read(path)?;
        let secret = der_key(&text, "PRIVATE KEY", &PRIVATE_DER).or_else(|| hex::decode(text.trim()));
        let secret =
            secret.ok_or_else(|| no_key(path, "an Ed25519 private key (PEM, or 64 hexadecimal digits)"))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&secret)))
    }

    /// Writes the key to a new file that only its owner can read, and the public key beside it with
    /// `.pub` appended.
    ///
    /// # Errors
    /// [`Error::Exists`] if one of the files exists, [`Error::Io`] if one cannot be written.
    pub fn save(&self, path: &Path) -> Result<std::path::PathBuf> {
        let public_path = std::path::PathBuf::from(with_ending(path.as_os_str(), ".pub"));
        let files = [
            (path, pem("PRIVATE KEY", &PRIVATE_DER, &self.0.to_bytes())),
            (&public_path, self.public().to_pem()),
        ];
        // Both or none: neither gets its name before both are written.
        let begin = |(path, text): (&Path, String)| {
            let mut file = NewFile::create(path, Replace::No)?;
            file.write_all(text.as_bytes()).map_err(Error::io("write", path))?;
            Ok(file)
        };
        for file in files.into_iter().map(begin).collect::<Result<Vec<NewFile>>>()? {
            file.commit()?;
        }
        Ok(public_path)
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public().fingerprint())
    }
}

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Key`] if it is no public key.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read(path)?;
        der_key(&text, "PUBLIC KEY", &PUBLIC_DER)
            .or_else(|| hex::decode(text.trim()))
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or_else(|| no_key(path, "an Ed25519 public key (PEM, or 64 hexadecimal digits)"))
    }

    /// A short name of the key for comparison by eye: the start of its SHA-256.
    pub fn fingerprint(&self) -> String {
        Digest::new(self.0.as_bytes()).to_string()[..32].to_owned()
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &PUBLIC_DER, self.0.as_bytes())
    }

    fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        ed25519_dalek::VerifyingKey::from_bytes(bytes).ok().map(Self)
    }

    /// Strict: a weak key, for which a signature fits many messages, verifies nothing.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0.as_bytes()))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let key = hex::decode(&text).and_then(|bytes| Self::from_bytes(&bytes));
        key.ok_or_else(|| serde::de::Error::custom("it is not an Ed25519 public key"))
    }
}

fn no_key(path: &Path, wanted: &str) -> Error {
    Error::Key { path: path.to_path_buf(), reason: format!("{wanted} is needed") }
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::metadata(path).map_err(Error::io("read", path))?.len();
    if bytes > LONGEST_FILE_BYTES {
        return Err(no_key(path, "a key of a few lines"));
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    String::from_utf8(bytes).map_err(|_| no_key(path, "a key in PEM or hexadecimal digits"))
}

fn pem(label: &str, prefix: &[u8], key: &[u8; 32]) -> String {
    let base64 = STANDARD.encode([prefix, key].concat());
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

/// The key in a PEM block with this label; other blocks and surrounding text are ignored.
fn der_key(text: &str, label: &str, prefix: &[u8]) -> Option<[u8; 32]> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (base64, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let base64: String = base64.split_whitespace().collect();
    STANDARD.decode(base64).ok()?.strip_prefix(prefix)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_were_written_and_only_their_owner_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = SigningKey::generate().unwrap();
        let public_path = key.save(&path).unwrap();
        assert_eq!(SigningKey::load(&path).unwrap().public(), key.public());
        assert_eq!(PublicKey::load(&public_path).unwrap(), key.public());
        assert!(matches!(key.save(&path), Err(Error::Exists { .. })));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_shows_its_fingerprint_alone_and_its_file_may_have_sixteen_kilobytes() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.public().fingerprint()));
        let path = key.save(&folder.path().join("key")).unwrap();
        let mut text = fs::read_to_string(&path).unwrap();
        text.extend(std::iter::repeat_n('\n', 16 * 1024 - text.len()));
        fs::write(&path, &text).unwrap();
        assert_eq!(PublicKey::load(&path).unwrap(), key.public());
        fs::write(&path, text + "\n").unwrap();
        assert!(PublicKey::load(&path).unwrap_err().to_string().contains("a key of a few lines is needed"));
    }

    /// Made with `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`; the first test
    /// vectors in RFC 8410, sections 10.3 and 10.1.
    #[test]
    fn keys_of_openssl_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let key = SigningKey::load(&write("private", private)).unwrap();
        assert_eq!(PublicKey::load(&write("public", public)).unwrap(), key.public());
        let hex = hex::encode(key.public().0.as_bytes());
        assert_eq!(PublicKey::load(&write("hex", &hex)).unwrap(), key.public());
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in
            [("empty", b"".to_vec()), ("binary", vec![0xFF; 32]), ("long", vec![b'a'; 20_000])]
        {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            assert!(matches!(SigningKey::load(&path), Err(Error::Key { .. })), "{name}");
            assert!(matches!(PublicKey::load(&path), Err(Error::Key { .. })), "{name}");
        }
    }

    #[test]
    fn a_private_key_is_not_shown() {
        let key = SigningKey::generate().unwrap();
        assert!(!format!("{key:?}").contains(&hex::encode(&key.0.to_bytes())[..8]));
    }
}
