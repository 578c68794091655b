//! Packet captures: pcap and pcapng, as tcpdump and Wireshark write them.
//!
//! Frames become flows ([`super::flow`]), and flows become rows: what the kernel of the
//! originator would have counted, as far as the wire shows it. No process is known.

pub mod frames;
mod merge;
mod owners;
mod tally;

use self::frames::{End, Outcome};
use self::merge::{Merge, Placed};
use self::owners::Owners;
use self::tally::Tally;
use super::flow::{self, FlowStats, Limits, Sink, Tracker};
use super::{Begin, Importer, Input, Output, plural};
use crate::Result;
use crate::capture::{Row, SourceStatus};

/// Reads packet captures.
pub const IMPORTER: Importer = Importer {
    id: "pcap",
    title: "a packet capture (pcap or pcapng)",
    needs: "Connections come from frames that hold IP.",
    recognises: |begin: &Begin| frames::is_capture(&begin.bytes),
    import,
};

/// Several files are read as one, in the order of their frames: a ring of files that one program
/// wrote holds flows that go on from file to file.
fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut tracker = Tracker::new(Limits::default());
    let mut tally = Tally::default();
    let mut owners = Owners::default();
    let merge = Merge::new(inputs).run(output, |placed, output| {
        let mut rows = Rows { output, result: Ok(()) };
        let owner = owners.find(&placed.frame, placed.owner.clone());
        let taken = tracker.take_frame_of(&frame(placed), owner, &mut rows);
        tally.add(taken, || format!("{} frame {}", inputs[placed.file].file_name(), placed.number));
        rows.result
    })?;
    let mut rows = Rows { output, result: Ok(()) };
    tracker.finish(&mut rows);
    rows.result?;
    for (file, outcome) in &merge.outcomes {
        say_end(&inputs[*file], outcome, output);
    }
    let total = Total::new(merge.outcomes.iter().map(|(_, outcome)| outcome));
    tally.say(tracker.orphan_fragments(), total.unreadable, output.stats());
    describe(&tracker, &total, output);
    if merge.has_waited {
        let detail = "too many files overlap in time to read at once: some were read after the others";
        output.source("files", SourceStatus::Partial, detail);
    }
    Ok(())
}

fn frame<'a>(placed: &Placed<'a>) -> flow::Frame<'a> {
    let frames::Frame { link, ts_ns, data, wire_bytes, interface } = placed.frame;
    let interface = (placed.file as u64) << 32 | u64::from(interface);
    flow::Frame { link, ts_ns, data, wire_bytes, interface }
}

/// Hands rows on, and keeps the first error.
struct Rows<'o, 'p> {
    output: &'o mut Output<'p>,
    result: Result<()>,
}

impl Sink for Rows<'_, '_> {
    fn row(&mut self, row: &Row) {
        if self.result.is_ok() {
            self.result = self.output.push_in_order(row);
        }
    }
}

/// What reading all files came to.
#[derive(Default)]
struct Total {
    dropped: Option<u64>,
    unreadable: u64,
    untimed: u64,
    mismatched: u64,
    /// Captures that lie behind another one in the same file.
    joined: u64,
}

impl Total {
    fn new<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        outcomes.fold(Self::default(), |total, outcome| Self {
            dropped: match (total.dropped, outcome.dropped) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            },
            unreadable: total.unreadable + outcome.unreadable,
            untimed: total.untimed + outcome.untimed,
            mismatched: total.mismatched + outcome.mismatched,
            joined: total.joined + outcome.captures.saturating_sub(1),
        })
    }
}

fn say_end(file: &Input, outcome: &Outcome, output: &mut Output<'_>) {
    if outcome.end != End::Whole && frames::has_carriage_returns(&file.begin.bytes) {
        output.cut_short(
            "Each line feed in it follows a carriage return: it passed through a terminal (docker exec -t, ssh -t) or \
             a transfer of text, which no packet capture survives. Capture it again without that.",
        );
    }
    let (file, position) = (file.file_name(), outcome.position);
    if outcome.cut > 0 {
        output.cut_short(&format!(
            "{file} holds several captures, of which {} in the middle of a frame, where the next one begins: that frame is lost.",
            if outcome.cut == 1 { "one ends".to_owned() } else { format!("{} end", outcome.cut) }
        ));
    }
    match outcome.end {
        End::Whole => {}
        End::CutShort => output.cut_short(&format!(
            "{file} ends in the middle of a frame, after {position} bytes; all frames before it were read."
        )),
        End::Zeros => output.cut_short(&format!(
            "{file} ends in zeros after {position} bytes, as after a power failure; all frames before \
             them were read."
        )),
        End::Damaged(why) => output.cut_short(&format!(
            "{file} is damaged after {position} bytes ({why}); all frames before that were read."
        )),
    }
}

/// Says what the packets were, and which times they had.
fn describe(tracker: &Tracker, total: &Total, output: &mut Output<'_>) {
    let account = tracker.account();
    let metadata = output.metadata();
    metadata.events_lost = total.dropped;
    metadata.ticks_taken = u64::from(tracker.ticks()) + 1;
    output.source("packets", SourceStatus::Ran, packets(account, total));
    describe_owners(account, output);
    if account.evicted_one_sided + account.evicted_open > 0 {
        output.source("flow table", SourceStatus::Partial, evictions(account));
    }
    if total.untimed > 0 {
        let detail = format!(
            "{} of {} frames have no time (pcapng simple packet blocks): they are shown at the time of the frame \
             before them, or in 1970",
            total.untimed, account.frames
        );
        output.cut_short(&format!("{detail}."));
        output.source("times", SourceStatus::Missing, detail);
    }
    if total.mismatched > 0 {
        output.cut_short(&format!(
            "In {}, the length at the end differs from the one at the beginning: the file is damaged, or its \
             writer has a bug; the first length was used.",
            super::plural(total.mismatched, "block")
        ));
    }
    let clock = tracker.clock();
    let mut steps = Vec::new();
    if clock.steps_back() > 0 {
        steps.push(format!("back {} times by more than 5 s", clock.steps_back()));
    }
    if clock.steps_forward() > 0 {
        steps.push(format!("forward {} times by more than a year", clock.steps_forward()));
    }
    if !steps.is_empty() {
        let detail = format!("frame times jump {}; durations exclude the jumps", steps.join(" and "));
        output.source("clock", SourceStatus::Partial, detail);
    }
}

/// Says of how many flows the file names a process, a user or an app.
fn describe_owners(account: &FlowStats, output: &mut Output<'_>) {
    if account.owned > 0 {
        let detail =
            format!("named by the capture for {} of {}", account.owned, plural(account.flows, "flow"));
        output.source("owners", SourceStatus::Ran, detail);
    }
    if account.owned_by_responder > 0 {
        let detail = format!(
            "{} accepted by the capturing host: their owners are named in the file and not kept, as a \
             flow is shown from the side of its originator",
            plural(account.owned_by_responder, "flow")
        );
        output.source("owners-of-accepted-flows", SourceStatus::Partial, detail);
    }
}

fn packets(account: &FlowStats, total: &Total) -> String {
    let mut said = vec![format!(
        "{}, {} in {}",
        plural(account.frames, "frame"),
        plural(account.packets, "packet"),
        plural(account.flows, "flow")
    )];
    if account.copies > 0 {
        said.push(format!(
            "{} packets were captured more than once (on several interfaces, or by a mirror port) and are counted once",
            account.copies
        ));
    }
    if account.broken_inner > 0 {
        said.push(format!("the contents of {} tunnel packets could not be read", account.broken_inner));
    }
    if total.joined > 0 {
        said.push(format!("captures that follow another one in the same file: {}", total.joined));
    }
    said.push(match total.dropped {
        Some(dropped) => format!("the capturing program lost {dropped}"),
        None => "the files do not say how many the capturing program lost".to_owned(),
    });
    said.join("; ")
}

fn evictions(account: &FlowStats) -> String {
    format!(
        "too many flows were open at once: {} are kept; {} with traffic from one side only and {} others \
         were ended early, oldest first, and their later packets count as new flows",
        account.most_kept, account.evicted_one_sided, account.evicted_open
    )
}
