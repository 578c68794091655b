//! What became of each frame, by kind, with the first of each kind as an example.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::capture::{Example, ImportStats, UnusedReason};
use crate::import::flow::Taken;
use crate::wire::packet::LinkType;

/// Link types that are told apart: a hostile file may claim any number of them.
const MOST_LINKS: usize = 32;

/// Counts of frames.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counted: u64,
    others: BTreeMap<UncountedFrame, Seen>,
}

/// Frames of which no packet was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum UncountedFrame {
    Malformed,
    Encrypted,
    UnknownLink(u32),
    FurtherLinks,
    OrphanFragment,
    Copy,
    NotIp,
}

#[derive(Debug, Default)]
struct Seen {
    count: u64,
    first: String,
}

impl Tally {
    /// Counts a frame; `place` says where it is.
    pub(super) fn add(&mut self, taken: Taken, place: impl FnOnce() -> String) {
        let kind = match taken {
            Taken::Counted => {
                self.counted += 1;
                return;
            }
            // Some of these find their first one later.
            Taken::AwaitsFirstFragment => UncountedFrame::OrphanFragment,
            Taken::Copy => UncountedFrame::Copy,
            Taken::NotIp => UncountedFrame::NotIp,
            Taken::Encrypted => UncountedFrame::Encrypted,
            Taken::UnknownLink(link) => {
                let kind = UncountedFrame::UnknownLink(link.0);
                let is_known = self.others.contains_key(&kind) || self.others.len() < MOST_LINKS;
                if is_known { kind } else { UncountedFrame::FurtherLinks }
            }
            Taken::Malformed => UncountedFrame::Malformed,
        };
        let seen = self.others.entry(kind).or_insert_with(|| Seen { count: 0, first: place() });
        seen.count += 1;
    }

    /// Tells `stats` what became of every frame.
    pub(super) fn say(&self, orphan_fragments: u64, unreadable: u64, stats: &mut ImportStats) {
        let awaiting = self.others.get(&UncountedFrame::OrphanFragment).map_or(0, |seen| seen.count);
        "frame".clone_into(&mut stats.unit);
        stats.use_many(self.counted + awaiting.saturating_sub(orphan_fragments));
        for (kind, seen) in &self.others {
            let count = if *kind == UncountedFrame::OrphanFragment { orphan_fragments } else { seen.count };
            let example = Example::at(seen.first.clone());
            stats.skip_many(kind.reason(), &kind.describe(), count, Some(example));
        }
        let undescribed = "frame of an interface that the file does not describe";
        stats.skip_many(UnusedReason::Unreadable, undescribed, unreadable, None);
    }
}

impl UncountedFrame {
    /// What such a frame is, as a noun.
    fn describe(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Malformed => "broken or truncated header",
            Self::Encrypted => "encrypted or compressed payload",
            Self::UnknownLink(number) if LinkType(number).is_other_bus() => {
                return format!("link type {}, which is no network", LinkType(number)).into();
            }
            Self::UnknownLink(number) => return format!("link type {}", LinkType(number)).into(),
            Self::FurtherLinks => "further link types",
            Self::OrphanFragment => "IP fragment without its first part",
            Self::Copy => "copy of a packet that was captured elsewhere",
            Self::NotIp => "frame without IP",
        })
    }

    fn reason(self) -> UnusedReason {
        match self {
            Self::Malformed => UnusedReason::Unreadable,
            Self::Copy => UnusedReason::Duplicate,
            Self::NotIp => UnusedReason::NoConnection,
            Self::UnknownLink(number) if LinkType(number).is_other_bus() => UnusedReason::NoConnection,
            Self::Encrypted | Self::UnknownLink(_) | Self::FurtherLinks | Self::OrphanFragment => {
                UnusedReason::Unsupported
            }
        }
    }
}
