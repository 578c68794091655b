//! Uploads of captures to object storage during the recording.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Reply, Server, Storage, moto};
use crate::runner::{Ran, files};

/// Records for some time, with a new file every second.
fn record(storage: &Storage, folder: &Path, time: &str, keep: &str, to: &str) -> Ran {
    storage.netrec(
        folder,
        &["record", "-d", time, "-i", "250ms", "--rotate", "1s", "--keep", keep, "-o", "web", "--upload", to],
    )
}

fn captures(folder: &Path) -> Vec<String> {
    let names = files(folder).into_iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| name.ends_with(".parquet")).collect()
}

#[test]
fn every_finished_file_is_uploaded_and_only_then_removed() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    // At first the storage is unreachable: nothing is removed, although only one file was to be kept.
    let away = record(&Storage::at(1), place.path(), "3s", "1", "s3://captures/up/");
    assert_eq!(away.code, 3, "{}", away.stderr);
    assert!(away.stderr.contains("uploads every finished capture"), "{}", away.stderr);
    assert!(
        away.stderr.contains("s3://captures/up/ at http://127.0.0.1:1, not encrypted"),
        "{}",
        away.stderr
    );
    assert!(
        away.stdout.contains("kept until uploaded") && away.stdout.contains("not uploaded: "),
        "{}",
        away.stdout
    );
    let left = captures(place.path());
    assert!(left.len() >= 3, "{left:?}");

    // The next recording of the series uploads them, and removes them when they are confirmed.
    let back = record(&moto.storage, place.path(), "3s", "1", "s3://captures/up/");
    assert!(!back.stdout.contains("not uploaded"), "{}{}", back.stdout, back.stderr);
    let there = moto.keys("captures", "up/");
    for name in &left {
        assert!(there.contains(&format!("up/{name}")), "{name} is missing in {there:?}");
        assert!(back.stderr.contains(&format!("uploaded: s3://captures/up/{name}")), "{}", back.stderr);
        assert!(!place.path().join(name).exists(), "{name} was to be removed");
    }
    let uploads = fs::read_to_string(place.path().join("web.uploads.json")).unwrap();
    let uploads: Value = serde_json::from_str(&uploads).unwrap();
    for name in captures(place.path()) {
        let content = moto.get("captures", &format!("up/{name}"));
        assert!(content == fs::read(place.path().join(&name)).unwrap(), "{name} differs");
        assert_eq!(uploads["confirmed"][&name]["bytes"], content.len(), "{uploads:#}");
    }
    // In the storage too, the series is one recording; each file states the status of the uploads.
    moto.storage.netrec(place.path(), &["verify", "s3://captures/up/"]).succeeds();
    let last = there.last().unwrap();
    let info = moto.storage.netrec(place.path(), &["info", &format!("s3://captures/{last}")]);
    assert!(info.stdout.contains("finished captures go to s3://captures/up/"), "{}", info.stdout);
}

#[test]
fn what_is_there_is_never_replaced() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    moto.put([("taken/web.parquet", b"somebody's".as_slice())]);
    let arguments =
        ["record", "-d", "500ms", "-i", "250ms", "-o", "web.parquet", "--upload", "s3://captures/taken"];
    let ran = moto.storage.netrec(place.path(), &arguments);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("another object of this name is there"), "{}", ran.stderr);
    assert!(ran.stdout.contains("not uploaded: 1 file: web.parquet"), "{}", ran.stdout);
    assert_eq!(moto.get("captures", "taken/web.parquet"), b"somebody's");
    assert!(place.path().join("web.parquet").exists());
}

#[test]
fn a_check_says_whether_the_storage_can_be_reached() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    let check = |storage: &Storage, to: &str| {
        let ran = storage.netrec(place.path(), &["record", "--check", "--json", "--upload", to]);
        let found: Value = serde_json::from_str(&ran.stdout).unwrap();
        (found["upload"]["is_reachable"].as_bool().unwrap(), found["upload"]["detail"].to_string(), ran.code)
    };
    assert!(check(&moto.storage, "s3://captures/x/").0);
    let (is_reachable, detail, code) = check(&moto.storage, "s3://no-such-bucket/x/");
    assert!(!is_reachable && code == 3 && detail.contains("there is no bucket"), "{detail}");
    let wrong = Storage { secret_key: "wrong".to_owned(), ..moto.storage.clone() };
    assert!(check(&wrong, "s3://captures/").1.contains("AWS_SECRET_ACCESS_KEY"));
    assert!(files(place.path()).is_empty(), "a check writes nothing");
}

#[test]
fn a_storage_that_tells_no_hash_has_to_give_the_object_back() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(|_, head| {
        let has_put = || Reply::whole("200 OK", b"");
        if head.starts_with("put ") { has_put() } else { Reply::whole("404 Not Found", b"") }
    });
    let arguments =
        ["record", "-d", "500ms", "-i", "250ms", "-o", "web.parquet", "--upload", "s3://captures/"];
    let ran = server.storage.netrec(place.path(), &arguments);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stderr.contains("holds something else than what was sent"), "{}", ran.stderr);
}

#[test]
fn who_may_only_write_and_read_needs_no_permission_to_list() {
    let place = tempfile::tempdir().unwrap();
    let stored = Mutex::new(None);
    let server = Server::start(move |_, head| {
        let mut stored = stored.lock().unwrap();
        let header =
            |name: &str| head.split(&format!("\r\n{name}: ")).nth(1).unwrap().lines().next().unwrap();
        if head.starts_with("put ") {
            assert_eq!(header("if-none-match"), "*");
            *stored = Some((header("content-length").to_owned(), header("x-amz-checksum-sha256").to_owned()));
            return Reply::whole("200 OK", b"");
        }
        match &*stored {
            // S3's answer to clients without list permission.
            None => Reply::whole("403 Forbidden", b""),
            Some((bytes, sha256)) => {
                let headers =
                    [format!("content-length: {bytes}"), format!("x-amz-checksum-sha256: {sha256}")];
                Reply::new("200 OK", &[&headers[0], &headers[1]], b"")
            }
        }
    });
    let arguments =
        ["record", "-d", "500ms", "-i", "250ms", "-o", "web.parquet", "--upload", "s3://captures/"];
    let ran = server.storage.netrec(place.path(), &arguments);
    assert!(ran.stdout.contains("uploaded: 1 file, confirmed"), "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains("not uploaded"), "{}", ran.stdout);
}

#[test]
fn an_end_that_is_asked_for_comes_although_the_storage_does_not_answer() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Reply::Silence);
    let mut recording = server
        .storage
        .command(
            place.path(),
            &["record", "-i", "250ms", "--rotate", "1s", "-o", "web", "--upload", "s3://captures/"],
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while server.requests() == 0 {
        assert!(begin.elapsed() < Duration::from_mins(1), "nothing is uploaded");
        std::thread::sleep(Duration::from_millis(50));
    }
    // No tick waits for the storage: files are still completed.
    while captures(place.path()).len() < 3 {
        assert!(begin.elapsed() < Duration::from_mins(1), "the recording waits for the storage");
        std::thread::sleep(Duration::from_millis(50));
    }
    let asked = Instant::now();
    let interrupt = Command::new("kill").args(["-INT", &recording.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let status = recording.wait().unwrap();
    assert_eq!(status.code(), Some(3));
    assert!(asked.elapsed() < Duration::from_secs(50), "{:?}", asked.elapsed());
}

#[test]
fn when_the_disk_fills_the_oldest_go_although_they_are_not_uploaded_and_are_counted() {
    let place = tempfile::tempdir().unwrap();
    // Twelve of 128 MiB are free: enough to record, but less than a tenth.
    let script = "mount -t tmpfs -o size=128m none disk || exit 42\n\
        head -c 116M /dev/zero > disk/others || exit 43\n\
        \"$0\" record -d 4s -i 250ms --rotate 1s --keep 1 -o disk/web --upload s3://captures/ ; echo code $?\n\
        ls disk | grep -c parquet";
    fs::create_dir(place.path().join("disk")).unwrap();
    let mut command = Storage::at(1).command(place.path(), &[]);
    let environment: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = Command::new("unshare");
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let program = env!("CARGO_BIN_EXE_netrec");
    let ran = command.args(["-m", "sh", "-c", script, program]).current_dir(place.path()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if [Some(1), Some(42)].contains(&ran.status.code()) && !out.contains("code") {
        println!("skipped: no file system can be mounted: {err}");
        return;
    }
    assert!(out.contains("code 3") && out.trim_end().ends_with('1'), "{out}{err}");
    assert!(out.contains("removed before they were uploaded"), "{out}{err}");
    assert!(err.contains("removed before it was uploaded, to keep the disk free"), "{out}{err}");
}
