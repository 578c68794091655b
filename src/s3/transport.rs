//! One request and its response: time limits, TLS, and no redirects.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use ureq::http::{self, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, SendBody};

use super::credentials::Provider;
use super::failure::{Failure, MOST_ERROR_BYTES};
use super::settings::Settings;
use super::sign::{Unsigned, encode, query};
use super::url::Url;
use crate::error::StorageFault;
use crate::{Error, Result};

/// Time limit for resolving a name, and for connecting.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Time limit for the beginning of a response, and between two pieces of one.
const SILENCE_TIME: Duration = Duration::from_secs(30);

/// Time limit for any body, plus a minimum rate in bytes per second: a slower server counts as one
/// that stalls on purpose.
const BODY_TIME: Duration = Duration::from_secs(30);
const LEAST_BYTES_PER_S: u64 = 32 << 10;

/// The body of a request.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// The first bytes of a file, this many.
    File(&'a File, u64),
    /// Bytes of a file: from where, and how many.
    Part(&'a File, u64, u64),
}

impl<'a> Body<'a> {
    /// The number of bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, bytes) | Self::Part(_, _, bytes) => *bytes,
        }
    }

    /// Some of its bytes.
    pub(super) fn slice(self, range: Range<u64>) -> Self {
        let bytes = range.end - range.start;
        match self {
            Self::Bytes(all) => Self::Bytes(&all[range.start as usize..range.end as usize]),
            Self::File(file, _) => Self::Part(file, range.start, bytes),
            Self::Part(file, from, _) => Self::Part(file, from + range.start, bytes),
        }
    }

    /// Reads it from its beginning.
    pub(super) fn reader(self) -> std::io::Result<Box<dyn Read + 'a>> {
        let (mut file, from, bytes) = match self {
            Self::Bytes(bytes) => return Ok(Box::new(bytes)),
            Self::File(file, bytes) => (file, 0, bytes),
            Self::Part(file, from, bytes) => (file, from, bytes),
        };
        file.seek(SeekFrom::Start(from))?;
        Ok(Box::new(file.take(bytes)))
    }
}

/// A request for an object or a bucket.
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) url: &'a Url,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// Names in lower case.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Body<'a>>,
    /// SHA-256 of the body, in hexadecimal.
    pub(super) payload_sha256: String,
    /// Maximum size of the response.
    pub(super) most_bytes: u64,
}

/// Sends requests.
#[derive(Debug)]
pub(super) struct Transport {
    agent: Agent,
    pub(super) settings: Settings,
    pub(super) credentials: Provider,
}

impl Transport {
    /// Sends requests to the server of the settings, signed with `credentials`, over `tls`.
    pub(super) fn new(settings: Settings, credentials: Provider, tls: TlsConfig) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("netrec/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT_TIME))
            .timeout_connect(Some(CONNECT_TIME))
            .timeout_send_request(Some(SILENCE_TIME))
            .timeout_recv_response(Some(SILENCE_TIME))
            .timeout_per_read(Some(SILENCE_TIME))
            .timeout_per_write(Some(SILENCE_TIME))
            .tls_config(tls);
        Self { agent: config.build().new_agent(), settings, credentials }
    }

    /// Sends a request, and returns its response if that is a success.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Response<ureq::Body>, Failure> {
        let Request { method, url, query: asked, headers, body, payload_sha256, most_bytes } = request;
        let credentials =
            self.credentials.get().map_err(|reason| Failure::new(StorageFault::Refused, reason))?;
        let (place, before) = self.settings.place(url.bucket());
        let path = format!("{before}{}", encode(url.key(), "/"));
        let unsigned =
            Unsigned { method, host: &place.host, path: &path, query: asked, headers, payload_sha256 };
        let signed = unsigned.sign(&credentials, &self.settings.region, Utc::now());
        let separator = if asked.is_empty() { "" } else { "?" };
        let address = format!("{}://{}{path}{separator}{}", place.scheme, place.host, query(asked));
        let mut built = http::Request::builder().method(*method).uri(address);
        for (name, value) in &signed {
            built = built.header(name, value);
        }
        let answer = match body {
            None => self.run(built, SendBody::none(), 0, *most_bytes),
            Some(body) => {
                built = built.header("content-length", body.bytes());
                if body.bytes() > 0 {
                    // Lets the server reject the request before the body is sent.
                    built = built.header("expect", "100-continue");
                }
                let mut reader = body.reader().map_err(Failure::local)?;
                self.run(built, SendBody::from_reader(&mut reader), body.bytes(), *most_bytes)
            }
        };
        let answer = answer.map_err(|error| Failure::of_transport(&error, &place.host))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let failure = failure_of(method, url, answer);
        if failure.fault == StorageFault::Refused {
            self.credentials.forget();
        }
        Err(failure)
    }

    /// Sends a request of this size, with the time limit for a response of that size.
    fn run(
        &self,
        request: http::request::Builder,
        body: SendBody<'_>,
        sends: u64,
        takes: u64,
    ) -> std::result::Result<Response<ureq::Body>, ureq::Error> {
        let time = |bytes: u64| Some(BODY_TIME + Duration::from_secs(bytes / LEAST_BYTES_PER_S));
        let request = self.agent.configure_request(request.body(body)?);
        let request = request.timeout_send_body(time(sends)).timeout_recv_body(time(takes));
        self.agent.run(request.build())
    }
}

fn failure_of(method: &str, url: &Url, answer: Response<ureq::Body>) -> Failure {
    let (parts, body) = answer.into_parts();
    let mut text = Vec::new();
    // Without its body a response still has its status.
    let _ = body.into_with_config().limit(MOST_ERROR_BYTES).reader().read_to_end(&mut text);
    Failure::of_answer(method, url, parts.status, &parts.headers, &String::from_utf8_lossy(&text))
}

/// Trusts the host's certificate authorities, or those in a file if one is given.
///
/// # Errors
/// [`Error::Io`] and [`Error::Usage`] if there are none.
pub(super) fn tls(settings: &Settings) -> Result<TlsConfig> {
    let trusted: Vec<Certificate<'static>> = if let Some(path) = &settings.trusted {
        let pem = std::fs::read(path).map_err(Error::io("read", path))?;
        let items = ureq::tls::parse_pem(&pem).filter_map(std::result::Result::ok);
        let certificates = items.filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        });
        certificates.collect()
    } else {
        let found = rustls_native_certs::load_native_certs().certs;
        found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
    };
    // The storage may not need any, but then the service for credentials has to do without.
    if trusted.is_empty() && settings.is_encrypted() {
        let reason = "there is no certificate authority to trust: install ca-certificates, or set AWS_CA_BUNDLE to \
            a file with certificates (PEM)";
        return Err(Error::Usage(reason.to_owned()));
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&trusted))
        .build())
}
