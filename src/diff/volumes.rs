//! Processes or addresses that move much more or much less than before.

use std::collections::BTreeMap;

use super::facts::Who;
use super::v1::ShiftedVolume;

/// Minimum difference in bytes, scaled to the shorter recording: below, a ratio means nothing.
pub(super) const FLOOR_BYTES: f64 = 1_000_000.0;

/// Minimum ratio, in either direction.
pub(super) const RATIO: f64 = 4.0;

/// Bytes sent and received during the recording, and its length in seconds.
type Volumes<'a> = (&'a BTreeMap<Who, (u64, u64)>, f64);

/// Only those in both captures: the others are new or gone.
pub(super) fn shifted(before: Volumes<'_>, after: Volumes<'_>) -> Vec<ShiftedVolume> {
    let shorter_s = before.1.min(after.1);
    if shorter_s <= 0.0 {
        return Vec::new();
    }
    let mut shifted = Vec::new();
    for (who, new) in after.0 {
        let Some(old) = before.0.get(who) else { continue };
        for (way, old, new) in [("sent", old.0, new.0), ("received", old.1, new.1)] {
            let (old, new) = (old as f64 / before.1, new as f64 / after.1);
            let is_large = (new - old).abs() * shorter_s >= FLOOR_BYTES;
            if is_large && new.max(old) >= RATIO * new.min(old) {
                shifted.push(ShiftedVolume {
                    process_name: who.process_name.clone(),
                    local_addr: who.local_addr.clone(),
                    way: way.to_owned(),
                    before_bytes_per_s: old,
                    after_bytes_per_s: new,
                });
            }
        }
    }
    shifted
}
