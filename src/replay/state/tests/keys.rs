//! Tests of keys and the mouse.

use super::*;

#[test]
fn what_was_opened_and_closed_is_marked_and_rates_are_between_two_ticks() {
    let state = state();
    let of = |conn_id| state.lines().iter().find(|line| line.row.conn_id == conn_id).unwrap();
    assert_eq!(
        [1, 3, 4].map(|id| of(id).change),
        [view::Change::Stays, view::Change::Opened, view::Change::Closed]
    );
    assert_eq!(of(2).sent_per_s, Some(250_000.0));
    assert_eq!(of(3).received_per_s, Some(1_200_000.0));
}

#[test]
fn keys_ask_for_moments() {
    let mut state = state();
    let at = |s: i64| Some(Request::Show(Position::Time(START_US + s * 1_000_000)));
    assert_eq!(press(&mut state, "g"), at(0));
    assert_eq!(press(&mut state, "G"), at(600));
    assert_eq!(press(&mut state, "l"), Some(Request::Step(Step::Forward)));
    assert_eq!(press(&mut state, "t10:02\n"), at(120));
    assert_eq!(press(&mut state, "t+30s\n"), at(35));
    assert_eq!(press(&mut state, "t09:00\n"), None);
    let refused = state.message.take().unwrap();
    assert_eq!(refused, "before the recording: 2026-06-01T10:00:00Z to 10:10:00Z");
    assert_eq!(press(&mut state, "tnoon\n"), None);
    assert!(state.message.as_deref().unwrap().contains("14:02"));
    assert_eq!(press(&mut state, "q"), Some(Request::Quit));
}

#[test]
fn a_finding_is_a_moment_and_its_process_a_filter() {
    let mut state = state();
    assert_eq!(press(&mut state, "4\n"), Some(Request::Show(Position::Time(START_US + 5_000_000))));
    assert!(state.message.as_deref().unwrap().contains("nmap tried 20 ports"));
    press(&mut state, "2jj\n");
    assert_eq!((state.panel, state.filter.text()), (Panel::Connections, "pid:300"));
    assert_eq!(state.marks().len(), 2);
    assert_eq!(state.lines().len(), 1);
}

#[test]
fn every_finding_is_visited_also_several_of_one_moment() {
    let mut state = state();
    let at = |s: i64| Some(Request::Show(Position::Time(START_US + s * 1_000_000)));
    let mut marks = state.marks().to_vec();
    marks.insert(1, mark(5, Severity::Medium, "burst", "nmap opened 20 connections in 1 s"));
    marks.insert(1, mark(5, Severity::Low, "unusual-port", "nmap talks to port 4444"));
    state.find(Findings::Found(marks));
    let mut visited = Vec::new();
    for moment in [5, 5, 5, 300] {
        assert_eq!(press(&mut state, "n"), at(moment));
        visited.push(state.message.clone().unwrap().split(", ").next().unwrap().to_owned());
    }
    assert_eq!(visited, ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]);
    assert_eq!((press(&mut state, "n"), state.message.as_deref()), (None, Some("this is the last finding")));
    assert_eq!(press(&mut state, "N"), at(5));
    assert!(state.message.as_deref().unwrap().starts_with("3 of 4"));
    // From elsewhere, the time decides.
    press(&mut state, "g");
    assert_eq!(press(&mut state, "n"), at(5));
    assert!(state.message.as_deref().unwrap().starts_with("1 of 4"));
}

#[test]
fn q_goes_back_from_what_is_over_a_panel_and_ends_only_there() {
    let mut state = state();
    for open in ["?", "o", "jj\n"] {
        press(&mut state, open);
        assert_ne!(state.mode, Mode::Normal, "{open}");
        assert_eq!((press(&mut state, "q"), state.mode.clone()), (None, Mode::Normal), "{open}");
    }
    assert_eq!(press(&mut state, "q"), Some(Request::Quit));
    press(&mut state, "?");
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(state.press(interrupt), Some(Request::Quit));
    let suspend = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
    press(&mut state, "q/por");
    assert_eq!(state.press(suspend), Some(Request::Suspend));
    assert_eq!(state.mode, Mode::Filter("por".to_owned()));
}

#[test]
fn every_panel_is_sorted_by_the_columns_that_are_shown() {
    let mut state = state();
    let title = |state: &State| state.message.clone().unwrap();
    for (panel, titles) in [
        ("1", &["change", "STATE", "LOCAL", "REMOTE", "SENT/s", "RECV/s", "PROCESS", "changes first"][..]),
        ("2", &["PID", "PROCESS", "SOCKETS", "SENT/s"]),
        ("3", &["ADDRESS"]),
        ("4", &["TIME (UTC)", "SEVERITY"]),
    ] {
        press(&mut state, panel);
        draw(&mut state, (80, 24));
        for expected in titles {
            press(&mut state, "s");
            assert_eq!(title(&state), format!("sorted by {expected}"));
        }
    }
    press(&mut state, "1");
    draw(&mut state, (80, 24));
    press(&mut state, "sssss");
    let rates: Vec<_> = state.lines().iter().map(|line| line.sent_per_s.unwrap()).collect();
    assert!(rates.is_sorted_by(|a, b| a >= b), "{rates:?}");
    assert!(draw(&mut state, (80, 24)).contains("SENT/s▼"));
    press(&mut state, "S");
    assert!(draw(&mut state, (80, 24)).contains("SENT/s▲"));
    let rates: Vec<_> = state.lines().iter().map(|line| line.sent_per_s.unwrap()).collect();
    assert!(rates.is_sorted(), "{rates:?}");
}

#[test]
fn columns_are_chosen_and_the_choice_is_kept() {
    let mut state = state();
    assert!(!draw(&mut state, (80, 24)).contains("PID"));
    press(&mut state, "o");
    draw(&mut state, (80, 24));
    let pid = heads(Panel::Connections).iter().position(|head| head.title == "PID").unwrap();
    press(&mut state, &"j".repeat(pid));
    press(&mut state, " q");
    let screen = draw(&mut state, (80, 24));
    assert!(screen.contains("PID") && screen.contains("300"), "{screen}");
    press(&mut state, "o ");
    press(&mut state, "q");
    let screen = draw(&mut state, (80, 24));
    assert!(!screen.contains("\n+ "), "the first column is hidden: {screen}");
    press(&mut state, "oaq");
    assert!(!draw(&mut state, (80, 24)).contains("PID"));
}

#[test]
fn a_group_is_folded_and_its_connections_come_back() {
    let mut state = state();
    press(&mut state, "b");
    assert_eq!(state.items().len(), 5 + 5, "each process has one connection");
    assert_eq!(press(&mut state, "\n"), None);
    assert_eq!(state.items().len(), 5 + 4);
    press(&mut state, "\n");
    assert_eq!(state.items().len(), 5 + 5);
    press(&mut state, "bb");
    assert_eq!(state.items().len(), 1 + 5, "no container is known");
    press(&mut state, "b");
    assert_eq!((state.grouping, state.items().len()), (Grouping::None, 5));
}

#[test]
fn the_mouse_selects_opens_sorts_and_goes_to_a_time() {
    let mut state = state();
    draw(&mut state, (80, 24));
    let hits = state.hits.clone();
    state.click(hits.body.x + 5, hits.body.y + 2);
    assert_eq!(state.selected, 2);
    assert!(matches!(state.click(hits.body.x + 5, hits.body.y + 2), Some(Request::Detail(_))));
    press(&mut state, "\u{1b}");
    draw(&mut state, (80, 24));
    let (head, column) = *state.hits.heads.last().unwrap();
    state.click(head.x, head.y);
    assert_eq!(state.table().sort.column, Some(column));
    state.click(head.x, head.y);
    assert!(state.table().sort.is_reversed);
    state.scroll(true);
    state.scroll(true);
    assert_eq!(state.selected, 4, "there are five lines");
    state.click(hits.tabs[1].x, hits.tabs[1].y);
    assert_eq!(state.panel, Panel::Processes);
    draw(&mut state, (80, 24));
    assert_eq!(state.click(79, 1), Some(Request::Show(Position::Time(END_US))));
    assert_eq!(state.click(0, 2), Some(Request::Show(Position::Time(START_US))));
    assert_eq!(state.click(hits.body.x, 22), None, "below the last line is nothing");
}

#[test]
fn a_line_is_copied_as_a_sentence() {
    let mut state = state();
    press(&mut state, "/port:443\n");
    let Some(Request::Copy(text)) = press(&mut state, "y") else { panic!() };
    let expected = "2026-06-01T10:00:05Z tcp 10.0.0.1:40003 → 93.184.216.34:443, connection 3, ESTABLISHED, curl (pid 300)";
    assert_eq!(text, expected);
    assert_eq!(press(&mut state, "Y"), Some(Request::Copy(state.command())));
    press(&mut state, "\u{1b}/port:4444\n");
    let Some(Request::Copy(text)) = press(&mut state, "y") else { panic!() };
    assert!(text.ends_with(r"a\u{1b}[31mb\u{202e}c (pid 500)"), "{text}");
    let Some(Request::Copy(text)) = press(&mut state, "4y") else { panic!() };
    assert_eq!(text, "2026-06-01T10:00:05Z high port-scan: nmap tried 20 ports of 10.77.0.2");
    press(&mut state, "1\u{1b}/port:9\n");
    assert_eq!((press(&mut state, "y"), state.message.is_some()), (None, true));
}

#[test]
fn a_wrong_filter_stays_to_be_mended_and_says_why() {
    let mut state = state();
    press(&mut state, "/proces:curl\n");
    assert_eq!(state.mode, Mode::Filter("proces:curl".to_owned()));
    assert!(state.message.as_deref().unwrap().contains("did you mean process?"));
    assert_eq!(state.lines().len(), 5);
}

#[test]
fn playing_goes_on_by_its_speed_and_stops_at_the_end() {
    let mut state = state();
    assert_eq!(state.pass(Duration::from_secs(1)), None, "it is paused");
    press(&mut state, " ++");
    let to = |s: i64| Some(Request::PlayTo(START_US + s * 1_000_000));
    assert_eq!(state.pass(Duration::from_secs(2)), to(5 + 8));
    assert_eq!(state.pass(Duration::from_secs(1)), to(5 + 12));
    assert_eq!(state.pass(Duration::from_secs(9999)), to(600));
    assert!(!state.is_playing);
}

#[test]
fn the_command_shows_this_moment_with_this_filter() {
    let mut state = state();
    press(&mut state, "/process:curl port:443\n");
    let expected =
        "netrec replay web-01.parquet --at 2026-06-01T10:00:05.000000Z --filter='process:curl port:443'";
    assert_eq!(state.command(), expected);
}

#[test]
fn without_a_snapshot_before_nothing_is_gone_but_what_says_so() {
    let (_, mut slice) = samples();
    slice.rows.clear();
    let mut opened = slice.events[0].clone();
    (opened.conn_id, opened.kind) = (8, Kind::Opened);
    slice.events.push(opened);
    let lines = view::connections(&slice, None, &Filter::default());
    let changes: Vec<_> = lines.iter().map(|line| (line.row.conn_id, line.change)).collect();
    assert_eq!(changes, [(4, view::Change::Closed), (8, view::Change::Opened)]);
}
