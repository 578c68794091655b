//! The thread that decodes rows, ahead of the one that adds them up.

use std::sync::mpsc::{SyncSender, TrySendError};

use super::batch::{Batch, Reason};
use crate::Result;
use crate::capture::schema::COLUMNS;
use crate::capture::{CaptureFile, Column};

/// What the decoding thread hands over.
pub(super) enum Decoded {
    Rows(Result<Box<Batch>, Reason>),
    EndOfRowGroup,
}

/// Decodes the row groups in their order, until the end or until nobody listens any more.
pub(super) fn row_groups(capture: &CaptureFile, to: &SyncSender<Decoded>) {
    for group in 0..capture.row_groups() {
        if let Err(error) = row_group(capture, group, to) {
            capture.leave_out(group, &error);
        }
        if to.send(Decoded::EndOfRowGroup).is_err() {
            return;
        }
    }
}

fn row_group(capture: &CaptureFile, group: usize, to: &SyncSender<Decoded>) -> Result<()> {
    let columns = COLUMNS.iter().map(|info| info.column);
    let columns: Vec<Column> = columns.filter(|column| !capture.is_all_null(group, *column)).collect();
    for batch in capture.row_group(group, &columns)? {
        if !hand_over(Batch::new(&batch?).map(Box::new), to) {
            break;
        }
    }
    Ok(())
}

/// Hands a batch over; if the other thread is not ready for it, with its rows compared, so that
/// whichever of the two has less to do does that. Whether anybody listens.
fn hand_over(batch: Result<Box<Batch>, Reason>, to: &SyncSender<Decoded>) -> bool {
    match to.try_send(Decoded::Rows(batch)) {
        Ok(()) => true,
        Err(TrySendError::Full(Decoded::Rows(Ok(mut batch)))) => {
            batch.compare_rows();
            to.send(Decoded::Rows(Ok(batch))).is_ok()
        }
        Err(TrySendError::Full(other)) => to.send(other).is_ok(),
        Err(TrySendError::Disconnected(_)) => false,
    }
}
