//! The comparison as text for people.

use std::collections::BTreeMap;

use super::v1::{Capture, Change, Destination, Diff, Listener, Parent, Program};
use crate::humanize;

/// Maximum number of entries shown per kind; the rest is counted, and is in the JSON document.
const MOST: usize = 20;

/// Maximum number of destinations per program and port that are listed one by one.
const MOST_PLACES: usize = 5;

/// Shown characters of a hash, enough to see that two differ.
const HASH_CHARS: usize = 12;

/// The lines; values from the captures are not escaped yet.
pub fn lines(diff: &Diff) -> Vec<String> {
    let mut lines =
        vec![format!("before: {}", capture(&diff.before)), format!("after:  {}", capture(&diff.after))];
    lines.extend(diff.cautions.iter().map(|caution| format!("caution: {caution}")));
    section(&mut lines, "listeners", &diff.listeners, |all| all.iter().map(listener).collect());
    section(&mut lines, "programs", &diff.programs, |all| all.iter().map(program).collect());
    let changed = diff.changed_executables.iter();
    let changed =
        changed.map(|e| format!("{}: {}, was {}", e.exe, hashes(&e.sha256_after), hashes(&e.sha256_before)));
    list(&mut lines, "changed executables", '~', &changed.collect::<Vec<_>>());
    let moved = diff.moved_programs.iter();
    let moved = moved.map(|p| {
        format!("{}: {}, was {}", p.process_name, p.exes_after.join(", "), p.exes_before.join(", "))
    });
    list(&mut lines, "programs from another path", '~', &moved.collect::<Vec<_>>());
    section(&mut lines, "parents", &diff.parents, |all| all.iter().map(parent).collect());
    section(&mut lines, "destinations", &diff.destinations, destinations);
    let shifted = diff.shifted_volumes.iter().map(|v| {
        let who = v.process_name.as_ref().or(v.local_addr.as_ref()).map_or(humanize::UNKNOWN, String::as_str);
        let (before, after) =
            (humanize::bytes_per_s(v.before_bytes_per_s), humanize::bytes_per_s(v.after_bytes_per_s));
        format!("{who} {} {after}, was {before}", v.way)
    });
    list(&mut lines, "shifted volumes", '~', &shifted.collect::<Vec<_>>());
    if !diff.has_news() {
        lines.push("nothing is new".to_owned());
    }
    lines
}

fn capture(capture: &Capture) -> String {
    let duration = capture.duration_s.map_or_else(|| humanize::UNKNOWN.to_owned(), humanize::seconds);
    let host = capture.host_name.as_deref().unwrap_or("unknown host");
    format!("{} ({host}, {}, {duration})", capture.file, humanize::second_utc(capture.start_us))
}

fn section<T>(lines: &mut Vec<String>, title: &str, change: &Change<T>, told: fn(&[T]) -> Vec<String>) {
    list(lines, &format!("new {title}"), '+', &told(&change.new));
    list(lines, &format!("gone {title}"), '-', &told(&change.gone));
}

fn list(lines: &mut Vec<String>, title: &str, mark: char, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    let more = entries.len().saturating_sub(MOST);
    lines.push(format!("{title}:"));
    lines.extend(entries.iter().take(MOST).map(|entry| format!("  {mark} {entry}")));
    if more > 0 {
        lines.push(format!("  … and {more} more (--json has all)"));
    }
}

fn listener(l: &Listener) -> String {
    let who = l.process_name.as_deref().unwrap_or("an unknown process");
    format!("{} {} port {} by {who}", l.protocol, l.local_addr, l.local_port)
}

fn program(p: &Program) -> String {
    let (exe, user) =
        (p.exe.as_deref().unwrap_or("unknown path"), p.username.as_deref().unwrap_or("unknown user"));
    format!("{} ({exe}, as {user})", p.process_name)
}

fn parent(p: &Parent) -> String {
    format!("{} started {}", p.parent_name, p.process_name)
}

/// One line per program and port, so that a scan takes one line.
fn destinations(all: &[Destination]) -> Vec<String> {
    let mut grouped = BTreeMap::<(&str, u16, &str), Vec<String>>::new();
    for d in all {
        let who =
            d.process_name.as_ref().or(d.local_addr.as_ref()).map_or("an unknown process", String::as_str);
        grouped.entry((who, d.remote_port, &d.protocol)).or_default().push(place(d));
    }
    let line = |((who, port, protocol), places): ((&str, u16, &str), Vec<String>)| {
        let more = places.len().saturating_sub(MOST_PLACES);
        let shown = places.iter().take(MOST_PLACES).cloned().collect::<Vec<_>>().join(", ");
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{who} to {protocol} port {port} of {shown}{rest}")
    };
    grouped.into_iter().map(line).collect()
}

fn place(d: &Destination) -> String {
    let addr = d.remote_addrs.first().map_or(humanize::UNKNOWN, String::as_str);
    match (&d.remote_name, d.remote_addrs.len()) {
        (None, _) => addr.to_owned(),
        (Some(name), 1) => format!("{name} ({addr})"),
        (Some(name), number) => format!("{name} ({number} addresses)"),
    }
}

fn hashes(hashes: &[String]) -> String {
    let short = |hash: &String| hash.chars().take(HASH_CHARS).collect::<String>();
    hashes.iter().map(short).collect::<Vec<_>>().join(", ")
}
