//! Tamper evidence and signatures.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use netrec::capture::{Overwrite, Signature, SigningKey, Writer, verify};

use crate::fixture;
use crate::runner::netrec_in;

/// A small signed capture, and the public key in `key.pub`.
fn signed(home: &Path) -> SigningKey {
    let key = SigningKey::generate().unwrap();
    key.save(&home.join("key")).unwrap();
    let mut writer =
        Writer::create(&home.join("c.parquet"), Overwrite::Never).unwrap().signed_with(Some(key.clone()));
    for row in fixture::rows(3, 2) {
        writer.push(&row).unwrap();
    }
    let finished = writer.finish(&fixture::metadata(3)).unwrap();
    let verdict = verify(&home.join("c.parquet")).unwrap();
    assert_eq!(Some(verdict.sha256), finished.sha256);
    key
}

#[test]
fn an_unchanged_capture_is_said_to_be_so() {
    let home = tempfile::tempdir().unwrap();
    signed(home.path());
    netrec_in(home.path(), &["verify", "c.parquet", "--key", "key.pub"]).succeeds();
    let ran = netrec_in(home.path(), &["verify", "c.parquet"]).succeeds();
    assert!(ran.stdout.contains("not confirmed"), "{}", ran.stdout);
}

#[test]
fn every_flipped_byte_is_found() {
    let home = tempfile::tempdir().unwrap();
    signed(home.path());
    let path = home.path().join("c.parquet");
    let whole = fs::read(&path).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let put = |at: usize, byte: u8| {
        let mut file = &file;
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    for (at, byte) in whole.iter().enumerate() {
        put(at, byte ^ (1 << (at % 8)));
        if let Ok(verdict) = verify(&path) {
            assert!(!verdict.changes.is_empty(), "byte {at} of {}", whole.len());
        }
        put(at, *byte);
    }
    assert!(verify(&path).unwrap().changes.is_empty());
}

#[test]
fn every_cut_and_every_addition_is_found() {
    let home = tempfile::tempdir().unwrap();
    signed(home.path());
    let whole = fs::read(home.path().join("c.parquet")).unwrap();
    let changed = home.path().join("changed.parquet");
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        fs::write(&changed, &whole[..length]).unwrap();
        assert!(!verify(&changed).is_ok_and(|verdict| verdict.changes.is_empty()), "cut at {length}");
    }
    fs::write(&changed, [whole.as_slice(), b"\n"].concat()).unwrap();
    assert!(!verify(&changed).unwrap().changes.is_empty());
}

#[test]
fn the_place_of_a_change_is_said() {
    let home = tempfile::tempdir().unwrap();
    signed(home.path());
    let path = home.path().join("c.parquet");
    let whole = fs::read(&path).unwrap();
    let change = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        netrec_in(home.path(), &["verify", "c.parquet"])
    };
    change(100).fails_saying(&["row group 0", "has changed"]);
    change(whole.len() - 700).fails_saying(&["the footer"]);
}

#[test]
fn a_signature_by_another_key_or_none_is_no_confirmation() {
    let home = tempfile::tempdir().unwrap();
    let key = signed(home.path());
    netrec_in(home.path(), &["verify", "--new-key", "other"]).succeeds();
    netrec_in(home.path(), &["verify", "c.parquet", "--key", "other.pub"])
        .fails_saying(&["was signed with the key", &key.public().fingerprint()]);
    fixture::write(&home.path().join("plain.parquet"), &fixture::rows(2, 1), &fixture::metadata(2));
    netrec_in(home.path(), &["verify", "plain.parquet"]).succeeds();
    assert_eq!(netrec_in(home.path(), &["verify", "plain.parquet", "--key", "key.pub"]).code, 3);
    netrec_in(home.path(), &["verify", "plain.parquet", "--key", "plain.parquet"])
        .fails_saying(&["usable key"]);
}

#[test]
fn a_signature_that_was_put_on_another_capture_is_found() {
    let home = tempfile::tempdir().unwrap();
    let key = signed(home.path());
    let verdict = verify(&home.path().join("c.parquet")).unwrap();
    assert_eq!(verdict.signature, Signature::Good(key.public()));
    // The same key gives another signature for other rows, and swapping the two must not verify.
    let path = home.path().join("d.parquet");
    let writer = Writer::create(&path, Overwrite::Never).unwrap().signed_with(Some(key));
    writer.finish(&fixture::metadata(1)).unwrap();
    let seal = |bytes: &[u8]| {
        let mark = b";ed25519=";
        bytes.windows(mark.len()).rposition(|window| window == mark).unwrap() + mark.len()
    };
    let (mut one, other) = (fs::read(home.path().join("c.parquet")).unwrap(), fs::read(&path).unwrap());
    let (to, from) = (seal(&one), seal(&other));
    one[to..to + 128].copy_from_slice(&other[from..from + 128]);
    fs::write(&path, one).unwrap();
    let verdict = verify(&path).unwrap();
    assert_eq!(verdict.signature, Signature::Bad);
}
