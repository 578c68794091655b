//! Recordings of the real kernel: exact bytes, correct owners, and an orderly end in any case.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::IntoRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array as _, RecordBatch};
use netrec::capture::schema::COLUMNS;
use netrec::capture::{CaptureFile, Column, Overwrite, SourceStatus};
use netrec::record::{HostInfo, Output, Plan, Rotation, SourceOptions, Stop, SystemClock, open_host, record};

use crate::runner::netrec_in;

/// The fields of a row that these tests check.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) tick: u32,
    pub(crate) kind: String,
    pub(crate) conn_id: u64,
    pub(crate) ports: (u16, Option<u16>),
    pub(crate) state: Option<String>,
    pub(crate) bytes: (Option<u64>, Option<u64>),
    pub(crate) packets: (Option<u64>, Option<u64>),
    pub(crate) rtt_us: Option<u32>,
    pub(crate) pid: Option<u32>,
    pub(crate) process_name: Option<String>,
    pub(crate) netns: Option<u64>,
    pub(crate) remote_name: Option<String>,
    pub(crate) exe: Option<String>,
    pub(crate) exe_sha256: Option<String>,
    pub(crate) cmdline: Option<String>,
    pub(crate) container: Option<String>,
    pub(crate) owner_source: Option<String>,
}

/// The snapshots of one socket, in time order.
pub(crate) fn rows_of(path: &Path, local_port: u16, remote_port: Option<u16>) -> Vec<Seen> {
    let mut rows = all_rows_of(path, local_port, remote_port);
    rows.retain(|row| row.kind == "snapshot");
    rows
}

/// Every row of one socket, in tick order.
pub(crate) fn all_rows_of(path: &Path, local_port: u16, remote_port: Option<u16>) -> Vec<Seen> {
    rows_where(path, |row| row.ports == (local_port, remote_port))
}

/// Every matching row, in tick order.
pub(crate) fn rows_where(path: &Path, is_meant: impl Fn(&Seen) -> bool) -> Vec<Seen> {
    let capture = CaptureFile::open(path).unwrap();
    let columns: Vec<Column> = COLUMNS.iter().map(|info| info.column).collect();
    let mut rows = Vec::new();
    for group in 0..capture.row_groups() {
        for batch in capture.row_group(group, &columns).unwrap() {
            let batch = batch.unwrap();
            rows.extend((0..batch.num_rows()).map(|row| seen(&batch, row)).filter(&is_meant));
        }
    }
    rows.sort_by_key(|row: &Seen| row.tick);
    rows
}

fn seen(batch: &RecordBatch, row: usize) -> Seen {
    let count = |column| number::<UInt64Type>(batch, column, row);
    let port = |column| number::<UInt16Type>(batch, column, row);
    Seen {
        tick: number::<UInt32Type>(batch, Column::Tick, row).unwrap(),
        kind: text(batch, Column::Kind, row).unwrap(),
        conn_id: count(Column::ConnId).unwrap(),
        // Packet and raw sockets have no ports.
        ports: (port(Column::LocalPort).unwrap_or_default(), port(Column::RemotePort)),
        state: text(batch, Column::State, row),
        bytes: (count(Column::BytesSent), count(Column::BytesReceived)),
        packets: (count(Column::PacketsSent), count(Column::PacketsReceived)),
        rtt_us: number::<UInt32Type>(batch, Column::RttUs, row),
        pid: number::<UInt32Type>(batch, Column::Pid, row),
        process_name: text(batch, Column::ProcessName, row),
        netns: count(Column::Netns),
        remote_name: text(batch, Column::RemoteName, row),
        exe: text(batch, Column::Exe, row),
        exe_sha256: text(batch, Column::ExeSha256, row),
        cmdline: text(batch, Column::Cmdline, row),
        container: text(batch, Column::Container, row),
        owner_source: text(batch, Column::OwnerSource, row),
    }
}

fn number<T: arrow_array::types::ArrowPrimitiveType>(
    batch: &RecordBatch,
    column: Column,
    row: usize,
) -> Option<T::Native> {
    let array = batch.column(column as usize).as_primitive::<T>();
    array.is_valid(row).then(|| array.value(row))
}

fn text(batch: &RecordBatch, column: Column, row: usize) -> Option<String> {
    let array = batch.column(column as usize).as_dictionary::<Int32Type>();
    let key = array.key(row)?;
    Some(array.values().as_string::<i32>().value(key).to_owned())
}

/// Records in this process, calling a step after each tick, so that test and recorder alternate and
/// nothing depends on the speed of the machine.
pub(crate) fn record_steps(path: &Path, steps: &mut [&mut dyn FnMut()]) {
    record_wanted(path, SourceOptions::default(), steps);
}

/// The same with optional sources.
pub(crate) fn record_wanted(path: &Path, wanted: SourceOptions, steps: &mut [&mut dyn FnMut()]) {
    let end = Stop::default();
    let plan = Plan { interval: Duration::from_millis(100), duration: None, max_cpu_percent: None };
    let output = Output {
        path: path.to_path_buf(),
        overwrite: Overwrite::Never,
        key: None,
        group_may_read: false,
        upload: None,
        rotation: Rotation::default(),
    };
    let mut host = open_host(wanted).unwrap();
    let mut turns = steps.iter_mut();
    let mut after_tick = |_: &_| match turns.next() {
        Some(step) => step(),
        None => end.ask(),
    };
    let clock = (&SystemClock as _, &end);
    record(&plan, &output, host.as_mut(), clock, &HostInfo::read(), &mut after_tick).unwrap();
}

fn pair(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(address).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

fn ports(stream: &TcpStream) -> (u16, u16) {
    (stream.local_addr().unwrap().port(), stream.peer_addr().unwrap().port())
}

/// Sends from another thread, so that buffers may be smaller than the data.
fn transfer(mut from: &TcpStream, mut to: &TcpStream, bytes: usize) {
    std::thread::scope(|scope| {
        scope.spawn(move || from.write_all(&vec![7; bytes]).unwrap());
        to.read_exact(&mut vec![0; bytes]).unwrap();
    });
}

pub(crate) fn own_name() -> String {
    fs::read_to_string("/proc/self/comm").unwrap().trim_end().to_owned()
}

/// 1,234,567 bytes one way, 7,654 the other, then a half-close, 50 bytes more, and the close.
fn check_exact_bytes(address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let (client, server) = pair(address);
    let (client_ports, server_ports) = (ports(&client), ports(&server));
    transfer(&client, &server, 1_234_567);
    transfer(&server, &client, 7_654);
    let server_copy = server.try_clone().unwrap();
    let mut half_close = || {
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&server).read(&mut [0; 9]).unwrap(), 0, "the FIN has come");
        // On a busy machine the acknowledgment may be slow.
        std::thread::sleep(Duration::from_millis(100));
    };
    let mut fifty_more = || transfer(&server_copy, &client, 50);
    record_steps(&path, &mut [&mut half_close, &mut fifty_more]);

    let client_rows = rows_of(&path, client_ports.0, Some(client_ports.1));
    let bytes: Vec<_> = client_rows.iter().map(|row| (row.state.as_deref(), row.bytes)).collect();
    assert_eq!(
        bytes,
        [
            (Some("ESTABLISHED"), (Some(1_234_567), Some(7_654))),
            (Some("FIN_WAIT2"), (Some(1_234_567), Some(7_654))),
            (Some("FIN_WAIT2"), (Some(1_234_567), Some(7_704))),
        ]
    );
    let server_rows = rows_of(&path, server_ports.0, Some(server_ports.1));
    let bytes: Vec<_> = server_rows.iter().map(|row| (row.state.as_deref(), row.bytes)).collect();
    assert_eq!(
        bytes,
        [
            (Some("ESTABLISHED"), (Some(7_654), Some(1_234_567))),
            (Some("CLOSE_WAIT"), (Some(7_654), Some(1_234_567))),
            (Some("CLOSE_WAIT"), (Some(7_704), Some(1_234_567))),
        ]
    );
    for row in client_rows.iter().chain(&server_rows) {
        assert_eq!((row.pid, row.process_name.as_ref()), (Some(std::process::id()), Some(&own_name())));
        assert!(row.packets.0 > Some(2) && row.packets.1 > Some(2) && row.rtt_us > Some(0));
    }
    let ids: BTreeSet<u64> = client_rows.iter().chain(&server_rows).map(|row| row.conn_id).collect();
    assert_eq!(ids.len(), 2, "each end is one connection all along");
}

#[test]
fn payload_is_exact_on_both_ends_while_open_and_after_the_peer_closed() {
    check_exact_bytes("127.0.0.1:0");
}

#[test]
fn payload_is_exact_over_ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        println!("skipped: this host has no IPv6");
        return;
    }
    check_exact_bytes("[::1]:0");
}

#[test]
fn listeners_and_udp_sockets_are_recorded_without_what_they_do_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    record_steps(&path, &mut []);
    let port = |address: SocketAddr| address.port();
    let listening = rows_of(&path, port(listener.local_addr().unwrap()), None);
    assert_eq!((listening.len(), listening[0].state.as_deref()), (1, Some("LISTEN")));
    let datagrams = rows_of(&path, port(udp.local_addr().unwrap()), None);
    assert_eq!((datagrams.len(), datagrams[0].state.as_deref()), (1, None));
    for row in [&listening[0], &datagrams[0]] {
        assert_eq!((row.bytes, row.packets, row.rtt_us), ((None, None), (None, None), None));
        assert_eq!(row.pid, Some(std::process::id()));
    }
}

#[test]
fn a_connection_that_comes_between_ticks_gets_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let mut streams = None;
    record_steps(&path, &mut [&mut || streams = Some(pair("127.0.0.1:0"))]);
    let (client, _server) = streams.unwrap();
    let rows = rows_of(&path, ports(&client).0, Some(ports(&client).1));
    assert_eq!((rows.len(), rows[0].tick, rows[0].pid), (1, 1, Some(std::process::id())));
}

/// Whether the events of the last recording ran; the error is the reason.
pub(crate) fn events_ran(path: &Path) -> Result<(), String> {
    let capture = CaptureFile::open(path).unwrap();
    let missing = capture.metadata().sources.iter().find(|source| source.status == SourceStatus::Missing);
    missing.map_or(Ok(()), |source| Err(format!("{}: {}", source.name, source.detail)))
}

#[test]
fn connections_that_live_between_two_ticks_are_recorded_with_exact_bytes_and_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let mut clients = Vec::new();
    record_steps(
        &path,
        &mut [&mut || {
            for bytes in [1, 1000, 100_000] {
                let (client, server) = pair("127.0.0.1:0");
                transfer(&client, &server, bytes);
                transfer(&server, &client, 10);
                clients.push((ports(&client), bytes as u64));
            }
        }],
    );
    if let Err(reason) = events_ran(&path) {
        println!("skipped: {reason}");
        return;
    }
    for ((local, remote), bytes) in clients {
        for (ends, expected) in [((local, remote), (bytes, 10)), ((remote, local), (10, bytes))] {
            let rows = all_rows_of(&path, ends.0, Some(ends.1));
            let kinds: BTreeSet<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
            assert_eq!(kinds, BTreeSet::from(["opened", "state", "closed"]), "no snapshot saw it");
            let closed = rows.iter().find(|row| row.kind == "closed").unwrap();
            assert_eq!(closed.bytes, (Some(expected.0), Some(expected.1)), "of {ends:?}");
            assert!(rows.iter().all(|row| row.pid == Some(std::process::id()) && row.tick == 0));
        }
    }
}

#[test]
fn a_program_that_lives_for_milliseconds_has_name_executable_and_command_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    record_steps(
        &path,
        &mut [&mut || {
            let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf hello >&3");
            let status = Command::new("bash").args(["-c", &connect]).status().unwrap();
            assert!(status.success());
            let (mut server, _) = listener.accept().unwrap();
            server.read_to_end(&mut Vec::new()).unwrap();
        }],
    );
    if let Err(reason) = events_ran(&path) {
        println!("skipped: {reason}");
        return;
    }
    let capture = CaptureFile::open(&path).unwrap();
    let columns: Vec<Column> = COLUMNS.iter().map(|info| info.column).collect();
    let batch = capture.row_group(0, &columns).unwrap().next().unwrap().unwrap();
    let row = (0..batch.num_rows())
        .find(|row| {
            number::<UInt16Type>(&batch, Column::RemotePort, *row) == Some(port)
                && text(&batch, Column::Kind, *row).as_deref() == Some("closed")
        })
        .expect("the connection was not recorded");
    let said = |column| text(&batch, column, row);
    assert_eq!(said(Column::ProcessName).as_deref(), Some("bash"));
    assert!(said(Column::Exe).unwrap().ends_with("/bash"));
    assert!(said(Column::Cmdline).unwrap().contains("printf hello"));
    assert_eq!(said(Column::OwnerSource).as_deref(), Some("event"));
    assert_eq!(number::<UInt32Type>(&batch, Column::Ppid, row), Some(std::process::id()));
    assert_eq!(number::<UInt64Type>(&batch, Column::BytesSent, row), Some(5));
}

/// A child in its own network namespace, with a listening socket there.
fn child_in_own_namespace() -> std::io::Result<Child> {
    let mut command = Command::new("sleep");
    command.arg("60").stdin(Stdio::null()).stdout(Stdio::null());
    let enter = || {
        // SAFETY: no memory is passed.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        let socket = TcpListener::bind("0.0.0.0:4444")?.into_raw_fd();
        // SAFETY: the descriptor is open and ours; it shall stay open in the new program.
        unsafe { libc::fcntl(socket, libc::F_SETFD, 0) };
        Ok(())
    };
    // SAFETY: only system calls are made between fork and exec.
    unsafe { command.pre_exec(enter) }.spawn()
}

#[test]
fn sockets_of_another_network_namespace_are_recorded_with_their_owner() {
    let mut child = match child_in_own_namespace() {
        Ok(child) => child,
        Err(error) => {
            println!("skipped: a network namespace needs CAP_SYS_ADMIN ({error})");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    record_steps(&path, &mut []);
    let netns = fs::metadata(format!("/proc/{}/ns/net", child.id())).unwrap().ino();
    child.kill().unwrap();
    child.wait().unwrap();
    let rows = rows_of(&path, 4444, None);
    let row = rows.iter().find(|row| row.netns == Some(netns)).expect("the socket is recorded");
    assert_eq!((row.pid, row.process_name.as_deref()), (Some(child.id()), Some("sleep")));
}

#[test]
fn a_network_namespace_that_is_born_while_recording_is_seen_soon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let mut born = None;
    let mut wait = || std::thread::sleep(Duration::from_millis(500));
    record_steps(&path, &mut [&mut || born = Some(child_in_own_namespace()), &mut wait, &mut || ()]);
    let mut child = match born.unwrap() {
        Ok(child) => child,
        Err(error) => {
            println!("skipped: a network namespace needs CAP_SYS_ADMIN ({error})");
            return;
        }
    };
    let netns = fs::metadata(format!("/proc/{}/ns/net", child.id())).unwrap().ino();
    child.kill().unwrap();
    child.wait().unwrap();
    if let Err(reason) = events_ran(&path) {
        println!("skipped: {reason}");
        return;
    }
    let rows = rows_of(&path, 4444, None);
    let row = rows.iter().rfind(|row| row.netns == Some(netns)).expect("not only after ten seconds");
    assert_eq!(row.pid, Some(child.id()));
}

#[test]
fn a_network_namespace_that_was_gone_before_it_could_be_entered_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let mut born = None;
    let mut brief = || {
        born = Some(child_in_own_namespace().map(|mut child| {
            child.kill().unwrap();
            child.wait().unwrap();
        }));
    };
    record_steps(&path, &mut [&mut brief, &mut || ()]);
    if let Err(error) = born.unwrap() {
        println!("skipped: a network namespace needs CAP_SYS_ADMIN ({error})");
        return;
    }
    if let Err(reason) = events_ran(&path) {
        println!("skipped: {reason}");
        return;
    }
    let capture = CaptureFile::open(&path).unwrap();
    let sources = &capture.metadata().sources;
    let source = sources.iter().find(|source| source.name == "network-namespaces").unwrap();
    assert_eq!(source.status, SourceStatus::Partial, "{}", source.detail);
}

/// A started program that does not outlive the test, even if the test fails.
pub(crate) struct Running(pub(crate) Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the program and waits until its unfinished file exists; from then on it handles signals.
fn start(folder: &Path, arguments: &[&str]) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_netrec"))
        .args(["record", "-o", "c.parquet"])
        .args(if arguments.contains(&"--interval") { &[][..] } else { &["--interval", "100ms"] })
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let running = Running(Some(child));
    let begin = Instant::now();
    while fs::read_dir(folder).unwrap().next().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the recording does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    running
}

fn check_signal_ends_well(signal: i32) {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path(), &["--duration", "1h"]);
    std::thread::sleep(Duration::from_millis(250));
    let child = running.0.take().unwrap();
    // SAFETY: the child was started here and has not been waited for, so the id is its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
    let output = child.wait_with_output().unwrap();
    let capture = CaptureFile::open(&folder.path().join("c.parquet")).unwrap();
    let metadata = capture.metadata();
    // On a busy machine ticks may be late, which is reported.
    let expected = if metadata.is_degraded() { 3 } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(metadata.ticks_taken > 0 && metadata.ticks_planned == Some(36_001));
    assert!(metadata.kernel.is_some() && metadata.boot_id.is_some() && metadata.rows == capture.rows());
    assert!(metadata.host_addresses.iter().any(|address| address == "127.0.0.1"));
    let names: Vec<&str> = metadata.sources.iter().map(|source| source.name.as_str()).collect();
    let expected = ["sock_diag", "network-namespaces", "proc-owners"];
    assert_eq!(names[..3], expected);
    let events =
        ["kernel-programs", "perf-events", "sock_destroy", "proc-connector", "datagram-events", "exe-hashes"];
    assert_eq!(names[3..], events);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("next: netrec analyze c.parquet"), "{said}");
    assert!(output.stderr.is_empty(), "no progress where there is no terminal");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
}

#[test]
fn sigterm_ends_a_recording_well() {
    check_signal_ends_well(libc::SIGTERM);
}

#[test]
fn ctrl_c_ends_a_recording_well() {
    check_signal_ends_well(libc::SIGINT);
}

#[test]
fn a_capture_is_replaced_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["record", "-d", "100ms", "-i", "100ms", "-o", "c.parquet"];
    let forced = [arguments.as_slice(), &["--force"]].concat();
    fs::write(folder.path().join("c.parquet"), "evidence").unwrap();
    netrec_in(folder.path(), &arguments).fails_saying(&["c.parquet", "exists already", "--force"]);
    netrec_in(folder.path(), &forced).fails_saying(&["c.parquet", "not a capture by netrec"]);
    assert_eq!(fs::read(folder.path().join("c.parquet")).unwrap(), b"evidence");
    fs::remove_file(folder.path().join("c.parquet")).unwrap();
    netrec_in(folder.path(), &arguments);
    netrec_in(folder.path(), &arguments).fails_saying(&["c.parquet", "exists already", "--force"]);
    let ran = netrec_in(folder.path(), &forced);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    assert_eq!(
        CaptureFile::open(&folder.path().join("c.parquet")).unwrap().metadata().ticks_planned,
        Some(2)
    );
}

#[test]
fn without_a_name_the_capture_is_called_after_host_and_time() {
    let folder = tempfile::tempdir().unwrap();
    netrec_in(folder.path(), &["record", "-d", "100ms", "-i", "100ms"]);
    let name = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().file_name();
    let name = name.to_str().unwrap();
    assert!(name.starts_with("netrec-") && name.ends_with("Z.parquet"), "{name}");
}

#[test]
fn an_output_that_cannot_be_written_is_said_before_recording() {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    netrec_in(folder.path(), &["record", "-d", "1h", "-o", "no/such/c.parquet"])
        .fails_saying(&["no/such/c.parquet", "no such file or folder"]);
    // A folder of that name, which would otherwise fail only at the end.
    fs::create_dir(folder.path().join("dir")).unwrap();
    netrec_in(folder.path(), &["record", "-d", "1h", "-o", "dir", "--force"])
        .fails_saying(&["it is a folder"]);
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn times_that_cannot_be_meant_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    for (option, time, word) in [
        ("--duration", "0s", "longer than 0"),
        ("--duration", "10", "10m"),
        ("--interval", "1ms", "at least 100ms"),
        ("--interval", "-1s", "a number and a unit"),
    ] {
        let ran = netrec_in(folder.path(), &["record", option, time]);
        assert_eq!(ran.code, 2, "{option} {time}");
        assert!(ran.stderr.contains(word), "{option} {time}: {}", ran.stderr);
    }
}

/// Runs a script in a folder with a small disk of its own; false, with a printed reason, if that is
/// not possible.
pub(crate) fn with_small_disk(folder: &Path, script: &str) -> bool {
    fs::create_dir(folder.join("disk")).unwrap();
    let script = format!("mount -t tmpfs -o size=20m none disk || exit 42\n{script}");
    let ran = Command::new("unshare")
        .args(["--mount", "timeout", "60", "sh", "-c", &script])
        .env("NETREC", env!("CARGO_BIN_EXE_netrec"))
        .current_dir(folder)
        .output();
    let has_run = ran.as_ref().is_ok_and(|output| output.status.success());
    if !has_run {
        println!("skipped: a small disk needs CAP_SYS_ADMIN and unshare(1): {ran:?}");
    }
    has_run
}

#[test]
fn a_recording_that_was_to_be_one_file_goes_on_in_another_after_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let has_run = with_small_disk(
        folder.path(),
        r#""$NETREC" record -i 100ms -d 1h -o disk/c.parquet >said 2>told & recorder=$!
        while [ -z "$(ls disk/c.parquet.d/journal-0 2>/dev/null)" ]; do sleep 0.1; done
        sleep 0.5
        head -c 15000000 /dev/zero >disk/filler
        until grep -q 'recording pauses' told; do sleep 0.1; done
        sleep 0.7
        rm disk/filler
        until grep -q 'there is room again' told; do sleep 0.1; done
        sleep 0.5
        kill $recorder; wait $recorder; echo $? >code
        cp -r disk copy"#,
    );
    if !has_run {
        return;
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("code").trim(), "3", "{}", read("told"));
    let mut names: Vec<_> =
        fs::read_dir(folder.path().join("copy")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let [later, first] = names.try_into().unwrap();
    assert!(first.ends_with("c.parquet"), "{first:?}");
    let [first, second] = [first, later].map(|path| CaptureFile::open(&path).unwrap().metadata().clone());
    assert!(first.sources.iter().any(|source| source.name == "disk" && source.detail.contains("ends early")));
    let [pause] = second.pauses[..] else { panic!("{:?}", second.pauses) };
    assert!(pause.ticks >= 3 && pause.rows > 0, "{pause:?}");
    assert_eq!((pause.from_us, pause.to_us), (first.end_us, second.start_us));
    assert_eq!(second.series.unwrap().previous.unwrap().file, "c.parquet");
    assert!(read("said").contains("were not recorded"), "{}", read("said"));
}

#[test]
fn a_recording_that_ends_while_the_disk_is_full_says_what_it_lost() {
    let folder = tempfile::tempdir().unwrap();
    let has_run = with_small_disk(
        folder.path(),
        r#""$NETREC" record -i 100ms -d 1h -o disk/c.parquet >said 2>told & recorder=$!
        while [ -z "$(ls disk/c.parquet.d/journal-0 2>/dev/null)" ]; do sleep 0.1; done
        sleep 0.5
        head -c 15000000 /dev/zero >disk/filler
        until grep -q 'recording pauses' told; do sleep 0.1; done
        sleep 0.5
        kill $recorder; wait $recorder; echo $? >code
        cp disk/c.parquet ."#,
    );
    if !has_run {
        return;
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("code").trim(), "3", "{}", read("told"));
    assert!(read("told").contains("to its end the disk was full"), "{}", read("told"));
    assert!(read("said").contains("nothing after the disk filled up"), "{}", read("said"));
    let metadata = CaptureFile::open(&folder.path().join("c.parquet")).unwrap().metadata().clone();
    assert!(metadata.ticks_taken > 1 && metadata.recovered.is_none());
    assert!(metadata.sources.iter().any(|source| source.name == "disk"));
}

#[test]
fn ctrl_c_between_two_snapshots_takes_a_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path(), &["--interval", "1h", "--duration", "10h"]);
    let begin = Instant::now();
    while !folder.path().join("c.parquet.d/journal-0").exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "no snapshot");
        std::thread::sleep(Duration::from_millis(5));
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let child = running.0.take().unwrap();
    // SAFETY: the child was started here and has not been waited for, so the id is its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    child.wait_with_output().unwrap();
    let path = folder.path().join("c.parquet");
    assert_eq!(CaptureFile::open(&path).unwrap().metadata().ticks_taken, 2);
    let rows = rows_of(&path, listener.local_addr().unwrap().port(), None);
    assert_eq!(rows.iter().map(|row| row.tick).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_check_says_what_would_be_seen_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ran = netrec_in(folder.path(), &["record", "--check"]);
    let whole = ran.stdout.contains("Everything that can be recorded");
    let advised = ran.stdout.contains("sudo setcap cap_net_admin,");
    let is_missing = ran.stdout.lines().any(|line| line.starts_with("NO "));
    assert_eq!(ran.code, if advised || is_missing { 3 } else { 0 }, "{}{}", ran.stdout, ran.stderr);
    let nothing_to_give = ran.stdout.contains("No privilege is missing");
    assert_eq!(advised || nothing_to_give, !whole, "{}", ran.stdout);
    assert!(!(advised && nothing_to_give), "{}", ran.stdout);
    for source in ["sock_diag", "network-namespaces", "proc-owners", "perf-events", "--udp-bytes"] {
        assert!(ran.stdout.contains(source), "{source}: {}", ran.stdout);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_recording_keeps_only_the_privileges_that_its_sources_need() {
    let folder = tempfile::tempdir().unwrap();
    netrec_in(folder.path(), &["record", "-d", "100ms", "-i", "100ms", "-o", "c.parquet"]);
    let capture = CaptureFile::open(&folder.path().join("c.parquet")).unwrap();
    let privileges = &capture.metadata().privileges;
    for given_up in ["CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SYS_MODULE", "CAP_NET_RAW", "CAP_KILL"] {
        assert!(!privileges.iter().any(|kept| kept == given_up), "{privileges:?}");
    }
}
