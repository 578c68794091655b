//! What the server's certificate says: who signed it, and whether it is one for the name that the client asks for.
//!
//! The names of a certificate are not all in a capture, only its subject. One that a known authority signed for another
//! customer of a content delivery network is ordinary, so that the name is judged only where nobody known signed it.

use std::collections::BTreeSet;

use super::{Factor, domains};
use crate::model::socket_subset::SocketSubset;

/// Attributes in the names of certificates that attack frameworks and remote access trojans make by default, from their
/// source code and documentation.
const FRAMEWORKS: [(&str, &str); 13] = [
    ("CN=Major Cobalt Strike", "Cobalt Strike"),
    ("O=cobaltstrike", "Cobalt Strike"),
    ("CN=MetasploitSelfSignedCA", "Metasploit"),
    ("CN=Covenant", "Covenant"),
    ("O=Mythic", "Mythic"),
    ("OU=Jethpro", "PoshC2"),
    ("CN=AsyncRAT Server", "AsyncRAT"),
    ("CN=Quasar Server CA", "Quasar"),
    ("CN=DcRat", "DcRat"),
    ("CN=DcRat Server", "DcRat"),
    ("CN=BitRAT", "BitRAT"),
    ("CN=Orcus Server", "Orcus"),
    ("CN=VenomRAT Server", "VenomRAT"),
];

/// What stands there if nobody fills it in: the defaults of OpenSSL and of Linux distributions, and names of the host itself.
const PLACEHOLDERS: [&str; 6] = [
    "O=Internet Widgits Pty Ltd",
    "O=Default Company Ltd",
    "L=Default City",
    "CN=localhost",
    "CN=localhost.localdomain",
    "CN=example.com",
];

/// What takes away that a name of a known service lowers suspicion, and half a sign more: the client only claims it.
const IMPERSONATES: f64 = 3.0;

/// A certificate, and the name that the client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shown<'a> {
    subject: &'a str,
    issuer: &'a str,
    asked_for: Option<&'a str>,
}

/// The facts about the certificates of connections; inside the network (`leaves` is false), where services have certificates
/// of their own, only those of attack frameworks.
pub(super) fn factors(members: SocketSubset<'_, '_>, leaves: bool) -> Vec<Factor> {
    let certificates: BTreeSet<Shown<'_>> = members
        .iter()
        .filter_map(|socket| {
            let (subject, issuer) = socket.tls_subject.zip(socket.tls_issuer)?;
            // A client that names no server has its name from the DNS, and may have meant another.
            let names_none = socket.ja4.is_some_and(|ja4| ja4.as_bytes().get(3) == Some(&b'i'));
            Some(Shown { subject, issuer, asked_for: socket.remote_name.filter(|_| !names_none) })
        })
        .collect();
    if let Some(factor) = of_framework(&certificates) {
        return vec![factor];
    }
    if !leaves {
        return Vec::new();
    }
    of_signer(&certificates)
        .into_iter()
        .chain(of_name(&certificates))
        .chain(of_subject(&certificates))
        .collect()
}

fn of_framework(certificates: &BTreeSet<Shown<'_>>) -> Option<Factor> {
    FRAMEWORKS.iter().find_map(|(attribute, framework)| {
        let has = |shown: &&Shown<'_>| {
            has_attribute(shown.subject, attribute) || has_attribute(shown.issuer, attribute)
        };
        let shown = certificates.iter().find(has)?;
        let says = format!("the server's certificate is {framework}'s default: '{}'", shown.subject);
        Some(Factor::new("certificate-framework", 3.0, says))
    })
}

fn of_signer(certificates: &BTreeSet<Shown<'_>>) -> Option<Factor> {
    let Shown { subject, .. } = certificates.iter().find(|shown| shown.is_self_signed())?;
    let is_placeholder = PLACEHOLDERS.iter().any(|attribute| has_attribute(subject, attribute));
    let (weight, kind) = if is_placeholder { (1.5, " and names nobody") } else { (1.0, "") };
    let says = format!("the server's certificate is self-signed{kind}: '{subject}'");
    Some(Factor::new("certificate-self-signed", weight, says))
}

/// The name that the client asks for is its own choice; the certificate is the server's.
fn of_name(certificates: &BTreeSet<Shown<'_>>) -> Option<Factor> {
    certificates.iter().filter(|shown| shown.is_signed_by_nobody()).find_map(|shown| {
        let name = shown.asked_for?;
        let is_other = shown.is_of_another_name(name);
        if domains::is_known_service(name) && (is_other || shown.is_self_signed()) {
            let says = format!(
                "it asks for {name}, a known service, but no authority signed the certificate that answers: '{}'",
                shown.subject
            );
            return Some(Factor::new("certificate-impersonates", IMPERSONATES, says));
        }
        is_other.then(|| {
            let says = format!(
                "it asks for {name}, but the certificate is of '{}' and no known authority signed it",
                shown.subject
            );
            Factor::new("certificate-other-name", 1.5, says)
        })
    })
}

/// A certificate of a name that a program made up.
fn of_subject(certificates: &BTreeSet<Shown<'_>>) -> Option<Factor> {
    let is_told = |shown: &Shown<'_>| shown.asked_for.is_some_and(domains::looks_generated);
    certificates.iter().filter(|shown| !is_told(shown)).find_map(|shown| {
        let host = host(shown.subject).filter(|host| domains::looks_generated(host))?;
        let says = format!("the name {host} in the server's certificate looks generated");
        Some(Factor::new("certificate-name-generated", 1.0, says))
    })
}

impl Shown<'_> {
    fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether the issuer is no organization, as every public authority is (CA/Browser Forum, Baseline Requirements, 7.1.2).
    fn is_signed_by_nobody(&self) -> bool {
        self.is_self_signed() || !parts(self.issuer).any(|part| part.starts_with("O="))
    }

    /// Whether the subject is the host of another owner: `amazon.de` and `amazon.com` are of one.
    fn is_of_another_name(&self, name: &str) -> bool {
        let owner = |name| domains::registered_domain(name).and_then(|domain| domain.split('.').next());
        let of_subject = host(self.subject).and_then(owner).map(str::to_ascii_lowercase);
        let of_name = owner(name).map(str::to_ascii_lowercase);
        of_subject.zip(of_name).is_some_and(|(subject, name)| subject != name)
    }
}

/// The host in the common name of a subject; none if that is no name of a host.
fn host(subject: &str) -> Option<&str> {
    let name = parts(subject).find_map(|part| part.strip_prefix("CN="))?;
    let host = name.strip_prefix("*.").unwrap_or(name);
    let is_host =
        host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    is_host.then_some(host)
}

/// The attributes of a distinguished name, in any of the notations: `CN=a,O=b`, `O=b, CN=a`, `/O=b/CN=a`.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split([',', '/']).map(str::trim)
}

fn has_attribute(name: &str, attribute: &str) -> bool {
    parts(name).any(|part| part == attribute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sockets::Sockets;
    use crate::model::testing::{Capture, Conn};

    /// Ids and weights of the facts about a certificate that a server shows to a client that asks for a name.
    fn found(
        name: &'static str,
        subject: &'static str,
        issuer: &'static str,
        leaves: bool,
    ) -> Vec<(&'static str, f64)> {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("198.51.100.1", 443).named(name).certified(subject, issuer));
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let factors = factors(sockets.subset(&[0]), leaves);
        factors.into_iter().map(|factor| (factor.id, factor.weight)).collect()
    }

    #[test]
    fn an_authority_vouches_for_names_that_do_not_fit() {
        let r11 = "CN=R11,O=Let's Encrypt,C=US";
        assert!(found("b.example.org", "CN=b.example.org", r11, true).is_empty());
        assert!(found("b.example.org", "CN=sni.cdn-of-many.net", r11, true).is_empty());
        assert!(found("b.example.org", "CN=b.example.org", "CN=inspection.corp.example", true).is_empty());
    }

    #[test]
    fn who_signs_for_another_name_alone_hides_where_it_goes() {
        let tor = ("www.t3i3ru.com", "CN=www.7d43ah2kikrabj.net", "CN=www.wohgpas45j6ucw.com");
        assert_eq!(
            found(tor.0, tor.1, tor.2, true),
            [("certificate-other-name", 1.5), ("certificate-name-generated", 1.0)]
        );
        assert!(found(tor.0, tor.1, tor.2, false).is_empty(), "inside");
        assert_eq!(
            found("shop.example.org", "CN=nas.other.net", "CN=nas.other.net", true),
            [("certificate-self-signed", 1.0), ("certificate-other-name", 1.5)]
        );
    }

    #[test]
    fn a_known_service_has_no_certificate_of_its_own_making() {
        for subject in ["CN=www.microsoft.com", "CN=Microsoft,O=Microsoft"] {
            assert_eq!(
                found("www.microsoft.com", subject, subject, true),
                [("certificate-self-signed", 1.0), ("certificate-impersonates", 3.0)]
            );
        }
        assert_eq!(
            found("www.amazon.de", "CN=www.amazon.com", "CN=DigiCert Global CA G2,O=DigiCert Inc,C=US", true),
            []
        );
    }

    #[test]
    fn frameworks_are_known_inside_too() {
        assert_eq!(found("a.example", "CN=Covenant", "CN=Covenant", false), [("certificate-framework", 3.0)]);
        assert!(found("a.example", "CN=Covenant Health", "CN=ca,O=b", true).is_empty());
    }
}
