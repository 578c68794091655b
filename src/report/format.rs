//! Numbers and times in reports: those of [`crate::humanize`], and what only reports say.

pub use crate::humanize::{
    UNKNOWN, bytes, bytes_per_s, count, iso_utc, measured, moment, number, percent, plural, ratio_percent,
    second_utc, seconds, short_count,
};

use super::json::v1::{Detector, DetectorStatus};

/// What stands where findings would: nothing found is not the same as nothing looked for.
pub fn nothing_found(detectors: &[Detector]) -> &'static str {
    if detectors.iter().any(|detector| detector.status == DetectorStatus::Ran) {
        "No detector that ran found anything. Read this together with what the recording could not show, and \
         with the detectors that were skipped or failed."
    } else {
        "No detector could run, so nothing was looked for. Why stands beside each detector."
    }
}
