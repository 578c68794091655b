use super::*;
use crate::capture::{ImportSource, SourceReport, SourceStatus};
use crate::model::testing::{Capture as Scene, Conn, Facts as Known};
use crate::report::fixture::check_golden;

fn scene(conns: impl IntoIterator<Item = Conn>) -> Scene {
    let mut scene = Scene::new(60);
    for conn in conns {
        scene.add(conn);
    }
    scene
}

/// An idle socket of a program.
fn owned_by(name: &str, pid: u32) -> Conn {
    Conn::listener(22).by(name, pid)
}

fn metadata(host: &str, start_us: i64) -> Metadata {
    Metadata {
        host_name: Some(host.to_owned()),
        start_us,
        end_us: start_us + 60_000_000,
        end_mono_ns: 60_000_000_000,
        ..Metadata::default()
    }
}

fn compared(before: &Scene, after: &Scene) -> Diff {
    compared_as(&metadata("web", 0), before, &metadata("web", 1), after)
}

fn compared_as(old: &Metadata, before: &Scene, new: &Metadata, after: &Scene) -> Diff {
    let (before, after) = (before.tables(), after.tables());
    let side = |file, metadata, tables| Side { file, metadata, tables };
    compare(&side("a", old, &before), &side("b", new, &after)).unwrap()
}

fn places(destinations: &[v1::Destination]) -> Vec<&str> {
    destinations.iter().map(|d| d.remote_addrs[0].as_str()).collect()
}

#[test]
fn the_same_capture_twice_has_no_news() {
    let mut scene = scene([Conn::listener(22).by("sshd", 1), Conn::to("203.0.113.1", 443).by("curl", 2)]);
    for pid in [1, 2] {
        scene.process(pid, Known { exe_sha256: Some("aa"), ..Known::default() });
    }
    let diff = compared(&scene, &scene);
    assert!(!diff.has_news() && diff.cautions.is_empty(), "{diff:#?}");
    assert_eq!(text::lines(&diff).last().map(String::as_str), Some("nothing is new"));
}

#[test]
fn listeners_programs_parents_and_destinations_are_new_or_gone() {
    let usual = [Conn::listener(22).by("sshd", 1), Conn::to("203.0.113.1", 443).by("curl", 2)];
    let before = scene(usual.clone().into_iter().chain([Conn::listener(80).by("nginx", 3)]));
    let new = [Conn::listener(4444).by("nc", 4), Conn::to("203.0.113.9", 443).by("nc", 4)];
    let mut after = scene(usual.into_iter().chain(new));
    after.process(4, Known { parent_name: Some("nginx"), ..Known::default() });
    let diff = compared(&before, &after);
    let ports = |listeners: &[v1::Listener]| listeners.iter().map(|l| l.local_port).collect::<Vec<_>>();
    assert_eq!((ports(&diff.listeners.new), ports(&diff.listeners.gone)), (vec![4444], vec![80]));
    assert_eq!(diff.programs.new[0].exe.as_deref(), Some("/usr/bin/nc"));
    assert_eq!((diff.parents.new[0].parent_name.as_str(), diff.parents.gone.len()), ("nginx", 0));
    assert_eq!(places(&diff.destinations.new), ["203.0.113.9"]);
    let text = text::lines(&diff).join("\n");
    assert!(text.contains("new listeners:\n  + tcp 192.168.1.10 port 4444 by nc"), "{text}");
    assert!(text.contains("gone programs:\n  - nginx (/usr/bin/nginx, as user-of-nginx)"), "{text}");
}

#[test]
fn a_port_that_another_program_listens_on_is_new_and_an_unknown_program_is_not() {
    let by = |name| scene([Conn::listener(80).by(name, 1)]);
    let unknown = scene([Conn::listener(80).unowned()]);
    assert_eq!(compared(&by("nginx"), &by("nc")).listeners.new.len(), 1);
    for diff in [compared(&by("nginx"), &unknown), compared(&unknown, &by("nginx"))] {
        assert!(diff.listeners.new.is_empty() && diff.listeners.gone.is_empty());
        assert!(
            diff.cautions.join(" ").contains("the process of 1 of 1 socket is unknown"),
            "{:?}",
            diff.cautions
        );
    }
}

#[test]
fn a_client_of_udp_is_no_listener_and_a_server_is() {
    let udp = |port, seconds| Conn::listener(port).udp().lasting(seconds);
    let count = |conn| compared(&scene([]), &scene([conn])).listeners.new.len();
    let unconnected = |conn: Conn| conn.unconnected();
    assert_eq!(count(unconnected(udp(53_124, 0.1)).closed()), 0, "it asked for a name");
    assert_eq!(count(unconnected(udp(161, 0.1)).closed()), 1);
    assert_eq!(count(unconnected(udp(53_124, 40.0))), 1, "it stays");
}

#[test]
fn a_name_is_the_same_destination_at_another_address() {
    let to = |addr| Conn::to(addr, 443).named("cdn.example").by("curl", 1);
    assert!(compared(&scene([to("203.0.113.1")]), &scene([to("203.0.113.2")])).destinations.new.is_empty());
    let nameless = scene([Conn::to("203.0.113.1", 443).by("curl", 1)]);
    let both = scene([to("203.0.113.1"), to("203.0.113.2")]);
    let diff = compared(&nameless, &both);
    assert!(diff.destinations.new.is_empty(), "known by one of its addresses: {:?}", diff.destinations);
    assert_eq!(places(&compared(&nameless, &scene([to("203.0.113.2")])).destinations.new), ["203.0.113.2"]);
    let text = text::lines(&compared(&scene([]), &both)).join("\n");
    assert!(text.contains("curl to tcp port 443 of cdn.example (2 addresses)"), "{text}");
}

#[test]
fn who_was_called_by_others_is_no_destination_and_a_scan_is_one_line() {
    let scan = (0..300).map(|n| Conn::to(&format!("10.1.{}.{}", n / 250, n % 250), 22).by("nmap", 1));
    let called = Conn::to("203.0.113.5", 50_000).local_port(22).inbound().by("sshd", 2);
    let diff = compared(&scene([]), &scene(scan.chain([called])));
    assert_eq!(diff.destinations.new.len(), 300);
    let text = text::lines(&diff).join("\n");
    assert!(text.contains("nmap to tcp port 22 of 10.1.0.0, 10.1.0.1"), "{text}");
    assert!(text.contains("and 295 more"), "{text}");
}

#[test]
fn an_executable_with_another_content_and_a_program_from_another_path_are_said() {
    let of = |hash, exe| {
        let mut scene = scene([owned_by("sshd", 1)]);
        scene.process(1, Known { exe_sha256: hash, exe: Some(exe), ..Known::default() });
        scene
    };
    let diff = compared(&of(Some("aa"), "/usr/sbin/sshd"), &of(Some("bb"), "/usr/sbin/sshd"));
    assert_eq!(diff.changed_executables[0].sha256_after, ["bb"]);
    assert!(diff.programs.new.is_empty() && diff.moved_programs.is_empty());
    let diff = compared(&of(Some("aa"), "/usr/sbin/sshd"), &of(Some("aa"), "/tmp/sshd"));
    assert_eq!(diff.moved_programs[0].exes_after, ["/tmp/sshd"]);
    assert!(diff.changed_executables.is_empty());
    let diff = compared(&of(Some("aa"), "/usr/sbin/sshd"), &of(None, "/usr/sbin/sshd"));
    assert!(!diff.has_news());
    assert!(
        diff.cautions[0].contains("Without a hash in one of the captures: 1 of 1 executable in both"),
        "{:?}",
        diff.cautions
    );
}

#[test]
fn a_volume_shifts_by_ratio_and_by_a_floor() {
    let moved = |bytes| scene([Conn::to("203.0.113.1", 443).by("app", 1).bytes(bytes, 0)]);
    let shifts = |before, after| compared(&moved(before), &moved(after)).shifted_volumes;
    assert!(shifts(1_000, 900_000).is_empty(), "below the floor");
    assert!(shifts(10_000_000, 20_000_000).is_empty(), "below the ratio");
    assert_eq!(shifts(20_000_000, 0).len(), 1);
    let shift = &shifts(1_200_000, 24_000_000)[0];
    assert_eq!((shift.way.as_str(), shift.process_name.as_deref()), ("sent", Some("app")));
    assert_eq!((shift.before_bytes_per_s, shift.after_bytes_per_s), (20_000.0, 400_000.0));
}

#[test]
fn in_an_import_with_many_hosts_the_address_is_who() {
    let import =
        ImportSource { file: "conn.log".to_owned(), format: "zeek".to_owned(), sha256: String::new() };
    let many = Metadata { import: Some(import), ..metadata("sensor", 0) };
    let call = |from: &str| Conn::to("203.0.113.1", 443).unowned().on(from).bytes(9_000_000, 0);
    let (before, after) = (scene([call("10.0.0.1")]), scene([call("10.0.0.1"), call("10.0.0.2")]));
    let diff = compared_as(&many, &before, &many, &after);
    assert_eq!(diff.destinations.new[0].local_addr.as_deref(), Some("10.0.0.2"));
    assert!(text::lines(&diff).join("\n").contains("10.0.0.2 to tcp port 443 of 203.0.113.1"));
}

#[test]
fn what_makes_it_doubtful_is_said() {
    let (mut old, mut new) = (metadata("web", 9), metadata("db", 1));
    (old.boot_id, new.boot_id) = (Some("a".to_owned()), Some("b".to_owned()));
    (old.events_lost, old.privileges) = (Some(3), vec!["root".to_owned()]);
    old.sources = vec![SourceReport {
        name: "perf-events".to_owned(),
        status: SourceStatus::Ran,
        detail: String::new(),
    }];
    new.end_mono_ns = 600_000_000_000;
    let cautions = compared_as(&old, &scene([]), &new, &scene([])).cautions.join(" ");
    for words in [
        "different hosts: web before, db after",
        "new and gone are swapped",
        "The host rebooted",
        "much longer than the other (10 min and 1 min)",
        "The earlier capture is degraded",
        "Only the earlier capture includes connections that lived between two ticks",
        "different privileges: root before, none after",
        "Sources with different coverage: perf-events",
    ] {
        assert!(cautions.contains(words), "{words}: {cautions}");
    }
}

#[test]
fn the_published_schema_is_current_and_a_comparison_follows_it() {
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    check_golden(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/diff.v1.schema.json"), &current);
    let after = scene([Conn::listener(80), Conn::to("203.0.113.1", 443).named("a.example")]);
    let diff = serde_json::to_value(compared(&scene([]), &after)).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<_> = validator.iter_errors(&diff).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(!validator.is_valid(&serde_json::json!({ "schema": SCHEMA })));
}
