//! Read operations: listings, an object's metadata, objects and their ends.

use std::io::{Read as _, Write};

use ureq::http::{HeaderMap, Response};

use super::checksum::Stated;
use super::client::Client;
use super::failure::Failure;
use super::listing::{Listing, MOST_KEYS, MOST_PAGE_BYTES, PAGE_KEYS, Page};
use super::transport::Request;
use super::url::Url;
use super::write::OWN_HEADER;
use crate::error::StorageFault;
use crate::{Result, humanize};

/// Size of the pieces in which an object is requested, so that each request stays within its time limit.
const PIECE_BYTES: u64 = 64 << 20;

/// Bytes copied at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// Number of bytes after which the count of failures restarts.
const PROGRESS_BYTES: u64 = 1 << 20;

/// SHA-256 of nothing, in hexadecimal.
pub(super) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// An object's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, if the server states it.
    pub stated: Option<Stated>,
    /// Whether netrec wrote it.
    pub is_own: bool,
}

impl Client {
    /// Lists all objects whose keys begin with the key of `url`.
    ///
    /// # Errors
    /// [`crate::Error::Storage`] if they cannot be listed, or exceed a million.
    pub fn list(&self, url: &Url) -> Result<Listing> {
        let mut listing = Listing::default();
        let mut next: Option<String> = None;
        loop {
            let page = self.retried(|| self.page(url, next.as_deref()));
            let page = page.map_err(|failure| failure.into_error("list", url))?;
            let is_stuck =
                page.keys.is_empty() && page.next.is_some() || page.next.is_some() && page.next == next;
            listing.add(page.keys);
            if is_stuck || listing.len() > MOST_KEYS {
                let reason =
                    format!("it has more than {} objects: name fewer", humanize::count(MOST_KEYS as u64));
                let reason = if is_stuck { "its listing does not come to an end".to_owned() } else { reason };
                return Err(Failure::new(StorageFault::Refused, reason).into_error("list", url));
            }
            next = page.next;
            if next.is_none() {
                return Ok(listing);
            }
        }
    }

    fn page(&self, url: &Url, next: Option<&str>) -> Result<Page, Failure> {
        let mut query = vec![
            ("list-type", "2"),
            ("max-keys", PAGE_KEYS),
            ("encoding-type", "url"),
            ("prefix", url.key()),
        ];
        query.extend(next.map(|token| ("continuation-token", token)));
        let answer = self.transport.send(&Request {
            method: "GET",
            url: &url.with_key(""),
            query: &query,
            headers: Vec::new(),
            body: None,
            payload_sha256: EMPTY_SHA256.to_owned(),
            most_bytes: MOST_PAGE_BYTES,
        })?;
        let text = answer.into_body().into_with_config().limit(MOST_PAGE_BYTES).read_to_string();
        let text = text.map_err(|error| Failure::passing(error.to_string()))?;
        Page::parse(&text).map_err(|reason| Failure::new(StorageFault::Refused, reason))
    }

    /// An object's metadata; `None` if it does not exist.
    ///
    /// # Errors
    /// [`crate::Error::Storage`].
    pub fn head(&self, url: &Url) -> Result<Option<Head>> {
        match self.retried(|| self.head_once(url)) {
            Ok(head) => Ok(Some(head)),
            Err(failure) if failure.fault == StorageFault::Missing => Ok(None),
            Err(failure) => Err(failure.into_error("ask for", url)),
        }
    }

    fn head_once(&self, url: &Url) -> Result<Head, Failure> {
        let answer = self.transport.send(&Request {
            method: "HEAD",
            url,
            query: &[],
            headers: vec![("x-amz-checksum-mode", "ENABLED".to_owned())],
            body: None,
            payload_sha256: EMPTY_SHA256.to_owned(),
            most_bytes: 0,
        })?;
        let headers = answer.headers();
        let bytes = text(headers, "content-length").and_then(|text| text.parse().ok());
        Ok(Head {
            bytes: bytes
                .ok_or_else(|| Failure::new(StorageFault::Refused, "the storage does not say its size"))?,
            stated: text(headers, "x-amz-checksum-sha256").and_then(Stated::parse),
            is_own: headers.contains_key(OWN_HEADER),
        })
    }

    /// Writes an object to `out`, piece by piece; an interrupted transfer resumes where it stopped.
    /// Returns the size.
    ///
    /// # Errors
    /// [`crate::Error::Storage`] if it cannot be read, is larger than `most` bytes, or is replaced
    /// during the download; [`crate::Error::Io`] if `out` cannot be written.
    pub fn download(&self, url: &Url, out: &mut dyn Write, most: u64) -> Result<u64> {
        let mut state = Download { at: 0, total: None, etag: None, most };
        let (mut retries, mut counted_at) = (self.retries(), 0);
        loop {
            let read = self.piece(url, &mut state, out);
            if state.at - counted_at >= PROGRESS_BYTES {
                (retries, counted_at) = (self.retries(), state.at);
            }
            let read = read.or_else(|failure| retries.wait(failure));
            read.map_err(|failure| failure.into_error("read", url))?;
            if state.total.is_some_and(|total| state.at >= total) {
                return Ok(state.at);
            }
        }
    }

    fn piece(&self, url: &Url, state: &mut Download, out: &mut dyn Write) -> Result<(), Failure> {
        let range = format!("bytes={}-{}", state.at, state.at + PIECE_BYTES - 1);
        let answer = match self.get(url, &range, state.etag.clone()) {
            // An empty object has no first byte.
            Err(failure) if failure.status == 416 && state.at == 0 => {
                state.total = Some(0);
                return Ok(());
            }
            Err(failure) if failure.fault == StorageFault::Conflict => {
                return Err(Failure { reason: "it was replaced while it was read".to_owned(), ..failure });
            }
            answer => answer?,
        };
        let (from, total) = extent(&answer)?;
        if from != state.at || state.total.is_some_and(|before| before != total) {
            return Err(Failure::new(
                StorageFault::Refused,
                "the storage gives other bytes than those asked for",
            ));
        }
        if total > state.most {
            let (is, may) = (humanize::bytes(total as f64), humanize::bytes(state.most as f64));
            return Err(Failure::new(
                StorageFault::Refused,
                format!("it has {is}, and up to {may} are read"),
            ));
        }
        state.total = Some(total);
        state.etag = text(answer.headers(), "etag").map(str::to_owned);
        let is_part = answer.status().as_u16() == 206;
        let wanted = if is_part { PIECE_BYTES.min(total - from) } else { total };
        let mut body = answer.into_body().into_with_config().limit(wanted.saturating_add(1)).reader();
        let mut block = vec![0; BLOCK_BYTES];
        let end = from + wanted;
        while state.at < end {
            let room = block.len().min(usize::try_from(end - state.at).unwrap_or(usize::MAX));
            match body.read(&mut block[..room]) {
                Ok(0) => return Err(Failure::passing("the answer ended early")),
                Ok(count) => {
                    out.write_all(&block[..count]).map_err(Failure::local)?;
                    state.at += count as u64;
                }
                Err(error) => return Err(Failure::passing(format!("the answer broke off: {error}"))),
            }
        }
        Ok(())
    }

    /// The last `bytes` bytes of an object, or all if it is shorter, and its size.
    ///
    /// # Errors
    /// [`crate::Error::Storage`].
    pub fn tail(&self, url: &Url, bytes: u64) -> Result<(u64, Vec<u8>)> {
        let tail = self.retried(|| {
            let answer = self.get(url, &format!("bytes=-{bytes}"), None)?;
            let (from, total) = extent(&answer)?;
            let wanted = total - from;
            if wanted > bytes {
                return Err(Failure::new(StorageFault::Refused, "the storage gives no parts of objects"));
            }
            let mut tail = Vec::new();
            let body = answer.into_body().into_with_config().limit(bytes.saturating_add(1)).reader();
            let read = body.take(wanted).read_to_end(&mut tail);
            read.map_err(|error| Failure::passing(format!("the answer broke off: {error}")))?;
            if tail.len() as u64 != wanted {
                return Err(Failure::passing("the answer ended early"));
            }
            Ok((total, tail))
        });
        tail.map_err(|failure| failure.into_error("read", url))
    }

    /// A range of an object, if its tag is unchanged.
    pub(super) fn get(
        &self,
        url: &Url,
        range: &str,
        etag: Option<String>,
    ) -> Result<Response<ureq::Body>, Failure> {
        let mut headers = vec![("range", range.to_owned())];
        headers.extend(etag.map(|etag| ("if-match", etag)));
        self.transport.send(&Request {
            method: "GET",
            url,
            query: &[],
            headers,
            body: None,
            payload_sha256: EMPTY_SHA256.to_owned(),
            most_bytes: PIECE_BYTES,
        })
    }
}

/// The progress of a download.
struct Download {
    at: u64,
    total: Option<u64>,
    etag: Option<String>,
    most: u64,
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Offset of a response's bytes in the object, and the object's size.
fn extent<T>(answer: &Response<T>) -> Result<(u64, u64), Failure> {
    let unclear = || Failure::new(StorageFault::Refused, "the storage does not say which bytes it gives");
    let number = |text: &str| text.parse::<u64>().ok();
    let headers = answer.headers();
    if answer.status().as_u16() != 206 {
        let total = text(headers, "content-length").and_then(number).ok_or_else(unclear)?;
        return Ok((0, total));
    }
    let parse = || {
        let (range, total) = text(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
        let (from, to) = range.split_once('-')?;
        let (from, to, total) = (number(from)?, number(to)?, number(total)?);
        (from <= to && to < total).then_some((from, total))
    };
    parse().ok_or_else(unclear)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, name: &str, value: &str) -> Response<()> {
        Response::builder().status(status).header(name, value).body(()).unwrap()
    }

    #[test]
    fn an_answer_says_which_bytes_it_has() {
        assert_eq!(extent(&answer(206, "content-range", "bytes 5-9/20")).unwrap(), (5, 20));
        assert_eq!(extent(&answer(200, "content-length", "20")).unwrap(), (0, 20));
        for range in [
            "bytes 9-5/20",
            "bytes 5-20/20",
            "bytes */20",
            "bytes 5-9/*",
            "5-9/20",
            "bytes 5-99999999999999999999/1",
        ] {
            assert!(extent(&answer(206, "content-range", range)).is_err(), "{range}");
        }
        assert!(extent(&answer(200, "x", "y")).is_err());
    }
}
