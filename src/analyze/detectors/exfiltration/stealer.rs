//! What stealers hand in: a few kilobytes, as mail or over FTP, after a look where the victim is.

use ahash::AHashSet;

use super::uploads::Upload;
use super::{FTP, Thresholds};
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
            |row: &usize| sockets.get(*row).remote_port.is_some_and(|port| MAILBOXES.contains(&port));
        Self((0..sockets.len()).filter(is_one).map(|row| sockets.source_id(row)).collect())
    }
}

/// Whether an upload is what a stealer would make.
pub(super) fn is_like_one(
    upload: &Upload<'_>,
    scene: &Scene<'_>,
    readers: &MailReaders,
    config: &Thresholds,
) -> bool {
    let is_ftp = || upload.rows.iter().any(|row| scene.sockets.get(*row).remote_port == Some(FTP));
    upload.is_beyond
        && upload.sent >= config.min_stolen_bytes
        && upload.sent > upload.received
        && scene.surroundings.asked_for_own_address(&upload.source).is_some()
        && (upload.is_mail() || is_ftp())
        && upload.rows.first().is_some_and(|row| !readers.0.contains(&scene.sockets.source_id(*row)))
}

/// What it says.
pub(super) fn factor(upload: &Upload<'_>) -> Factor {
    let how = if upload.is_mail() { "handed in as mail" } else { "sent over FTP" };
    let says = format!(
        "it is {how} by a source that asked for its own public address and reads no mail, as stealers do"
    );
    Factor::new("upload-like-a-stealer", STOLEN, says)
}
