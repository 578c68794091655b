//! What packets provide, on the real kernel: bytes over UDP, and names of remotes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use netrec::capture::{CaptureFile, SourceStatus};
use netrec::record::SourceOptions;

use crate::record::{all_rows_of, record_wanted, rows_of};

/// Why the source did not run, if it did not.
fn missing(path: &Path, name: &str) -> Option<String> {
    let capture = CaptureFile::open(path).unwrap();
    let source = capture.metadata().sources.iter().find(|source| source.name == name).cloned();
    source.filter(|source| source.status == SourceStatus::Missing).map(|source| source.detail)
}

/// Waits longer than the kernel holds back a block of packets.
fn let_packets_come() {
    std::thread::sleep(Duration::from_millis(100));
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().unwrap().port()
}

const UDP_BYTES: SourceOptions = SourceOptions { udp_bytes: true, names: false, no_bpf: false };
const NAMES: SourceOptions = SourceOptions { udp_bytes: false, names: true, no_bpf: false };

fn check_udp_bytes(address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let (client, server) = (UdpSocket::bind(address).unwrap(), UdpSocket::bind(address).unwrap());
    client.connect(server.local_addr().unwrap()).unwrap();
    let mut exchange = || {
        client.send(&[7; 1000]).unwrap();
        client.send(&[]).unwrap();
        // Much more than is copied of it.
        client.send(&vec![7; 65_000]).unwrap();
        server.send_to(&[7; 30], client.local_addr().unwrap()).unwrap();
        let_packets_come();
    };
    record_wanted(&path, UDP_BYTES, &mut [&mut exchange, &mut || ()]);
    if let Some(reason) = missing(&path, "udp-packets") {
        println!("skipped: {reason}");
        return;
    }
    let (client_port, server_port) = (port(&client), port(&server));
    let sent = rows_of(&path, client_port, Some(server_port));
    let counts: Vec<_> = sent.iter().map(|row| (row.bytes, row.packets)).collect();
    let exchanged = ((Some(66_000), Some(30)), (Some(3), Some(1)));
    assert_eq!(counts, [((Some(0), Some(0)), (Some(0), Some(0))), exchanged, exchanged]);
    // The server's socket has no remote of its own: its exchange with the client is a separate row.
    let own = rows_of(&path, server_port, None);
    assert!(own.len() == 3 && own.iter().all(|row| row.bytes == (None, None)));
    let received = all_rows_of(&path, server_port, Some(client_port));
    let kinds: Vec<&str> = received.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["opened", "snapshot", "snapshot"], "{received:?}");
    assert_eq!((received[1].bytes, received[1].packets), ((Some(30), Some(66_000)), (Some(1), Some(3))));
    assert!(received[0].conn_id == received[2].conn_id && received[0].conn_id != own[0].conn_id);
    assert!(received.iter().all(|row| row.pid == Some(std::process::id())));
}

#[test]
fn udp_payload_is_exact_on_both_ends() {
    check_udp_bytes("127.0.0.1:0");
}

#[test]
fn udp_payload_is_exact_over_ipv6() {
    if UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this host has no IPv6");
        return;
    }
    check_udp_bytes("[::1]:0");
}

#[test]
fn a_udp_socket_that_lives_between_two_ticks_has_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut clients = Vec::new();
    let mut ask = || {
        for bytes in [10, 500] {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            clients.push((port(&client), bytes as u64));
            client.connect(server.local_addr().unwrap()).unwrap();
            client.send(&vec![7; bytes]).unwrap();
        }
        let_packets_come();
    };
    record_wanted(&path, UDP_BYTES, &mut [&mut ask]);
    if let Some(reason) = missing(&path, "udp-packets") {
        println!("skipped: {reason}");
        return;
    }
    for (client, bytes) in clients {
        let rows = all_rows_of(&path, client, Some(port(&server)));
        let closed: Vec<_> = rows.iter().filter(|row| row.kind == "closed").collect();
        assert_eq!(closed.len(), 1, "{rows:?}");
        assert_eq!((closed[0].bytes, closed[0].packets), ((Some(bytes), Some(0)), (Some(1), Some(0))));
    }
}

#[test]
fn without_the_option_udp_has_no_bytes_and_the_capture_says_how_to_get_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    record_wanted(&path, SourceOptions::default(), &mut []);
    assert_eq!(rows_of(&path, port(&socket), None)[0].bytes, (None, None));
    let capture = CaptureFile::open(&path).unwrap();
    let sockets = capture.metadata().sources.iter().find(|source| source.name == "sock_diag").unwrap();
    assert!(sockets.detail.contains("--udp-bytes"), "{}", sockets.detail);
}

/// A minimal `ClientHello` with a server name.
fn client_hello(name: &str) -> Vec<u8> {
    let with_length = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let list = with_length(&[&[0], with_length(name.as_bytes()).as_slice()].concat());
    let extensions = with_length(&[&[0, 0], with_length(&list).as_slice()].concat());
    let body = [&[3, 3], [7; 32].as_slice(), &[0, 0, 2, 0x13, 1, 1, 0], &extensions].concat();
    let message = [&[1, 0], with_length(&body).as_slice()].concat();
    [&[22, 3, 1], with_length(&message).as_slice()].concat()
}

#[test]
fn the_name_that_a_tls_client_asks_for_is_the_name_of_its_remote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut streams = None;
    let mut greet = || {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&client_hello("www.example.org")).unwrap();
        server.read_exact(&mut [0; 20]).unwrap();
        let_packets_come();
        streams = Some((client, server));
    };
    record_wanted(&path, NAMES, &mut [&mut greet, &mut || ()]);
    if let Some(reason) = missing(&path, "names") {
        println!("skipped: {reason}");
        return;
    }
    let (client, _server) = streams.unwrap();
    let (local, remote) = (client.local_addr().unwrap().port(), client.peer_addr().unwrap().port());
    let named = rows_of(&path, local, Some(remote));
    assert_eq!(named.len(), 2);
    assert!(named.iter().all(|row| row.remote_name.as_deref() == Some("www.example.org")), "{named:?}");
    let server_end = rows_of(&path, remote, Some(local));
    assert!(server_end.iter().all(|row| row.remote_name.is_none()), "it was the client that was named so");
}

/// Answers one query with the address, like a resolver.
fn resolve_once(resolver: &UdpSocket, address: Ipv4Addr) {
    let mut question = [0; 512];
    let (length, client) = resolver.recv_from(&mut question).unwrap();
    let mut answer = question[..length].to_vec();
    // A response, without an error, and one answer: the name of the question, A, IN, 60 s, 4 bytes.
    (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    answer.extend(address.octets());
    resolver.send_to(&answer, client).unwrap();
}

#[test]
fn a_remote_has_the_name_by_which_it_was_asked_for() {
    // A loopback address at which nothing else on the host answers DNS.
    let Ok(resolver) = UdpSocket::bind("127.77.0.53:53") else {
        println!("skipped: port 53 needs CAP_NET_BIND_SERVICE");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let web = TcpListener::bind("127.77.0.80:0").unwrap();
    let mut stream = None;
    let mut look_up = || {
        let asking = UdpSocket::bind("127.0.0.1:0").unwrap();
        let question =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01";
        asking.send_to(question, SocketAddr::from(([127, 77, 0, 53], 53))).unwrap();
        resolve_once(&resolver, Ipv4Addr::new(127, 77, 0, 80));
        asking.recv(&mut [0; 512]).unwrap();
        stream = Some(TcpStream::connect(web.local_addr().unwrap()).unwrap());
        let_packets_come();
    };
    record_wanted(&path, NAMES, &mut [&mut look_up]);
    if let Some(reason) = missing(&path, "names") {
        println!("skipped: {reason}");
        return;
    }
    let local = stream.as_ref().unwrap().local_addr().unwrap().port();
    let rows = rows_of(&path, local, Some(web.local_addr().unwrap().port()));
    assert!(
        !rows.is_empty() && rows.iter().all(|row| row.remote_name.as_deref() == Some("www.example")),
        "{rows:?}"
    );
}
