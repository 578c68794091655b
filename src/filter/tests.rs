//! Tests of expressions against rows, and of error messages.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::capture::{Counters, Protocol, TcpState};

fn row() -> Row {
    let mut row = Row::snapshot(u64::MAX, Protocol::Tcp, ("192.168.1.5".parse().unwrap(), 40_000));
    row.remote = Some(("10.77.0.2".parse().unwrap(), 443));
    row.remote_name = Some("api.example.com".into());
    row.state = Some(TcpState::Established);
    row.counters = Counters {
        bytes_sent: Some(900_000),
        bytes_received: Some(200_000),
        rtt_us: Some(60_000),
        ..Counters::default()
    };
    row.cpu_percent = Some(12.5);
    row.owner = Some(Arc::new(crate::capture::Owner {
        pid: Some(77),
        uid: Some(1000),
        process_name: Some("nmap".to_owned()),
        exe: Some("/usr/bin/nmap".to_owned()),
        cmdline: Some("nmap -sT 10.77.0.2".to_owned()),
        ..crate::capture::Owner::default()
    }));
    row
}

#[track_caller]
fn check(expression: &str, expected: bool) {
    let filter: Filter = expression.parse().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(filter.matches(&row()), expected, "{expression}");
}

#[track_caller]
fn check_refused(expression: &str, expected: &str) {
    let error = expression.parse::<Filter>().unwrap_err().to_string();
    assert_eq!(error, expected, "{expression}");
}

#[test]
fn what_reports_print_is_understood() {
    check("process:nmap remote:10.77.0.2", true);
    check("process:nmap remote:10.77.0.3", false);
    check("remote:2001:db8::1", false);
}

#[test]
fn words_are_joined_and_alternatives_stand_in_one() {
    check("", true);
    check("process:nmap port:443 state:ESTABLISHED remote:10.0.0.0/8", true);
    check("process:curl,nmap port:80,443", true);
    check("process:curl,wget", false);
    check("process:nmap and user:none", true);
}

#[test]
fn a_word_can_be_turned_round() {
    check("-process:curl", true);
    check("!process:nmap", false);
    check("not process:nmap", false);
    check("not -process:nmap", true);
    check("process!=curl", true);
    check("-state:LISTEN,TIME_WAIT", true);
}

#[test]
fn texts_have_wildcards_and_no_case() {
    check("process:NM*", true);
    check("exe:/usr/*/nm?p", true);
    check("state:estab*", true);
    check("cmdline~-sT", true);
    check(r#"cmdline:"nmap -sT 10.77.0.2""#, true);
    check(r#"cmdline:"nmap*""#, false);
    check("process:ma", false);
    check("process~ma", true);
}

#[test]
fn numbers_have_units_ranges_and_comparisons() {
    check("bytes>1M", true);
    check("bytes>=1.1M", true);
    check("bytes>1.1M", false);
    check("sent<1MiB", true);
    check("received:100k-300k", true);
    check("rtt>50ms", true);
    check("rtt>=60000", true);
    check("rtt>60ms", false);
    check("cpu>=12.5%", true);
    check("cpu>13", false);
    check("pid:77 uid!=0", true);
    check("conn:18446744073709551615", true);
    check("conn:18446744073709551614", false);
    check("port:440-450 port>1024", true);
    check("remote_port>1024", false);
}

#[test]
fn ends_are_addresses_networks_sockets_or_names() {
    check("remote:10.77.0.2:443", true);
    check("remote:10.77.0.2:80", false);
    check("remote:*.example.com", true);
    check("remote:10.77.*", true);
    check("local:192.168.0.0/16", true);
    check("local:10.0.0.0/8", false);
    check("addr:192.168.1.5,1.1.1.1", true);
    check("remote:::ffff:10.77.0.2", true);
    check("name:api.*", true);
}

#[test]
fn a_word_without_a_field_is_looked_for_everywhere() {
    check("nmap", true);
    check("NMAP 10.77", true);
    check("10.77.0.2:443", true);
    check("example", true);
    check(r#""-sT 10""#, true);
    check("-curl", true);
    check("curl", false);
}

#[test]
fn what_is_not_known_matches_none_and_nothing_else() {
    check("user:none", true);
    check("retransmits:none", true);
    check("retransmits<5", false);
    check("user:*", false);
    check("-user:root", true);
    check("process:none", false);
    check(r#"user:"none""#, false);
}

#[test]
fn a_mistake_is_pointed_at() {
    check_refused(
        "port:443 proces:curl",
        "there is no field \"proces\": did you mean process?\n  port:443 proces:curl\n           ^^^^^^",
    );
    check_refused(
        "state:ESTABLISHD",
        "state is never \"ESTABLISHD\": did you mean ESTABLISHED?\n  state:ESTABLISHD\n        ^^^^^^^^^^",
    );
    check_refused(
        "port:80,99999",
        "99999 is not a port: ports end at 65535\n  port:80,99999\n          ^^^^^",
    );
    check_refused(
        "bytes>many",
        "\"many\" is not a number such as 500, 10k or 1.5M\n  bytes>many\n        ^^^^",
    );
    check_refused(
        "process>curl",
        "process is not a number: use process:curl\n  process>curl\n          ^^^^",
    );
    check_refused(r#"a "b c"#, "this quote is not closed\n  a \"b c\n    ^");
    check_refused(
        "remote:10.0.0.0/99",
        "remote: \"10.0.0.0/99\" is not an address, network (10.0.0.0/8) or name\n  remote:10.0.0.0/99\n         ^^^^^^^^^^^",
    );
    check_refused(
        "kind:x",
        "kind is never \"x\": there are snapshot, opened, state, closed, query\n  kind:x\n       ^",
    );
    check_refused("a or", "a term is missing after or\n  a or\n    ^^");
    check_refused("a or or b", "a term is missing after or\n  a or or b\n    ^^");
    check_refused("or b", "a term is missing before or\n  or b\n  ^^");
    check_refused("a (b or c", "this parenthesis is not closed\n  a (b or c\n    ^");
    check_refused("(", "this parenthesis is not closed\n  (\n  ^");
    check_refused("a ()", "a term is missing in the parentheses\n  a ()\n     ^");
    check_refused("pid:", "pid: a value is missing (process id)\n  pid:\n  ^^^^");
    check_refused("port:1,,2", "port: a value is missing between the commas\n  port:1,,2\n  ^^^^^^^^^");
    check_refused("a not", "a term is missing after the negation\n  a not\n       ^");
    check_refused("port:90-80", "90-80 ends before it starts\n  port:90-80\n       ^^^^^");
}

#[test]
fn words_are_joined_by_or_and_by_parentheses() {
    check("process:curl or port:443", true);
    check("process:curl or port:80", false);
    check("process:curl port:80 or process:nmap port:443", true);
    check("process:curl and port:443 or process:wget", false);
    check("(process:curl or process:nmap) port:443", true);
    check("(process:curl or process:nmap) port:80", false);
    check("port:80 (process:curl OR process:nmap)", false);
    check("-(process:curl or process:nmap)", false);
    check("not (process:curl or process:wget)", true);
    check("!(process:nmap port:80)", true);
    check("((process:nmap) or (port:80))", true);
    check("-(-(process:nmap))", true);
}

#[test]
fn a_parenthesis_of_a_word_stays_there() {
    check(r#"cmdline~"f(x)""#, false);
    check("cmdline~f(x) or process:nmap", true);
    check("(cmdline~f(x) or process:nmap)", true);
    check("(process:wget or cmdline~f(x))", false);
    check("x)", false);
}

#[test]
fn a_country_is_that_of_a_public_address() {
    let geo = Arc::new(crate::geo::Databases::open_named(&[]).unwrap());
    let filter = |text: &str| text.parse::<Filter>().unwrap().with_countries(Arc::clone(&geo));
    assert!(!filter("country:DE").matches(&row()), "a private address is in none");
    assert!(filter("country:none").matches(&row()));
    assert!(filter("-country:DE,us").matches(&row()));
    check_refused(
        "country:Germany",
        "\"Germany\" is not a two-letter country code such as DE or US\n  country:Germany\n          ^^^^^^^",
    );
}

#[test]
fn every_field_has_a_name_of_its_own() {
    let mut names: Vec<&str> = fields::FIELDS.iter().flat_map(|field| field.names.iter().copied()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert_eq!(help().count(), fields::FIELDS.len());
}

#[test]
fn the_commands_help_names_every_field() {
    for field in fields::FIELDS {
        let name = field.names[0];
        assert!(crate::cli::FILTER_HELP.split([' ', ',', '.']).any(|word| word == name), "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in r#"[a-z:=<>~!,"\\ *?0-9./()-]{0,40}|\PC{0,30}"#) {
        match text.parse::<Filter>() {
            Ok(filter) => { let _ = filter.matches(&row()); }
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 3),
        }
    }
}
