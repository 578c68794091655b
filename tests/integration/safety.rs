//! netrec among other files: every command in a folder of decoys creates, changes or removes only
//! its named outputs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netrec::capture::{CaptureFile, Overwrite, Writer};

use crate::decoys::{Listing, changes, listing};
use crate::fixture;
use crate::runner::{Ran, netrec_in};

const NETREC: &str = env!("CARGO_BIN_EXE_netrec");

/// A folder with captures, an unfinished recording, and many files that netrec did not write. Link
/// targets are in `victims`.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fixture::write(&at("c.parquet"), &fixture::rows(30, 3), &fixture::metadata(30));
    fixture::write(&at("later.parquet"), &fixture::rows(20, 5), &fixture::metadata(20));
    unfinished(&at("u.parquet"), 5);
    fs::create_dir_all(at("victims/sites")).unwrap();
    fs::write(at("victims/secret"), "root's secret").unwrap();
    fs::set_permissions(at("victims/secret"), fs::Permissions::from_mode(0o400)).unwrap();
    // Folders and files with names that netrec would use.
    for name in ["conf.d", "c.parquet.d", "w.d", "c-report", "netrec-reports", "v.parquet.d", "new.parquet.d"]
    {
        fs::create_dir_all(at(name).join("sites")).unwrap();
        fs::write(at(name).join("notes.txt"), "my work").unwrap();
        fs::write(at(name).join("sites/a.conf"), "server {}").unwrap();
    }
    // A hostile recording: every file in it is a link to something else.
    unfinished(&at("links.parquet"), 3);
    for name in ["rows.parquet", "journal-1"] {
        let _ = fs::remove_file(at("links.parquet.d").join(name));
        symlink("../victims/secret", at("links.parquet.d").join(name)).unwrap();
    }
    // Hard links, pipes, odd names and dangling links.
    fs::hard_link(at("c.parquet"), at("second.parquet")).unwrap();
    symlink("c.parquet", at("link.parquet")).unwrap();
    symlink("nowhere", at("dangling.parquet")).unwrap();
    symlink("victims", at("v-report")).unwrap();
    fs::write(at("c.csv"), "id;name\n1;mine\n").unwrap();
    fs::write(at("c.conn.log"), "#separator \\x09\n#path\tconn\n").unwrap();
    fs::write(at("c.ndjson"), "{\"mine\":1}\n").unwrap();
    fs::write(at(" odd\n\u{1b}[31mname.parquet"), "mine").unwrap();
    fs::write(at("empty.parquet"), "").unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe.parquet")).status().unwrap().success());
    let conn = "{\"ts\":1.0,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":1,\"id.resp_h\":\"10.0.0.2\",\
                \"id.resp_p\":2,\"proto\":\"tcp\",\"conn_state\":\"SF\",\"orig_bytes\":5,\"resp_bytes\":6,\"duration\":1.0}\n";
    fs::write(at("conn.log"), conn).unwrap();
    place
}

/// An interrupted recording of some ticks.
fn unfinished(path: &Path, ticks: u32) {
    let mut writer = Writer::create(path, Overwrite::Never).unwrap();
    for (tick, rows) in (0..ticks).zip(fixture::rows(ticks, 2).chunks(3)) {
        for row in rows {
            writer.push(row).unwrap();
        }
        writer.end_tick(fixture::metadata(tick + 1)).unwrap();
    }
}

/// Every capture to read, intact or not, netrec's or not.
const READ: [&str; 13] = [
    "c.parquet",
    "u.parquet",
    "u.parquet.d",
    "links.parquet",
    "links.parquet.d",
    "w",
    "w.d",
    "conf.d",
    "pipe.parquet",
    "dangling.parquet",
    "empty.parquet",
    "second.parquet",
    " odd\n\u{1b}[31mname.parquet",
];

/// Runs a command, and asserts that only these names (and everything below them) have changed.
#[track_caller]
fn check(place: &Path, before: &Listing, arguments: &[&str], outputs: &[&str]) -> (Ran, Listing) {
    let ran = netrec_in(place, arguments);
    let after = listing(place);
    let is_output = |path: &PathBuf| {
        path.as_os_str().is_empty() && !outputs.is_empty()
            || outputs.iter().any(|output| path.starts_with(output))
    };
    let mut other = changes(before, &after);
    other.retain(|path| !is_output(path));
    assert!(other.is_empty(), "netrec {arguments:?} touched {other:?}: {}{}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "netrec {arguments:?}: {}", ran.stderr);
    (ran, after)
}

#[test]
fn commands_that_read_write_nothing_but_their_output_whatever_they_are_given() {
    let place = place();
    let mut before = listing(place.path());
    for capture in READ {
        for command in [
            &["info", capture][..],
            &["info", "--json", capture],
            &["verify", capture],
            &["dump", capture, "--at", "start"],
            &["dump", capture, "--between", "start", "end"],
            &["diff", capture, "c.parquet"],
            &["replay", capture],
        ] {
            check(place.path(), &before, command, &[]);
        }
    }
    for (number, capture) in READ.into_iter().enumerate() {
        let (report, file) = (format!("out-{number}"), format!("out-{number}.csv"));
        for command in [
            &["analyze", capture, "-o", &report, "--format", "json,md"][..],
            &["export", capture, "--to", "csv", "-o", &file],
        ] {
            before = check(place.path(), &before, command, &[&report, &file]).1;
        }
    }
    assert!(place.path().join("out-1/report.json").exists(), "an unfinished recording was analyzed");
}

/// Files under a hidden name that are removed again change their folder's time.
const UNSEEN: &str = ".netrec";

#[test]
fn a_name_that_is_taken_by_something_else_is_refused_and_left_as_it_is() {
    let place = place();
    let mut before = listing(place.path());
    let record = ["record", "-d", "100ms", "-i", "100ms", "-o"];
    for force in [&[][..], &["--force"]] {
        // Not a capture; one with a second hard link; a folder; links; a foreign folder in the way.
        for name in [
            "c.csv",
            "second.parquet",
            "conf.d",
            "link.parquet",
            "dangling.parquet",
            "pipe.parquet",
            "v-report",
            "conf",
            "w",
            "new.parquet",
            "links.parquet",
            "victims",
            "victims/",
            "/",
            "..",
            "",
        ] {
            let (ran, _) = check(place.path(), &before, &[&record, &[name][..], force].concat(), &[]);
            assert!([1, 2].contains(&ran.code), "{name:?} {force:?}: {}{}", ran.stdout, ran.stderr);
        }
        for name in ["c.csv", "conf.d", "link.parquet", "conf", "victims"] {
            let (ran, _) =
                check(place.path(), &before, &[&["import", "conn.log", "-o", name][..], force].concat(), &[]);
            assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
        }
        for name in ["c-report", "v-report", "c.csv", "conf.d", "victims", "pipe.parquet", "dangling.parquet"]
        {
            let (ran, _) = check(
                place.path(),
                &before,
                &[&["analyze", "c.parquet", "-o", name][..], force].concat(),
                &[],
            );
            assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
        }
        for (format, name) in
            [("csv", "c.csv"), ("zeek", "c.conn.log"), ("ndjson", "c.ndjson"), ("csv", "v-report")]
        {
            let command = [&["export", "c.parquet", "--to", format, "-o", name][..], force].concat();
            let (ran, _) = check(place.path(), &before, &command, &[UNSEEN]);
            assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
        }
        before = listing(place.path());
    }
    for name in ["c.parquet", "victims", "link.parquet", "dangling.parquet"] {
        let (ran, _) = check(place.path(), &before, &["verify", "--new-key", name], &[]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
        let (ran, _) = check(place.path(), &before, &["recover", "u.parquet", "-o", name], &[]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
    }
    for name in ["links.parquet", "w.d", "w", "pipe.parquet", "empty.parquet", "conf.d"] {
        check(place.path(), &before, &["recover", name], &["links-recovered.parquet", "links.parquet"]);
        for made in ["links-recovered.parquet", "links.parquet"] {
            let _ = fs::remove_file(place.path().join(made));
        }
    }
}

#[test]
fn commands_that_write_write_their_output_and_nothing_else() {
    let place = place();
    let mut before = listing(place.path());
    let mut run = |arguments: &[&str], outputs: &[&str]| {
        let (ran, after) = check(place.path(), &before, arguments, outputs);
        assert!([0, 3].contains(&ran.code), "{arguments:?}: {}", ran.stderr);
        assert!(outputs.iter().all(|name| place.path().join(name).exists()), "{arguments:?}");
        before = after;
    };
    run(&["record", "-d", "200ms", "-i", "100ms", "-o", "n.parquet"], &["n.parquet"]);
    run(&["record", "-d", "200ms", "-i", "100ms", "-o", "n.parquet", "--force"], &["n.parquet"]);
    run(&["import", "conn.log", "-o", "z.parquet"], &["z.parquet"]);
    run(&["import", "conn.log", "-o", "z.parquet", "--force"], &["z.parquet"]);
    for force in [&[][..], &["--force"]] {
        run(&[&["analyze", "c.parquet", "-o", "r"][..], force].concat(), &["r"]);
        run(
            &[&["analyze", "c.parquet", "n.parquet", "-o", "rs", "--format", "json"][..], force].concat(),
            &["rs"],
        );
        run(&[&["export", "c.parquet", "--to", "csv", "-o", "e.csv"][..], force].concat(), &["e.csv"]);
        run(
            &[&["export", "c.parquet", "--to", "ndjson", "-o", "e.ndjson"][..], force].concat(),
            &["e.ndjson"],
        );
        let zeek = ["export", "c.parquet", "--to", "zeek", "-o", "e.log"];
        run(&[&zeek[..], force].concat(), &["e.log", "e.processes.log"]);
    }
    run(&["verify", "--new-key", "key"], &["key", "key.pub"]);
    run(&["recover", "u.parquet", "-o", "copied.parquet"], &["copied.parquet"]);
    let (ran, _) = check(place.path(), &before, &["recover", "u.parquet"], &["u.parquet", "u.parquet.d"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!place.path().join("u.parquet.d").exists() && place.path().join("u.parquet").exists());
    // Everything is accessible only to its owner.
    let modes = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o077;
    for name in [
        "n.parquet",
        "z.parquet",
        "e.csv",
        "e.ndjson",
        "e.log",
        "e.processes.log",
        "key",
        "key.pub",
        "r",
        "rs",
    ] {
        let mut open = vec![place.path().join(name)];
        while let Some(path) = open.pop() {
            assert_eq!(modes(&path), 0, "{}", path.display());
            if path.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }
}

/// System calls that create, change, remove or rename files.
const CHANGING: [&str; 24] = [
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "rmdir",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "truncate",
    "ftruncate",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "fchownat",
    "lchown",
    "mknod",
    "mknodat",
    "utimensat",
];

/// The paths that a call in a line of strace changes; empty if it changes nothing, or failed.
fn changed_paths(line: &str) -> Vec<String> {
    let Some((call, rest)) = line.split_once('(') else { return Vec::new() };
    let call = call.rsplit(' ').next().unwrap_or(call);
    if rest.contains(" = -1 ") {
        return Vec::new();
    }
    let opens = ["open", "openat", "openat2", "creat"].contains(&call);
    let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| rest.contains(flag));
    if !(CHANGING.contains(&call) || call == "creat" || opens && writes) {
        return Vec::new();
    }
    // Quoted names, and with -y the files behind descriptors.
    let mut paths = Vec::new();
    let mut folder = String::new();
    let mut rest = rest;
    while let Some(at) = rest.find(['"', '<']) {
        let (end, is_name) = if rest.as_bytes()[at] == b'"' { ('"', true) } else { ('>', false) };
        let text = &rest[at + 1..];
        let Some(length) = text.find(end) else { break };
        let found = text[..length].to_owned();
        if is_name {
            paths.push(if found.starts_with('/') { found } else { format!("{folder}/{found}") });
        } else {
            if call.starts_with('f') && CHANGING.contains(&call) && !call.ends_with("at") {
                paths.push(found.clone());
            }
            folder = found;
        }
        rest = &text[length + 1..];
        if opens && is_name {
            break;
        }
    }
    paths
}

#[test]
fn the_system_sees_no_write_outside_of_the_named_output() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: there is no strace");
        return;
    }
    let place = place();
    let trace = tempfile::tempdir().unwrap();
    for (number, (arguments, outputs)) in [
        (&["info", "u.parquet"][..], &[][..]),
        (&["info", "links.parquet"], &[]),
        (&["verify", "c.parquet"], &[]),
        (&["dump", "u.parquet", "--at", "start"], &[]),
        (&["replay", "u.parquet"], &[]),
        (&["diff", "u.parquet", "c.parquet"], &[]),
        (&["analyze", "u.parquet", "-o", "r"], &["r"]),
        (&["analyze", "c.parquet", "-o", "r", "--force"], &["r"]),
        (&["export", "u.parquet", "--to", "zeek", "-o", "e.log"], &["e.log", "e.processes.log"]),
        (&["import", "conn.log", "-o", "z.parquet"], &["z.parquet"]),
    ]
    .into_iter()
    .enumerate()
    {
        let log = trace.path().join(number.to_string());
        let ran = Command::new("strace")
            .args(["-f", "-y", "-qq", "-e", "trace=%file,%desc", "-e", "signal=none", "-o"])
            .arg(&log)
            .arg(NETREC)
            .args(arguments)
            .current_dir(place.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
        if !text.contains("execve(") {
            println!("skipped: strace cannot trace here: {}", String::from_utf8_lossy(&ran.stderr));
            return;
        }
        let home = place.path().display().to_string();
        let is_allowed = |path: &str| {
            let path = path.strip_prefix(&home).map_or(path, |path| path.trim_start_matches('/'));
            // An unfinished file has this name, or none at all.
            path.starts_with(".netrec-") && path.contains(".partial")
                || outputs.iter().any(|output| Path::new(path).starts_with(output))
                || outputs.iter().any(|output| Path::new(path).starts_with(format!("{output}.d")))
                || path.is_empty() && !outputs.is_empty()
                || path.starts_with("/dev/null")
                || path.starts_with("/proc/self/")
        };
        let wrong: Vec<&str> =
            text.lines().filter(|line| !changed_paths(line).iter().all(|path| is_allowed(path))).collect();
        assert!(wrong.is_empty(), "netrec {arguments:?}:\n{}", wrong.join("\n"));
        let wrote = text.lines().any(|line| !changed_paths(line).is_empty());
        assert!(wrote || outputs.is_empty(), "netrec {arguments:?}: nothing was seen to be written");
    }
}

/// Removes a file or a folder, if it exists.
fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    assert!(removed.is_ok() || !path.exists(), "{removed:?}");
}

/// Starts a command, sends it a signal after some time, and waits for its end.
fn interrupted(place: &Path, arguments: &[&str], signal: i32, after: Duration) -> Option<i32> {
    let mut child = Command::new(NETREC)
        .args(arguments)
        .current_dir(place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    // SAFETY: the child was started here and has not been waited for, so the id is its own.
    unsafe { libc::kill(child.id() as i32, signal) };
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "netrec {arguments:?} does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_signal_at_any_stage_leaves_the_output_whole_or_not_there() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fixture::write(&at("c.parquet"), &fixture::rows(300, 40), &fixture::metadata(300));
    let line = |n: u32| {
        format!(
            "{{\"ts\":{n}.0,\"uid\":\"C{n}\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":{},\"id.resp_h\":\"10.0.0.2\",\
             \"id.resp_p\":2,\"proto\":\"tcp\",\"conn_state\":\"SF\",\"orig_bytes\":5,\"resp_bytes\":6,\"duration\":1.0}}\n",
            n % 60_000
        )
    };
    fs::write(at("conn.log"), (0..100_000).map(line).collect::<String>()).unwrap();
    let inputs = listing(place.path());
    let commands: [(&[&str], &[&str], &str); 4] = [
        (&["analyze", "c.parquet", "-o", "r"], &["r"], "r/manifest.json"),
        (&["import", "conn.log", "-o", "z.parquet"], &["z.parquet"], "z.parquet"),
        (&["export", "c.parquet", "--to", "csv", "-o", "e.csv"], &["e.csv"], "e.csv"),
        (
            &["analyze", "--each", "c.parquet", "c.parquet", "-o", "rs", "--format", "json"],
            &["rs"],
            "rs/c-report/manifest.json",
        ),
    ];
    let mut whole = 0;
    for (number, signal) in
        [libc::SIGINT, libc::SIGTERM, libc::SIGHUP].into_iter().cycle().take(27).enumerate()
    {
        for (arguments, outputs, last) in commands {
            let after = Duration::from_millis(4 * (number as u64).pow(2));
            interrupted(place.path(), arguments, signal, after);
            let is_there = at(outputs[0]).exists();
            whole += u32::from(is_there);
            assert!(!is_there || at(last).exists(), "netrec {arguments:?} after {after:?}: half made");
            for output in outputs {
                let path = at(output);
                remove(&path);
            }
            let left = changes(&inputs, &listing(place.path()));
            let left: Vec<_> = left.into_iter().filter(|path| !path.as_os_str().is_empty()).collect();
            assert!(left.is_empty(), "netrec {arguments:?} after {after:?} left {left:?}");
        }
    }
    assert!(whole > 0, "none got to its end");
}

/// What a killed import leaves: two row groups, and nothing of the third.
fn broken_import(path: &Path) {
    let mut writer = Writer::create_for_import(path, Overwrite::Never).unwrap();
    let row = &fixture::rows(1, 0)[0];
    for number in 0..600_000 {
        writer.push(&netrec::capture::Row { conn_id: number, ..row.clone() }).unwrap();
    }
}

#[test]
fn an_import_whose_name_is_taken_before_its_end_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let mut import = Writer::create_for_import(&at("z.parquet"), Overwrite::Never).unwrap();
    let second = Writer::create_for_import(&at("z.parquet"), Overwrite::Never);
    assert!(matches!(second, Err(netrec::Error::Busy { .. })));
    import.push(&fixture::rows(1, 0)[0]).unwrap();
    fixture::write(&at("other.parquet"), &fixture::rows(3, 4), &fixture::metadata(3));
    std::fs::rename(at("other.parquet"), at("z.parquet")).unwrap();
    let before = std::fs::read(at("z.parquet")).unwrap();
    let finished = import.finish(&fixture::metadata(1));
    assert!(matches!(finished, Err(netrec::Error::Exists { .. })), "{finished:?}");
    assert!(!at("z.parquet.d").exists());
    assert_eq!(std::fs::read(at("z.parquet")).unwrap(), before);
}

#[test]
fn what_a_killed_import_leaves_is_said_to_be_one_and_in_nobodys_way() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fixture::write(&at("c.parquet"), &fixture::rows(3, 4), &fixture::metadata(3));
    netrec_in(place.path(), &["export", "c.parquet", "--format", "zeek", "-o", "conn.log"]).succeeds();
    let commands: [&[&str]; 2] = [
        &["import", "conn.log", "-o", "z.parquet"],
        &["record", "-d", "100ms", "-i", "100ms", "-o", "z.parquet"],
    ];
    for again in commands {
        broken_import(&at("z.parquet"));
        assert!(at("z.parquet.d").is_dir());
        let before = listing(place.path());
        let ran = netrec_in(place.path(), &["info", "z.parquet"]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("import was interrupted after 524288 rows; import the files again"),
            "{}",
            ran.stderr
        );
        assert_eq!(changes(&before, &listing(place.path())), Vec::<PathBuf>::new());
        // Another user's file keeps the folder, and is kept.
        fs::write(at("z.parquet.d/notes.txt"), "mine").unwrap();
        let ran = netrec_in(place.path(), again);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert_eq!(fs::read(at("z.parquet.d/notes.txt")).unwrap(), b"mine");
        remove(&at("z.parquet.d"));

        broken_import(&at("z.parquet"));
        let ran = netrec_in(place.path(), again);
        assert!(matches!(ran.code, 0 | 3), "{}", ran.stderr);
        assert!(ran.stderr.contains("removed the leftovers of an interrupted import"), "{}", ran.stderr);
        assert!(at("z.parquet").is_file() && !at("z.parquet.d").exists());
        remove(&at("z.parquet"));
    }
}

#[test]
fn an_import_that_was_killed_at_any_stage_can_be_done_again() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fixture::write(&at("c.parquet"), &fixture::rows(300, 40), &fixture::metadata(300));
    netrec_in(place.path(), &["export", "c.parquet", "--format", "zeek", "-o", "conn.log"]).succeeds();
    let inputs = listing(place.path());
    let import = ["import", "conn.log", "-o", "z.parquet"];
    for number in 0..12_u64 {
        interrupted(place.path(), &import, libc::SIGKILL, Duration::from_millis(number * number * 2));
        if !at("z.parquet").exists() {
            remove_unmarked(&at("z.parquet.d"));
            netrec_in(place.path(), &import).succeeds();
        }
        netrec_in(place.path(), &["verify", "z.parquet"]).succeeds();
        remove(&at("z.parquet"));
        let left = changes(&inputs, &listing(place.path()));
        // Killed after the capture has its name and before its folder is gone: the marker is left, and the next
        // import takes it away.
        let rests = ["", "z.parquet.d", "z.parquet.d/lock"].map(Path::new);
        let is_rest = |path: &PathBuf| rests.contains(&path.as_path());
        assert!(left.iter().all(is_rest), "{left:?}");
    }
}

/// Removes what is left of an import that was killed between making its folder and writing the marker: netrec cannot
/// know such a folder as its own, and leaves it. There is nothing in it.
fn remove_unmarked(folder: &Path) {
    let lock = folder.join("lock");
    if folder.is_dir() && fs::metadata(&lock).map_or(true, |facts| facts.len() == 0) {
        let _ = fs::remove_file(lock);
        fs::remove_dir(folder).unwrap();
    }
}

#[test]
fn a_report_that_is_to_be_replaced_is_there_whatever_ends_the_program() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fixture::write(&at("c.parquet"), &fixture::rows(60, 10), &fixture::metadata(60));
    let analyze = ["analyze", "c.parquet", "-o", "r", "--force", "--format", "json,csv"];
    netrec_in(place.path(), &analyze).succeeds();
    for number in 0..20_u64 {
        interrupted(place.path(), &analyze, libc::SIGTERM, Duration::from_millis(number * 15));
        netrec_in(place.path(), &["verify", "r"]).succeeds();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "the capture and its report");
    }
}

#[test]
fn a_recording_that_is_ended_twice_before_its_first_tick_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    for number in 0..10_u64 {
        let child = Command::new(NETREC)
            .args(["record", "-i", "100ms", "-o", "c.parquet"])
            .current_dir(place.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(number * 10));
        // SAFETY: the child was started here and has not been waited for, so the id is its own.
        unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
        std::thread::sleep(Duration::from_millis(3));
        // SAFETY: the same.
        unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
        child.wait_with_output().unwrap();
        let left = || fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path());
        for path in left() {
            // A tick is evidence, and can be recovered.
            let capture = CaptureFile::open(&path).unwrap();
            assert!(capture.metadata().ticks_taken > 0, "{}", path.display());
        }
        for path in left() {
            remove(&path);
        }
    }
}

#[test]
fn a_closed_standard_error_is_no_reason_to_stop() {
    let place = tempfile::tempdir().unwrap();
    unfinished(&place.path().join("k.parquet"), 3);
    let mut child = Command::new(NETREC);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    child.args(["record", "-d", "300ms", "-i", "100ms", "-o", "k.parquet"]).current_dir(place.path());
    let status = child.stdout(Stdio::null()).stderr(writer).status().unwrap();
    assert!([Some(0), Some(3)].contains(&status.code()), "{status:?}");
    for name in ["k.parquet", "k-recovered.parquet"] {
        assert!(place.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn without_threads_a_command_says_so_and_does_not_panic() {
    let place = tempfile::tempdir().unwrap();
    fixture::write(&place.path().join("c.parquet"), &fixture::rows(10, 2), &fixture::metadata(10));
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(place.path().join("c.parquet"), fs::Permissions::from_mode(0o644)).unwrap();
    // An unused user id, because root is not limited.
    fs::copy(NETREC, place.path().join("netrec")).unwrap();
    for command in [
        "record -d 200ms -i 100ms -o t.parquet",
        "analyze c.parquet -o r",
        "diff c.parquet c.parquet",
        "export c.parquet --to csv -o e.csv",
        "info c.parquet",
    ] {
        let shell = format!("ulimit -u 1; exec ./netrec {command}");
        let ran = Command::new("setpriv")
            .args(["--reuid", "64999", "--regid", "64999", "--clear-groups", "bash", "-c", &shell])
            .current_dir(place.path())
            .output();
        let Ok(ran) = ran else {
            println!("skipped: there is no setpriv");
            return;
        };
        let said = String::from_utf8_lossy(&ran.stderr);
        if said.contains("setresuid") || said.contains("Operation not permitted") {
            println!("skipped: another user can be had by root alone: {said}");
            return;
        }
        assert!(
            [Some(0), Some(1), Some(3)].contains(&ran.status.code()),
            "{command}: {:?} {said}",
            ran.status
        );
        assert!(!said.contains("panicked"), "{command}: {said}");
    }
    assert!(!place.path().join("r").exists() && !place.path().join("t.parquet.d").exists());
}

#[test]
fn the_folder_of_a_recording_may_be_removed_and_nothing_is_lost() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("c.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    for (tick, rows) in (0..9_u32).zip(fixture::rows(9, 2).chunks(3)) {
        for row in rows {
            writer.push(row).unwrap();
        }
        writer.end_tick(fixture::metadata(tick + 1)).unwrap();
        let folder = place.path().join("c.parquet.d");
        match tick {
            1 => fs::remove_dir_all(folder).unwrap(),
            // A cleaner removes old files one by one.
            3 => fs::remove_file(folder.join("lock")).unwrap(),
            5 => fs::remove_file(folder.join("journal-0")).unwrap(),
            7 => fs::remove_file(folder.join("rows.parquet")).unwrap(),
            _ => {
                let capture = CaptureFile::open(&path).unwrap();
                assert_eq!(capture.rows(), u64::from(tick + 1) * 3, "tick {tick}");
            }
        }
    }
    writer.finish(&fixture::metadata(9)).unwrap();
    assert_eq!(CaptureFile::open(&path).unwrap().rows(), 27);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

/// `sudo netrec record`, and later commands by the user himself.
#[test]
fn what_was_recorded_through_sudo_belongs_to_the_user() {
    const USER: u32 = 64_998;
    let place = tempfile::tempdir().unwrap();
    if std::os::unix::fs::chown(place.path(), Some(USER), Some(USER)).is_err() {
        println!("skipped: only root can stand for sudo");
        return;
    }
    let user = USER.to_string();
    let sudo = |folder: &Path, arguments: &[&str]| {
        let mut command = Command::new(NETREC);
        command.args(arguments).current_dir(folder).env("SUDO_UID", &user).env("SUDO_GID", &user);
        let ran = command.env("SUDO_USER", "alice").output().unwrap();
        assert!([Some(0), Some(3)].contains(&ran.status.code()), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    let owner = |path: &Path| {
        use std::os::unix::fs::MetadataExt as _;
        let facts = fs::metadata(path).unwrap();
        (facts.uid(), facts.gid(), facts.mode() & 0o777)
    };
    let record = ["record", "-d", "200ms", "-i", "100ms", "-o", "c.parquet"];
    let said = sudo(place.path(), &record);
    assert!(said.contains("owner: alice (uid 64998), who ran sudo"), "{said}");
    assert_eq!(owner(&place.path().join("c.parquet")), (USER, USER, 0o600));
    sudo(place.path(), &[&record[..], &["--force"]].concat());
    sudo(place.path(), &["analyze", "c.parquet", "-o", "r", "--format", "json,csv"]);
    assert_eq!(owner(&place.path().join("r")), (USER, USER, 0o700));
    assert_eq!(owner(&place.path().join("r/report.json")), (USER, USER, 0o600));
    // Where he may not write, files are not given to him.
    let elsewhere = tempfile::tempdir().unwrap();
    let said = sudo(elsewhere.path(), &record);
    assert!(said.contains("owner: root"), "{said}");
    assert_eq!(owner(&elsewhere.path().join("c.parquet")).0, 0);
    // And what it was made for.
    let program = place.path().join("netrec");
    fs::copy(NETREC, &program).unwrap();
    let analyzed = Command::new("setpriv")
        .args(["--reuid", &user, "--regid", &user, "--clear-groups"])
        .arg(&program)
        .args(["analyze", "c.parquet", "-o", "mine", "--format", "json"])
        .current_dir(place.path())
        .output()
        .unwrap();
    let code = analyzed.status.code();
    assert!([Some(0), Some(3)].contains(&code), "{}", String::from_utf8_lossy(&analyzed.stderr));
}

#[test]
fn files_that_are_given_away_are_still_removed_in_time() {
    const USER: u32 = 64_998;
    let place = tempfile::tempdir().unwrap();
    if std::os::unix::fs::chown(place.path(), Some(USER), Some(USER)).is_err() {
        println!("skipped: only root can stand for sudo");
        return;
    }
    let ran = Command::new(NETREC)
        .args(["record", "-i", "100ms", "-d", "4s", "--rotate", "1s", "--keep", "1", "-o", "web"])
        .current_dir(place.path())
        .env("SUDO_UID", USER.to_string())
        .env("SUDO_GID", USER.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(said.contains("removed: ") && !said.contains("not removed"), "{said}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{said}");
}
