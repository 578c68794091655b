//! Configurations that users write, and those that are refused.

use super::*;

#[track_caller]
fn refused(text: &str, says: &str) {
    let reason = Config::parse(text).unwrap_err();
    assert!(reason.contains(says), "{reason:?} does not say {says:?}");
}

#[test]
fn the_documented_defaults_are_a_configuration_and_are_the_defaults() {
    let config = Config::parse(&documented_defaults()).unwrap();
    assert_eq!(config.analysis().seed, Analysis::default().seed);
    for entry in DETECTORS {
        let mut section = config.section(entry.about.id).unwrap().clone();
        section.remove(ENABLED);
        assert_eq!(section, (entry.default_thresholds)(), "{}", entry.about.id);
    }
}

#[test]
fn every_setting_is_printed_under_a_comment() {
    let text = documented_defaults();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[1].contains(" = ")) {
        assert!(pair[0].starts_with("# ") && pair[0].len() > 4, "{pair:?}");
    }
    assert!(lines.iter().all(|line| line.len() <= 100));
}

#[test]
fn a_file_may_change_one_threshold_and_leave_the_rest() {
    let config = Config::parse("[port-scan]\nports = 20\n[analysis]\nseed = 9\n").unwrap();
    assert_eq!(config.section("port-scan").unwrap()["ports"].as_integer(), Some(20));
    assert_eq!((config.analysis().seed, config.analysis().time_bins), (9, 600));
}

#[test]
fn wrong_sections_keys_types_and_values_are_refused_by_name() {
    refused("[beacons]\nmin_score = 1\n", "[beacons]");
    refused("beacon = 3", "beacon must be a section");
    refused("[beacon]\nscore = 1\n", "score");
    refused("[beacon]\nmin_score = \"high\"\n", "[beacon]");
    refused("[beacon]\nmin_score = 1.5\n", "min_score");
    refused("[beacon]\nmin_score = nan\n", "min_score");
    refused("[beacon]\nenabled = 1\n", "enabled");
    refused("[port-scan]\nports = 0\n", "ports");
    refused("[isolation-forest]\nsample_size = 1\n", "sample_size");
    refused("[analysis]\nshort_lived_s = 0\n", "short_lived_s");
    refused("[analysis]\nshort_lived_s = nan\n", "short_lived_s");
    refused("[analysis]\nspeed = 1\n", "speed");
}

#[test]
fn long_words_stand_alone_and_no_word_is_lost() {
    let lines = wrap("a bb unbreakable cc", 5);
    assert_eq!(lines, ["a bb", "unbreakable", "cc"]);
}
/// Each threshold that is a number with a fraction, by the section and the key.
fn fractional() -> Vec<(&'static str, String)> {
    let of = |(section, thresholds): (&'static str, toml::Table)| {
        let all = thresholds.into_iter().filter(|(_, value)| value.is_float());
        all.map(move |(key, _)| (section, key))
    };
    DETECTORS.iter().map(|entry| (entry.about.id, (entry.default_thresholds)())).flat_map(of).collect()
}

#[test]
fn no_threshold_is_negative_endless_or_no_number() {
    assert!(fractional().len() > 40);
    let mut accepted = Vec::new();
    for (section, key) in fractional() {
        for value in ["nan", "inf", "-0.5"] {
            match Config::parse(&format!("[{section}]\n{key} = {value}\n")) {
                Ok(_) => accepted.push(format!("{section}.{key} = {value}")),
                Err(reason) => assert!(reason.contains(&key), "{reason:?} does not name {key}"),
            }
        }
    }
    assert_eq!(accepted, Vec::<String>::new());
}

#[test]
fn a_threshold_at_its_limit_is_accepted_and_one_beyond_it_is_refused() {
    for (key, accepted, beyond) in [
        ("beacon.max_q", "0.0001 1.0", "0.00009 1.01"),
        ("beacon.max_spread", "0.0 1.0", "1.01"),
        ("beacon.min_starts", "4", "3"),
        ("brute-force.min_sessions", "5", "4 10000"),
        ("brute-force.min_failed_share", "0.0 1.0", "1.01"),
        ("burst.min_connections", "2", "1"),
        ("burst.min_bytes", "2", "1"),
        ("c2-session.max_pause_s", "0.0", "-0.1"),
        ("c2-session.min_duration_s", "0.1", "0.0"),
        ("callback.max_connections", "1", "0"),
        ("clusters.min_points", "2", "1"),
        ("clusters.radius", "0.0", "-0.1"),
        ("clusters.max_noise_share", "0.0 1.0", "1.01"),
        ("dns.min_questions", "5", "4"),
        ("dns.min_names", "5", "4"),
        ("dns.min_dead_domains", "5", "4"),
        ("dns.min_question_bytes", "28.1", "28.0 100000.0"),
        ("exfiltration.min_sent_bytes", "1", "0"),
        ("exfiltration.min_ratio", "1.0", "0.99"),
        ("exfiltration.min_times_others", "1.0", "0.99"),
        ("exfiltration.min_small_ratio", "1.0", "0.99"),
        ("flood.min_connections", "10", "9"),
        ("flood.min_unfinished", "10", "9"),
        ("flood.min_datagrams", "10", "9"),
        ("flood.max_answered_share", "0.0 1.0", "1.01"),
        ("geo.min_connections", "2", "1"),
        ("geo.max_share", "0.0 1.0", "1.01"),
        ("icmp.min_messages", "2", "1"),
        ("indicator.max_findings", "1", "0"),
        ("isolation-forest.min_score", "0.0 1.0", "1.01"),
        ("isolation-forest.trees", "1 10000", "0 10001"),
        ("isolation-forest.sample_size", "2", "1"),
        ("isolation-forest.min_connections", "2", "1"),
        ("isolation-forest.min_robust_z", "0.0", "-0.1"),
        ("lateral-movement.min_hosts", "2", "1"),
        ("port-scan.ports", "2", "1"),
        ("port-scan.hosts", "2", "1"),
        ("port-scan.slow_factor", "1.0", "0.99"),
        ("port-scan.small_ports", "2", "1"),
        ("port-scan.small_hosts", "2", "1"),
        ("port-scan.fast_hosts", "5", "4"),
        ("port-scan.small_failed_share", "0.0 1.0", "1.01"),
        ("port-scan.fast_failed_share", "0.0 1.0", "1.01"),
        ("port-scan.min_unestablished_share", "0.0 1.0", "1.01"),
        ("port-scan.success_if_benign", "0.999", "1.0 0.0"),
        ("port-scan.detection", "0.999", "1.0 0.0"),
        ("ransomware.min_bytes", "1", "0"),
        ("ransomware.min_balance", "0.0 1.0", "1.01"),
        ("relay.min_bytes", "1000", "999"),
        ("relay.max_difference", "0.0 0.5", "0.51"),
        ("relay.min_strangers", "1", "0"),
        ("sigma.max_findings", "1", "0"),
        ("spam.min_servers", "3", "2"),
        ("tcp-health.half_open", "2", "1"),
        ("tcp-health.close_wait", "2", "1"),
        ("tcp-health.resets", "2", "1"),
        ("tcp-health.min_segments", "2", "1"),
        ("tcp-health.min_reset_share", "0.01 1.0", "0.0 1.01"),
        ("tcp-health.min_retransmit_share", "0.01 1.0", "0.0 1.01"),
        ("unanswered.min_attempts", "3", "2"),
        ("unanswered.min_few_attempts", "3", "2"),
        ("unanswered.min_listed", "2", "1"),
        ("unanswered.min_failed_share", "0.5 1.0", "0.49 1.01"),
        ("unanswered.min_span_s", "0.0", "-0.1"),
        ("unusual-port.rare_ports", "2", "1"),
        ("web-scan.min_requests", "20", "19"),
        ("web-scan.min_requests_inside", "20", "19"),
        ("web-scan.min_alike_share", "0.0 1.0", "1.01"),
    ] {
        let (section, threshold) = key.split_once('.').unwrap();
        let text = |value: &str| format!("[{section}]\n{threshold} = {value}\n");
        for value in accepted.split(' ') {
            if let Err(reason) = Config::parse(&text(value)) {
                panic!("{key} = {value}: {reason}");
            }
        }
        beyond.split(' ').for_each(|value| refused(&text(value), threshold));
    }
}
