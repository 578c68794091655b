use super::*;
use crate::model::testing::{Capture, Conn, the_only};

/// A failed SSH login as OpenSSH's client makes it.
fn guess(conn: Conn) -> Conn {
    conn.lasting(3.0).bytes(1_900, 1_600)
}

fn inbound(client: &str, client_port: u16) -> Conn {
    guess(Conn::to(client, client_port).local_port(22).inbound().by("sshd", 9))
}

#[test]
fn many_short_ssh_sessions_from_one_address_are_guessing() {
    let mut capture = Capture::new(3_600);
    for n in 0..30 {
        capture.add(inbound("203.0.113.5", 50_000 + n).at(f64::from(n) * 20.0));
    }
    let output = capture.run::<BruteForce>();
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(
        finding.judgement.title,
        "203.0.113.5 guesses passwords for SSH (port 22) on 192.168.1.10: 30 short sessions"
    );
}

#[test]
fn a_long_session_after_the_guesses_is_high() {
    let mut capture = Capture::new(3_600);
    for n in 0..30 {
        capture.add(inbound("203.0.113.5", 50_000 + n).at(f64::from(n) * 20.0));
    }
    capture.add(inbound("203.0.113.5", 60_000).at(700.0).lasting(300.0).bytes(90_000, 20_000));
    let finding = capture.run::<BruteForce>();
    assert_eq!(the_only(finding.findings).judgement.severity, Severity::High);
}

#[test]
fn guessing_from_this_host_names_the_program_and_is_high() {
    let mut capture = Capture::new(3_600);
    for n in 0..30 {
        capture.add(guess(Conn::to("203.0.113.5", 22).by("hydra", 7)).at(f64::from(n)));
    }
    let output = capture.run::<BruteForce>();
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::High);
    assert!(finding.judgement.title.starts_with("hydra guesses"), "{}", finding.judgement.title);
}

#[test]
fn many_addresses_with_a_few_guesses_each_are_one_attack() {
    let mut capture = Capture::new(40_000);
    for n in 0..60_u16 {
        let client = format!("203.0.113.{}", n % 20);
        capture.add(inbound(&client, 50_000 + n).at(f64::from(n) * 600.0));
    }
    let output = capture.run::<BruteForce>();
    assert!(the_only(output.findings).judgement.title.starts_with("20 addresses guess"));
}

#[test]
fn working_sessions_health_checks_and_other_ports_are_not_guessing() {
    let none = |conn: &dyn Fn(u16) -> Conn| {
        let mut capture = Capture::new(3_600);
        for n in 0..30 {
            capture.add(conn(n).at(f64::from(n) * 20.0));
        }
        assert!(capture.run::<BruteForce>().findings.is_empty());
    };
    // Git over SSH.
    none(&|_| Conn::to("203.0.113.5", 22).bytes(60_000, 9_000_000));
    // A TCP health check: no data from the client.
    none(&|n| inbound("203.0.113.5", 50_000 + n).bytes(0, 40));
    none(&|_| guess(Conn::to("203.0.113.5", 443)));
}

/// `n` connections, the first after `gap_s` seconds and then one every `gap_s`, by `conn`.
fn series(n: u16, gap_s: f64, conn: impl Fn(u16) -> Conn) -> Capture {
    let mut capture = Capture::new((f64::from(n) * gap_s) as i64 + 60);
    for number in 0..n {
        capture.add(conn(number).at(f64::from(number) * gap_s));
    }
    capture
}

#[test]
fn what_programs_do_all_day_at_services_with_a_password_is_not_guessing() {
    let none = |capture: Capture| assert!(capture.run::<BruteForce>().findings.is_empty());
    // A mail client that polls, and one that finds mail.
    none(series(100, 60.0, |n| Conn::to("203.0.113.5", 995).bytes(700, 2_500 + u64::from(n % 5) * 900)));
    // A monitor that logs in over SSH every five minutes.
    none(series(100, 300.0, |_| guess(Conn::to("192.168.1.5", 22))));
    // An application that connects for each query, and a check of the database.
    none(series(500, 0.5, |n| {
        Conn::to("192.168.1.5", 5432).bytes(300 + u64::from(n % 7) * 90, 400 + u64::from(n % 11) * 1_500)
    }));
    none(series(500, 10.0, |_| Conn::to("192.168.1.5", 3306).bytes(190, 160)));
    // A mail server with many clients.
    none(series(300, 5.0, |n| {
        let client = format!("203.0.113.{}", n % 60);
        Conn::to(&client, 50_000 + n).local_port(25).inbound().bytes(400, 3_000 + u64::from(n % 9) * 700)
    }));
    // A Git server with many users.
    none(series(300, 5.0, |n| {
        let client = format!("192.168.1.{}", n % 30 + 20);
        let answer = 4_000 + u64::from(n % 13) * 3_000;
        Conn::to(&client, 50_000 + n).local_port(22).inbound().by("sshd", 9).bytes(answer, 3_800)
    }));
}

#[test]
fn guesses_at_a_database_and_at_a_mail_server_are_found() {
    let found = |capture: Capture| assert_eq!(capture.run::<BruteForce>().findings.len(), 1);
    found(series(100, 0.2, |_| Conn::to("192.168.1.5", 3306).bytes(190, 170)));
    found(series(60, 10.0, |n| {
        Conn::to("203.0.113.9", 50_000 + n).local_port(143).inbound().bytes(190, 40 + u64::from(n % 4))
    }));
    // By a slow clock from outside, where nobody has a job.
    found(series(60, 120.0, |n| inbound("203.0.113.5", 50_000 + n)));
}

#[test]
fn a_directory_that_refuses_one_user_after_the_other_is_guessed_at() {
    let spray = |answer: u64| {
        series(60, 0.5, |_| Conn::to("192.168.1.2", 88).by("kerbrute", 7).lasting(0.1).bytes(210, answer))
            .run::<BruteForce>()
            .findings
    };
    assert!(the_only(spray(190)).judgement.title.contains("Kerberos (port 88)"));
    assert!(spray(1_500).is_empty(), "tickets");
    let binds = |gap_s: f64, answer: u64| {
        series(60, gap_s, |_| Conn::to("192.168.1.2", 389).by("spray", 7).lasting(0.1).bytes(110, answer))
            .run::<BruteForce>()
            .findings
            .len()
    };
    assert_eq!(
        (binds(0.5, 110), binds(0.5, 22), binds(7.0, 110)),
        (1, 0, 0),
        "refused, let in, and one by one"
    );
}

#[test]
fn the_same_request_to_a_web_server_again_and_again_is_guessing() {
    let requests = |client: &'static str, number: u16, gap_s: f64, answer: fn(u16) -> u64| {
        let mut capture = Capture::new(3_600);
        for n in 0..number {
            let conn = Conn::to(client, 20_000 + n).local_port(443).inbound().lasting(0.2);
            let at = f64::from(n) * gap_s + f64::from(n % 7) * 0.2 * gap_s;
            capture.add(conn.bytes(answer(n), 600 + u64::from(n % 9)).at(at));
        }
        capture.run::<BruteForce>().findings
    };
    let severity = |findings: Vec<Finding>| the_only(findings).judgement.severity;
    assert_eq!(severity(requests("203.0.113.5", 200, 1.0, |_| 900)), Severity::Medium);
    assert_eq!(severity(requests("192.168.1.77", 200, 1.0, |_| 900)), Severity::Low, "or a load test");
    assert!(requests("203.0.113.5", 200, 1.0, |n| 900 + 97 * u64::from(n)).is_empty(), "a crawler");
    assert!(requests("203.0.113.5", 90, 6.0, |_| 900).is_empty(), "a client of a service");
}

#[test]
fn a_hundred_requests_to_several_sites_at_one_address_are_no_guesses() {
    let requests = |names: &[&'static str]| {
        let mut capture = Capture::new(3_600);
        for n in 0..120_u16 {
            let name = names[usize::from(n) % names.len()];
            let conn = Conn::to("203.0.113.5", 443).by("browser", 7).named(name).lasting(0.2);
            capture.add(conn.bytes(700, 900).at(f64::from(n) + f64::from(n % 7) * 0.2));
        }
        capture.run::<BruteForce>().findings
    };
    assert_eq!(requests(&["login.example.com"]).len(), 1);
    assert!(requests(&["news.example.org", "shop.example.com", "maps.example.net"]).is_empty());
}

#[test]
fn a_login_service_on_another_port_is_known_by_its_payload() {
    let found = |protocol: Option<&'static str>| {
        let mut capture = Capture::new(3_600);
        for n in 0..30 {
            let conn = guess(Conn::to("203.0.113.5", 902)).at(f64::from(n) * 2.0);
            capture.add(if let Some(protocol) = protocol { conn.speaking(protocol) } else { conn });
        }
        capture.run::<BruteForce>().findings
    };
    let title = the_only(found(Some("ssh"))).judgement.title;
    assert_eq!(title, "app guesses passwords for SSH (port 902) on 203.0.113.5: 30 short sessions");
    assert!(found(None).is_empty() && found(Some("http")).is_empty());
}

#[test]
fn more_sessions_make_it_surer() {
    let confidence = |sessions: u16| {
        let mut capture = Capture::new(3_600);
        for n in 0..sessions {
            capture.add(inbound("203.0.113.5", 50_000 + n).at(f64::from(n) * 20.0));
        }
        the_only(capture.run::<BruteForce>().findings).judgement.confidence.get()
    };
    assert!(confidence(90) > confidence(30), "{} {}", confidence(90), confidence(30));
}

#[test]
fn kerberos_is_guessed_at_over_udp_and_a_portal_on_a_port_of_its_own() {
    let spray =
        series(60, 0.5, |_| Conn::to("192.168.1.2", 88).udp().by("kerbrute", 7).lasting(0.1).bytes(210, 190));
    assert!(the_only(spray.run::<BruteForce>().findings).judgement.title.contains("Kerberos (port 88)"));
    let portal = |port| {
        let mut capture = Capture::new(3_600);
        for n in 0..150_u16 {
            let conn = Conn::to("203.0.113.5", 20_000 + n).local_port(port).inbound().lasting(0.5);
            capture.add(conn.bytes(1_400, 900).at(f64::from(n) + f64::from(n % 7) * 0.2));
        }
        capture.run::<BruteForce>().findings
    };
    assert_eq!(portal(10_443).len(), 1);
    assert!(portal(10_445).is_empty());
}

#[test]
fn a_loop_that_fetches_a_page_every_two_seconds_polls_and_one_that_never_waits_guesses() {
    let found = |gap_s: f64| {
        let mut capture = Capture::new(3_600);
        for n in 0..200_u16 {
            let late = f64::from(n % 3) * 0.01;
            let conn = Conn::to("203.0.113.5", 443).unowned().lasting(0.3).bytes(840, 3_900);
            capture.add(conn.at(f64::from(n) * gap_s + late));
        }
        capture.run::<BruteForce>().findings.len()
    };
    assert_eq!((found(2.2), found(0.4)), (0, 1));
}

#[test]
fn registrations_by_the_hundred_are_guesses_and_those_of_phones_are_not() {
    let register = |client: &str| {
        let conn = Conn::to(client, 5_080).local_port(5_060).inbound().udp().by("asterisk", 9);
        conn.bytes(460, 424).packets_sent(1).packets_received(1)
    };
    let mut capture = Capture::new(3_600);
    for n in 0..200 {
        capture.add(register("203.0.113.5").at(f64::from(n) * 2.0));
    }
    for n in 0..60 {
        capture.add(register("203.0.113.6").at(f64::from(n) * 60.0));
    }
    let finding = the_only(capture.run::<BruteForce>().findings);
    let title = "203.0.113.5 guesses passwords for SIP (port 5060) on 192.168.1.10: 200 short sessions";
    assert_eq!(finding.judgement.title, title);
}

#[test]
fn tickets_for_every_service_within_a_minute_are_kerberoasting() {
    let ticket = |at: f64| Conn::to("192.168.1.60", 88).unowned().at(at).bytes(1_600, 1_700);
    let mut capture = Capture::new(3_600);
    for n in 0..80 {
        capture.add(ticket(600.0 + 0.4 * f64::from(n)));
    }
    let finding = the_only(capture.run::<BruteForce>().findings);
    assert_eq!(
        finding.judgement.title,
        "192.168.1.10 requested 80 Kerberos tickets from 192.168.1.60, 80 of them within a minute"
    );
    assert_eq!(finding.judgement.attack, ["T1558.003"]);
    // As many in an hour: a host with many users.
    let mut capture = Capture::new(3_600);
    for n in 0..80 {
        capture.add(ticket(40.0 * f64::from(n)));
    }
    assert!(capture.run::<BruteForce>().findings.is_empty());
}
