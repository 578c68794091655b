//! Timing of clients that contact services: floods and clocks.

use crate::model::stats;

pub use crate::model::peers::{Peer, Side};

/// Maximum number of events in any window of `width_us`; times in ascending order.
pub fn most_within(times_us: &[i64], width_us: i64) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (at, time) in times_us.iter().enumerate() {
        while time - times_us[from] > width_us {
            from += 1;
        }
        most = most.max(at - from + 1);
    }
    most
}

/// Minimum interval of a slow clock in seconds: a minute, minus a tolerance for late starts. Such
/// sessions are a job's or a monitor's.
const SLOW_CLOCK_S: f64 = 59.0;

/// A monitor may be faster (Prometheus asks every 15 s by default, load balancers every 5 s), and then has this number of
/// sessions before it is known.
const FAST_CLOCK_S: f64 = 4.0;
const FEWEST_OF_FAST_CLOCK: usize = 10;

/// A loop in a script may be faster still. Who waits longer than this between two requests that take less does not work
/// through a list.
const LOOP_S: f64 = 1.0;

/// Maximum mean deviation of the gaps from their median, as a share of it, for a clock.
const CLOCK: f64 = 0.1;

/// Minimum number of sessions for a clock.
const FEWEST_OF_CLOCK: usize = 4;

/// The same for a timer with jitter: drawn evenly from half of the period to one and a half, gaps deviate by a quarter of it, and
/// gaps between random times by twice as much.
const TIMER: f64 = 0.3;
const FEWEST_OF_TIMER: usize = 20;

/// Whether sessions start by a clock of a minute or more, like a job's or a monitor's; times in
/// ascending order.
pub fn is_by_slow_clock(times_us: &[i64]) -> bool {
    is_by_clock(times_us, SLOW_CLOCK_S, FEWEST_OF_CLOCK)
}

/// Whether sessions start by a clock, even a fast one, like a monitor's; times in ascending order.
pub fn is_by_any_clock(times_us: &[i64]) -> bool {
    is_by_slow_clock(times_us) || is_by_clock(times_us, FAST_CLOCK_S, FEWEST_OF_FAST_CLOCK)
}

/// Whether sessions start by a clock, even that of a loop that waits a second or longer; times in ascending order.
pub fn is_by_loop(times_us: &[i64]) -> bool {
    is_by_any_clock(times_us) || is_by_clock(times_us, LOOP_S, FEWEST_OF_FAST_CLOCK)
}

/// Whether times, in ascending order, are those of a timer, even one with jitter of half of its period: the median gap
/// in seconds if so.
pub fn timer_s(times_us: &[i64]) -> Option<f64> {
    let (median, apart) = regularity(times_us).filter(|_| times_us.len() >= FEWEST_OF_TIMER)?;
    (median >= FAST_CLOCK_S && apart <= TIMER).then_some(median)
}

fn is_by_clock(times_us: &[i64], least_s: f64, fewest: usize) -> bool {
    let regularity = regularity(times_us).filter(|_| times_us.len() >= fewest);
    regularity.is_some_and(|(median, apart)| median >= least_s && apart <= CLOCK)
}

/// The median gap in seconds, and by how much the gaps deviate from it on average, as a share of it.
fn regularity(times_us: &[i64]) -> Option<(f64, f64)> {
    let gaps = stats::sorted(times_us.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e6));
    let median = stats::median(&gaps)?;
    let apart = gaps.iter().map(|gap| ((gap - median).abs() / median).min(1.0)).sum::<f64>();
    Some((median, apart / gaps.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::scene::Scene;
    use crate::capture::Metadata;
    use crate::model::detector::Context;
    use crate::model::testing::{Capture, Conn};
    use crate::model::threat_intel::ThreatIntel;

    #[test]
    fn a_timer_may_have_jitter_and_chance_is_no_timer() {
        let times = |gap_s: &dyn Fn(usize) -> f64| {
            let mut at_us = 0;
            let next = |n| {
                at_us += (gap_s(n) * 1e6) as i64;
                at_us
            };
            (0..40).map(next).collect::<Vec<i64>>()
        };
        assert_eq!(timer_s(&times(&|_| 60.0)), Some(60.0));
        let jittered = |n: usize| 60.0 * [0.5, 1.0, 1.5, 0.75, 1.25][n % 5];
        assert_eq!(timer_s(&times(&jittered)), Some(60.0));
        let random = |n: usize| 60.0 * [0.1, 2.5, 0.7, 0.3, 1.4, 0.05, 3.0][n % 7];
        assert_eq!(timer_s(&times(&random)), None);
        assert_eq!(timer_s(&times(&|_| 2.0)), None, "faster than a timer needs to be");
        assert_eq!(timer_s(&times(&|_| 60.0)[..19]), None, "too few");
    }

    #[test]
    fn connections_are_grouped_by_client_and_service() {
        let mut capture = Capture::new(60);
        for (port, second) in [(40_000, 1.0), (40_001, 2.0)] {
            capture.add(Conn::to("203.0.113.5", 443).local_port(port).at(second));
            capture.add(Conn::to("198.51.100.7", port).local_port(22).inbound().at(second));
        }
        let tables = capture.tables();
        let (metadata, intel) = (Metadata::default(), ThreatIntel::default());
        let context = Context::new(&tables, &metadata, &intel, 1);
        let scene = Scene::of(&context).unwrap();
        let peers: Vec<_> = scene.by_peer(|_, _| true, |_| true).collect();
        let found: Vec<_> = peers.iter().map(|(peer, rows)| (peer.side, peer.port, rows.len())).collect();
        assert_eq!(found, [(Side::Client, 443, 2), (Side::Server, 22, 2)]);
        let (server, _) = peers.last().unwrap();
        assert_eq!(server.client_and_server(), ("198.51.100.7", "192.168.1.10"));
    }

    #[test]
    fn the_fullest_window_is_found() {
        assert_eq!(most_within(&[0, 1, 2, 10, 11, 12, 13, 30], 3), 4);
        assert_eq!(most_within(&[], 3), 0);
    }

    #[test]
    fn a_job_and_a_monitor_begin_by_a_slow_clock() {
        let times = |gaps: &[i64]| -> Vec<i64> {
            gaps.iter()
                .scan(0, |at, gap| {
                    *at += gap * 1_000_000;
                    Some(*at)
                })
                .collect()
        };
        assert!(
            is_by_slow_clock(&times(&[300; 10]))
                && is_by_slow_clock(&times(&[60, 61, 60, 59, 60, 80, 60, 60, 60, 60, 60]))
        );
        assert!(!is_by_slow_clock(&times(&[20; 10])), "too fast");
        assert!(is_by_any_clock(&times(&[15; 10])) && !is_by_any_clock(&times(&[15; 5])));
        assert!(!is_by_any_clock(&times(&[1; 20])) && is_by_loop(&times(&[1; 20])));
        assert!(!is_by_any_clock(&times(&[5, 9, 30, 4, 7, 5, 22, 6, 5, 40])));
        assert!(!is_by_slow_clock(&times(&[90, 400, 200, 80, 700])) && !is_by_slow_clock(&times(&[300; 3])));
    }
}
