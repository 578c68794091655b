//! Tests of the screen's appearance.

use std::collections::BTreeSet;

use super::*;

#[test]
fn the_panels_look_as_in_the_files() {
    let mut state = state();
    for width in [80, 110, 130, 160, 200] {
        for (key, name) in
            [("1", "connections"), ("2", "processes"), ("3", "destinations"), ("4", "findings")]
        {
            press(&mut state, key);
            check_screen(&format!("{name}-{width}"), &mut state, (width, 24));
        }
    }
    press(&mut state, "1?");
    check_screen("help-80", &mut state, (80, 24));
    check_screen("help-160", &mut state, (160, 50));
    press(&mut state, "qo");
    check_screen("columns-80", &mut state, (80, 24));
}

#[test]
fn groups_look_as_in_the_file() {
    let mut state = state();
    press(&mut state, "b");
    check_screen("grouped-by-process-110", &mut state, (110, 24));
    press(&mut state, "b");
    check_screen("grouped-by-destination-80", &mut state, (80, 24));
}

#[test]
fn everything_about_a_connection_looks_as_in_the_file() {
    let mut state = state();
    press(&mut state, "/port:443\n");
    assert_eq!(press(&mut state, "\n"), Some(Request::Detail(3)));
    let (_, now) = samples();
    let row = now.rows.iter().find(|row| row.conn_id == 3).unwrap();
    let opened = Row { kind: Kind::Opened, ts_us: row.ts_us - 250_000, ..row.clone() };
    state.detail.as_mut().unwrap().rows = Some(Ok(vec![opened, row.clone()]));
    check_screen("detail-80", &mut state, (80, 24));
    press(&mut state, "\u{1b}");
    assert_eq!(state.mode, Mode::Normal);
}

#[test]
fn a_screen_of_any_size_is_drawn() {
    let mut state = state();
    for keys in ["1", "2", "3", "4", "1?", "qo", "qb", "\u{1b}jj\n"] {
        press(&mut state, keys);
        for size in [(1, 1), (2, 1), (3, 2), (9, 9), (20, 4), (79, 5), (300, 100)] {
            assert!(!draw(&mut state, size).is_empty());
        }
    }
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let screen = draw(&mut state(), (160, 24));
    assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{screen}");
    assert!(screen.contains("u{1b}"), "{screen}");
}

#[test]
fn without_utf8_everything_is_ascii() {
    let mut state = state();
    let ascii = Theme { is_ascii: true, ..PLAIN };
    for keys in ["1", "2", "3", "4", "1b", "?", "qo"] {
        press(&mut state, keys);
        for width in [80, 160] {
            let screen = draw_with(&mut state, ascii, (width, 24));
            assert!(screen.is_ascii(), "{screen}");
        }
    }
    press(&mut state, "q1");
    let screen = draw_with(&mut state, ascii, (80, 24));
    assert!(screen.contains("\\u{1b}"), "{screen}");
}

#[test]
fn no_name_of_a_process_is_cut_in_its_middle() {
    let mut state = state();
    let (_, mut now) = samples();
    // The longest name that Linux allows.
    now.rows[0].owner = Some(owner(7, 1, "python3.11-abcd"));
    state.show(now, None);
    for width in [80, 110, 130, 160, 200] {
        press(&mut state, "1");
        assert!(draw(&mut state, (width, 24)).contains("python3.11-abcd"), "{width}");
        press(&mut state, "2");
        assert!(draw(&mut state, (width, 24)).contains("python3.11-abcd"), "{width}");
    }
}

#[test]
fn a_long_list_has_a_scrollbar_and_the_selected_line_stays_in_sight() {
    let mut state = state();
    let (_, mut now) = samples();
    let rows = (100..200).map(|id| row(id, 5, "198.51.100.7:443", &owner(300, 1, "curl"), (0, 0)));
    now.rows.extend(rows);
    state.show(now, None);
    let screen = draw(&mut state, (80, 24));
    let has_bar = |line: &str| line.chars().count() == 80 && line.ends_with(['█', '│']);
    assert_eq!(screen.lines().skip(5).filter(|line| has_bar(line)).count(), 18, "{screen}");
    assert!(screen.contains("1/105"), "{screen}");
    press(&mut state, &"j".repeat(60));
    assert!(draw(&mut state, (80, 24)).contains("61/105"));
    let first = state.hits.first;
    assert!((first..first + 18).contains(&60), "{first}");
    press(&mut state, "k");
    draw(&mut state, (80, 24));
    assert_eq!(state.hits.first, first, "the page stays while the selection moves in it");
    state.press(KeyEvent::new(KeyCode::PageDown, KeyModifiers::NONE));
    assert_eq!(state.selected, 59 + 17);
}

#[test]
fn the_live_host_looks_as_in_the_files() {
    let mut state = live();
    check_screen("watch", &mut state, (80, 24));
    press(&mut state, "4");
    check_screen("watch-nothing-found", &mut state, (80, 24));
    if let Some(live) = &mut state.live {
        live.recording = Some(("live.parquet".to_owned(), START_US));
    }
    let found = || vec![mark(3, Severity::Medium, "port-scan", "nmap scanned 20 ports of 10.77.0.2")];
    state.find_more(found());
    let told = "new finding: medium port-scan: nmap scanned 20 ports of 10.77.0.2";
    assert_eq!(state.message.take().as_deref(), Some(told));
    state.find_more(found());
    assert_eq!(state.message, None, "it is told once");
    check_screen("watch-recording", &mut state, (80, 24));
}

#[test]
fn the_selected_line_has_one_background_from_end_to_end() {
    let mut state = state();
    press(&mut state, "1jj");
    let theme = Theme { has_colours: true, is_ascii: false };
    let mut terminal = Terminal::new(TestBackend::new(160, 24)).unwrap();
    terminal.draw(|frame| drop(screen::draw(frame, &state, theme))).unwrap();
    let buffer = terminal.backend().buffer();
    let is_reversed = |y: u16| buffer[(4, y)].modifier.contains(ratatui::style::Modifier::REVERSED);
    let row = (4..24).find(|y| is_reversed(*y)).expect("a line is selected");
    let colours: BTreeSet<String> = (0..150).map(|x| format!("{:?}", buffer[(x, row)].fg)).collect();
    assert_eq!(colours.len(), 1, "{colours:?}");
}
