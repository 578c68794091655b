//! Large captures, which are uploaded in parts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netrec::capture::{Metadata, Overwrite, Owner, Protocol, Row, SeriesPart, Writer};
use netrec::record::HostInfo;
use sha2::{Digest as _, Sha256};

use super::{Reply, Server, Storage, moto};
use crate::runner::Ran;

/// Command lines of a large capture: more than fit into one part, compressed.
const COMMAND_LINES: u64 = 1_100;
const COMMAND_LINE_BYTES: usize = 100_000;

/// A finished capture of the series `web` by an earlier recording of this host, of more than 64 MiB.
fn large_capture(folder: &Path) -> PathBuf {
    let path = folder.join("web-20261101T000000Z.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    let mut state = 1_u64;
    for pid in 0..COMMAND_LINES {
        let mut cmdline = String::with_capacity(COMMAND_LINE_BYTES);
        while cmdline.len() < COMMAND_LINE_BYTES {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            cmdline.push_str(&STANDARD.encode(state.to_le_bytes()));
        }
        let owner = Owner { pid: Some(pid as u32), cmdline: Some(cmdline), ..Owner::default() };
        let row = Row::snapshot(pid, Protocol::Tcp, ("127.0.0.1".parse().unwrap(), 1));
        writer.push(&Row { owner: Some(Arc::new(owner)), ..row }).unwrap();
    }
    let series = SeriesPart { name: "web".to_owned(), part: 1, sequence: Some(1), previous: None };
    let host_name = HostInfo::read().host_name;
    writer.finish(&Metadata { host_name, series: Some(series), ..Metadata::default() }).unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 64 << 20);
    path
}

/// Uploads the captures of the series.
fn upload(storage: &Storage, folder: &Path, to: &str) -> Ran {
    storage.netrec(
        folder,
        &["record", "-d", "500ms", "-i", "250ms", "--rotate", "1h", "-o", "web", "--upload", to],
    )
}

fn name_of(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_large_capture_arrives_in_parts_as_it_is() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    let path = large_capture(place.path());
    let ran = upload(&moto.storage, place.path(), "s3://captures/large/");
    assert!(ran.stdout.contains("uploaded: 2 files, confirmed"), "{}{}", ran.stdout, ran.stderr);
    let key = format!("large/{}", name_of(&path));
    assert!(moto.get("captures", &key) == fs::read(&path).unwrap(), "{key} differs");
    // Without the list of what was uploaded, it is found to be there.
    fs::remove_file(place.path().join("web.uploads.json")).unwrap();
    let again = upload(&moto.storage, place.path(), "s3://captures/large/");
    assert!(again.stdout.contains("uploaded: 3 files, confirmed"), "{}{}", again.stdout, again.stderr);
}

/// What a storage has seen, and what it has.
#[derive(Default)]
struct Seen {
    /// The requests for the large object, in words.
    requests: Vec<&'static str>,
    /// SHA-256 of the parts, by their numbers.
    parts: BTreeMap<usize, Vec<u8>>,
    /// Size and SHA-256 of each object, as headers.
    objects: BTreeMap<String, [String; 2]>,
}

/// A storage at which the first attempt of each step fails; if `is_denied`, every one of the second part.
fn failing_storage(large: String, is_denied: bool) -> (Server, Arc<Mutex<Seen>>) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let shared = Arc::clone(&seen);
    let server = Server::start(move |_, head| {
        let mut seen = shared.lock().unwrap();
        let target = head.split(' ').nth(1).unwrap();
        let (key, query) = target.split_once('?').unwrap_or((target, ""));
        let header =
            |name: &str| head.split(&format!("\r\n{name}: ")).nth(1).unwrap().lines().next().unwrap();
        let sha256 = || header("x-amz-checksum-sha256").to_owned();
        if head.starts_with("head ") {
            return match seen.objects.get(key) {
                Some(headers) => Reply::new("200 OK", &[&headers[0], &headers[1]], b""),
                None => Reply::whole("404 Not Found", b""),
            };
        }
        if !key.ends_with(&large) {
            let headers = [
                format!("content-length: {}", header("content-length")),
                format!("x-amz-checksum-sha256: {}", sha256()),
            ];
            seen.objects.insert(key.to_owned(), headers);
            return Reply::whole("200 OK", b"");
        }
        let step = match (head.split(' ').next().unwrap(), query) {
            ("post", "uploads=") => "begin",
            ("put", query) if query.contains("partnumber=1&") => "part 1",
            ("put", query) if query.contains("partnumber=2&") => "part 2",
            ("post", _) => "put together",
            ("delete", _) => "abandon",
            other => panic!("{other:?}"),
        };
        assert!(step == "begin" || query.contains("uploadid=a%2fb%2b"), "{query}");
        let is_first = !seen.requests.contains(&step);
        seen.requests.push(step);
        match step {
            "part 2" if is_denied => {
                Reply::whole("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")
            }
            "put together" if is_first => {
                Reply::whole("200 OK", b" \n<Error><Code>InternalError</Code></Error>")
            }
            "begin" | "part 1" | "part 2" if is_first => Reply::whole("503 Slow Down", b""),
            "begin" => {
                assert_eq!(header("x-amz-checksum-algorithm"), "SHA256");
                Reply::whole("200 OK", b"<R><UploadId>a/b+</UploadId></R>")
            }
            "put together" => {
                assert_eq!(header("if-none-match"), "*");
                let of_parts = Sha256::digest(seen.parts.values().flatten().copied().collect::<Vec<u8>>());
                let headers = [
                    format!("content-length: {}", seen.objects["bytes"][0]),
                    format!("x-amz-checksum-sha256: {}-{}", STANDARD.encode(of_parts), seen.parts.len()),
                ];
                seen.objects.insert(key.to_owned(), headers);
                Reply::whole("200 OK", b"<CompleteMultipartUploadResult/>")
            }
            "abandon" => Reply::whole("204 No Content", b""),
            part => {
                let number = if part == "part 1" { 1 } else { 2 };
                seen.parts.insert(number, STANDARD.decode(sha256()).unwrap());
                Reply::new("200 OK", &["etag: \"tag\"", "content-length: 0"], b"")
            }
        }
    });
    (server, seen)
}

#[test]
fn only_the_part_that_failed_is_sent_again_and_the_parts_are_compared_by_their_hashes() {
    let place = tempfile::tempdir().unwrap();
    let path = large_capture(place.path());
    let (server, seen) = failing_storage(name_of(&path).to_lowercase(), false);
    let bytes = fs::metadata(&path).unwrap().len().to_string();
    seen.lock().unwrap().objects.insert("bytes".to_owned(), [bytes, String::new()]);
    let ran = upload(&server.storage, place.path(), "s3://captures/");
    assert!(ran.stdout.contains("uploaded: 2 files, confirmed"), "{}{}", ran.stdout, ran.stderr);
    let seen = seen.lock().unwrap();
    // Nothing was read back: the storage states the hash of the parts.
    let steps = ["begin", "begin", "part 1", "part 1", "part 2", "part 2", "put together", "put together"];
    assert_eq!(seen.requests, steps);
    let content = fs::read(&path).unwrap();
    let (first, second) = content.split_at(64 << 20);
    assert_eq!(seen.parts[&1], Sha256::digest(first).to_vec());
    assert_eq!(seen.parts[&2], Sha256::digest(second).to_vec());
}

#[test]
fn an_upload_that_is_given_up_leaves_no_parts() {
    let place = tempfile::tempdir().unwrap();
    let path = large_capture(place.path());
    let (server, seen) = failing_storage(name_of(&path).to_lowercase(), true);
    let ran = upload(&server.storage, place.path(), "s3://captures/");
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("access denied") && ran.stderr.contains("s3:PutObject"), "{}", ran.stderr);
    assert!(ran.stdout.contains(&format!("not uploaded: 1 file: {}", name_of(&path))), "{}", ran.stdout);
    // It is tried once more at the end of the recording.
    let requests = &seen.lock().unwrap().requests;
    assert_eq!(requests[..6], ["begin", "begin", "part 1", "part 1", "part 2", "abandon"]);
    let count = |step: &str| requests[6..].iter().filter(|request| **request == step).count();
    assert_eq!((count("begin"), requests.last()), (count("abandon"), Some(&"abandon")), "{requests:?}");
    assert!(path.exists());
}
