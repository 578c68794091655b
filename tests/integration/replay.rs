//! `netrec replay` in a real terminal, through tmux.

use std::path::Path;

use crate::runner::netrec_in;
use crate::terminal::Terminal;

fn workday(folder: &Path) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-captures/workday.parquet");
    std::fs::copy(sample, folder.join("workday.parquet")).unwrap();
}

/// From a report's command to the moment, the connection's history, and a file for the ticket.
#[test]
fn an_investigator_gets_from_a_finding_to_the_story_and_an_export() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    let Some(terminal) = Terminal::run(folder.path(), "replay workday.parquet --at 2026-11-22T21:58:12.6Z")
    else {
        return;
    };
    terminal.shows("21:58:13");
    terminal.shows("Findings (12)");
    terminal.press(&["/", "process:nmap port:22", "Enter"]);
    terminal.shows("filter: process:nmap port:22");
    // A key right after Escape would be combined with it.
    terminal.press(&["Escape"]);
    terminal.loses("filter: process:nmap");
    terminal.press(&["4"]);
    terminal.shows("port-scan");
    terminal.press(&["1", "g"]);
    terminal.shows("tick 0 ");
    terminal.press(&["Right"]);
    terminal.shows("tick 1 ");
    terminal.press(&["t", "21:58:20", "Enter"]);
    terminal.shows("21:58:20");
    terminal.press(&["Enter"]);
    terminal.shows("opened");
    terminal.press(&["Escape"]);
    terminal.loses("opened");
    terminal.press(&["e"]);
    terminal.shows("written: workday-");
    terminal.press(&["?"]);
    terminal.shows("previous snapshot");
    terminal.press(&["q"]);
    terminal.loses("previous snapshot");
    terminal.press(&["t", "2020-01-01", "Enter"]);
    terminal.shows("before the recording: 2026-11-22T");
    terminal.press(&["q"]);
    let screen = terminal.shows("ended with 0");
    assert!(screen.contains("netrec replay workday.parquet --at 2026-11-22T21:58:20"), "{screen}");
    let exported = std::fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
    assert!(exported.into_iter().any(|file| file.path().extension().is_some_and(|ending| ending == "csv")));
}

#[test]
fn it_plays_and_a_signal_gives_the_terminal_back() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    let Some(terminal) = Terminal::run(folder.path(), "replay workday.parquet --speed 100") else { return };
    terminal.shows("paused 100x");
    terminal.press(&["Space"]);
    terminal.shows("end of the recording");
    terminal.press(&["C-c"]);
    terminal.shows("ended with 0");
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    let Some(terminal) = Terminal::shell(folder.path()) else { return };
    terminal.shows("$");
    for how in ["key", "signal"] {
        terminal.press(&["netrec replay workday.parquet", "Enter"]);
        terminal.shows("1 Connections");
        if how == "key" {
            terminal.press(&["C-z"]);
        } else {
            terminal.signal("TSTP");
        }
        terminal.shows("Stopped");
        terminal.loses("1 Connections");
        // The shell echoes input, so the terminal is no longer raw.
        terminal.press(&["echo a $((6*7)) b", "Enter"]);
        terminal.shows("a 42 b");
        terminal.press(&["fg", "Enter"]);
        terminal.shows("1 Connections");
        terminal.press(&["2"]);
        terminal.shows("SOCKETS");
        terminal.press(&["q"]);
        terminal.loses("SOCKETS");
        terminal.press(&["clear", "Enter"]);
        terminal.loses("42");
    }
}

#[test]
fn a_terminal_that_cannot_show_a_screen_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    for (variables, command, expected) in [
        ("TERM=dumb", "replay workday.parquet", "TERM=dumb is a terminal without cursor control"),
        ("-u TERM", "replay workday.parquet", "TERM=xterm-256color"),
        ("TERM=dumb", "watch", "netrec record works without one"),
    ] {
        let Some(terminal) = Terminal::run_in(folder.path(), (200, 24), variables, command) else { return };
        let screen = terminal.shows("ended with 1");
        assert!(screen.replace('\n', "").contains(expected), "{screen}");
    }
}

#[test]
fn without_utf8_the_screen_is_ascii() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    let run =
        |locale: &str| Terminal::run_in(folder.path(), (110, 30), locale, "replay workday.parquet --at -1s");
    let Some(terminal) = run("LC_ALL=C") else { return };
    let screen = terminal.shows("Findings (12)");
    assert!(screen.is_ascii(), "{screen}");
    terminal.press(&["?"]);
    assert!(terminal.shows("next snapshot").is_ascii());
}

#[test]
fn the_header_adds_the_local_time_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    let arguments = "replay workday.parquet --local-time --at 2026-11-22T21:58:12.6Z";
    let run = Terminal::run_in(folder.path(), (160, 30), "TZ=JST-9 LC_ALL=C.UTF-8", arguments);
    let Some(terminal) = run else { return };
    let screen = terminal.shows("(06:58:13 +09:00)");
    assert!(screen.contains("2026-11-22 21:58:13"), "{screen}");
}

#[test]
fn at_every_width_processes_are_whole_and_the_mouse_works() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    for width in [80, 110, 160, 200] {
        let command = "replay workday.parquet --at end";
        let Some(terminal) = Terminal::run_in(folder.path(), (width, 30), "LC_ALL=C.UTF-8", command) else {
            return;
        };
        let screen = terminal.shows("Findings (12)");
        assert!(screen.contains("PROCESS"), "{width}: {screen}");
        let process = |line: &str| line.contains("ESTABLISHED") && line.contains("python3");
        assert!(screen.lines().any(process), "{width}: {screen}");
        // The third tab, counted from 1: a mouse event as xterm reports it.
        let at = screen.lines().nth(3).unwrap().find("3 Destinations").unwrap() + 2;
        terminal.press(&["-l", &format!("\u{1b}[<0;{at};4M")]);
        terminal.shows("ADDRESS");
        // The wheel, turned down.
        terminal.press(&["-l", "\u{1b}[<65;5;8M"]);
        terminal.loses(" 1/");
    }
}

/// tmux stores what a program copies to the clipboard in a buffer.
#[test]
fn a_line_is_copied_to_the_clipboard_of_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    let Some(terminal) = Terminal::run(folder.path(), "replay workday.parquet") else { return };
    terminal.tmux(&["set-option", "-g", "set-clipboard", "on"]);
    terminal.shows("Findings (12)");
    terminal.press(&["Y"]);
    terminal.shows("sent to the clipboard (OSC 52), if the terminal allows it");
    let copied = terminal.tmux(&["show-buffer"]);
    assert!(copied.starts_with("netrec replay workday.parquet --at 2026-"), "{copied}");
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    netrec_in(folder.path(), &["replay", "workday.parquet"]).fails_saying(&["netrec dump"]);
    assert_eq!(netrec_in(folder.path(), &["replay", "workday.parquet", "--speed", "0"]).code, 2);
}
