//! Write operations: objects, replacing only what netrec wrote.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::client::Client;
use super::failure::Failure;
use super::read::EMPTY_SHA256;
use super::transport::{Body, Request};
use super::url::Url;
use crate::error::StorageFault;
use crate::{Error, Result, hex};

/// Marks an object as written by netrec; its value is the version.
pub(super) const OWN_HEADER: &str = "x-amz-meta-netrec";

/// The protocol's maximum size of one request.
pub const MOST_UPLOAD_BYTES: u64 = 5 << 30;

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

impl Client {
    /// Writes an object; the server verifies its SHA-256.
    ///
    /// # Errors
    /// [`Error::Exists`] and [`Error::Foreign`] if another object is there; [`Error::Storage`] if
    /// it cannot be written, [`Error::Io`] if a file cannot be read.
    pub fn put(&self, url: &Url, body: Body<'_>, put: Put) -> Result<Stored> {
        if body.bytes() > MOST_UPLOAD_BYTES {
            let reason =
                "it is larger than 5 GiB, the most that the storage takes at once: record with --max-size";
            return Err(Failure::new(StorageFault::Refused, reason).into_error("write", url));
        }
        let sha256 = sha256_of(body).map_err(Error::io("read", url.to_path()))?;
        let is_free = match self.compare(url, &sha256, body.bytes(), put) {
            Ok(Some(stored)) => return Ok(stored),
            Ok(None) => true,
            // Without list permission, a missing object is not reported as missing; the condition
            // below must suffice.
            Err(Error::Storage { fault: StorageFault::Refused, .. }) if put == Put::New => false,
            Err(error) => return Err(error),
        };
        let mut is_conditional = put == Put::New;
        let sent = self.retried(|| {
            let sent = self.put_once(url, body, &sha256, is_conditional);
            match sent {
                // Not every storage supports conditions; the existence was checked before.
                Err(failure) if failure.status == 501 && is_conditional && is_free => {
                    is_conditional = false;
                    self.put_once(url, body, &sha256, false)
                }
                sent => sent,
            }
        });
        match sent {
            Ok(()) => Ok(Stored::Written),
            // Another writer was faster: possibly this program, if the answer to an earlier attempt
            // was lost.
            Err(failure) if failure.fault == StorageFault::Conflict => {
                let there = self.compare(url, &sha256, body.bytes(), put)?;
                // Nothing is there: two requests collided.
                let met = Failure { fault: StorageFault::Unavailable, ..failure };
                there.ok_or_else(|| met.into_error("write", url))
            }
            Err(failure) => Err(failure.into_error("write", url)),
        }
    }

    /// Whether an identical object exists; `None` if the object may be written.
    fn compare(&self, url: &Url, sha256: &[u8; 32], bytes: u64, put: Put) -> Result<Option<Stored>> {
        let Some(head) = self.head(url)? else { return Ok(None) };
        if head.bytes == bytes && self.has(url, sha256, head.sha256, bytes)? {
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

    fn put_once(&self, url: &Url, body: Body<'_>, sha256: &[u8; 32], is_new: bool) -> Result<(), Failure> {
        let mut headers = vec![
            ("x-amz-checksum-sha256", STANDARD.encode(sha256)),
            (OWN_HEADER, env!("CARGO_PKG_VERSION").to_owned()),
        ];
        if is_new {
            headers.push(("if-none-match", "*".to_owned()));
        }
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
    pub fn holds(&self, url: &Url, sha256: &[u8; 32], bytes: u64) -> Result<bool> {
        match self.head(url)? {
            Some(head) if head.bytes == bytes => self.has(url, sha256, head.sha256, bytes),
            _ => Ok(false),
        }
    }

    fn has(&self, url: &Url, wanted: &[u8; 32], told: Option<[u8; 32]>, bytes: u64) -> Result<bool> {
        if let Some(told) = told {
            return Ok(told == *wanted);
        }
        let mut hash = Hash(Sha256::new());
        self.download(url, &mut hash, bytes)?;
        Ok(<[u8; 32]>::from(hash.0.finalize()) == *wanted)
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

/// A writer into a hash.
struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// SHA-256 of the body.
pub(crate) fn sha256_of(body: Body<'_>) -> std::io::Result<[u8; 32]> {
    Ok(match body {
        Body::Bytes(bytes) => Sha256::digest(bytes).into(),
        Body::File(mut file, bytes) => {
            file.seek(SeekFrom::Start(0))?;
            let mut hash = Hash(Sha256::new());
            let read = std::io::copy(&mut <&File as Read>::take(file, bytes), &mut hash)?;
            if read != bytes {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            hash.0.finalize().into()
        }
    })
}
