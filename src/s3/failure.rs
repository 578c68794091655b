//! The meaning of an error response, and what to do about it.

use std::time::Duration;

use roxmltree::{Document, ParsingOptions};
use ureq::Timeout;
use ureq::http::{HeaderMap, StatusCode};

use super::temporary;
use super::url::Url;
use crate::Error;
use crate::error::StorageFault;

/// Maximum number of bytes read of an error response.
pub(super) const MOST_ERROR_BYTES: u64 = 64 << 10;

/// Maximum number of quoted characters of a server's message.
const MOST_QUOTED: usize = 200;

/// Maximum number of XML elements in an error response.
const MOST_NODES: u32 = 1_000;

/// Maximum delay that a server may request.
const MOST_PATIENCE_S: u64 = 30;

/// Why a request failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) fault: StorageFault,
    /// A sentence with the next step.
    pub(super) reason: String,
    /// The delay that the server requests before another attempt.
    pub(super) after: Option<Duration>,
    /// No server answers: waiting for long would not help.
    pub(super) is_nobody: bool,
    /// The HTTP status; 0 without a response.
    pub(super) status: u16,
    /// The server's error code; empty if there is none.
    pub(super) code: String,
    /// The system's error for a local file, which is not the storage's fault.
    pub(super) local: Option<std::io::Error>,
}

impl Failure {
    pub(super) fn new(fault: StorageFault, reason: impl Into<String>) -> Self {
        Self {
            fault,
            reason: reason.into(),
            after: None,
            is_nobody: false,
            status: 0,
            code: String::new(),
            local: None,
        }
    }

    /// A failure of a local file.
    pub(super) fn local(error: std::io::Error) -> Self {
        Self { local: Some(error), ..Self::new(StorageFault::Refused, "") }
    }

    /// Whether the whole bucket is missing rather than the object.
    pub(super) fn is_of_bucket(&self) -> bool {
        self.code == "NoSuchBucket"
    }

    /// A temporary failure.
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self::new(StorageFault::Unavailable, reason)
    }

    pub(super) fn may_pass(&self) -> bool {
        self.fault == StorageFault::Unavailable
    }

    pub(super) fn into_error(self, action: &'static str, url: &Url) -> Error {
        match self.local {
            Some(error) => Error::io("keep what is fetched in", temporary::folder())(error),
            None => Error::Storage { action, url: url.to_string(), fault: self.fault, reason: self.reason },
        }
    }

    /// A request without a response.
    pub(super) fn of_transport(error: &ureq::Error, host: &str) -> Self {
        let text = error.to_string();
        // A wrong certificate stays wrong on another attempt.
        if text.to_ascii_lowercase().contains("certificate") {
            let advice =
                "if its authority is one of your own, set AWS_CA_BUNDLE to a file with its certificate";
            return Self::new(StorageFault::Refused, format!("{host}: {text}; {advice}"));
        }
        match error {
            ureq::Error::Timeout(phase) => Self::passing(format!("{host} {}", silence(*phase))),
            ureq::Error::HostNotFound => Self {
                is_nobody: true,
                ..Self::passing(format!(
                    "the host {host} is not known: check AWS_ENDPOINT_URL and AWS_REGION"
                ))
            },
            ureq::Error::Io(source) if source.kind() == std::io::ErrorKind::ConnectionRefused => Self {
                is_nobody: true,
                ..Self::passing(format!("nobody listens at {host}: check AWS_ENDPOINT_URL"))
            },
            ureq::Error::Io(source) => Self::passing(format!("{host}: {source}")),
            _ => Self::passing(format!("{host}: {text}")),
        }
    }

    /// An error response.
    pub(super) fn of_answer(
        method: &str,
        url: &Url,
        status: StatusCode,
        headers: &HeaderMap,
        body: &str,
    ) -> Self {
        let (code, message) = code_and_message(body);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let region = header("x-amz-bucket-region").map(str::to_owned).or_else(|| text_of(body, "Region"));
        let fault = match status.as_u16() {
            404 => StorageFault::Missing,
            409 | 412 => StorageFault::Conflict,
            501 => StorageFault::Refused,
            408 | 429 | 500.. => StorageFault::Unavailable,
            _ => StorageFault::Refused,
        };
        let patience = header("retry-after").and_then(|value| value.parse::<u64>().ok());
        let reason = match (code.as_str(), status.as_u16()) {
            ("NoSuchBucket", _) => format!(
                "there is no bucket {}: check its name, AWS_REGION and AWS_ENDPOINT_URL",
                url.bucket()
            ),
            ("InvalidAccessKeyId", _) => {
                "the storage does not know the access key: check AWS_ACCESS_KEY_ID".to_owned()
            }
            ("SignatureDoesNotMatch", _) => {
                "the secret key is not that of the access key: check AWS_SECRET_ACCESS_KEY".to_owned()
            }
            ("ExpiredToken" | "TokenRefreshRequired" | "InvalidToken", _) => {
                "the session token is not valid any more: get new credentials".to_owned()
            }
            ("RequestTimeTooSkewed", _) => {
                "the clock of this host is wrong by more than the storage accepts: set it".to_owned()
            }
            (
                "AuthorizationHeaderMalformed"
                | "PermanentRedirect"
                | "TemporaryRedirect"
                | "IllegalLocationConstraintException",
                _,
            )
            | (_, 301 | 307 | 308) => match region.filter(|region| is_region(region)) {
                Some(region) => format!("the bucket is in the region {region}: set AWS_REGION={region}"),
                None => format!("it is elsewhere ({status}): check AWS_REGION and AWS_ENDPOINT_URL"),
            },
            (_, 404) => "there is no such object".to_owned(),
            (_, 403) => format!(
                "access denied: the credentials are wrong, or lack the permission {}",
                permission(method, url)
            ),
            ("", _) => format!("the storage answers {status}"),
            _ => format!("the storage answers {} {}", status.as_u16(), quoted(&code, &message)),
        };
        Self {
            after: patience.map(|seconds| Duration::from_secs(seconds.min(MOST_PATIENCE_S))),
            status: status.as_u16(),
            code,
            ..Self::new(fault, reason)
        }
    }
}

/// What a server did not do in time.
fn silence(phase: Timeout) -> &'static str {
    match phase {
        Timeout::Resolve => "is not resolved in time: the name service does not answer",
        Timeout::Connect => "does not let itself be connected to in time",
        Timeout::SendBody | Timeout::SendRequest | Timeout::PerWrite => "does not take what is sent in time",
        _ => "does not answer in time",
    }
}

/// The permission that a request needs.
fn permission(method: &str, url: &Url) -> &'static str {
    match method {
        "PUT" | "POST" => "s3:PutObject",
        "DELETE" => "s3:DeleteObject",
        _ if url.is_folder() => "s3:ListBucket",
        _ => "s3:GetObject",
    }
}

fn is_region(text: &str) -> bool {
    text.len() < 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn quoted(code: &str, message: &str) -> String {
    let separator = if message.is_empty() { "" } else { ": " };
    format!("{code}{separator}{message}").chars().take(MOST_QUOTED).collect()
}

fn code_and_message(body: &str) -> (String, String) {
    (text_of(body, "Code").unwrap_or_default(), text_of(body, "Message").unwrap_or_default())
}

/// The text of the first element of this name; `None` if the body is not XML.
pub(super) fn text_of(body: &str, name: &str) -> Option<String> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(body, options).ok()?;
    let element = document.descendants().find(|node| node.tag_name().name() == name)?;
    Some(element.text().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, status: u16, body: &str, headers: &[(&'static str, &str)]) -> Failure {
        let headers = headers
            .iter()
            .map(|(name, value)| (ureq::http::HeaderName::from_static(name), value.parse().unwrap()));
        let url = "s3://captures/web/".parse().unwrap();
        Failure::of_answer(method, &url, StatusCode::from_u16(status).unwrap(), &headers.collect(), body)
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(of("GET", status, "", &[]).may_pass(), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 405, 409, 411, 412, 416] {
            assert!(!of("GET", status, "", &[]).may_pass(), "{status}");
        }
        let slow = of("GET", 503, "", &[("retry-after", "3600")]);
        assert_eq!(slow.after, Some(Duration::from_secs(MOST_PATIENCE_S)));
    }

    #[test]
    fn each_failure_says_what_to_do() {
        let xml = |code: &str| {
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>")
        };
        let reason = |status, code: &str| of("PUT", status, &xml(code), &[]).reason;
        assert!(reason(404, "NoSuchBucket").contains("there is no bucket captures"));
        assert!(reason(403, "InvalidAccessKeyId").contains("AWS_ACCESS_KEY_ID"));
        assert!(reason(403, "SignatureDoesNotMatch").contains("AWS_SECRET_ACCESS_KEY"));
        assert!(reason(403, "AccessDenied").contains("s3:PutObject"));
        assert_eq!(reason(400, "EntityTooLarge"), "the storage answers 400 EntityTooLarge: m");
        let elsewhere = of("GET", 301, "", &[("x-amz-bucket-region", "eu-west-1")]);
        assert!(elsewhere.reason.contains("set AWS_REGION=eu-west-1"), "{}", elsewhere.reason);
    }

    #[test]
    fn what_a_server_says_is_cut_and_no_entity_is_expanded() {
        let long = format!("<Error><Code>X</Code><Message>{}</Message></Error>", "m".repeat(10_000));
        assert!(of("GET", 400, &long, &[]).reason.len() < 300);
        let bomb = "<!DOCTYPE e [<!ENTITY a \"aaaa\">]><Error><Code>&a;&a;</Code></Error>";
        assert_eq!(of("GET", 400, bomb, &[]).reason, "the storage answers 400 Bad Request");
    }
}
