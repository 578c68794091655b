//! Servers that speak the S3 protocol, for tests: a real one (moto), and one that answers as a test says.

mod faults;
mod objects;
#[cfg(target_os = "linux")]
mod parts;
mod tls;
#[cfg(target_os = "linux")]
mod upload;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::runner::Ran;

/// The server of all tests; `None`, with a message, if moto is not installed.
fn moto() -> Option<&'static Moto> {
    static SERVER: OnceLock<Option<Moto>> = OnceLock::new();
    let moto = SERVER.get_or_init(Moto::start).as_ref();
    if moto.is_none() {
        println!("skipped: no Python with moto[server] (NETREC_MOTO_PYTHON names one)");
    }
    moto
}

struct Moto {
    storage: Storage,
    /// The server ends when its input is closed, with the tests.
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _process: Child,
}

/// A storage's address and credentials.
#[derive(Debug, Clone)]
struct Storage {
    endpoint: String,
    access_key: String,
    secret_key: String,
}

impl Moto {
    fn start() -> Option<Self> {
        let named = std::env::var_os("NETREC_MOTO_PYTHON").map(PathBuf::from);
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let candidates = [named, Some(project.join("target/check/bin/python")), Some("python3".into())];
        let has_moto = |python: &PathBuf| {
            let tried = Command::new(python).args(["-c", "import moto.server, flask"]).output();
            tried.is_ok_and(|tried| tried.status.success())
        };
        let python = candidates.into_iter().flatten().find(has_moto)?;
        let mut process = Command::new(python)
            .arg(project.join("tests/integration/storage/s3_server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let (port, access_key, secret_key): (u16, String, String) = serde_json::from_str(&line).unwrap();
        let storage = Storage { endpoint: format!("http://127.0.0.1:{port}"), access_key, secret_key };
        Some(Self { storage, pipes: Mutex::new((input, output)), _process: process })
    }

    fn ask(&self, command: &Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{command}").unwrap();
        let mut line = String::new();
        pipes.1.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn put<'a>(&self, objects: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
        let objects: BTreeMap<&str, String> =
            objects.into_iter().map(|(key, content)| (key, STANDARD.encode(content))).collect();
        self.ask(&json!({ "bucket": "captures", "put": objects }));
    }

    fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let keys = self.ask(&json!({ "list": bucket }));
        let keys = keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned());
        keys.filter(|key| key.starts_with(prefix)).collect()
    }

    fn get(&self, bucket: &str, key: &str) -> Vec<u8> {
        let content = self.ask(&json!({ "bucket": bucket, "get": key }));
        STANDARD.decode(content.as_str().unwrap()).unwrap()
    }
}

impl Storage {
    /// Full access to a server without authentication.
    fn at(port: u16) -> Self {
        let (access_key, secret_key) = ("AKIATEST".to_owned(), "s3cr3t".to_owned());
        Self { endpoint: format!("http://127.0.0.1:{port}"), access_key, secret_key }
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netrec"));
        let foreign = std::env::vars_os().map(|(name, _)| name);
        for name in foreign.filter(|name| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy"] {
            command.env_remove(proxy);
        }
        command
            .args(arguments)
            .current_dir(folder)
            .env("HOME", folder)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret_key)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn netrec(&self, folder: &Path, arguments: &[&str]) -> Ran {
        let output = self.command(folder, arguments).output().unwrap();
        let ran = Ran {
            code: output.status.code().expect("the program was ended by a signal"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(&self.secret_key), "a secret is shown");
        ran
    }
}

/// A server that answers as a test says, one request per connection.
struct Server {
    storage: Storage,
    requests: Arc<AtomicUsize>,
}

/// An answer.
enum Reply {
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// No answer, for as long as the client waits.
    Silence,
}

impl Reply {
    fn new(status: &str, headers: &[&str], body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {status}\r\nconnection: close\r\n").into_bytes();
        for header in headers {
            bytes.extend(format!("{header}\r\n").into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        Self::Bytes(bytes)
    }

    /// With the length of the body.
    fn whole(status: &str, body: &[u8]) -> Self {
        Self::new(status, &[&format!("content-length: {}", body.len())], body)
    }
}

impl Server {
    /// Answers the requests, numbered from 0, by their heads.
    fn start(answer: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let storage = Storage::at(listener.local_addr().unwrap().port());
        let requests = Arc::new(AtomicUsize::new(0));
        let (counted, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, counted, answer) = (stream.unwrap(), Arc::clone(&counted), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &counted, &*answer));
            }
        });
        Self { storage, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// The head of a request with its first line and the names of its headers in lower case.
fn in_lower_case(head: &str) -> String {
    let line = |line: &str| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}\r\n", name.to_lowercase()),
        None => format!("{}\r\n", line.to_lowercase()),
    };
    head.lines().map(line).collect()
}

fn serve(mut stream: TcpStream, requests: &AtomicUsize, answer: &dyn Fn(usize, &str) -> Reply) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = in_lower_case(&String::from_utf8_lossy(&head));
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    match answer(requests.fetch_add(1, Ordering::SeqCst), &head) {
        Reply::Silence => std::thread::sleep(Duration::from_mins(5)),
        Reply::Bytes(bytes) => {
            if head.contains("expect: 100-continue") && bytes.starts_with(b"HTTP/1.1 2") {
                let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
                let _ = std::io::copy(&mut (&stream).take(length.unwrap_or(0)), &mut std::io::sink());
            }
            let _ = stream.write_all(&bytes);
        }
    }
}

/// The captures of the samples, by name.
fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-captures");
    let files =
        crate::runner::files(&folder).into_iter().filter(|path| path.extension() == Some("parquet".as_ref()));
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect()
}
