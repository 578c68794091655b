//! Sentences about what is missing between the files of a recording.

use crate::capture::{Gap, GapReason, Joined};
use crate::humanize;

/// Maximum number of gaps listed one by one, longest first; the others are summed up.
const MOST_GAPS: usize = 5;

/// Maximum number of unreadable files that are named.
const MOST_FILES: usize = 3;

pub(super) fn sentences(joined: &Joined) -> Vec<String> {
    let mut longest: Vec<&Gap> = joined.gaps.iter().collect();
    longest.sort_by_key(|gap| (std::cmp::Reverse(length_us(gap)), gap.from_us));
    let others = longest.split_off(MOST_GAPS.min(longest.len()));
    longest.sort_by_key(|gap| gap.from_us);
    let mut sentences: Vec<String> = longest.into_iter().map(sentence).collect();
    if !others.is_empty() {
        let sum_us: i64 = others.iter().map(|gap| length_us(gap)).fold(0, i64::saturating_add);
        sentences.push(format!(
            "{}, {} in all, are shorter.",
            humanize::plural(others.len() as u64, "more gap"),
            seconds(sum_us)
        ));
    }
    sentences.extend(joined.unread.iter().take(MOST_FILES).cloned());
    if joined.unread.len() > MOST_FILES {
        let more = (joined.unread.len() - MOST_FILES) as u64;
        sentences.push(format!("{} could not be read.", humanize::plural(more, "more file")));
    }
    sentences
}

fn sentence(gap: &Gap) -> String {
    let why = match gap.reason {
        GapReason::RecorderStopped => "the recorder was not running",
        GapReason::HostRestarted => "the host was restarted",
        GapReason::FilesMissing => "files of the series are missing",
    };
    format!(
        "No data from {} ({}): {why}.",
        humanize::span_utc((gap.from_us, gap.to_us)),
        seconds(length_us(gap)),
    )
}

fn length_us(gap: &Gap) -> i64 {
    gap.to_us.saturating_sub(gap.from_us).max(0)
}

fn seconds(us: i64) -> String {
    humanize::seconds(us as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    #[test]
    fn the_longest_gaps_are_named_in_the_order_of_time_and_the_others_summed() {
        let gap = |(start, hours): (i64, i64)| Gap {
            from_us: start * HOUR_US,
            to_us: (start + hours) * HOUR_US,
            reason: GapReason::RecorderStopped,
        };
        let gaps = [(0, 2), (10, 1), (20, 3), (30, 4), (40, 5), (50, 6), (60, 1)].map(gap).to_vec();
        let said = sentences(&Joined { gaps, ..Joined::default() });
        assert_eq!(said.len(), 6, "{said:?}");
        assert!(said[0].starts_with("No data from 1970-01-01T00:00:00Z"), "{said:?}");
        assert!(said[0].contains("2 h") && said[4].contains("6 h"), "{said:?}");
        assert!(said[5].starts_with("2 more gaps, 2 h in all"), "{said:?}");
        for unread in 0..6_usize {
            let names = (0..unread).map(|n| format!("file {n} cannot be read.")).collect();
            let said = sentences(&Joined { unread: names, ..Joined::default() });
            assert_eq!(said.len(), unread.min(4));
            let more = ["1 more file could not be read.", "2 more files could not be read."];
            assert_eq!(
                said.get(3).map(String::as_str),
                unread.checked_sub(4).map(|more_than_one| more[more_than_one])
            );
        }
    }
}
