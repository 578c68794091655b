//! Programs that end before they can be queried, and deleted executables: they are identified all
//! the same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use netrec::capture::{CaptureFile, Digest};

use crate::record::{Seen, events_ran, record_steps, rows_of, rows_where};

/// Copies of a shell that can connect by itself, under other names.
fn copies_of_bash(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    for (index, path) in paths.iter().enumerate() {
        let mut program = fs::read("/bin/bash").unwrap();
        // Appended bytes change its hash and nothing else.
        program.extend(vec![b'x'; index]);
        fs::write(path, program).unwrap();
        let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        fs::set_permissions(path, mode).unwrap();
    }
    paths
}

/// What was not hashed in time, according to the capture: idle-priority threads starve on a busy machine.
fn left_to_hash(path: &Path) -> Option<String> {
    let capture = CaptureFile::open(path).unwrap();
    let source = capture.metadata().sources.iter().find(|source| source.name == "exe-hashes").unwrap();
    source.detail.contains("not yet hashed").then(|| source.detail.clone())
}

fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

#[test]
fn an_executable_has_the_hash_that_sha256sum_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; read wait <&3; exit 0");
    let mut child = Command::new("bash").args(["-c", &script]).spawn().unwrap();
    let (stream, client) = listener.accept().unwrap();
    let own = fs::read_link(format!("/proc/{}/exe", child.id())).unwrap();
    let mut pauses = [pause; 10];
    let mut steps: Vec<&mut dyn FnMut()> = pauses.iter_mut().map(|pause| pause as _).collect();
    record_steps(&path, &mut steps);
    drop(stream);
    child.wait().unwrap();
    if let Some(detail) = left_to_hash(&path) {
        println!("skipped: {detail}");
        return;
    }
    let said = Command::new("sha256sum").arg(&own).output().unwrap();
    let expected = String::from_utf8(said.stdout).unwrap()[..64].to_owned();
    let rows = rows_of(&path, client.port(), Some(port));
    assert_eq!(rows.last().unwrap().exe_sha256, Some(expected));
    let known: Vec<bool> = rows.iter().map(|row| row.exe_sha256.is_some()).collect();
    assert!(known.is_sorted(), "once known it stays known: {known:?}");
}

#[test]
fn a_deleted_executable_is_hashed_while_it_runs_and_when_it_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let programs = copies_of_bash(folder.path(), &["stays", "goes"]);
    let expected: Vec<Digest> =
        programs.iter().map(|program| Digest::new(&fs::read(program).unwrap())).collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf hello >&3");
    let mut running = None;
    let mut start_and_delete = || {
        let script = format!("{connect}; read wait <&3; exit 0");
        let mut stays = Command::new(&programs[0]).args(["-c", &script]).spawn().unwrap();
        running = Some((listener.accept().unwrap(), stays.id()));
        assert!(Command::new(&programs[1]).args(["-c", &connect]).status().unwrap().success());
        listener.accept().unwrap().0.read_to_end(&mut Vec::new()).unwrap();
        for program in &programs {
            fs::remove_file(program).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1500));
        std::thread::spawn(move || stays.wait());
    };
    record_steps(&path, &mut [&mut start_and_delete, &mut pause, &mut pause]);
    if let Err(reason) = events_ran(&path) {
        println!("skipped: {reason}");
        return;
    }
    if let Some(detail) = left_to_hash(&path) {
        println!("skipped: {detail}");
        return;
    }
    let rows = rows_where(&path, |row| row.ports.1 == Some(port));
    let hash_of = |name: &str| {
        let last = rows.iter().rfind(|row| row.process_name.as_deref() == Some(name)).unwrap();
        last.exe_sha256.clone()
    };
    assert_eq!(hash_of("stays"), Some(expected[0].to_string()));
    assert_eq!(hash_of("goes"), Some(expected[1].to_string()));
}

/// Runs programs that connect, send 1 KiB that begins with the run's number, and end at once;
/// returns how many the capture contains, and fails if it has wrong data about one.
fn check_short_lived(runs: usize) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let names = ["alpha", "beta", "gamma"];
    let programs = copies_of_bash(folder.path(), &names);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let send = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf %-1024d $0 >&3");
    // Several of many runs may use the same port.
    let mut runs_of_port: BTreeMap<u16, Vec<(usize, u32)>> = BTreeMap::new();
    let mut run = |number: usize| {
        let mut child = Command::new(&programs[number % names.len()])
            .args(["--norc", "-c", &send, &number.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let (mut stream, client) = listener.accept().unwrap();
        let mut payload = String::new();
        stream.read_to_string(&mut payload).unwrap();
        child.wait().unwrap();
        assert_eq!((payload.len(), payload.trim().parse()), (1024, Ok(number)));
        runs_of_port.entry(client.port()).or_default().push((number, child.id()));
    };
    let run = RefCell::new(&mut run);
    let mut batches: Vec<_> = (0..runs)
        .step_by(100)
        .map(|first| {
            let run = &run;
            move || (first..runs.min(first + 100)).for_each(|number| (run.borrow_mut())(number))
        })
        .collect();
    let mut steps: Vec<&mut dyn FnMut()> = batches.iter_mut().map(|batch| batch as _).collect();
    record_steps(&path, &mut steps);
    if let Err(reason) = events_ran(&path) {
        println!("skipped: {reason}");
        return (runs, runs);
    }
    let rows = rows_where(&path, |row| row.kind == "closed" && row.ports.1 == Some(port));
    let (mut whole, mut hashed) = (0, 0);
    for row in &rows {
        let candidates = &runs_of_port[&row.ports.0];
        let (number, pid) = *candidates.iter().find(|run| row.pid == Some(run.1)).unwrap_or(&candidates[0]);
        assert_eq!(row.bytes, (Some(1024), Some(0)), "{row:?}");
        let program = &programs[number % names.len()];
        let is_whole = is_right(row, pid, program, number);
        whole += usize::from(is_whole);
        hashed += usize::from(row.exe_sha256.is_some());
    }
    println!("{runs} programs: {} recorded, {whole} with all facts, {hashed} with hash", rows.len());
    (rows.len(), whole)
}

/// Whether every fact of the program is known; asserts that each known one is correct.
fn is_right(row: &Seen, pid: u32, program: &Path, number: usize) -> bool {
    let name = program.file_name().unwrap().to_str().unwrap();
    let exe = program.to_str().unwrap();
    let sha256 = Digest::new(&fs::read(program).unwrap()).to_string();
    assert!(row.pid.is_none_or(|said| said == pid), "{row:?}");
    assert!(row.process_name.as_deref().is_none_or(|said| said == name), "{row:?}");
    assert!(row.exe.as_deref().is_none_or(|said| said == exe), "{row:?}");
    assert!(row.exe_sha256.as_deref().is_none_or(|said| said == sha256), "{row:?}");
    let ending = format!(" {number}");
    assert!(row.cmdline.as_deref().is_none_or(|said| said.starts_with(exe) && said.ends_with(&ending)));
    row.pid.is_some() && row.process_name.is_some() && row.exe.is_some() && row.cmdline.is_some()
}

#[test]
fn programs_that_end_at_once_are_known_by_name_executable_and_command_line() {
    let (recorded, whole) = check_short_lived(30);
    assert_eq!(recorded, 30);
    // On a machine that is busy with other tests a command line may be missed; never a wrong one.
    assert!(whole >= 27, "{whole} of 30");
}

#[test]
#[ignore = "takes half a minute; the figures are in docs/benchmarks.md"]
fn of_a_thousand_programs_that_end_at_once_nearly_all_are_known() {
    let (recorded, whole) = check_short_lived(1000);
    assert!(recorded >= 999 && whole >= 990, "{recorded} recorded, {whole} whole");
}
