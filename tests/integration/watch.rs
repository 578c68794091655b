//! `netrec watch` in a real terminal, through tmux.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::runner::netrec_in;
use crate::terminal::Terminal;

/// What is on the screen is recorded with what was there before, by the same means as ever.
#[test]
fn what_is_watched_is_recorded_from_before_the_key_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let Some(terminal) =
        Terminal::run(folder.path(), &format!("watch -i 200ms -o live.parquet --filter port:{port}"))
    else {
        return;
    };
    terminal.shows("● live");
    terminal.shows(&format!("127.0.0.1:{port}"));
    let new = TcpListener::bind("0.0.0.0:0").unwrap();
    terminal.press(&["4"]);
    terminal.shows(&format!("port {}", new.local_addr().unwrap().port()));
    // Nobody knew of the key before.
    terminal.press(&["r"]);
    terminal.shows("REC ");
    terminal.press(&["1"]);
    terminal.press(&["Space"]);
    terminal.shows("paused");
    terminal.press(&["q"]);
    terminal.shows("live.parquet: ");
    terminal.shows("ended with ");

    let verified = netrec_in(folder.path(), &["verify", "live.parquet"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let filter = format!("port:{port}");
    let dumped = netrec_in(folder.path(), &["dump", "live.parquet", "--at", "start", "--filter", &filter]);
    assert!(dumped.stdout.contains("ESTABLISHED"), "{}", dumped.stdout);
    let started = "began to listen on port";
    let report = folder.path().join("report");
    let analyzed = netrec_in(folder.path(), &["analyze", "live.parquet", "-o", "report", "--format", "json"]);
    assert!([0, 3].contains(&analyzed.code), "{}", analyzed.stderr);
    let json = std::fs::read_to_string(report.join("report.json")).unwrap();
    assert!(json.contains(&format!("{started} {}", new.local_addr().unwrap().port())));
    assert!(json.contains("snapshots in memory when the recording was started"));
}

#[test]
fn a_signal_ends_it_and_completes_what_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let Some(terminal) = Terminal::run(folder.path(), "watch -o live.parquet") else { return };
    terminal.shows("● live");
    terminal.press(&["r"]);
    terminal.shows("REC ");
    let status = std::process::Command::new("kill").args(["-TERM", &terminal.program()]).status().unwrap();
    assert!(status.success());
    terminal.shows("ended with ");
    assert_eq!(netrec_in(folder.path(), &["verify", "live.parquet"]).code, 0);
}

/// Otherwise it would burn a core for ever on a host that someone logged out of.
#[test]
fn it_ends_when_its_terminal_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let Some(terminal) = Terminal::run(folder.path(), "watch") else { return };
    terminal.shows("● live");
    let program = Path::new("/proc").join(terminal.program());
    drop(terminal);
    let end = Instant::now() + Duration::from_secs(30);
    let runs = || {
        let status = std::fs::read_to_string(program.join("status")).unwrap_or_default();
        status.contains("netrec") && !status.contains("zombie")
    };
    while runs() {
        assert!(Instant::now() < end, "it still runs");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let folder = tempfile::tempdir().unwrap();
    netrec_in(folder.path(), &["watch"]).fails_saying(&["netrec record"]);
}
