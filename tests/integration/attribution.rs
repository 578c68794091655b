//! Attribution of connections to processes, however they end and whatever happens to the process:
//! on the real kernel, with the recorder's eBPF programs and with the tracepoints that replace
//! them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use netrec::capture::{CaptureFile, SourceStatus};
use netrec::record::SourceOptions;

use crate::record::{Seen, own_name, record_wanted, rows_where};

const BY_PROGRAMS: SourceOptions = SourceOptions { udp_bytes: false, names: false, no_bpf: false };
const BY_TRACEPOINTS: SourceOptions = SourceOptions { no_bpf: true, ..BY_PROGRAMS };

/// How many times a recording is repeated because it lost events.
const MOST_ATTEMPTS: usize = 4;

/// Records while `act` runs, and afterwards until everything is reported; returns every row of the
/// port. `None`, with a printed reason, if this user lacks a privilege, or if every recording on
/// this host lost events.
fn rows_while(wanted: SourceOptions, port: u16, mut act: impl FnMut()) -> Option<Vec<Seen>> {
    let mut pause = || std::thread::sleep(Duration::from_millis(300));
    for attempt in 1..=MOST_ATTEMPTS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        record_wanted(&path, wanted, &mut [&mut act, &mut pause.clone(), &mut pause]);
        let Some(reason) = unseen(&path, wanted) else {
            return Some(rows_where(&path, |row| row.ports.0 == port || row.ports.1 == Some(port)));
        };
        println!("attempt {attempt}: {reason}");
        if !reason.starts_with(LOST) {
            break;
        }
    }
    println!("skipped: what the test is about was not recorded");
    None
}

const LOST: &str = "events were lost";

/// Why the sources under test did not run, or what they lost. Concurrent tests load eBPF programs,
/// and while one runs, the kernel withholds the tracepoints from perf.
fn unseen(path: &Path, wanted: SourceOptions) -> Option<String> {
    let capture = CaptureFile::open(path).unwrap();
    let needed = if wanted.no_bpf { "perf-events" } else { "kernel-programs" };
    let source = capture.metadata().sources.iter().find(|source| source.name == needed)?;
    if source.status == SourceStatus::Missing {
        return Some(format!("{}: {}", source.name, source.detail));
    }
    let losses = ["closed without an event", "the kernel dropped"];
    let has_lost = losses.iter().any(|loss| source.detail.contains(loss));
    has_lost.then(|| format!("{LOST}: {}", source.detail))
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Makes the next close send a reset.
fn reset_at_close(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = size_of_val(&linger) as libc::socklen_t;
    // SAFETY: the value and its length belong together.
    let result = unsafe {
        let value = (&raw const linger).cast();
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, length)
    };
    assert_eq!(result, 0);
}

fn closed(rows: &[Seen], is_it: impl Fn(&Seen) -> bool) -> &Seen {
    let mut found = rows.iter().filter(|row| row.kind == "closed" && is_it(row));
    let row = found.next().unwrap_or_else(|| panic!("no end in {rows:#?}"));
    assert!(found.next().is_none(), "two ends in {rows:#?}");
    row
}

#[test]
fn a_connection_that_its_process_resets_keeps_remote_process_and_bytes() {
    for wanted in [BY_PROGRAMS, BY_TRACEPOINTS] {
        let (listener, port) = listen();
        let mut client_port = 0;
        let rows = rows_while(wanted, port, || {
            let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
            client_port = client.local_addr().unwrap().port();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(&vec![7; 50_000]).unwrap();
            server.read_exact(&mut vec![0; 50_000]).unwrap();
            reset_at_close(&client);
        });
        let Some(rows) = rows else { continue };
        let client = closed(&rows, |row| row.ports == (client_port, Some(port)));
        assert_eq!((client.pid, client.state.as_deref()), (Some(std::process::id()), Some("CLOSE")));
        // Without the eBPF programs the kernel has nothing left to report, and zero would be an
        // invented number.
        let sent = (!wanted.no_bpf).then_some(50_000);
        assert_eq!(client.bytes.0, sent, "{wanted:?}");
        let server = closed(&rows, |row| row.ports == (port, Some(client_port)));
        assert_eq!((server.pid, server.bytes.1), (Some(std::process::id()), Some(50_000)));
        assert!(rows.iter().all(|row| row.ports.1.is_some() || row.ports.0 == port), "{rows:#?}");
    }
}

#[test]
fn a_refused_connection_is_recorded_with_whom_it_was_for_and_who_tried() {
    for wanted in [BY_PROGRAMS, BY_TRACEPOINTS] {
        let (listener, port) = listen();
        drop(listener);
        let rows = rows_while(wanted, port, || {
            TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        });
        let Some(rows) = rows else { continue };
        let opened: Vec<_> = rows.iter().filter(|row| row.kind == "opened").collect();
        assert_eq!(opened.len(), 1, "{rows:#?}");
        let end = closed(&rows, |row| row.ports.1 == Some(port));
        assert_eq!(end.process_name.as_ref(), Some(&own_name()));
        assert_eq!((end.pid, opened[0].ports.1), (Some(std::process::id()), Some(port)));
        assert!(end.bytes.0.is_none_or(|bytes| bytes == 0));
    }
}

#[test]
fn the_fin_that_answers_ones_own_is_no_byte() {
    const ANSWER: usize = 30_000;
    let (listener, port) = listen();
    let mut expected = Vec::new();
    let rows = rows_while(BY_PROGRAMS, port, || {
        // An attempt that lost events is repeated.
        expected.clear();
        for _ in 0..50 {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut server, _) = listener.accept().unwrap();
                    server.read_to_end(&mut Vec::new()).unwrap();
                    server.write_all(&vec![7; ANSWER]).unwrap();
                });
                let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
                client.write_all(&[7; 100]).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), ANSWER);
                expected.push(client.local_addr().unwrap().port());
            });
        }
    });
    let Some(rows) = rows else { return };
    for local in expected {
        let end = closed(&rows, |row| row.ports == (local, Some(port)));
        assert_eq!(end.bytes, (Some(100), Some(ANSWER as u64)));
    }
}

#[test]
fn mptcp_keeps_remote_process_and_bytes() {
    const MPTCP: libc::c_int = 262;
    // SAFETY: no memory is passed; the result is checked.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, MPTCP) };
    if fd < 0 {
        println!("skipped: this kernel has no MPTCP: {}", std::io::Error::last_os_error());
        return;
    }
    // SAFETY: the descriptor was just opened and belongs to no one else.
    let mut client = Some(TcpStream::from(unsafe { OwnedFd::from_raw_fd(fd) }));
    let (listener, port) = listen();
    let mut client_port = 0;
    let rows = rows_while(BY_PROGRAMS, port, || {
        let mut client = client.take().unwrap();
        connect(&client, port);
        client_port = client.local_addr().unwrap().port();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&vec![7; 50_000]).unwrap();
        server.read_exact(&mut vec![0; 50_000]).unwrap();
    });
    let Some(rows) = rows else { return };
    let end = closed(&rows, |row| row.ports == (client_port, Some(port)));
    assert_eq!((end.pid, end.bytes.0), (Some(std::process::id()), Some(50_000)));
}

fn connect(stream: &TcpStream, port: u16) {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address and its length belong together.
    let result = unsafe { libc::connect(stream.as_raw_fd(), (&raw const address).cast(), length) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_thread_that_names_itself_does_not_rename_its_process() {
    for wanted in [BY_PROGRAMS, BY_TRACEPOINTS] {
        let (listener, port) = listen();
        let rows = rows_while(wanted, port, || {
            let named = std::thread::Builder::new().name("Socket Thread".to_owned());
            let connect = move || drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
            named.spawn(connect).unwrap().join().unwrap();
            listener.accept().unwrap();
        });
        let Some(rows) = rows else { continue };
        let end = closed(&rows, |row| row.ports.1 == Some(port));
        assert_eq!(end.process_name.as_ref(), Some(&own_name()));
        assert!(end.exe.is_some() && end.cmdline.is_some());
    }
}

/// A shell that connects by itself, and then executes something else.
fn shell(port: u16, then: &str) -> Child {
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf x >&3; exec 3>&-; {then}");
    Command::new("bash").args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_program_that_is_executed_afterwards_has_done_nothing() {
    for wanted in [BY_PROGRAMS, BY_TRACEPOINTS] {
        let (listener, port) = listen();
        let rows = rows_while(wanted, port, || {
            let mut child = shell(port, "exec sleep 0.2");
            let (mut server, _) = listener.accept().unwrap();
            server.read_to_end(&mut Vec::new()).unwrap();
            child.wait().unwrap();
        });
        let Some(rows) = rows else { continue };
        let names: Vec<_> =
            rows.iter().filter(|row| row.ports.1 == Some(port) && row.kind != "snapshot").collect();
        // On a busy host an end may stay unknown, but it is never attributed to another program.
        let is_bash = |row: &&Seen| row.process_name.as_deref() == Some("bash");
        assert!(names.iter().any(is_bash), "{names:#?}");
        assert!(names.iter().all(|row| is_bash(row) || row.process_name.is_none()), "{names:#?}");
        // Without the eBPF programs, a busy host may leave no time to read it.
        let is_told = |row: &&&Seen| row.cmdline.is_some() || is_bash(row) && !wanted.no_bpf;
        let is_its_own = |row: &&Seen| row.cmdline.as_deref().is_some_and(|line| line.starts_with("bash -c"));
        assert!(names.iter().filter(is_told).all(is_its_own), "{names:#?}");
    }
}

/// Starts a program under a process id that has just become free; `None` if that fails.
fn take_over(pid: u32) -> Option<Child> {
    for _ in 0..50 {
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).ok()?;
        let mut child = Command::new("sleep").arg("1").spawn().ok()?;
        if child.id() == pid {
            return Some(child);
        }
        child.kill().ok()?;
        child.wait().ok()?;
    }
    None
}

#[test]
fn a_process_id_that_is_given_out_again_does_not_take_the_blame() {
    for wanted in [BY_PROGRAMS, BY_TRACEPOINTS] {
        let (listener, port) = listen();
        let mut taken = Vec::new();
        let rows = rows_while(wanted, port, || {
            for _ in 0..5 {
                let mut child = shell(port, "exit 0");
                let (mut server, _) = listener.accept().unwrap();
                server.read_to_end(&mut Vec::new()).unwrap();
                let pid = child.id();
                child.wait().unwrap();
                taken.extend(take_over(pid));
            }
        });
        for mut child in taken {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let Some(rows) = rows else { continue };
        let ends: Vec<_> =
            rows.iter().filter(|row| row.kind == "closed" && row.ports.1 == Some(port)).collect();
        assert_eq!(ends.len(), 5);
        assert!(ends.iter().all(|row| row.process_name.as_deref() == Some("bash")), "{ends:#?}");
    }
}

#[test]
fn a_connection_that_was_handed_on_belongs_to_whom_it_was_handed() {
    let (listener, port) = listen();
    let mut worker = None;
    let mut client = None;
    let rows = rows_while(BY_PROGRAMS, port, || {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (server, _) = listener.accept().unwrap();
        // The child gets it as its standard input; the parent's own is closed.
        let child = Command::new("sleep").arg("60").stdin(OwnedFd::from(server)).spawn().unwrap();
        worker = Some(child.id());
        client = Some((stream, child));
    });
    let (stream, mut child) = client.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stream);
    let Some(rows) = rows else { return };
    let held: Vec<_> = rows.iter().filter(|row| row.kind == "snapshot" && row.ports.0 == port).collect();
    let last = held.iter().rfind(|row| row.ports.1.is_some()).unwrap();
    assert_eq!((last.pid, last.owner_source.as_deref()), (worker, Some("inode")));
}

#[test]
fn a_short_program_of_a_container_is_known_to_be_one() {
    let id = "ab12".repeat(16);
    let root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .into_iter()
        .find(|root| Path::new(root).join("cgroup.controllers").exists());
    let cgroup = Path::new(root.unwrap_or("/nonexistent")).join(format!("docker-{id}.scope"));
    if let Err(error) = fs::create_dir(&cgroup) {
        println!("skipped: no cgroup can be made: {error}");
        return;
    }
    for wanted in [BY_PROGRAMS, BY_TRACEPOINTS] {
        let (listener, port) = listen();
        let rows = rows_while(wanted, port, || {
            let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf x >&3");
            let script = format!("echo $$ > {}/cgroup.procs; exec bash -c '{connect}'", cgroup.display());
            let mut child = Command::new("bash").args(["-c", &script]).spawn().unwrap();
            listener.accept().unwrap().0.read_to_end(&mut Vec::new()).unwrap();
            child.wait().unwrap();
        });
        let Some(rows) = rows else { continue };
        let end = closed(&rows, |row| row.ports.1 == Some(port));
        assert_eq!(end.container.as_deref(), Some("docker:ab12ab12ab12"), "{wanted:?}");
    }
    fs::remove_dir(&cgroup).unwrap();
}

#[test]
fn a_namespace_of_one_connection_is_recorded_with_its_bytes() {
    const BYTES: usize = 4321;
    let mut told = None;
    let mut act = || {
        let inside = || -> std::io::Result<((u16, u16), u64)> {
            // SAFETY: no memory is passed; the call changes this thread alone.
            if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
            raise_loopback()?;
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let mut client = TcpStream::connect(listener.local_addr()?)?;
            let (mut server, _) = listener.accept()?;
            client.write_all(&[7; BYTES])?;
            server.read_exact(&mut [0; BYTES])?;
            let netns = std::os::unix::fs::MetadataExt::ino(&fs::metadata("/proc/thread-self/ns/net")?);
            Ok(((client.local_addr()?.port(), listener.local_addr()?.port()), netns))
        };
        told = Some(std::thread::spawn(inside).join().unwrap());
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let mut pause = || std::thread::sleep(Duration::from_millis(300));
    record_wanted(&path, BY_PROGRAMS, &mut [&mut act, &mut pause]);
    let (ports, netns) = match told.unwrap() {
        Ok(found) => found,
        Err(error) => {
            println!("skipped: no namespace can be made: {error}");
            return;
        }
    };
    if let Some(reason) = unseen(&path, BY_PROGRAMS) {
        println!("skipped: {reason}");
        return;
    }
    let rows = rows_where(&path, |row| row.netns == Some(netns));
    let end = closed(&rows, |row| row.ports == (ports.0, Some(ports.1)));
    assert_eq!((end.bytes.0, end.pid), (Some(BYTES as u64), Some(std::process::id())));
}

/// Brings up the loopback device in a new namespace.
fn raise_loopback() -> std::io::Result<()> {
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: a request of zeroes is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the request is valid, and outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
