//! What stealers hand in: a few kilobytes, as mail or over FTP, after a look where the victim is.

use ahash::AHashSet;

use super::Thresholds;
use super::uploads::Upload;
use crate::analyze::appraisal::Factor;
use crate::analyze::scene::Scene;
use crate::model::ids::SourceId;
use crate::model::sockets::Sockets;

/// What it weighs.
const STOLEN: f64 = 1.5;

/// Ports at which mail is read.
const MAILBOXES: [u16; 4] = [110, 143, 993, 995];

/// Sources that read mail.
pub(super) struct MailReaders(AHashSet<SourceId>);

impl MailReaders {
    pub(super) fn new(sockets: &Sockets<'_>) -> Self {
        let is_one =
            |row: &usize| sockets.columns().remote_port(*row).is_some_and(|port| MAILBOXES.contains(&port));
        Self((0..sockets.len()).filter(is_one).map(|row| sockets.source_id(row)).collect())
    }

    /// Whether the source of an upload is one of them.
    pub(super) fn have(&self, upload: &Upload<'_>, sockets: &Sockets<'_>) -> bool {
        upload.rows.first().is_none_or(|row| self.0.contains(&sockets.source_id(*row)))
    }
}

/// Whether an upload is what a stealer would make, if its source reads no mail.
pub(super) fn is_like_one(upload: &Upload<'_>, scene: &Scene<'_>, config: &Thresholds) -> bool {
    upload.is_beyond
        && upload.sent >= config.min_stolen_bytes
        && upload.sent > upload.received
        && scene.surroundings.asked_for_own_address(&upload.source).is_some()
        && (upload.is_mail() || upload.is_ftp(&scene.sockets))
}

/// What it says.
pub(super) fn factor(upload: &Upload<'_>) -> Factor {
    let how = if upload.is_mail() { "handed in as mail" } else { "sent over FTP" };
    let says = format!(
        "it is {how} by a source that asked for its own public address and reads no mail, as stealers do"
    );
    Factor::new("upload-like-a-stealer", STOLEN, says)
}
