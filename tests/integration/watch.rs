//! `netrec watch` in a real terminal, through tmux.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::runner::netrec_in;
use crate::terminal::Terminal;

/// The screen's content is recorded, starting before the key was pressed.
#[test]
fn what_is_watched_is_recorded_from_before_the_key_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let command = format!("watch -i 200ms -o live.parquet --filter port:{port}");
    // Wide enough that no title is cut, and tall enough for the host's other connections.
    let Some(terminal) = Terminal::run_in(folder.path(), (200, 60), "LC_ALL=C.UTF-8", &command) else {
        return;
    };
    terminal.shows("● live");
    terminal.shows(&format!("127.0.0.1:{port}"));
    let new = TcpListener::bind("0.0.0.0:0").unwrap();
    terminal.press(&["4"]);
    terminal.shows(&format!("port {}", new.local_addr().unwrap().port()));
    // The key was not pressed before.
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
    let started = "started listening on port";
    let report = folder.path().join("report");
    let analyzed = netrec_in(folder.path(), &["analyze", "live.parquet", "-o", "report", "--format", "json"]);
    assert!([0, 3].contains(&analyzed.code), "{}", analyzed.stderr);
    let json = std::fs::read_to_string(report.join("report.json")).unwrap();
    assert!(json.contains(&format!("{started} {}", new.local_addr().unwrap().port())));
    assert!(json.contains("snapshots were in netrec watch's memory"));
}

#[test]
fn a_signal_ends_it_and_completes_what_is_recorded() {
    for name in ["TERM", "INT", "HUP"] {
        let folder = tempfile::tempdir().unwrap();
        let Some(terminal) = Terminal::run(folder.path(), "watch -o live.parquet") else { return };
        terminal.shows("● live");
        terminal.press(&["r"]);
        terminal.shows("REC ");
        terminal.signal(name);
        terminal.shows("ended with ");
        assert_eq!(netrec_in(folder.path(), &["verify", "live.parquet"]).code, 0, "{name}");
    }
}

/// Stopped from outside, without a chance to restore the terminal; the shell then sets its own mode.
#[test]
fn stopped_and_continued_it_takes_the_terminal_again() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let Some(terminal) = Terminal::run(folder.path(), "watch -i 200ms -o live.parquet") else { return };
    terminal.shows("● live");
    terminal.press(&["r"]);
    terminal.shows("REC ");
    terminal.signal("STOP");
    let device = terminal.device();
    let sane = std::process::Command::new("stty").args(["-F", &device, "sane"]).status().unwrap();
    assert!(sane.success());
    let mut shell = std::fs::OpenOptions::new().write(true).open(&device).unwrap();
    shell.write_all(b"\x1b[?1049l\x1b[2J\x1b[Hprompt of the shell").unwrap();
    terminal.shows("prompt of the shell");
    terminal.signal("CONT");
    terminal.shows("REC ");
    terminal.loses("prompt of the shell");
    terminal.press(&["q"]);
    terminal.shows("ended with ");
    assert_eq!(netrec_in(folder.path(), &["verify", "live.parquet"]).code, 0);
}

/// Otherwise it would use a full core forever on a host from which the user logged out.
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

/// A terminal whose other end is held by the test.
struct Pty {
    master: std::fs::File,
    slave: std::fs::File,
}

impl Pty {
    fn open() -> Self {
        use std::os::fd::FromRawFd as _;
        let (mut master, mut slave) = (-1, -1);
        let size = libc::winsize { ws_row: 30, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let (name, settings) = (std::ptr::null_mut(), std::ptr::null());
        // SAFETY: the pointers are to live values, or null where that is allowed.
        let opened =
            unsafe { libc::openpty(&raw mut master, &raw mut slave, name, settings, &raw const size) };
        assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
        for end in [master, slave] {
            // A program that holds the master itself never sees its terminal go away.
            // SAFETY: no memory is passed.
            unsafe { libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        // SAFETY: both were just opened, and belong to nobody else.
        unsafe {
            Self { master: std::fs::File::from_raw_fd(master), slave: std::fs::File::from_raw_fd(slave) }
        }
    }

    /// Starts `netrec watch` on it; with or without the signal when it goes away.
    fn watch(&self, folder: &Path, is_controlling: bool) -> std::process::Child {
        use std::os::unix::process::CommandExt as _;
        let end = || self.slave.try_clone().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_netrec"));
        command.args(["watch", "-o", "live.parquet"]).current_dir(folder).env("TERM", "xterm");
        command.stdin(end()).stdout(end()).stderr(end());
        let begin_session = move || {
            // SAFETY: no memory is passed.
            unsafe {
                libc::setsid();
                if is_controlling {
                    libc::ioctl(0, libc::TIOCSCTTY, 0);
                }
            }
            Ok(())
        };
        // SAFETY: only system calls are made between fork and exec.
        unsafe { command.pre_exec(begin_session) }.spawn().unwrap()
    }
}

/// Reads from a terminal until a text appears.
fn wait_for(master: &mut std::fs::File, screen: &mut Vec<u8>, text: &str) {
    use std::io::Read as _;
    let end = Instant::now() + Duration::from_mins(1);
    let mut bytes = [0; 4096];
    while !String::from_utf8_lossy(screen).contains(text) {
        assert!(Instant::now() < end, "{text} never came");
        let read = master.read(&mut bytes).unwrap();
        screen.extend_from_slice(&bytes[..read]);
    }
}

fn signal(child: &std::process::Child, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// How the terminal goes away.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// The other end is closed.
    Closed,
    /// The same, after the shell and the kernel have sent a signal each.
    Signals,
}

/// An SSH session drops or a window is closed, during a recording or not.
#[test]
fn a_terminal_that_goes_away_completes_the_recording_and_ends_it_in_order() {
    use std::io::Write as _;
    for (is_controlling, records, how) in [
        (true, false, End::Closed),
        (true, true, End::Closed),
        (false, true, End::Closed),
        (true, true, End::Signals),
        (false, true, End::Signals),
    ] {
        let case = format!("controlling {is_controlling}, recording {records}, {how:?}");
        let folder = tempfile::tempdir().unwrap();
        let pty = Pty::open();
        let mut child = pty.watch(folder.path(), is_controlling);
        let Pty { mut master, slave } = pty;
        drop(slave);
        let mut screen = Vec::new();
        wait_for(&mut master, &mut screen, "live");
        if records {
            master.write_all(b"r").unwrap();
            // Not the column of received bytes.
            wait_for(&mut master, &mut screen, "REC 0:");
        }
        if how == End::Signals {
            signal(&child, "-HUP");
            std::thread::sleep(Duration::from_millis(5));
            signal(&child, "-HUP");
        }
        drop(master);
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            // On a busy machine the hashing thread, which has the lowest priority, ends late.
            assert!(begin.elapsed() < Duration::from_mins(2), "it still runs: {case}");
            std::thread::sleep(Duration::from_millis(20));
        };
        // 3 if a snapshot was late on a busy machine.
        assert!(matches!(status.code(), Some(0 | 3)), "{case}: {status:?}");
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, if records { vec!["live.parquet"] } else { Vec::new() }, "{case}");
        if records {
            assert_eq!(netrec_in(folder.path(), &["verify", "live.parquet"]).code, 0, "{case}");
        }
    }
}
