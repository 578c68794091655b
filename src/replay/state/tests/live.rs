//! Tests with the live host.

use super::*;

#[test]
fn the_live_host_is_followed_until_one_stops_to_look() {
    let mut state = live();
    let newest = Some(Request::Show(Position::Time(i64::MAX)));
    assert_eq!((state.sample.tick, state.previous.as_ref().map(|sample| sample.tick)), (5, Some(4)));
    assert_eq!(state.pass(Duration::from_secs(9)), None, "the host has its own time");
    press(&mut state, " ");
    let (_, mut later) = samples();
    (later.tick, later.ts_us) = (6, later.ts_us + 1_000_000);
    state.follow(later);
    assert_eq!(state.sample.tick, 5, "it is paused");
    assert_eq!(press(&mut state, " "), newest);
    assert!(state.is_playing);
    press(&mut state, "h");
    assert_eq!((state.is_playing, press(&mut state, "G")), (false, newest));
    assert_eq!(press(&mut state, "r"), Some(Request::ToggleRecording));
    assert_eq!(press(&mut state, "+"), None);
    assert!(state.message.as_deref().unwrap().contains("does not apply to a live host"));
}

#[test]
fn the_rows_of_a_live_connection_go_on() {
    let mut state = live();
    press(&mut state, "/port:443\n");
    assert_eq!(press(&mut state, "\n"), Some(Request::Detail(3)));
    state.detail.as_mut().unwrap().rows = Some(Ok(Vec::new()));
    let (_, mut later) = samples();
    (later.tick, later.ts_us) = (6, later.ts_us + 1_000_000);
    state.follow(later);
    assert_eq!(state.detail.unwrap().rows.unwrap().unwrap().len(), 1);
}

#[test]
fn the_command_of_the_live_host_names_the_file_that_is_recorded() {
    let mut state = live();
    press(&mut state, "/port:443\n");
    assert_eq!(state.command(), "netrec watch --filter=port:443");
    if let Some(live) = &mut state.live {
        live.recording = Some(("a b.parquet".to_owned(), START_US));
    }
    let expected = "netrec replay 'a b.parquet' --at 2026-06-01T10:00:05.000000Z --filter=port:443";
    assert_eq!(state.command(), expected);
}

#[test]
fn a_chosen_line_stays_chosen_when_others_come_before_it() {
    let mut state = live();
    press(&mut state, "jjj");
    let chosen = state.lines()[state.selected].row.conn_id;
    assert_eq!(state.selected, 3);
    let (_, mut later) = samples();
    (later.tick, later.ts_us) = (6, later.ts_us + 1_000_000);
    let new = row(9, 6, "203.0.113.9:80", &owner(900, 1, "wget"), (0, 0));
    later.rows.push(new);
    state.follow(later);
    assert_eq!(state.lines()[state.selected].row.conn_id, chosen);
}
