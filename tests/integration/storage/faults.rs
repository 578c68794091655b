//! Servers that fail, disconnect, lie and never finish.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Reply, Server, samples};

const URL: &str = "s3://captures/workday.parquet";

fn capture() -> Vec<u8> {
    samples().into_iter().find(|(name, _)| name == "workday.parquet").unwrap().1
}

/// The requested range of an object, cut after this many bytes.
fn part(content: &[u8], head: &str, most: usize) -> Reply {
    let range = head.split("range: bytes=").nth(1).unwrap().lines().next().unwrap();
    let (from, to) = range.split_once('-').unwrap();
    let (from, to) = if from.is_empty() {
        (content.len() - to.parse::<usize>().unwrap().min(content.len()), content.len() - 1)
    } else {
        (from.parse().unwrap(), to.parse::<usize>().unwrap().min(content.len() - 1))
    };
    let body = &content[from..=to];
    let range = format!("content-range: bytes {from}-{to}/{}", content.len());
    let length = format!("content-length: {}", body.len());
    Reply::new("206 Partial Content", &[&range, &length, "etag: \"1\""], &body[..body.len().min(most)])
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let place = tempfile::tempdir().unwrap();
    let content = capture();
    let server = Server::start(move |number, head| match number {
        0 => Reply::whole("500 Internal Server Error", b""),
        1 => Reply::whole("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"),
        _ => part(&content, head, usize::MAX),
    });
    server.storage.netrec(place.path(), &["verify", URL]).succeeds();
    assert_eq!(server.requests(), 3);

    for (status, words) in [
        ("403 Forbidden", "access denied"),
        ("400 Bad Request", "the storage answers 400"),
        ("301 Moved Permanently", "check AWS_REGION"),
    ] {
        let server = Server::start(move |_, _| Reply::whole(status, b""));
        server.storage.netrec(place.path(), &["info", URL]).fails_saying(&[URL, words]);
        assert_eq!(server.requests(), 1, "{status}");
    }
    // It is reachable, but keeps failing.
    let server = Server::start(|_, _| {
        Reply::whole("500 Internal Server Error", b"<Error><Code>InternalError</Code></Error>")
    });
    server.storage.netrec(place.path(), &["info", URL]).fails_saying(&["500 InternalError"]);
    assert_eq!(server.requests(), 5);
}

#[test]
fn an_answer_that_breaks_off_goes_on_where_it_ended() {
    let place = tempfile::tempdir().unwrap();
    let content = capture();
    let half = content.len() / 2;
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = Server::start(move |number, head| {
        seen.lock().unwrap().push(head.to_owned());
        part(&content, head, if number == 0 { half } else { usize::MAX })
    });
    let ran = server.storage.netrec(place.path(), &["verify", URL]).succeeds();
    assert!(ran.stdout.contains("every byte is as recorded"), "{}", ran.stdout);
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 2);
    let from = heads[1].split("range: bytes=").nth(1).unwrap().split('-').next().unwrap();
    let from: usize = from.parse().unwrap();
    assert!(from > 0 && from <= half, "{from}");
    assert!(heads[1].contains("if-match: \"1\""), "{}", heads[1]);
}

#[test]
fn what_a_server_claims_is_not_believed() {
    let place = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let huge = ["content-range: bytes 0-9/18446744073709551615", "content-length: 10"];
    let server = Server::start(move |_, _| Reply::new("206 Partial Content", &huge, b"0123456789"));
    server.storage.netrec(place.path(), &["info", URL]).fails_saying(&[URL, "are read"]);
    let other = ["content-range: bytes 5-9/10", "content-length: 5"];
    let server = Server::start(move |_, _| Reply::new("206 Partial Content", &other, b"01234"));
    server.storage.netrec(place.path(), &["info", URL]).fails_saying(&["other bytes than those asked for"]);
    // A size that no disk has, by a server that lists it.
    let server = Server::start(|_, _| Reply::new("200 OK", &["content-length: 9223372036854775807"], b""));
    let ran = server.storage.netrec(place.path(), &["fleet", "map", URL, "-o", "tables"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("set TMPDIR"), "{}", ran.stderr);
    // A server that is not a storage.
    let server = Server::start(|_, _| Reply::whole("200 OK", b"<html>It works!</html>"));
    server.storage.netrec(place.path(), &["info", "s3://captures/"]).fails_saying(&["does not list"]);
    let server = Server::start(|_, _| Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()));
    assert_eq!(server.storage.netrec(place.path(), &["info", URL]).code, 1);
    assert!(begin.elapsed() < Duration::from_mins(2), "{:?}", begin.elapsed());
}

#[test]
fn a_listing_that_does_not_end_is_ended() {
    let place = tempfile::tempdir().unwrap();
    let page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>\
        <Contents><Key>a.parquet</Key><Size>1</Size></Contents></ListBucketResult>";
    let server = Server::start(move |_, _| Reply::whole("200 OK", page.as_bytes()));
    let ran = server.storage.netrec(place.path(), &["info", "s3://captures/"]);
    ran.fails_saying(&["list s3://captures/", "does not come to an end"]);
    assert_eq!(server.requests(), 2);
}

#[test]
fn a_role_gives_credentials_and_nobody_else_is_asked_for_them() {
    let place = tempfile::tempdir().unwrap();
    let content = capture();
    let answer = r#"{"AccessKeyId":"AKIAROLE","SecretAccessKey":"x","Token":"of-the-role","Expiration":"2100-01-01T00:00:00Z"}"#;
    let server = Server::start(move |_, head| {
        let is_instance = head.contains("x-aws-ec2-metadata-token: one");
        let path = head.split(' ').nth(1).unwrap();
        match path {
            "/latest/api/token" if head.starts_with("put ") && !head.contains("chunked") => {
                Reply::whole("200 OK", b"one")
            }
            "/latest/meta-data/iam/security-credentials/" if is_instance => {
                Reply::whole("200 OK", b"web role")
            }
            "/latest/meta-data/iam/security-credentials/web%20role" if is_instance => {
                Reply::whole("200 OK", answer.as_bytes())
            }
            "/container" if head.contains("authorization: secret") => {
                Reply::whole("200 OK", answer.as_bytes())
            }
            "/captures/workday.parquet" if head.contains("Credential=AKIAROLE/") => {
                assert!(head.contains("x-amz-security-token: of-the-role"), "{head}");
                part(&content, head, usize::MAX)
            }
            _ => Reply::whole("401 Unauthorized", b""),
        }
    });
    let with = |name: &str, value: &str, token: &str| {
        let mut command = server.storage.command(place.path(), &["verify", URL]);
        let command = command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_EC2_METADATA_DISABLED");
        let output =
            command.env(name, value).env("AWS_CONTAINER_AUTHORIZATION_TOKEN", token).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let endpoint = &server.storage.endpoint;
    assert_eq!(with("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint, ""), (Some(0), String::new()));
    let container = format!("{endpoint}/container");
    assert_eq!(with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container, "secret"), (Some(0), String::new()));
    let (code, text) = with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container, "wrong");
    assert!(code == Some(1) && text.contains("gives no credentials") && !text.contains("wrong"), "{text}");
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_not_mixed() {
    let place = tempfile::tempdir().unwrap();
    let content = capture();
    let server = Server::start(move |number, head| {
        if number > 0 && head.contains("if-match: \"1\"") {
            return Reply::whole("412 Precondition Failed", b"");
        }
        part(&content, head, 1000)
    });
    server.storage.netrec(place.path(), &["info", URL]).fails_saying(&["replaced while it was read"]);
}
