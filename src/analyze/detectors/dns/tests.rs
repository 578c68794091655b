use super::*;
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn, Question, the_only};

fn questions(number: u64, bytes: u64, server: &str) -> Capture {
    let mut capture = Capture::new(600);
    for n in 0..number {
        let question = Conn::to(server, 53).udp().by("app", 7).bytes(bytes, 120).packets_sent(1);
        capture.add(question.at(n as f64));
    }
    capture
}

#[test]
fn long_questions_are_a_tunnel() {
    let output = questions(60, 120, "192.168.1.1").run::<Dns>();
    let finding = the_only(output.findings);
    assert!(finding.judgement.severity >= Severity::Medium);
    assert_eq!(finding.judgement.title, "app: possible DNS tunnel through 192.168.1.1, 60 queries of 120 B");
}

#[test]
fn ordinary_and_few_questions_are_not() {
    assert!(questions(500, 42, "192.168.1.1").run::<Dns>().findings.is_empty());
    assert!(questions(10, 150, "192.168.1.1").run::<Dns>().findings.is_empty());
}

#[test]
fn without_payload_bytes_it_says_what_it_needs() {
    let mut capture = Capture::new(60);
    capture.add(Conn::to("192.168.1.1", 53).udp().uncounted());
    assert!(matches!(capture.outcome::<Dns>(), Outcome::Skipped(why) if why.contains("--udp-bytes")));
}

/// Names like those of tools that put data into base32, each new.
fn coded(n: usize, chars: usize) -> String {
    let mut state = n as u64 + 1;
    let digits = b"abcdefghijklmnopqrstuvwxyz234567";
    (0..chars)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(digits[(state >> 33) as usize % 32])
        })
        .collect()
}

fn asking(number: usize, question: impl Fn(usize) -> Question) -> Output {
    let mut capture = Capture::new(900);
    capture
        .add(Conn::to("192.168.1.1", 53).udp().by("app", 100).lasting(800.0).bytes(40, 100).packets_sent(1));
    for n in 0..number {
        capture.ask(question(n).at(n as f64));
    }
    capture.run::<Dns>()
}

#[test]
fn long_new_names_under_one_domain_are_a_tunnel_to_it() {
    let output = asking(60, |n| Question::of(format!("{}.t.evil.example", coded(n, 60))).of_type("TXT"));
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::High);
    assert_eq!(
        finding.judgement.title,
        "app: possible DNS tunnel to evil.example, 60 different names of 62 characters"
    );
    assert_eq!(finding.judgement.entities.remote_name.as_deref(), Some("evil.example"));
    assert_eq!(finding.judgement.entities.remote_addr, None, "the resolver is no party to it");
}

#[test]
fn short_polls_of_record_types_that_carry_data_are_a_tunnel() {
    let output = asking(240, |n| Question::of(format!("{}.evil.example", coded(n, 18))).of_type("CNAME"));
    assert_eq!(the_only(output.findings).judgement.severity, Severity::Medium);
}

#[test]
fn names_of_services_reversed_addresses_and_the_same_name_again_are_no_tunnel() {
    let none = |question: &dyn Fn(usize) -> Question| {
        let output = asking(300, question);
        let titles: Vec<_> = output.findings.iter().map(|f| &f.judgement.title).collect();
        assert!(titles.is_empty(), "{titles:?}");
    };
    none(&|n| Question::of(format!("e{n}.a.akamaiedge.example")));
    none(&|_| Question::of(format!("{}.evil.example", coded(1, 60))));
    none(&|n| Question::of(format!("{}.2.0.192.bl.example", n % 256)));
    none(&|n| Question::of(format!("{}.2.0.192.in-addr.arpa", n % 256)).of_type("PTR"));
    none(&|n| Question::of(format!("r{n}---sn-{}.googlevideo.com", coded(n, 8))));
    none(&|n| Question::of(format!("www.site{n}.example")));
}

#[test]
fn random_names_that_all_fail_are_a_flood_and_no_tunnel() {
    let title = |chars: usize, failing: usize| {
        let question = |n: usize| {
            let question = Question::of(format!("{}.victim.example", coded(n, chars)));
            if n % 10 < failing { question.without_such_name() } else { question }
        };
        the_only(asking(600, question).findings).judgement
    };
    let flood = title(18, 9);
    assert_eq!(
        flood.title,
        "app: possible flood of DNS queries for random names under victim.example, 600 different names"
    );
    assert_eq!(flood.attack, ["T1499.002"]);
    assert!(flood.explanation.contains("90 % of the responses"), "{}", flood.explanation);
    for (chars, failing) in [(18, 8), (60, 10)] {
        let tunnel = title(chars, failing);
        assert!(tunnel.title.contains("possible DNS tunnel"), "{chars} {failing}: {}", tunnel.title);
    }
}

#[test]
fn a_flood_of_several_sources_is_one_and_queries_without_a_response_say_nothing() {
    let titles = |of: &dyn Fn(usize, Question) -> Question| {
        let mut capture = Capture::new(900);
        for (pid, app) in (1..).zip(["a", "b", "c", "d"]) {
            let way = Conn::to("192.168.1.1", 53).udp().by(app, pid).lasting(800.0).bytes(40, 100);
            capture.add(way.packets_sent(1));
            for n in 0..200 {
                let name = format!("{}.victim.example", coded(n * 4 + pid as usize, 18));
                capture.ask(of(n, Question::of(name).by(app, pid)).at(n as f64 * 4.0 + f64::from(pid)));
            }
        }
        capture.run::<Dns>().findings.into_iter().map(|finding| finding.judgement.title).collect::<Vec<_>>()
    };
    let is_flood = |title: &String| title.contains("flood of DNS queries");
    let all = titles(&|_, question| question.without_such_name());
    assert!(all.len() == 4 && all.iter().all(is_flood), "{all:?}");
    // Of three in four, no response was seen.
    let some =
        titles(&|n, question| if n % 4 == 0 { question.without_such_name() } else { question.unanswered() });
    assert!(some.len() == 4 && some.iter().all(is_flood), "{some:?}");
    let none = titles(&|_, question| question.unanswered());
    assert!(!none.iter().any(is_flood), "{none:?}");
}

#[test]
fn many_domains_that_do_not_exist_are_generated() {
    let output = asking(30, |n| Question::of(format!("{}.com", coded(n, 14))).without_such_name());
    let finding = the_only(output.findings);
    assert_eq!((finding.judgement.severity, finding.judgement.attack), (Severity::Medium, vec!["T1568.002"]));
}

#[test]
fn typing_errors_search_lists_and_tests_of_browsers_are_not_generated() {
    let none = |number: usize, question: &dyn Fn(usize) -> Question| {
        assert!(asking(number, question).findings.is_empty());
    };
    none(8, &|n| Question::of(format!("misspelled-{n}.example")).without_such_name());
    none(60, &|n| Question::of(format!("host{n}.corp.example")).without_such_name());
    none(60, &|n| Question::of(coded(n, 12)).without_such_name());
    none(60, &|n| Question::of(format!("{}.com", coded(n, 14))));
}

#[test]
fn each_source_is_judged_alone() {
    let mut capture = Capture::new(900);
    capture.add(Conn::to("192.168.1.1", 53).udp());
    for n in 0..60 {
        let name = format!("{}.evil.example", coded(n, 60));
        capture.ask(Question::of(name).by("implant", 7).at(n as f64));
        capture.ask(Question::of(format!("www{n}.site.example")).by("firefox", 8).at(n as f64));
    }
    let finding = the_only(capture.run::<Dns>().findings);
    assert!(finding.judgement.title.starts_with("implant: "), "{}", finding.judgement.title);
    let mut unknown = Capture::new(900);
    unknown.add(Conn::to("192.168.1.1", 53).udp().unowned());
    for n in 0..60 {
        unknown.ask(
            Question::of(format!("{}.evil.example", coded(n, 60))).unowned().answered_by(300).at(n as f64),
        );
    }
    assert!(the_only(unknown.run::<Dns>().findings).judgement.title.starts_with("192.168.1.10: "));
}

#[test]
fn a_resolver_that_passes_questions_on_names_who_asked_it() {
    let mut capture = Capture::new(900);
    capture.add(Conn::to("203.0.113.53", 53).udp().unowned().lasting(60.0));
    capture.add(Conn::to("192.168.1.30", 50_000).local_port(443).inbound().unowned().lasting(60.0));
    for n in 0..60 {
        let question = Question::of(format!("{}.evil.example", coded(n, 60))).unowned();
        capture.ask(question.of_type("TXT").at(n as f64));
    }
    let finding = the_only(capture.run::<Dns>().findings);
    assert!(finding.judgement.explanation.contains("192.168.1.30 had connections"), "{finding:?}");
    assert_eq!(finding.evidence.connections_total, 2);
}

#[test]
fn what_check_ins_bring_is_long_though_most_names_are_short() {
    let severity = |long: usize| {
        let output = asking(150, |n| {
            let chars = if n < long { 60 } else { 12 };
            Question::of(format!("{}.evil.example", coded(n, chars)))
        });
        output.findings.first().map(|finding| finding.judgement.severity)
    };
    assert_eq!(severity(30), Some(Severity::Medium));
    assert!(severity(10) < Some(Severity::Medium));
}

#[test]
fn a_tunnel_through_another_server_is_told_beside_one_that_is_known_by_its_names() {
    let found = |server: &str| {
        let mut capture = questions(60, 120, server);
        capture.add(
            Conn::to("192.168.1.1", 53)
                .udp()
                .by("app", 7)
                .lasting(500.0)
                .bytes(40, 100)
                .packets_sent(1)
                .at(-1.0),
        );
        for n in 0..60 {
            capture.ask(Question::of(format!("{}.evil.example", coded(n, 60))).at(n as f64));
        }
        capture.run::<Dns>().findings.len()
    };
    assert_eq!((found("192.168.1.1"), found("198.51.100.9")), (1, 2));
}

/// Names in domains that do not exist, each at its second.
fn dead(names: impl IntoIterator<Item = (f64, String)>) -> Output {
    let mut capture = Capture::new(4 * 3_600);
    capture.add(Conn::to("192.168.1.1", 53).udp().by("app", 100).lasting(14_000.0));
    for (at_s, name) in names {
        capture.ask(Question::of(name).without_such_name().at(at_s));
    }
    capture.run::<Dns>()
}

#[test]
fn the_hour_with_most_dead_domains_counts() {
    // One every six minutes for four hours, and thirty within ten minutes of the third.
    let steady = (0..40).map(|n| (f64::from(n) * 360.0, n));
    let dense = (0..30).map(|n| (9_000.0 + f64::from(n) * 20.0, 100 + n));
    let output =
        dead(steady.clone().chain(dense).map(|(at, n)| (at, format!("{}.com", coded(n as usize, 14)))));
    assert!(
        crate::model::testing::measured(&the_only(output.findings), "dead domains within an hour") >= 40.0
    );
    assert!(dead(steady.map(|(at, n)| (at, format!("{}.com", coded(n as usize, 14))))).findings.is_empty());
}

#[test]
fn dead_names_of_words_are_less_suspicious_than_drawn_ones_or_ones_that_look_generated() {
    let of = |name: &dyn Fn(u32) -> String| {
        the_only(dead((0..60).map(|n| (f64::from(n) * 10.0, name(n)))).findings).judgement.severity
    };
    let words = ["paper", "garden", "window", "table", "river", "music", "summer", "orange"];
    let word = |n: u32| words[n as usize % 8];
    let of_words = |n: u32| format!("{}{}{}.com", word(n), word(n / 8 + 3), word(n / 3 + 1));
    assert!(of(&of_words) < of(&|n| format!("{}.com", coded(n as usize, 14))));
    // Half of them, and fewer than half.
    let mixed = |n: u32, drawn: u32| {
        if n % 10 < drawn { format!("{}.com", coded(n as usize, 20)) } else { of_words(n) }
    };
    assert!(of(&|n| mixed(n, 2)) <= of(&|n| mixed(n, 6)));
}

#[test]
fn what_names_can_carry_decides_how_much_they_weigh() {
    // Five bits for each character: 800 names of 30 are 15 kB, 300 of 16 are 3 kB, and 4 kB a day are much.
    let weight = |number: usize, chars: usize| {
        let output = asking(number, |n| Question::of(format!("{}.evil.example", coded(n, chars))));
        output
            .findings
            .first()
            .map(|finding| crate::model::testing::measured(finding, "weight of the evidence"))
    };
    assert!(weight(800, 30) > weight(300, 16), "{:?} {:?}", weight(800, 30), weight(300, 16));
    assert_eq!(weight(30, 4), None);
}

#[test]
fn addresses_in_reverse_are_told_from_names_with_numbers() {
    let nibbles = |number: usize| "f.".repeat(number);
    for name in ["7.2.0.192.in-addr.arpa", "8.b.d.0.ip6.arpa", "7.2.0.192.bl.example"] {
        assert!(is_reversed_address(name), "{name}");
    }
    assert!(is_reversed_address(&format!("{}bl.example", nibbles(32))));
    for name in
        ["2.0.192.bl.example", "256.2.0.192.bl.example", "0007.2.0.192.bl.example", "www.arpa.example"]
    {
        assert!(!is_reversed_address(name), "{name}");
    }
    assert!(!is_reversed_address(&format!("{}bl.example", nibbles(31))));
}

#[test]
fn a_new_short_name_on_a_timer_is_a_check_in() {
    let severities = |at: &dyn Fn(usize) -> f64, name: &dyn Fn(usize) -> String| {
        let mut capture = Capture::new(3_000);
        let way = Conn::to("192.168.1.1", 53).udp().by("app", 100).lasting(2_900.0).bytes(40, 100);
        capture.add(way.packets_sent(1));
        for n in 0..40 {
            capture.ask(Question::of(name(n)).at(at(n)));
        }
        let findings = capture.run::<Dns>().findings;
        findings.into_iter().map(|finding| finding.judgement.severity).collect::<Vec<_>>()
    };
    let short = |n: usize| format!("{}.evil.example", coded(n, 8));
    let jittered = |n: usize| 60.0 * n as f64 + [0.0, 9.0, -7.0, 4.0][n % 4];
    assert_eq!(severities(&jittered, &short), [Severity::Medium]);
    assert!(severities(&jittered, &|n| format!("{}.svc.cluster.local", coded(n, 8))).is_empty(), "inside");
    let bursts = |n: usize| 300.0 * (n / 5) as f64 + (n % 5) as f64;
    assert!(severities(&bursts, &short).is_empty(), "a page has several names");
    assert!(severities(&jittered, &|n| format!("{}.evil.example", coded(n % 9, 8))).is_empty(), "few names");
}

#[test]
fn a_tunnel_to_its_own_server_needs_no_domain() {
    let output = asking(600, |n| Question::of(format!("dnscat.{}7", coded(n, 24))).of_type("TXT"));
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(
        finding.judgement.title,
        "app: possible DNS tunnel without a top-level domain, 600 different names of 32 characters"
    );
    // Addresses are no names.
    assert!(asking(200, |n| Question::of(format!("203.0.113.{n}"))).findings.is_empty());
}
