//! Storage over TLS, with an authority of its own.
//!
//! The certificates in `tests/data/tls` are for `127.0.0.1`, made for these tests with openssl: `valid` and `expired` by
//! `authority`, as is `other-name`, which is for another host. The key is that of all three and protects nothing.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Reply, Server, Storage, moto, samples};

const URL: &str = "s3://captures/tls/workday.parquet";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// What ends TLS before a storage.
struct Front {
    storage: Storage,
    /// Connections on which a request came.
    trusted: Arc<AtomicUsize>,
}

impl Front {
    /// With one of the certificates.
    fn before(storage: &Storage, certificate: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        let certificates = CertificateDer::pem_file_iter(data(&format!("{certificate}.pem"))).unwrap();
        let certificates = certificates.collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(data("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
        let (config, trusted) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
        let behind = storage.endpoint.strip_prefix("http://").unwrap().to_owned();
        let counted = Arc::clone(&trusted);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (config, behind, counted) = (Arc::clone(&config), behind.clone(), Arc::clone(&counted));
                std::thread::spawn(move || pass_on(client.unwrap(), config, &behind, &counted));
            }
        });
        Self { storage: Storage { endpoint, ..storage.clone() }, trusted }
    }

    /// Runs netrec on a system that trusts `other-authority`; with another authority to trust instead, if one is given.
    fn run(&self, folder: &Path, authority: Option<&str>, arguments: &[&str]) -> Output {
        let mut command = self.storage.command(folder, arguments);
        command.env("SSL_CERT_FILE", data("other-authority.pem")).env_remove("SSL_CERT_DIR");
        if let Some(authority) = authority {
            command.env("AWS_CA_BUNDLE", data(authority));
        }
        command.output().unwrap()
    }

    /// How many connections were trusted so far.
    fn trusted(&self) -> usize {
        self.trusted.load(Ordering::SeqCst)
    }
}

/// Passes on what both sides send, until one of them ends.
fn pass_on(client: TcpStream, config: Arc<ServerConfig>, behind: &str, trusted: &AtomicUsize) {
    let mut storage = TcpStream::connect(behind).unwrap();
    for stream in [&client, &storage] {
        stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    }
    let mut client = StreamOwned::new(ServerConnection::new(config).unwrap(), client);
    let mut is_first = true;
    let mut block = vec![0; 1 << 16];
    loop {
        let Some(sent) = pass_block(&mut client, &mut storage, &mut block) else { return };
        if sent > 0 && std::mem::take(&mut is_first) {
            trusted.fetch_add(1, Ordering::SeqCst);
        }
        if pass_block(&mut storage, &mut client, &mut block).is_none() {
            client.conn.send_close_notify();
            let _ = client.flush();
            return;
        }
    }
}

/// Passes on what there is; `None` at the end.
fn pass_block(from: &mut impl Read, to: &mut impl Write, block: &mut [u8]) -> Option<usize> {
    match from.read(block) {
        Ok(0) => None,
        Ok(count) => {
            to.write_all(&block[..count]).ok()?;
            to.flush().ok()?;
            Some(count)
        }
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => Some(0),
        Err(_) => None,
    }
}

#[test]
fn a_storage_with_an_authority_of_its_own_is_read_and_written() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    let samples = samples();
    let (_, content) = samples.iter().find(|(name, _)| name == "workday.parquet").unwrap();
    moto.put([("tls/workday.parquet", content.as_slice())]);
    let front = Front::before(&moto.storage, "valid");
    let verified = front.run(place.path(), Some("authority.pem"), &["verify", URL]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    assert!(String::from_utf8_lossy(&verified.stdout).contains("every byte is as recorded"));

    let to = ["--upload", "s3://captures/tls-up/"];
    let record = ["record", "-d", "500ms", "-i", "250ms", "-o", "web.parquet"];
    let uploaded = front.run(place.path(), Some("authority.pem"), &[&record[..], &to[..]].concat());
    let text = String::from_utf8_lossy(&uploaded.stdout).into_owned();
    let said = String::from_utf8_lossy(&uploaded.stderr).into_owned();
    assert!(text.contains("uploaded: 1 file, confirmed"), "{text}{said}");
    assert!(said.contains(&format!("at {}", front.storage.endpoint)), "{said}");
    assert!(!said.contains("not encrypted"), "{said}");
    let kept = fs::read(place.path().join("web.parquet")).unwrap();
    assert!(moto.get("captures", "tls-up/web.parquet") == kept, "what is there differs");
    assert!(front.trusted() >= 2);
}

#[test]
fn a_storage_that_is_not_trusted_gets_no_request() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Reply::whole("404 Not Found", b""));
    for (certificate, authority, words) in [
        ("valid", None, "AWS_CA_BUNDLE"),
        ("valid", Some("other-authority.pem"), "AWS_CA_BUNDLE"),
        ("other-name", Some("authority.pem"), "not valid for"),
        ("expired", Some("authority.pem"), "expired"),
    ] {
        let front = Front::before(&server.storage, certificate);
        let ran = front.run(place.path(), authority, &["info", URL]);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{certificate}, {authority:?}: {said}");
        assert!(said.contains(words) && said.contains("certificate"), "{certificate}, {authority:?}: {said}");
        assert_eq!((front.trusted(), server.requests()), (0, 0), "{certificate}, {authority:?}");
    }
    // The same storage is asked as soon as it is trusted.
    let front = Front::before(&server.storage, "valid");
    let ran = front.run(place.path(), Some("authority.pem"), &["info", URL]);
    assert!(String::from_utf8_lossy(&ran.stderr).contains("there is no such object"));
    assert_eq!(front.trusted(), 1);
}

#[test]
fn a_file_without_certificates_is_refused_before_anything_is_sent() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Reply::whole("404 Not Found", b""));
    let front = Front::before(&server.storage, "valid");
    let ran = front.run(place.path(), Some("server.key"), &["info", URL]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("no certificate authority to trust"), "{said}");
    assert_eq!((front.trusted(), server.requests()), (0, 0));
}
