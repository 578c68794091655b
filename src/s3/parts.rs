//! Large objects, which are sent in parts and put together by the storage.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::fmt::Write as _;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use ureq::http::{Response, StatusCode};

use super::checksum::{Checksum, parts};
use super::client::Client;
use super::failure::{Failure, MOST_ERROR_BYTES, text_of};
use super::read::{EMPTY_SHA256, text};
use super::transport::{Body, Request};
use super::url::Url;
use super::write::{Condition, own_header};
use crate::error::StorageFault;
use crate::hex;

/// Maximum length of a part's tag: those of Amazon S3 have 34 bytes.
const MOST_TAG_BYTES: usize = 256;

/// A part that the storage has: its SHA-256, and the tag that the storage gave it.
type Sent = ([u8; 32], String);

impl Client {
    /// Sends an object in parts. Whatever goes wrong, the parts are not left behind, as far as the storage can be
    /// reached.
    pub(super) fn put_parts(
        &self,
        url: &Url,
        body: Body<'_>,
        checksum: &Checksum,
        condition: Condition,
    ) -> Result<(), Failure> {
        let id = self.persistently(|| self.begin(url))?;
        let sent = self.send_parts(url, body, checksum, &id);
        let done = sent.and_then(|sent| self.put_together(url, &sent, &id, condition));
        if done.is_err() {
            // What it failed with matters more than this.
            let _ = self.abandon(url, &id);
        }
        done
    }

    /// Asks for the identity of an upload.
    fn begin(&self, url: &Url) -> Result<String, Failure> {
        let answer = self.transport.send(&Request {
            method: "POST",
            url,
            query: &[("uploads", "")],
            headers: vec![("x-amz-checksum-algorithm", "SHA256".to_owned()), own_header()],
            body: None,
            payload_sha256: EMPTY_SHA256.to_owned(),
            most_bytes: MOST_ERROR_BYTES,
        })?;
        let body = body_of(answer)?;
        let id = text_of(body.trim(), "UploadId").filter(|id| !id.is_empty());
        id.ok_or_else(|| Failure::new(StorageFault::Refused, "the storage does not take objects in parts"))
    }

    /// Sends every part. One that fails is sent again, even for a caller that repeats uploads itself: those before it
    /// would be lost.
    fn send_parts(
        &self,
        url: &Url,
        body: Body<'_>,
        checksum: &Checksum,
        id: &str,
    ) -> Result<Vec<Sent>, Failure> {
        let parts = (1_u32..).zip(parts(body.bytes()).zip(checksum.parts()));
        let send = |(number, (part, sha256)): (u32, (_, &[u8; 32]))| {
            let part = body.slice(part);
            let tag = self.persistently(|| self.send_part(url, part, sha256, (number, id)))?;
            Ok((*sha256, tag))
        };
        parts.map(send).collect()
    }

    fn send_part(
        &self,
        url: &Url,
        part: Body<'_>,
        sha256: &[u8; 32],
        (number, id): (u32, &str),
    ) -> Result<String, Failure> {
        let answer = self.transport.send(&Request {
            method: "PUT",
            url,
            query: &[("partNumber", &number.to_string()), ("uploadId", id)],
            headers: vec![("x-amz-checksum-sha256", STANDARD.encode(sha256))],
            body: Some(part),
            payload_sha256: hex::encode(sha256),
            most_bytes: 0,
        })?;
        let tag = text(answer.headers(), "etag").filter(|tag| is_tag(tag)).map(str::to_owned);
        tag.ok_or_else(|| Failure::new(StorageFault::Refused, "the storage gives a part no valid tag"))
    }

    /// Has the storage make an object of its parts.
    fn put_together(
        &self,
        url: &Url,
        sent: &[Sent],
        id: &str,
        mut condition: Condition,
    ) -> Result<(), Failure> {
        let list = list(sent);
        let done = self
            .persistently(|| condition.send(|condition| self.put_together_once(url, &list, id, condition)));
        done.map_err(|failure| match failure.code.as_str() {
            // The answer to an earlier attempt may have been lost: the caller compares what is there.
            "NoSuchUpload" => Failure { fault: StorageFault::Conflict, ..failure },
            _ => failure,
        })
    }

    fn put_together_once(
        &self,
        url: &Url,
        list: &str,
        id: &str,
        condition: Condition,
    ) -> Result<(), Failure> {
        let answer = self.transport.send(&Request {
            method: "POST",
            url,
            query: &[("uploadId", id)],
            headers: condition.header().into_iter().collect(),
            body: Some(Body::Bytes(list.as_bytes())),
            payload_sha256: hex::encode(&Sha256::digest(list)),
            most_bytes: MOST_ERROR_BYTES,
        })?;
        // The status was sent before the work was done, so it is the body that says how it went.
        let headers = answer.headers().clone();
        let body = body_of(answer)?;
        let Some(code) = text_of(body.trim(), "Code") else { return Ok(()) };
        let status = match code.as_str() {
            "PreconditionFailed" => StatusCode::PRECONDITION_FAILED,
            "NoSuchUpload" => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Err(Failure::of_answer("POST", url, status, &headers, body.trim()))
    }

    /// Has the storage remove the parts of an upload.
    fn abandon(&self, url: &Url, id: &str) -> Result<(), Failure> {
        self.retried(|| {
            let request = Request {
                method: "DELETE",
                url,
                query: &[("uploadId", id)],
                headers: Vec::new(),
                body: None,
                payload_sha256: EMPTY_SHA256.to_owned(),
                most_bytes: 0,
            };
            self.transport.send(&request).map(drop)
        })
    }
}

/// The list of parts, as the storage wants it.
fn list(sent: &[Sent]) -> String {
    let mut list = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">".to_owned();
    for (number, (sha256, tag)) in (1..).zip(sent) {
        let sha256 = STANDARD.encode(sha256);
        // Writing to a string cannot fail.
        let _ = write!(
            list,
            "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag><ChecksumSHA256>{sha256}</ChecksumSHA256></Part>"
        );
    }
    list.push_str("</CompleteMultipartUpload>");
    list
}

/// Whether a part's tag can stand in XML as it is.
fn is_tag(text: &str) -> bool {
    (1..=MOST_TAG_BYTES).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_graphic() && !"<>&".contains(c))
}

fn body_of(answer: Response<ureq::Body>) -> Result<String, Failure> {
    let mut text = String::new();
    let mut reader = answer.into_body().into_with_config().limit(MOST_ERROR_BYTES).reader();
    let read = reader.read_to_string(&mut text);
    read.map_err(|error| Failure::passing(format!("the answer broke off: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_cannot_add_parts() {
        assert!(is_tag("\"d41d8cd98f00b204e9800998ecf8427e\""));
        for hostile in ["", "\"a\"</ETag></Part><Part>", "&lt;", "a\nb", &"x".repeat(257)] {
            assert!(!is_tag(hostile), "{hostile}");
        }
        let list = list(&[([0; 32], "\"a\"".to_owned()), ([1; 32], "\"b\"".to_owned())]);
        let parsed = roxmltree::Document::parse(&list).unwrap();
        let parts = parsed
            .root_element()
            .children()
            .map(|part| part.children().map(|value| value.text().unwrap().to_owned()).collect::<Vec<_>>());
        let zeroes = STANDARD.encode([0; 32]);
        let parts: Vec<_> = parts.collect();
        assert_eq!(parts[0], ["1", "\"a\"", &zeroes]);
        assert_eq!((parts.len(), parts[1][0].as_str()), (2, "2"));
    }
}
