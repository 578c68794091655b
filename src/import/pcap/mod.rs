//! Packet captures: pcap and pcapng, as tcpdump and Wireshark write them.
//!
//! Frames become flows ([`super::flow`]), and flows become rows: what the kernel of the
//! originator would have counted, as far as the wire shows it. No process is known.

pub mod frames;

use self::frames::{End, Outcome};
use super::flow::{Account, Limits, Sink, Tracker};
use super::{Begin, Importer, Input, Output};
use crate::capture::{ImportStats, Row, SourceStatus, UnusedReason};
use crate::{Error, Result};

/// Reads packet captures.
pub const IMPORTER: Importer = Importer {
    id: "pcap",
    title: "a packet capture (pcap or pcapng)",
    needs: "Connections come from frames that hold IP.",
    recognises: |begin: &Begin| frames::is_capture(&begin.bytes),
    import,
};

/// Several files are read as one, in the order in which they are given: a ring of files that one
/// program wrote holds flows that go on from file to file.
fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut tracker = Tracker::new(Limits::default());
    let mut dropped = None;
    let mut unreadable = 0;
    for file in inputs {
        let outcome = read(file, &mut tracker, output)?;
        say_end(file, &outcome, output);
        unreadable += outcome.unreadable;
        dropped = outcome.dropped.map(|more| dropped.unwrap_or(0_u64).saturating_add(more)).or(dropped);
    }
    with_rows(output, |rows| tracker.finish(rows))?;
    describe(&tracker, dropped, unreadable, output);
    Ok(())
}

fn read(file: &Input, tracker: &mut Tracker, output: &mut Output<'_>) -> Result<Outcome> {
    let mut reader = output.reader(file)?;
    let read = with_rows(output, |rows| {
        frames::read(&mut reader, |frame| {
            tracker.take_frame(frame.link, frame.ts_ns, frame.data, frame.wire_bytes, rows);
        })
    })?;
    let outcome = read.map_err(Error::io("read", &file.path))?;
    let source = reader.finish(output.format())?;
    output.imported(source);
    Ok(outcome)
}

/// Hands rows on, and keeps the first error for the end: it would be checked for at every packet
/// otherwise.
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

fn with_rows<T>(output: &mut Output<'_>, make: impl FnOnce(&mut Rows<'_, '_>) -> T) -> Result<T> {
    let mut rows = Rows { output, result: Ok(()) };
    let result = make(&mut rows);
    rows.result.map(|()| result)
}

fn say_end(file: &Input, outcome: &Outcome, output: &mut Output<'_>) {
    let (file, position) = (file.file_name(), outcome.position);
    match outcome.end {
        End::Whole => {}
        End::CutShort => output.cut_short(&format!(
            "{file} ends in the middle of a frame, after {position} bytes; what was whole is here."
        )),
        End::Damaged(why) => output.cut_short(&format!(
            "{file} is damaged after {position} bytes ({why}); what lies before is here."
        )),
    }
}

/// Says what the packets were, and what could not be used.
fn describe(tracker: &Tracker, dropped: Option<u64>, unreadable: u64, output: &mut Output<'_>) {
    let account = tracker.account();
    let metadata = output.metadata();
    metadata.events_lost = dropped;
    metadata.ticks_taken = u64::from(tracker.ticks()) + 1;
    output.source("packets", SourceStatus::Ran, packets(account, dropped));
    *output.stats() = stats(account, unreadable);
    if account.evicted_one_sided + account.evicted_open > 0 {
        output.source("flow table", SourceStatus::Partial, evictions(account));
    }
    let clock = tracker.clock();
    if clock.steps_back() > 0 {
        let detail = format!(
            "the times of the packets went back {} times by more than 5 s; durations were measured over the steps",
            clock.steps_back()
        );
        output.source("clock", SourceStatus::Partial, detail);
    }
}

fn packets(account: &Account, dropped: Option<u64>) -> String {
    let dropped = match dropped {
        Some(dropped) => format!("the capturing side says that it lost {dropped}"),
        None => "the file does not say how many the capturing side lost".to_owned(),
    };
    format!(
        "{} frames, {} TCP and UDP packets in {} flows; {dropped}",
        account.frames, account.packets, account.flows
    )
}

/// What became of each frame.
fn stats(account: &Account, unreadable: u64) -> ImportStats {
    let mut stats = ImportStats::new("frame");
    stats.use_many(account.used_frames);
    for (reason, kind, count) in [
        (UnusedReason::Unreadable, "frame without a time or an interface", unreadable),
        (UnusedReason::Unreadable, "broken or truncated header", account.malformed),
        (UnusedReason::Unsupported, "unknown link type", account.foreign_links),
        (UnusedReason::Unsupported, "IP fragment without its first part", account.fragments),
        (UnusedReason::Unsupported, "IP protocol other than TCP and UDP", account.other_protocols),
        (UnusedReason::NoConnection, "frame without IP", account.not_ip),
    ] {
        stats.skip_many(reason, kind, count, None);
    }
    stats
}

fn evictions(account: &Account) -> String {
    format!(
        "more flows were open at once than the {} that are kept: {} that only one side had taken part in and {} \
         others were let go of early, the oldest first; what came of them later counts as another flow",
        account.most_kept, account.evicted_one_sided, account.evicted_open
    )
}
