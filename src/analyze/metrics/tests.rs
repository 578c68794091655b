//! All metrics of one capture, as a text that was reviewed.

use std::fmt::Write as _;

use serde_json::Value;

use super::*;
use crate::capture::Protocol;
use crate::model::testing::{Capture, Conn, check_text, short};

/// Three programs on a busy hour: a browser, a backup that loses segments, and a service.
fn an_hour() -> Capture {
    let mut capture = Capture::new(3_600);
    let server = |n: u16| format!("203.0.113.{}", n % 9 + 1);
    for n in 0..90_u16 {
        let (at, large) = (f64::from(n) * 37.0, u64::from(n) * 1_000);
        let conn = Conn::to(&server(n), 443).by("firefox", 7).local_port(40_000 + n).at(at);
        let conn = conn.lasting(0.2 + f64::from(n % 7) * 3.0).rtt_us(9_000 + u32::from(n) * 111);
        let conn = conn.country(["SE", "DE", "US"][usize::from(n % 3)]);
        capture.add(conn.bytes(500 + large, 9_000 + 3 * large).segments(20 + u64::from(n), u32::from(n % 5)));
    }
    for n in 0..20_u16 {
        let conn =
            Conn::to("198.51.100.7", 873).by("rsync", 9).local_port(50_000 + n).at(f64::from(n) * 170.0);
        capture
            .add(conn.lasting(160.0).bytes(80_000_000, 20_000).segments(60_000, 900).named("backup.example"));
        let inbound = Conn::to("192.168.1.30", 51_000 + n).by("nginx", 11).inbound().local_port(8080);
        capture.add(inbound.at(f64::from(n) * 11.0).bytes(70_000, 900).uncounted());
        capture.add(Conn::to("192.168.1.1", 53).udp().by("firefox", 7).local_port(33_000 + n).bytes(40, 200));
    }
    capture.add(Conn::listener(8080).by("nginx", 11)).add(Conn::listener(22).unowned());
    capture.add(Conn::to("203.0.113.77", 25).by("firefox", 7).refused().at(5.0));
    capture.add(Conn::to("203.0.113.78", 25).unowned().unanswered().at(9.0));
    capture.add(
        Conn::to("203.0.113.79", 993)
            .by("mail", 12)
            .standing()
            .lasting(3_600.0)
            .states("ESTABLISHED>CLOSE_WAIT"),
    );
    capture.add(Conn::to("203.0.113.80", 0).over(Protocol::Icmp).by("ping", 13).bytes(640, 640));
    capture
}

/// One line for each value.
fn lines(at: &str, value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                lines(&format!("{at}.{key}"), value, text);
            }
        }
        Value::Array(list) if list.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let items: Vec<String> = list.iter().map(scalar).collect();
            writeln!(text, "{at}: {}", items.join(" ")).unwrap();
        }
        Value::Array(list) => {
            for (n, value) in list.iter().enumerate() {
                lines(&format!("{at}[{n}]"), value, text);
            }
        }
        only => writeln!(text, "{at}: {}", scalar(only)).unwrap(),
    }
}

fn scalar(value: &Value) -> String {
    value.as_f64().map_or_else(|| value.to_string(), short)
}

#[test]
fn the_metrics_of_an_hour_are_those_that_were_reviewed() {
    let tables = an_hour().tables();
    let metrics = measure(&tables, &Metadata::default(), &Settings::default()).unwrap();
    let mut text = String::new();
    lines("metrics", &serde_json::to_value(&metrics).unwrap(), &mut text);
    check_text("metrics", &text);
}
