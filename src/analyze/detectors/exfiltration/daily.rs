//! Uploads that are made each day, as backups are.

use std::collections::BTreeMap;

use crate::model::socket_subset::SocketSubset;

/// A day, and how much earlier or later than the first a job of the same hour begins, in µs.
const DAY_US: i64 = 86_400_000_000;
const SAME_TIME_US: i64 = 3_600_000_000;

/// Days from which on it is a habit.
const LEAST_DAYS: usize = 3;

/// Share of all bytes that must be sent at that time, and how many times the least of a day the most may be.
const AT_THAT_TIME: f64 = 0.9;
const MOST_TIMES_LEAST: u64 = 2;

/// On how many days about as much was sent, each beginning at about the same time; none if the days differ, or are few.
pub(super) fn days_alike(members: SocketSubset<'_, '_>) -> Option<usize> {
    let first_us = members.iter().map(|socket| socket.first_seen_us).min()?;
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    let mut all = 0_u64;
    for socket in members.iter() {
        let sent = socket.recorded_sent.unwrap_or(0);
        all = all.saturating_add(sent);
        let after_us = socket.first_seen_us.saturating_sub(first_us);
        let day = after_us.saturating_add(DAY_US / 2) / DAY_US;
        if after_us.abs_diff(day * DAY_US) <= SAME_TIME_US.unsigned_abs() {
            let of_day = days.entry(day).or_default();
            *of_day = of_day.saturating_add(sent);
        }
    }
    let at_that_time = days.values().fold(0, |sum: u64, sent| sum.saturating_add(*sent));
    let (least, most) = (days.values().min()?, days.values().max()?);
    let are_alike = *most <= least.saturating_mul(MOST_TIMES_LEAST);
    (days.len() >= LEAST_DAYS && are_alike && at_that_time as f64 >= AT_THAT_TIME * all as f64)
        .then_some(days.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sockets::Sockets;
    use crate::model::testing::{Capture, Conn};

    /// What is said of uploads that begin at some hours of the recording, each of so many megabytes.
    fn of(uploads: &[(f64, u64)]) -> Option<usize> {
        let mut capture = Capture::new(5 * 86_400);
        for (hour, megabytes) in uploads {
            let conn = Conn::to("203.0.113.5", 22).bytes(megabytes * 1_000_000, 9_000);
            capture.add(conn.at(hour * 3_600.0).lasting(600.0));
        }
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let rows: Vec<usize> = (0..sockets.len()).collect();
        days_alike(sockets.subset(&rows))
    }

    #[test]
    fn as_much_at_the_same_hour_of_three_days_is_a_habit() {
        assert_eq!(of(&[(2.0, 900), (26.3, 1_000), (49.5, 800)]), Some(3));
        // In parts, and with a few bytes at another time.
        assert_eq!(of(&[(2.0, 500), (2.2, 400), (12.0, 20), (26.0, 900), (50.0, 900), (74.0, 950)]), Some(4));
    }

    #[test]
    fn two_days_other_hours_and_other_amounts_are_none() {
        assert_eq!(of(&[(2.0, 900), (26.0, 900)]), None);
        assert_eq!(of(&[(2.0, 900), (30.0, 900), (61.0, 900)]), None);
        assert_eq!(of(&[(2.0, 100), (26.0, 100), (50.0, 900)]), None);
        assert_eq!(of(&[(2.0, 900), (26.0, 900), (50.0, 900), (60.0, 900)]), None);
    }
}
