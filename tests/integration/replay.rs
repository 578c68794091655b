//! `netrec replay` in a real terminal, through tmux.

use std::path::Path;

use crate::runner::netrec_in;
use crate::terminal::Terminal;

fn workday(folder: &Path) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-captures/workday.parquet");
    std::fs::copy(sample, folder.join("workday.parquet")).unwrap();
}

/// From a report's command to the moment, the connection's story, and a file for the ticket.
#[test]
fn an_investigator_gets_from_a_finding_to_the_story_and_an_export() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    let Some(terminal) = Terminal::run(folder.path(), "replay workday.parquet --at 2026-11-22T21:58:12.6Z")
    else {
        return;
    };
    terminal.shows("21:58:13");
    terminal.shows("Findings (11)");
    terminal.press(&["/", "process:nmap port:22", "Enter"]);
    terminal.shows("filter: process:nmap port:22");
    // What follows an escape at once would be one key with it.
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
    terminal.shows("the end of the recording");
    terminal.press(&["C-c"]);
    terminal.shows("ended with 0");
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let folder = tempfile::tempdir().unwrap();
    workday(folder.path());
    netrec_in(folder.path(), &["replay", "workday.parquet"]).fails_saying(&["netrec dump"]);
    assert_eq!(netrec_in(folder.path(), &["replay", "workday.parquet", "--speed", "0"]).code, 2);
}
