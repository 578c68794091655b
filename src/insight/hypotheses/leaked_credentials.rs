//! `leaked-credentials`: a login at a file server outside.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const LEAKED_CREDENTIALS: Hypothesis = Hypothesis {
    id: "leaked-credentials",
    title: "{who}: possible leak of credentials to {where}",
    summary: "A connection to a file server outside the network. Windows logs in to one by itself, so that a link in a mail or a \
        document is enough to obtain the user's NTLM response, which can be cracked or relayed.",
    stage: Some(Stage::CredentialAccess),
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::any(Signal::CredentialsSent, "A file server outside:")]],
    supports: &[
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::Upload, "Large upload:"),
        Sign::any(Signal::UnusualPort, "Unusual port:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::High,
    benign: &["Shares in a cloud and branch offices with public addresses are reached the same way."],
    ask: &[
        "Find out what the user opened at the time (mail, document, shortcut), and whether it names that address.",
        "Treat the password of the account as known to the attacker until the challenge is ruled out, and block ports 139 and 445 at the border.",
    ],
    attack: &["T1187"],
};
