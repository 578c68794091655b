//! Signature Version 4 of a request, with the access key and the secret key.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::credentials::Credentials;
use crate::hex;

/// The parts of a request that are signed.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    /// With the port, unless it is the default.
    pub(super) host: &'a str,
    /// Encoded, with a leading slash.
    pub(super) path: &'a str,
    /// Names and values, not encoded.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// Names in lower case.
    pub(super) headers: &'a [(&'a str, String)],
    /// SHA-256 of the body, in hexadecimal.
    pub(super) payload_sha256: &'a str,
}

impl Unsigned<'_> {
    /// All headers of the request except `host`, including the signature.
    pub(super) fn sign(
        &self,
        credentials: &Credentials,
        region: &str,
        now: DateTime<Utc>,
    ) -> Vec<(String, String)> {
        let (time, date) = (now.format("%Y%m%dT%H%M%SZ").to_string(), now.format("%Y%m%d").to_string());
        let mut headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        headers.push(("x-amz-content-sha256".to_owned(), self.payload_sha256.to_owned()));
        headers.push(("x-amz-date".to_owned(), time.clone()));
        if let Some(token) = &credentials.session_token {
            headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        headers.push(("host".to_owned(), self.host.to_owned()));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let scope = format!("{date}/{region}/s3/aws4_request");
        let request = hex::encode(&Sha256::digest(self.canonical(&headers, &names)));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{request}");
        let key = [date.as_str(), region, "s3", "aws4_request"]
            .iter()
            .fold(format!("AWS4{}", credentials.secret_key).into_bytes(), |key, part| {
                hmac(&key, part).to_vec()
            });
        let signature = hex::encode(&hmac(&key, &text));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
            credentials.access_key
        );
        headers.retain(|(name, _)| name != "host");
        headers.push(("authorization".to_owned(), authorization));
        headers
    }

    /// The canonical request, which both sides compute.
    fn canonical(&self, headers: &[(String, String)], names: &str) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path, query(self.query));
        for (name, value) in headers {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}:{}", value.trim());
        }
        let _ = write!(text, "\n{names}\n{}", self.payload_sha256);
        text
    }
}

/// The query as signed and sent, without the question mark.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let encoded = pairs.iter().map(|(name, value)| (encode(name, ""), encode(value, "")));
    let mut encoded: Vec<(String, String)> = encoded.collect();
    encoded.sort();
    let encoded: Vec<String> = encoded.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    encoded.join("&")
}

/// Encodes every byte that is neither unreserved nor in `kept` as `%XX`.
pub(super) fn encode(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || c.is_ascii() && kept.contains(c) {
            encoded.push(c);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key);
    let mut mac = mac.unwrap_or_else(|_| unreachable!("a key of any length will do"));
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signs as in the documentation's examples, and returns the signature.
    fn signature(unsigned: &Unsigned<'_>) -> String {
        let credentials =
            Credentials::fixed("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None);
        let now = DateTime::parse_from_rfc3339("2013-05-24T00:00:00Z").unwrap().to_utc();
        let headers = unsigned.sign(&credentials, "us-east-1", now);
        let (_, value) = headers.iter().find(|(name, _)| name == "authorization").unwrap();
        value.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const HOST: &str = "examplebucket.s3.amazonaws.com";

    #[test]
    fn the_examples_of_the_documentation_have_the_signatures_that_it_states() {
        let get = Unsigned {
            method: "GET",
            host: HOST,
            path: "/test.txt",
            query: &[],
            headers: &[("range", "bytes=0-9".to_owned())],
            payload_sha256: EMPTY,
        };
        assert_eq!(signature(&get), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        let list = Unsigned { path: "/", query: &[("prefix", "J"), ("max-keys", "2")], headers: &[], ..get };
        assert_eq!(signature(&list), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
        let path = format!("/{}", encode("test$file.text", "/"));
        let put = Unsigned {
            method: "PUT",
            path: &path,
            query: &[],
            headers: &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT".to_owned()),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY".to_owned()),
            ],
            payload_sha256: &hex::encode(&Sha256::digest(b"Welcome to Amazon S3.")),
            ..list
        };
        assert_eq!(signature(&put), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    }

    #[test]
    fn what_is_not_unreserved_is_encoded_byte_by_byte() {
        assert_eq!(encode("a b/ü+~.parquet", "/"), "a%20b/%C3%BC%2B~.parquet");
        assert_eq!(query(&[("prefix", "a/b"), ("list-type", "2")]), "list-type=2&prefix=a%2Fb");
    }

    #[test]
    fn a_session_token_is_signed_too() {
        let credentials = Credentials::fixed("A", "B", Some("the-token"));
        let unsigned = Unsigned {
            method: "GET",
            host: HOST,
            path: "/",
            query: &[],
            headers: &[],
            payload_sha256: EMPTY,
        };
        let headers = unsigned.sign(&credentials, "eu-central-1", DateTime::UNIX_EPOCH);
        assert!(headers.contains(&("x-amz-security-token".to_owned(), "the-token".to_owned())));
        let (_, authorization) = headers.last().unwrap();
        assert!(authorization.contains("host;x-amz-content-sha256;x-amz-date;x-amz-security-token"));
        assert!(!authorization.contains("the-token"));
    }
}
