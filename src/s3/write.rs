//! Write operations: objects, replacing only what netrec wrote.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checksum::{Checksum, Hash, Stated};
use super::client::Client;
use super::failure::Failure;
use super::read::EMPTY_SHA256;
use super::transport::{Body, Request};
use super::url::Url;
use crate::error::StorageFault;
use crate::{Error, Result, hex};

/// Marks an object as written by netrec; its value is the version.
pub(super) const OWN_HEADER: &str = "x-amz-meta-netrec";

/// The protocol's maximum size of an object.
const MOST_BYTES: u64 = 5 << 40;

/// Which existing objects are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// None, except an identical one.
    New,
    /// One that netrec wrote.
    Over,
}

/// The result of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was written.
    Written,
    /// An identical object was already there.
    Same,
}

/// What must be the case for an object to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    /// No object of this name exists. Unless that was asked before, a storage without conditions will not do.
    IsNew {
        was_asked: bool,
    },
}

impl Condition {
    pub(super) fn header(self) -> Option<(&'static str, String)> {
        match self {
            Self::None => None,
            Self::IsNew { .. } => Some(("if-none-match", "*".to_owned())),
        }
    }

    /// Sends what depends on it; from the first time on without it if the storage does not support conditions, as not
    /// every one does, and it may be left out.
    pub(super) fn send(&mut self, send: impl Fn(Self) -> Result<(), Failure>) -> Result<(), Failure> {
        match send(*self) {
            Err(failure) if *self == Self::IsNew { was_asked: true } && failure.status == 501 => {
                *self = Self::None;
                send(*self)
            }
            done => done,
        }
    }
}

pub(super) fn own_header() -> (&'static str, String) {
    (OWN_HEADER, env!("CARGO_PKG_VERSION").to_owned())
}

impl Client {
    /// Writes an object; the server verifies its SHA-256.
    ///
    /// # Errors
    /// [`Error::Exists`] and [`Error::Foreign`] if another object is there; [`Error::Storage`] if
    /// it cannot be written, [`Error::Io`] if a file cannot be read.
    pub fn put(&self, url: &Url, body: Body<'_>, put: Put) -> Result<Stored> {
        let checksum = Checksum::of(body).map_err(Error::io("read", url.to_path()))?;
        self.put_known(url, body, &checksum, put)
    }

    /// The same of a body whose checksum is known.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_known(&self, url: &Url, body: Body<'_>, checksum: &Checksum, put: Put) -> Result<Stored> {
        if body.bytes() > MOST_BYTES {
            let reason = "it is larger than 5 TiB, the most that the storage takes: record with --max-size";
            return Err(Failure::new(StorageFault::Refused, reason).into_error("write", url));
        }
        let was_asked = match self.compare(url, checksum, body.bytes(), put) {
            Ok(Some(stored)) => return Ok(stored),
            Ok(None) => true,
            // Without list permission, a missing object is not reported as missing; the condition
            // must suffice.
            Err(Error::Storage { fault: StorageFault::Refused, .. }) if put == Put::New => false,
            Err(error) => return Err(error),
        };
        let condition = if put == Put::New { Condition::IsNew { was_asked } } else { Condition::None };
        let sent = if checksum.parts().is_empty() {
            self.put_whole(url, body, checksum, condition)
        } else {
            self.put_parts(url, body, checksum, condition)
        };
        match sent {
            Ok(()) => Ok(Stored::Written),
            // Another writer was faster: possibly this program, if the answer to an earlier attempt
            // was lost.
            Err(failure) if failure.fault == StorageFault::Conflict => {
                let there = self.compare(url, checksum, body.bytes(), put)?;
                // Nothing is there: two requests collided.
                let met = Failure { fault: StorageFault::Unavailable, ..failure };
                there.ok_or_else(|| met.into_error("write", url))
            }
            Err(failure) => Err(failure.into_error("write", url)),
        }
    }

    /// Whether an identical object exists; `None` if the object may be written.
    fn compare(&self, url: &Url, checksum: &Checksum, bytes: u64, put: Put) -> Result<Option<Stored>> {
        let Some(head) = self.head(url)? else { return Ok(None) };
        if head.bytes == bytes && self.has(url, checksum, head.stated, bytes)? {
            return Ok(Some(Stored::Same));
        }
        match put {
            Put::New => Err(Error::Exists { path: url.to_path() }),
            Put::Over if head.is_own => Ok(None),
            Put::Over => {
                let reason = "netrec did not write it".to_owned();
                Err(Error::Foreign { path: url.to_path(), reason })
            }
        }
    }

    /// Sends an object as one.
    fn put_whole(
        &self,
        url: &Url,
        body: Body<'_>,
        checksum: &Checksum,
        mut condition: Condition,
    ) -> Result<(), Failure> {
        self.retried(|| condition.send(|condition| self.put_whole_once(url, body, checksum, condition)))
    }

    fn put_whole_once(
        &self,
        url: &Url,
        body: Body<'_>,
        checksum: &Checksum,
        condition: Condition,
    ) -> Result<(), Failure> {
        let sha256 = checksum.content();
        let mut headers = vec![("x-amz-checksum-sha256", STANDARD.encode(sha256)), own_header()];
        headers.extend(condition.header());
        let request = Request {
            method: "PUT",
            url,
            query: &[],
            headers,
            body: Some(body),
            payload_sha256: hex::encode(sha256),
            most_bytes: 0,
        };
        self.transport.send(&request).map(drop)
    }

    /// Whether the server has an object with exactly this content. If the server does not report
    /// its hash, the object is downloaded.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn holds(&self, url: &Url, checksum: &Checksum, bytes: u64) -> Result<bool> {
        match self.head(url)? {
            Some(head) if head.bytes == bytes => self.has(url, checksum, head.stated, bytes),
            _ => Ok(false),
        }
    }

    fn has(&self, url: &Url, wanted: &Checksum, stated: Option<Stated>, bytes: u64) -> Result<bool> {
        if let Some(has) = stated.and_then(|stated| wanted.compare(&stated)) {
            return Ok(has);
        }
        let mut hash = Hash::default();
        self.download(url, &mut hash, bytes)?;
        Ok(hash.finish() == *wanted.content())
    }

    /// Removes an object, if netrec wrote it.
    ///
    /// # Errors
    /// [`Error::Foreign`] if not; [`Error::Storage`].
    pub fn remove(&self, url: &Url) -> Result<()> {
        let Some(head) = self.head(url)? else { return Ok(()) };
        if !head.is_own {
            return Err(Error::Foreign { path: url.to_path(), reason: "netrec did not write it".to_owned() });
        }
        let removed = self.retried(|| {
            let request = Request {
                method: "DELETE",
                url,
                query: &[],
                headers: Vec::new(),
                body: None,
                payload_sha256: EMPTY_SHA256.to_owned(),
                most_bytes: 0,
            };
            self.transport.send(&request).map(drop)
        });
        removed.map_err(|failure| failure.into_error("remove", url))
    }
}
