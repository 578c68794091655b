use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::arrivals::Arrivals;
use super::*;
use crate::model::finding::{Finding, Severity};
use crate::model::frame::Float64Type;
use crate::model::testing::{Capture, Conn, Facts, measured, the_only};
use crate::model::view::{Numbers, Words};

/// Of starts at whole seconds, as snapshots of a second see them.
pub(super) fn by_seconds(seconds: impl IntoIterator<Item = i64>) -> Arrivals {
    const SECOND_US: i64 = 1_000_000;
    let starts: Vec<i64> = seconds.into_iter().map(|second| second * SECOND_US).collect();
    Arrivals::by_ticks(&starts, 0, SECOND_US).unwrap()
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (f64::from(rng.next_u32()) + 0.5) / (f64::from(u32::MAX) + 1.0)
}

/// When a snapshot at every whole second sees it first.
fn tick(at_s: f64) -> f64 {
    at_s.ceil()
}

fn c2() -> Conn {
    Conn::to("203.0.113.66", 443).by("kworker", 666).bytes(180, 420)
}

fn findings(capture: &Capture) -> Vec<Finding> {
    let mut capture = capture.clone();
    capture.process(666, Facts { exe: Some("/tmp/.x/kworker"), ..Facts::default() });
    capture.run::<Beacon>().findings
}

#[track_caller]
fn only(capture: &Capture) -> Finding {
    the_only(findings(capture))
}

/// A pair without a rhythm: arrivals without memory.
fn add_noise(capture: &mut Capture, rng: &mut ChaCha8Rng, conn: &Conn, rate: f64, seconds: f64) {
    let mut at = 0.0;
    loop {
        at -= uniform(rng).ln() / rate;
        if at > seconds {
            return;
        }
        let sent = 100 + u64::from(rng.next_u32() % 5_000);
        capture.add(conn.clone().at(tick(at)).bytes(sent, 3_000));
    }
}

#[test]
fn two_seconds_for_a_minute_at_one_second_ticks() {
    let mut capture = Capture::new(60);
    for n in 0..30 {
        capture.add(c2().at(tick(f64::from(n) * 2.02 + 0.4)));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "kworker contacts 203.0.113.66 port 443 every 2 s");
    assert_eq!(finding.judgement.severity, Severity::High);
    assert_eq!(finding.judgement.attack, ["T1071.001"]);
    assert!((measured(&finding, "period") - 2.0).abs() < 1e-9);
    assert!(measured(&finding, "q-value") <= 0.01);
    assert_eq!(finding.evidence.connections_total, 30);
}

#[test]
fn a_minute_with_twenty_percent_jitter_and_missed_check_ins_is_found_every_time() {
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut capture = Capture::new(3_600);
        let mut at = 10.0;
        while at < 3_590.0 {
            if uniform(&mut rng) > 0.1 {
                capture.add(c2().at(tick(at)));
            }
            at += 60.0 * (0.8 + 0.4 * uniform(&mut rng));
        }
        let finding = only(&capture);
        assert!((measured(&finding, "period") - 60.0).abs() < 8.0, "seed {seed}");
        assert!(measured(&finding, "missed") >= 1.0, "seed {seed}");
    }
}

#[test]
fn a_beacon_in_a_small_part_of_a_long_recording_is_found() {
    let mut capture = Capture::new(7_200);
    for n in 0..30 {
        capture.add(c2().at(3_000.0 + f64::from(n) * 5.0));
    }
    assert!((measured(&only(&capture), "period") - 5.0).abs() < 1e-9);
}

#[test]
fn a_beacon_among_noise_is_the_only_finding() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut capture = Capture::new(1_800);
    for host in 1..=100 {
        let conn = Conn::to(&format!("198.51.100.{host}"), 443).by("firefox", 1);
        add_noise(&mut capture, &mut rng, &conn, 0.02, 1_800.0);
    }
    for n in 0..60 {
        capture.add(c2().at(tick(f64::from(n) * 30.0 + 2.0 * uniform(&mut rng))));
    }
    assert_eq!(only(&capture).judgement.entities.process_name.as_deref(), Some("kworker"));
}

#[test]
fn pure_noise_is_quiet_in_at_least_99_of_100_pairs() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let (mut tested, mut found) = (0, 0);
    // Many captures, so that the control over all pairs of one does not hide a bad test.
    for capture_number in 0..60 {
        let mut capture = Capture::new(900);
        for host in 1..=5 {
            let rate = [0.01, 0.02, 0.05, 0.1, 0.4][capture_number % 5];
            let conn = Conn::to(&format!("198.51.100.{host}"), 443).by("firefox", 1);
            add_noise(&mut capture, &mut rng, &conn, rate, 900.0);
        }
        let output = capture.run::<Beacon>();
        tested += output.tables[0].1.height();
        found += output.findings.len();
    }
    assert!(tested >= 280, "{tested}");
    assert!(found * 100 <= tested, "{found} of {tested}");
}

#[test]
fn a_busy_process_is_no_beacon() {
    let mut capture = Capture::new(120);
    for n in 0..1_200 {
        capture.add(Conn::to("10.0.0.5", 8080).by("wrk", 1).at(tick(f64::from(n) / 10.0)));
    }
    assert!(findings(&capture).is_empty());
}

#[test]
fn a_normal_host_is_quiet() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut capture = Capture::new(600);
    capture.add(Conn::listener(22));
    capture.add(Conn::to("203.0.113.1", 22).by("ssh", 5).standing());
    for visit in 0..12 {
        let start = uniform(&mut rng) * 590.0;
        for n in 0..8 {
            let conn = Conn::to(&format!("203.0.113.{}", visit % 4 + 1), 443).by("firefox", 1);
            capture.add(conn.at(tick(start + f64::from(n) * uniform(&mut rng))));
        }
    }
    assert!(findings(&capture).is_empty());
}

#[test]
fn the_accepting_side_inside_the_host_is_not_reported() {
    let mut capture = Capture::new(60);
    capture.add(Conn::listener(9_000));
    for n in 0..30 {
        let (at, port) = (f64::from(n) * 2.0, 40_000 + n as u16);
        capture.add(Conn::to("127.0.0.1", 9_000).local_port(port).internal().by("client", 1).at(at));
        capture.add(Conn::to("127.0.0.1", port).local_port(9_000).internal().by("server", 2).at(at));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.entities.process_name.as_deref(), Some("client"));
    assert_eq!(finding.judgement.severity, Severity::Info);
}

#[test]
fn connections_from_before_the_recording_do_not_count() {
    let mut capture = Capture::new(600);
    for n in 0..20 {
        capture.add(c2().standing().at(f64::from(n) * 30.0));
    }
    assert!(findings(&capture).is_empty());
}

#[test]
fn a_rhythm_from_outside_is_info_unless_the_program_is_suspicious() {
    let contacted = |exe: Option<&'static str>| {
        let mut capture = Capture::new(600);
        capture.process(7, Facts { exe, ..Facts::default() });
        for n in 0..20_u16 {
            let check = Conn::to("203.0.113.7", 50_000 + n).local_port(9100).inbound().by("exporter", 7);
            capture.add(check.at(f64::from(n) * 30.0));
        }
        the_only(findings(&capture)).judgement
    };
    let ordinary = contacted(None);
    assert_eq!(ordinary.severity, Severity::Info);
    assert!(
        ordinary.title.starts_with("exporter is contacted by 203.0.113.7 on port 9100"),
        "{}",
        ordinary.title
    );
    assert_eq!(contacted(Some("/tmp/.x/exporter")).severity, Severity::Medium);
}

#[test]
fn several_attempts_of_one_check_in_count_once() {
    let mut capture = Capture::new(3_000);
    for n in 0..40_u32 {
        let at = f64::from(n) * 60.0;
        // One address after the other, and a retry now and then.
        let attempts = [0.0, 0.3, 3.1].into_iter().take(1 + (n * 7 % 3) as usize);
        for attempt in attempts {
            capture.add(c2().exactly_at(at + attempt));
        }
    }
    let finding = the_only(findings(&capture));
    assert!(
        finding.judgement.title.contains("every 60 s") || finding.judgement.title.contains("every 1 min"),
        "{}",
        finding.judgement.title
    );
}

#[test]
fn a_new_name_at_every_check_in_is_found_by_the_destination() {
    let mut capture = Capture::new(600);
    for n in 0..20 {
        let conn = if n % 3 == 0 { c2().unowned() } else { c2().by(&format!("tmp{n}"), 500 + n) };
        capture.add(conn.at(f64::from(n) * 30.0));
    }
    let finding = only(&capture);
    assert_eq!(
        finding.judgement.title,
        "Several processes together contact 203.0.113.66 port 443 every 30 s"
    );
    assert_eq!(finding.judgement.entities.process_name, None);
}

#[test]
fn one_beacon_and_a_visitor_to_the_same_place_are_one_finding() {
    let mut capture = Capture::new(600);
    for n in 0..20 {
        capture.add(c2().at(f64::from(n) * 30.0));
    }
    capture.add(c2().by("firefox", 1).at(100.0));
    assert!(only(&capture).judgement.title.starts_with("kworker"));
}

/// Twenty check-ins at intervals of half a minute.
fn every_half_minute(conn: &Conn) -> Capture {
    let mut capture = Capture::new(600);
    for n in 0..20 {
        capture.add(conn.clone().at(f64::from(n) * 30.0));
    }
    capture
}

#[test]
fn an_update_check_of_an_ordinary_program_is_periodic_and_not_suspicious() {
    let finding = only(&every_half_minute(&Conn::to("203.0.113.66", 443).by("curl", 7)));
    assert_eq!(finding.judgement.severity, Severity::Low);
    assert!(finding.judgement.attack.is_empty());
    assert!(finding.judgement.explanation.contains("The only unusual thing is the regular timing"));
    assert!((measured(&finding, "weight of the evidence") - 1.0).abs() < 1e-9);
}

#[test]
fn an_unknown_owner_is_no_sign() {
    let finding = only(&every_half_minute(&Conn::to("203.0.113.66", 443).unowned()));
    assert_eq!(finding.judgement.severity, Severity::Low);
}

#[test]
fn a_name_with_many_addresses_is_one_destination_and_stands_in_the_title() {
    let mut capture = Capture::new(600);
    for n in 0..20 {
        let conn = Conn::to(&format!("203.0.113.{}", n % 7), 443).by("app", 7).named("cdn.example.org");
        capture.add(conn.at(f64::from(n) * 30.0));
    }
    assert_eq!(
        only(&capture).judgement.title,
        "app contacts cdn.example.org (203.0.113.0) port 443 every 30 s"
    );
}

#[test]
fn behind_a_proxy_a_beacon_is_known_by_the_name_that_it_asks_for() {
    let mut capture = Capture::new(1_800);
    for n in 0..50 {
        let proxied = Conn::to("10.0.0.9", 3_128).by("app", 7);
        capture.add(proxied.named("c2.example.org").at(f64::from(n) * 30.0));
    }
    for second in [17.0, 71.0, 333.0, 334.0, 335.0] {
        capture.add(Conn::to("10.0.0.9", 3_128).by("app", 7).named("www.example.org").at(second));
    }
    assert_eq!(only(&capture).judgement.title, "app contacts c2.example.org (10.0.0.9) port 3128 every 30 s");
}

#[test]
fn a_beacon_of_the_first_hours_of_a_long_recording_is_found_and_counted_as_a_whole() {
    let mut capture = Capture::new(5 * 86_400);
    for n in 0..60 {
        capture.add(c2().at(40_000.0 + f64::from(n) * 1_200.0));
    }
    let finding = only(&capture);
    assert!((measured(&finding, "connections") - 60.0).abs() < 1e-9);
    assert!((measured(&finding, "period") - 1_200.0).abs() < 1e-9);
}

#[test]
fn a_rhythm_of_a_whole_days_log_is_kept_day_and_night_and_that_of_a_working_day_is_not() {
    let says = |starts: u32| {
        let mut capture = Capture::new(86_400);
        for n in 0..starts {
            capture.add(Conn::to("203.0.113.66", 443).unowned().at(f64::from(n) * 300.0));
        }
        only(&capture).judgement.explanation.contains("day and night")
    };
    assert!(says(288), "a check-in every five minutes of the day");
    assert!(!says(144), "twelve hours");
    let with_gaps = |every: u32| {
        let mut capture = Capture::new(86_400);
        for n in (0..288).filter(|n| n % every != 3) {
            capture.add(Conn::to("203.0.113.66", 443).unowned().at(f64::from(n) * 300.0));
        }
        only(&capture).judgement.explanation.contains("day and night")
    };
    assert!(with_gaps(20), "one in twenty is missing");
    assert!(!with_gaps(5), "one in five is missing");
}

#[test]
fn health_checks_inside_the_host_and_installed_agents_are_information() {
    let within = Conn::to("127.0.0.1", 8_080).internal().by("curl", 7);
    let finding = only(&every_half_minute(&within));
    assert_eq!(finding.judgement.severity, Severity::Info);
    assert!(finding.judgement.explanation.contains("it stays inside the host"));
    let finding = only(&every_half_minute(&Conn::to("203.0.113.66", 443).by("telegraf", 8)));
    assert_eq!(finding.judgement.severity, Severity::Info);
    assert!(finding.judgement.explanation.contains("installed agent"));
}

#[test]
fn exact_starts_show_two_seconds_with_jitter_at_any_interval() {
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut capture, mut at) = (Capture::new(40), 1.0);
        for _ in 0..12 {
            capture.add(c2().exactly_at(at));
            at += 2.0 * (0.8 + 0.4 * uniform(&mut rng));
        }
        let finding = only(&capture);
        assert!((measured(&finding, "period") - 2.0).abs() < 0.4, "seed {seed}");
    }
}

#[test]
fn exact_starts_between_two_snapshots_keep_their_own_period() {
    let mut capture = Capture::new(120);
    capture.every(25);
    for n in 0..40 {
        capture.add(c2().exactly_at(1.0 + 2.5 * f64::from(n)));
    }
    assert!((measured(&only(&capture), "period") - 2.5).abs() < 1e-6);
}

/// A connection that stays, in which something is sent at intervals of 50 s ± 33 %.
fn talk(conn: &Conn, seed: u64) -> Conn {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut at = 10.0;
    let moments: Vec<f64> = (0..30)
        .map(|_| {
            at += 50.0 * (0.67 + 0.66 * uniform(&mut rng));
            tick(at)
        })
        .collect();
    conn.clone().standing().lasting(1_800.0).sending_at(moments)
}

#[test]
fn check_ins_inside_one_connection_are_found() {
    for seed in 0..20 {
        let mut capture = Capture::new(1_800);
        capture.add(talk(&c2(), seed));
        let finding = only(&capture);
        let title = &finding.judgement.title;
        assert!(title.starts_with("kworker sends to 203.0.113.66 port 443 every"), "seed {seed}: {title}");
        assert!(title.ends_with(", in one connection"), "{title}");
        assert_eq!(finding.judgement.severity, Severity::Medium);
        assert!((measured(&finding, "period") - 50.0).abs() < 10.0, "seed {seed}");
        assert_eq!(finding.evidence.connections_total, 1);
    }
}

#[test]
fn what_keeps_a_connection_of_an_ordinary_program_open_is_information() {
    let mut capture = Capture::new(1_800);
    capture.add(talk(&Conn::to("203.0.113.66", 443).by("slack", 7), 1));
    let finding = only(&capture);
    assert_eq!(finding.judgement.severity, Severity::Info);
    assert!(finding.judgement.explanation.contains("to keep a connection open"));
}

/// Keep-alives of a few seconds are real clocks, and a busy host has thousands of them.
#[test]
fn clocks_of_too_short_a_period_do_not_make_discoveries_of_chance() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut capture = Capture::new(20_000);
    for n in 0..600 {
        let keeps_alive = Conn::to(&format!("198.51.{}.{}", n / 200, n % 200 + 1), 443).by("app", 3);
        let every_3_s = (0..60).map(|i| 20.0 + 3.0 * f64::from(i));
        capture.add(keeps_alive.at(1.0).standing().lasting(300.0).sending_at(every_3_s));
        for _ in 0..6 {
            let by_chance = Conn::to(&format!("203.0.{}.{}", n / 200, n % 200 + 1), 443).by("app", 3);
            capture.add(by_chance.at(uniform(&mut rng) * 20_000.0));
        }
    }
    let titles: Vec<_> =
        capture.run::<Beacon>().findings.into_iter().map(|finding| finding.judgement.title).collect();
    assert!(titles.is_empty(), "{titles:?}");
}

#[test]
fn a_conversation_has_no_rhythm_and_that_of_somebody_who_called_is_not_ours() {
    let (mut tested, mut found) = (0, 0);
    for seed in 0..100 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut at, mut moments): (f64, Vec<f64>) = (10.0, Vec::new());
        while moments.len() < 40 {
            at -= uniform(&mut rng).ln() * [5.0, 20.0, 45.0][seed as usize % 3];
            // What follows at the next tick is no new moment.
            if moments.last().is_none_or(|last| tick(at) > last + 1.0) {
                moments.push(tick(at));
            }
        }
        let mut capture = Capture::new(at as i64 + 10);
        capture.add(c2().standing().lasting(at).sending_at(moments));
        let output = capture.run::<Beacon>();
        tested += output.tables[0].1.height();
        found += output.findings.len();
    }
    assert_eq!(tested, 100);
    assert!(found <= 1, "{found} of {tested}");
    let mut capture = Capture::new(1_800);
    capture.add(talk(&c2(), 1).inbound());
    assert!(findings(&capture).is_empty());
}

#[test]
fn of_many_connections_of_a_pair_the_one_that_sent_most_often_is_shown() {
    let mut capture = Capture::new(1_800);
    for seed in 1..6 {
        capture.add(talk(&c2(), seed));
    }
    let longer = (0..40).map(|n| 5.0 + 40.0 * f64::from(n));
    capture.add(c2().standing().lasting(1_700.0).sending_at(longer));
    assert!((measured(&only(&capture), "send times") - 40.0).abs() < 1e-9);
}

#[test]
fn what_is_periodic_by_design_is_information() {
    let mut capture = Capture::new(3_600);
    for n in 0..50 {
        capture.add(Conn::to("203.0.113.123", 123).udp().by("ntpd", 3).uncounted().at(f64::from(n) * 64.0));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.severity, Severity::Info);
    assert!(finding.judgement.explanation.contains("NTP is periodic by design"));
    assert!(finding.judgement.attack.is_empty());
    assert!(finding.judgement.explanation.contains("Sizes were not counted"));
}

#[test]
fn work_in_turns_is_information() {
    let mut capture = Capture::new(600);
    for n in 0..60 {
        capture.add(Conn::to("203.0.113.9", 443).by("wget", 3).lasting(9.0).at(f64::from(n) * 10.0));
    }
    assert_eq!(only(&capture).judgement.severity, Severity::Info);
}

#[test]
fn an_odd_port_is_its_own_technique() {
    let mut capture = Capture::new(600);
    for n in 0..20 {
        capture.add(Conn::to("203.0.113.66", 4_444).by("nc", 9).at(f64::from(n) * 30.0));
    }
    assert_eq!(only(&capture).judgement.attack, ["T1071", "T1571"]);
}

#[test]
fn the_tables_hold_every_tested_pair_and_the_gaps_of_the_first() {
    let mut capture = Capture::new(600);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    add_noise(&mut capture, &mut rng, &Conn::to("198.51.100.1", 443).by("firefox", 1), 0.05, 600.0);
    for n in 0..20 {
        capture.add(c2().at(f64::from(n) * 30.0));
    }
    let output = capture.run::<Beacon>();
    let table = |name: &str| &output.tables.iter().find(|(n, _)| *n == name).unwrap().1;
    let names = Words::of(table("pairs"), "process_name").unwrap();
    assert_eq!((names.get(0), names.get(1)), (Some("kworker"), Some("firefox")));
    let gaps = Numbers::<Float64Type>::of(table("intervals"), "gap_s").unwrap();
    assert_eq!((gaps.get(0), gaps.get(1)), (None, Some(30.0)));
}

#[test]
fn the_limits_say_which_periods_could_be_seen() {
    let output = Capture::new(600).run::<Beacon>();
    assert_eq!(output.limits, ["This capture can show periods from 2 s to 3 min 20 s."]);
    assert_eq!(output.periods, Some(Periods::Between(2.0, 200.0)));
    let output = Capture::new(3).run::<Beacon>();
    assert_eq!(output.limits, ["This capture is too short to detect a period."]);
    assert_eq!(output.periods, Some(Periods::TooShort));
}

#[test]
fn the_same_capture_gives_the_same_findings() {
    let mut capture = Capture::new(600);
    for n in 0..20 {
        capture.add(c2().at(f64::from(n) * 30.0));
    }
    let ids =
        |capture: &Capture| findings(capture).into_iter().map(|f| (f.id, f.evidence)).collect::<Vec<_>>();
    assert_eq!(ids(&capture), ids(&capture));
}

#[test]
fn two_timers_of_a_program_are_two_rhythms() {
    let mut capture = Capture::new(1_800);
    for n in 0..30 {
        capture.add(c2().bytes(180, 420).at(7.0 + 60.0 * f64::from(n)));
    }
    for n in 0..41 {
        capture.add(c2().bytes(40_000, 90).at(31.0 + 43.0 * f64::from(n)));
    }
    let mut found = findings(&capture);
    found.sort_by(|a, b| measured(a, "period").total_cmp(&measured(b, "period")));
    let periods: Vec<f64> = found.iter().map(|finding| measured(finding, "period")).collect();
    assert_eq!(periods, [43.0, 60.0]);
    assert!(found[0].judgement.explanation.contains("that sent about 40 kB"), "{:?}", found[0].judgement);
}

/// A timer of a minute that goes through some servers by address; the first so many never answer.
fn rounds(servers: u8, dead: u8, conn: impl Fn(&str) -> Conn) -> Vec<Finding> {
    let mut capture = Capture::new(4_000);
    // Others are known by their names.
    for n in 0..6_u8 {
        capture.add(Conn::to(&format!("198.51.100.{n}"), 443).named("www.example.org").by("browser", 7));
    }
    for n in 0..60_u8 {
        // In no order, so that none has a rhythm of its own.
        let server = (u32::from(n) * u32::from(n) / 3 % u32::from(servers)) as u8;
        let conn = conn(&format!("203.0.113.{server}")).local_port(50_000 + u16::from(n));
        let conn = conn.at(tick(f64::from(n) * 60.3 + f64::from(n % 3)));
        capture.add(if server < dead { conn.unanswered() } else { conn });
    }
    capture.run::<Beacon>().findings
}

#[test]
fn one_timer_for_a_list_of_servers_is_one_beacon() {
    let finding = the_only(rounds(9, 4, |addr| Conn::to(addr, 443).by("app", 1)));
    assert!(
        finding.judgement.title.starts_with("app contacts 9 addresses in turn on port 443, one every 1 min")
    );
    assert!(finding.judgement.severity >= Severity::Medium, "{}", finding.judgement.explanation);
    assert!(finding.judgement.explanation.contains("of which 4 never answered"));
    assert_eq!(finding.evidence.connections.len(), 60);
}

#[test]
fn the_stations_of_a_list_are_told_with_it() {
    let mut capture = Capture::new(8_000);
    for n in 0..120_u16 {
        let conn = Conn::to(&format!("203.0.113.{}", n % 5), 4_443).by("app", 1).local_port(50_000 + n);
        capture.add(conn.at(tick(f64::from(n) * 60.3)));
    }
    let finding = the_only(capture.run::<Beacon>().findings);
    assert!(finding.judgement.title.starts_with("app contacts 5 addresses in turn on port 4443"));
}

#[test]
fn an_exact_timer_whose_servers_all_answer_is_a_check_of_them() {
    let severity = |dead| {
        let finding = the_only(rounds(9, dead, |addr| Conn::to(addr, 443).by("app", 1)));
        let is_check = finding.judgement.explanation.contains("as a check of servers does");
        (finding.judgement.severity >= Severity::Medium, is_check)
    };
    assert_eq!((severity(0), severity(4)), ((false, true), (true, false)));
}

#[test]
fn the_servers_of_a_list_may_have_ports_of_their_own() {
    let port = |addr: &str| if addr.ends_with(['1', '4', '7']) { 449 } else { 8_080 };
    let finding = the_only(rounds(9, 0, |addr| Conn::to(addr, port(addr)).by("app", 1)));
    assert!(finding.judgement.title.starts_with("app contacts 9 addresses in turn, one every"));
}

#[test]
fn servers_with_names_and_servers_inside_are_no_list() {
    assert!(rounds(9, 0, |addr| Conn::to(addr, 443).named("cdn.example.org").by("app", 1)).len() <= 1);
    let inside = rounds(9, 0, |addr| Conn::to(&addr.replace("203.0.113", "192.168.1"), 443).by("app", 1));
    assert!(inside.iter().all(|finding| !finding.judgement.title.contains("in turn")), "{inside:?}");
}

#[test]
fn a_poll_in_clear_is_a_sign_where_everything_else_is_encrypted() {
    let weight = |encrypted: u8, protocol, name| {
        let conn = Conn::to("203.0.113.66", 80).by("agent", 7).speaking(protocol);
        let mut capture = every_half_minute(&if name { conn.named("poll.example") } else { conn });
        for n in 0..encrypted {
            let conn = Conn::to(&format!("198.51.100.{n}"), 443).named("a.example").by("browser", 1);
            capture.add(conn.speaking("tls").at(f64::from(n)));
        }
        let all = findings(&capture);
        let finding = all.iter().find(|finding| finding.judgement.title.contains("203.0.113.66")).unwrap();
        measured(finding, "weight of the evidence")
    };
    assert!((weight(12, "http", true) - weight(3, "http", true) - 0.5).abs() < 1e-9);
    // At an address without a name, it is one anywhere.
    assert!((weight(12, "http", false) - weight(3, "http", false)).abs() < 1e-9);
    assert!((weight(3, "http", false) - weight(3, "unknown", false) - 0.5).abs() < 1e-9);
}

/// The severity of a hundred check-ins or so at a public address, one a minute.
fn by_the_minute(number: i32, jitter_s: f64, name: Option<&'static str>) -> Severity {
    let mut capture = Capture::new(i64::from(number) * 60 + 60);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut at = 30.0;
    for _ in 0..number {
        let conn = Conn::to("203.0.113.66", 443).unowned().bytes(180, 420);
        let conn = name.map_or_else(|| conn.clone(), |name| conn.clone().named(name));
        capture.add(conn.exactly_at(at));
        at += 60.0 + jitter_s * (2.0 * uniform(&mut rng) - 1.0);
    }
    the_only(capture.run::<Beacon>().findings).judgement.severity
}

#[test]
fn a_long_rhythm_with_jitter_is_medium() {
    assert_eq!(by_the_minute(130, 12.0, None), Severity::Medium);
    // Too few, or an exact clock: a monitor or an update check has as much.
    assert_eq!(by_the_minute(80, 12.0, None), Severity::Low);
    assert_eq!(by_the_minute(130, 0.0, None), Severity::Low);
    assert_eq!(by_the_minute(130, 12.0, Some("telemetry.example.org")), Severity::Medium);
    assert_eq!(by_the_minute(130, 0.0, Some("telemetry.example.org")), Severity::Low);
    assert_eq!(by_the_minute(130, 12.0, Some("security.ubuntu.com")), Severity::Info);
}

/// How bad connections on an exact timer are.
fn severity_of(conn: &Conn, starts: u32, period_s: f64) -> Severity {
    let mut capture = Capture::new((f64::from(starts) * period_s) as i64 + 60);
    for n in 0..starts {
        capture.add(conn.clone().exactly_at(period_s * (f64::from(n) + 0.5)));
    }
    only(&capture).judgement.severity
}

#[test]
fn a_client_that_connects_again_a_hundred_times_within_half_a_minute_keeps_no_connection_open() {
    let by_address = Conn::to("203.0.113.66", 80).unowned();
    assert_eq!(severity_of(&by_address, 150, 17.0), Severity::Medium);
    assert_eq!(severity_of(&by_address, 60, 17.0), Severity::Low);
    assert_eq!(severity_of(&by_address, 150, 29.8), Severity::Low, "half a minute");
}

#[test]
fn mail_and_files_by_a_timer_are_reports() {
    let mail = |port| Conn::to("203.0.113.66", port).unowned();
    assert_eq!(severity_of(&mail(21), 16, 600.0), Severity::Medium);
    assert_eq!(severity_of(&mail(587), 16, 600.0), Severity::Medium);
    assert_eq!(severity_of(&mail(587), 16, 3_600.0), Severity::Low, "a job");
    assert_eq!(severity_of(&mail(993), 16, 600.0), Severity::Low, "a mail program looks for mail");
}
