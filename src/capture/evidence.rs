//! Tamper evidence in a capture: a hash of each row group, chained, and a seal over everything
//! else.
//!
//! The seal is in the footer and covers the footer, so it is computed over the file with the seal's
//! own value blanked. A signature signs the seal, and thereby every byte of the file.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::keys::{PublicKey, SigningKey};
use crate::hex;

/// Metadata key of [`Evidence`], as JSON.
pub(super) const EVIDENCE_KEY: &str = "netrec.evidence";

/// Metadata key of the seal, whose value has a fixed length.
pub(super) const SEAL_KEY: &str = "netrec.seal";

/// One row group of the file and the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHash {
    /// Its first byte in the file.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// Rows in it.
    pub rows: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// The hashes of all row groups, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// One hash per row group.
    pub row_groups: Vec<GroupHash>,
    /// The chain: each link is the SHA-256 of the link before it and the row group's hash; the
    /// first link follows 32 zero bytes.
    pub chain: Digest,
    /// The key that signed the seal, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<PublicKey>,
}

impl Evidence {
    /// Adds a row group and lengthens the chain.
    pub(super) fn push(&mut self, group: GroupHash) {
        self.chain = self.chain.chain(group.sha256);
        self.row_groups.push(group);
    }

    /// Whether the chain matches the row groups, and these are adjacent in a file of this size.
    pub(super) fn is_consistent(&self, file_bytes: u64) -> bool {
        let mut before = 0;
        for group in &self.row_groups {
            if group.start < before || group.end < group.start || group.end > file_bytes {
                return false;
            }
            before = group.end;
        }
        self.row_groups.iter().fold(Digest::default(), |chain, group| chain.chain(group.sha256)) == self.chain
    }

    /// The ranges of the file that are in no row group, each as first byte and byte after the last.
    pub(super) fn outside(&self, file_bytes: u64) -> Vec<(u64, u64)> {
        let starts = self.row_groups.iter().map(|group| group.start).chain([file_bytes]);
        let ends = [0].into_iter().chain(self.row_groups.iter().map(|group| group.end));
        ends.zip(starts).collect()
    }
}

/// The seal's value: a hash, and a signature of it or the same number of dashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    /// SHA-256 of everything outside the row groups (with a blank seal), and the chain.
    pub(super) digest: Digest,
    /// An Ed25519 signature.
    pub(super) signature: Option<[u8; 64]>,
}

const SIGNATURE_DIGITS: usize = 128;

impl Seal {
    /// The placeholder while the seal is computed.
    pub(super) fn blank() -> String {
        format!("sha256={};ed25519={}", "0".repeat(64), "-".repeat(SIGNATURE_DIGITS))
    }

    /// From the metadata of a file.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digest, signature) = text.strip_prefix("sha256=")?.split_once(";ed25519=")?;
        let unsigned = signature.len() == SIGNATURE_DIGITS && signature.bytes().all(|byte| byte == b'-');
        let signature = if unsigned { None } else { Some(hex::decode(signature)?) };
        let seal = Self { digest: digest.parse().ok()?, signature };
        // Only the canonical spelling, so that a changed letter is never read as the same value.
        (seal.to_text() == text).then_some(seal)
    }

    fn to_text(self) -> String {
        let signature =
            self.signature.map_or_else(|| "-".repeat(SIGNATURE_DIGITS), |bytes| hex::encode(&bytes));
        format!("sha256={};ed25519={signature}", self.digest)
    }

    /// Writes a seal into the end of a file whose footer has a blank one. `outside` has hashed
    /// everything outside the row groups before `tail`.
    pub(super) fn put(
        tail: &mut [u8],
        outside: Sha256,
        chain: Digest,
        key: Option<&SigningKey>,
    ) -> Option<Self> {
        let blank = Self::blank();
        let at = place_of(tail, &blank)?;
        let digest = Self::digest_of(outside, tail, chain);
        let seal = Self { digest, signature: key.map(|key| key.sign(&message(digest))) };
        tail[at..at + blank.len()].copy_from_slice(seal.to_text().as_bytes());
        Some(seal)
    }

    /// Blanks this seal in the end of a file; false if it is not found.
    pub(super) fn blank_out(self, tail: &mut [u8]) -> bool {
        let Some(at) = place_of(tail, &self.to_text()) else { return false };
        let blank = Self::blank();
        tail[at..at + blank.len()].copy_from_slice(blank.as_bytes());
        true
    }

    /// The digest that the seal must contain.
    pub(super) fn digest_of(mut outside: Sha256, blanked_tail: &[u8], chain: Digest) -> Digest {
        outside.update(blanked_tail);
        outside.update(chain.0);
        Digest::from_hash(outside)
    }

    /// Whether the signature is this key's.
    pub(super) fn is_signed_by(self, key: &PublicKey) -> bool {
        self.signature.is_some_and(|signature| key.verifies(&message(self.digest), &signature))
    }
}

/// The signed message, marked as a seal of netrec so that it cannot be used for anything else.
fn message(digest: Digest) -> Vec<u8> {
    [b"netrec capture seal, version 1\n".as_slice(), &digest.0].concat()
}

/// The last position of a text: the seal is the last of the metadata, so a hostile host name can
/// only come before it.
fn place_of(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.windows(text.len()).rposition(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(start: u64, end: u64) -> GroupHash {
        GroupHash { start, end, rows: 1, sha256: Digest::new(&start.to_le_bytes()) }
    }

    fn two_groups() -> Evidence {
        let mut evidence = Evidence::default();
        evidence.push(group(4, 10));
        evidence.push(group(15, 20));
        evidence
    }

    #[test]
    fn what_is_in_no_row_group_is_known() {
        assert_eq!(two_groups().outside(30), [(0, 4), (10, 15), (20, 30)]);
        assert_eq!(Evidence::default().outside(30), [(0, 30)]);
    }

    #[test]
    fn row_groups_must_lie_in_order_inside_the_file_and_give_the_chain() {
        assert!(two_groups().is_consistent(20));
        assert!(!two_groups().is_consistent(19));
        let mut swapped = two_groups();
        swapped.row_groups.swap(0, 1);
        assert!(!swapped.is_consistent(20));
        let mut shortened = two_groups();
        shortened.row_groups.pop();
        assert!(!shortened.is_consistent(20));
    }

    #[test]
    fn each_way_in_which_row_groups_cannot_lie_in_a_file_is_noticed() {
        for (groups, is_consistent) in [
            (&[][..], true),
            (&[(4, 10), (10, 20)], true),
            (&[(4, 10), (12, 12), (12, 20)], true),
            (&[(4, 10), (9, 20)], false),
            (&[(4, 12), (2, 3)], false),
            (&[(10, 4)], false),
            (&[(4, 21)], false),
        ] {
            let mut evidence = Evidence::default();
            for (start, end) in groups {
                evidence.push(group(*start, *end));
            }
            assert_eq!(evidence.is_consistent(20), is_consistent, "{groups:?}");
        }
    }

    #[test]
    fn a_seal_is_found_behind_a_host_name_that_looks_like_one() {
        let blank = Seal::blank();
        let mut tail = format!("host={blank} seal={blank} end").into_bytes();
        let seal = Seal::put(&mut tail, Sha256::new(), Digest::default(), None).unwrap();
        let text = String::from_utf8(tail.clone()).unwrap();
        assert!(text.starts_with(&format!("host={blank} seal=sha256={}", seal.digest)));
        assert!(seal.blank_out(&mut tail));
        assert_eq!(Seal::digest_of(Sha256::new(), &tail, Digest::default()), seal.digest);
    }

    #[test]
    fn a_seal_has_one_spelling() {
        let seal = Seal { digest: Digest::new(b"x"), signature: Some([0xAB; 64]) };
        let text = seal.to_text();
        assert_eq!(text.len(), Seal::blank().len());
        assert_eq!(Seal::parse(&text), Some(seal));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 0x20;
            let changed = String::from_utf8(changed).unwrap();
            assert_ne!(Seal::parse(&changed), Some(seal), "byte {at}");
        }
    }

    #[test]
    fn a_signature_holds_for_its_seal_and_key_only() {
        let key = SigningKey::generate().unwrap();
        let digest = Digest::new(b"x");
        let seal = Seal { digest, signature: Some(key.sign(&message(digest))) };
        assert!(seal.is_signed_by(&key.public()));
        assert!(!seal.is_signed_by(&SigningKey::generate().unwrap().public()));
        assert!(!Seal { digest: Digest::new(b"y"), ..seal }.is_signed_by(&key.public()));
        assert!(!Seal { signature: None, ..seal }.is_signed_by(&key.public()));
    }
}
