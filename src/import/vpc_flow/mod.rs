//! AWS VPC flow logs as text, CSV or JSON: a record for each direction of a flow in each aggregation interval.
//!
//! Records of one flow are joined: both directions, and the intervals that follow each other. Sources:
//! the Amazon VPC User Guide, "Flow log records" and "Flow log record examples"; files from S3 begin
//! with a line that names their fields, records from Amazon `CloudWatch` Logs have the default ones and may
//! begin with the time of their delivery.

mod flows;
mod record;
#[cfg(test)]
mod tests;

use self::flows::Flows;
use self::record::{Fields, Parsed};
use super::records::{self, Record};
use super::{Begin, Importer, Input, Output};
use crate::Result;
use crate::capture::{Example, SourceStatus, UnusedReason};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "vpc-flow",
    title: "AWS VPC flow logs",
    needs: "Connections come from records with log-status OK and the fields srcaddr, dstaddr, protocol and start.",
    recognises,
    import,
};

/// Lines that are looked at to recognise a file.
const MOST_LOOKED_AT: usize = 8;

fn recognises(begin: &Begin) -> bool {
    let lines = begin.lines().take(MOST_LOOKED_AT).filter_map(|line| std::str::from_utf8(line).ok());
    lines.filter(|line| !line.trim().is_empty()).any(|line| {
        Fields::named_by(line).is_some()
            || matches!(
                Fields::standard().parse(line),
                Some(Parsed::Flow(_) | Parsed::NoData | Parsed::Skipped)
            )
    })
}

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut flows = Flows::default();
    let mut skipped_intervals = 0;
    for input in inputs {
        skipped_intervals += read(input, &mut flows, output)?;
    }
    let split = flows.finish(output)?;
    let detail = "bytes include packet headers, summed over each aggregation interval";
    output.source("byte-counts", SourceStatus::Partial, detail);
    if skipped_intervals > 0 {
        let detail = format!(
            "AWS skipped records of {} (log-status SKIPDATA): traffic of that time is missing",
            super::plural(skipped_intervals, "aggregation interval")
        );
        output.source("skipped-records", SourceStatus::Partial, detail);
    }
    output.connections_split(split);
    Ok(())
}

/// Reads a file; gives the aggregation intervals of which AWS says that it skipped records.
fn read(input: &Input, flows: &mut Flows, output: &mut Output<'_>) -> Result<u64> {
    let mut fields = Fields::standard();
    let mut skipped_intervals = 0;
    records::read_file(input, output, "record", |Record { number, line, is_whole }, account, output| {
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return Ok(());
        }
        if let Some(named) = Fields::named_by(&text) {
            fields = named;
            return Ok(());
        }
        let skip = |kind| (UnusedReason::NoConnection, kind);
        if !text.bytes().any(|byte| byte.is_ascii_digit()) {
            // A table of Logs Insights names its columns, and not the fields of the messages.
            let (reason, kind) = skip("line without values");
            account.stats.skip(reason, kind, || Example::of_line(number, line));
            return Ok(());
        }
        let (reason, kind) = match fields.parse(&text) {
            Some(Parsed::Flow(record)) => {
                account.stats.use_one();
                return flows.take(&record, output);
            }
            Some(Parsed::NoData) => skip("interval without traffic (NODATA)"),
            Some(Parsed::Skipped) => {
                skipped_intervals += 1;
                skip("interval of which AWS skipped records (SKIPDATA)")
            }
            Some(Parsed::Unusable(missing)) => (UnusedReason::Unsupported, missing),
            None if is_whole => {
                account.stats.unreadable_line(number, line);
                return Ok(());
            }
            None => {
                account.is_cut_short = true;
                return Ok(());
            }
        };
        account.stats.skip(reason, kind, || Example::of_line(number, line));
        Ok(())
    })?;
    Ok(skipped_intervals)
}
