//! What stealers hand in: a few kilobytes as mail or over FTP, or an archive through a chat, after a look where the victim is.

use ahash::AHashSet;

use super::Thresholds;
use super::uploads::Upload;
use crate::analyze::appraisal::Factor;
use crate::analyze::scene::Scene;
use crate::model::ids::SourceId;
use crate::model::sockets::Sockets;

/// What it weighs.
const STOLEN: f64 = 1.5;

/// The same through the webhook of a chat, whose known name (−2.5) says nothing then.
const STOLEN_BY_WEBHOOK: f64 = 4.5;

/// Bytes of an archive of passwords and screenshots; a message has a few kilobytes.
const ARCHIVE_BYTES: u64 = 100_000;

/// Times what comes back: the pages and pictures of a chat are larger than what its user writes.
const HANDED_IN_RATIO: f64 = 10.0;

/// Names to which webhooks post. The chat's own programs upload files to other names.
const WEBHOOKS: [&str; 5] =
    ["api.telegram.org", "discord.com", "discordapp.com", "hooks.slack.com", "webhook.site"];

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
        && (upload.is_mail() || upload.is_ftp(&scene.sockets) || is_by_webhook(upload))
}

fn is_by_webhook(upload: &Upload<'_>) -> bool {
    let is_one =
        upload.name.is_some_and(|name| WEBHOOKS.iter().any(|known| known.eq_ignore_ascii_case(name)));
    is_one && upload.sent >= ARCHIVE_BYTES && upload.ratio() >= HANDED_IN_RATIO
}

/// What it says.
pub(super) fn factor(upload: &Upload<'_>) -> Factor {
    if let Some(name) = upload.name.filter(|_| is_by_webhook(upload)) {
        let says = format!(
            "it is an archive handed to {name}, as to a webhook, by a source that asked for its own public address, as \
            stealers do"
        );
        return Factor::new("upload-like-a-stealer", STOLEN_BY_WEBHOOK, says);
    }
    let how = if upload.is_mail() { "handed in as mail" } else { "sent over FTP" };
    let says = format!(
        "it is {how} by a source that asked for its own public address and reads no mail, as stealers do"
    );
    Factor::new("upload-like-a-stealer", STOLEN, says)
}
