//! Many short connections on loopback, to measure what a recorder misses and costs.
//!
//! ```text
//! connect_storm PER_SECOND SECONDS [BYTES] [CLIENTS]
//! ```
//!
//! A separate server process reads `BYTES` and answers with half as many; the client processes
//! together connect at the given rate (0: as fast as they can, one after the other). Prints one
//! line: connections made, seconds, rate, and the median time from connect to answer; then the port
//! and the process ids, for `benches/storm.py`, which counts what a recorder saw of it.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CLIENTS: usize = 2;

/// Number of server addresses, from 127.0.0.1 on: each has its own ephemeral ports, so that those
/// in `TIME_WAIT` do not block new connections.
const ADDRESSES: u8 = 8;

/// Maximum number of connections that a late client opens at once.
const MOST_AT_ONCE: usize = 16;

/// A client that cannot keep its rate gives up after this multiple of the time.
const MOST_DELAY: u32 = 2;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<usize>().ok());
    let role = arguments.first().map(String::as_str);
    if role == Some("serve") {
        return serve(number(1).unwrap_or(400));
    }
    if role == Some("connect")
        && let (Some(port), Some(rate), Some(seconds), Some(bytes)) =
            (number(1), number(2), number(3), number(4))
    {
        let begin = Instant::now();
        let took = connect(port as u16, rate, Duration::from_secs(seconds as u64), bytes)?;
        println!("{}", begin.elapsed().as_micros());
        for each in took {
            println!("{}", each.as_micros());
        }
        return Ok(());
    }
    let (Some(per_second), Some(seconds)) = (number(0), number(1)) else {
        eprintln!("usage: connect_storm PER_SECOND SECONDS [BYTES] [CLIENTS]");
        std::process::exit(2);
    };
    storm(per_second, seconds, number(2).unwrap_or(400), number(3).unwrap_or(CLIENTS).max(1))
}

/// Starts the server and the clients, and prints the result.
fn storm(per_second: usize, seconds: usize, bytes: usize, clients: usize) -> io::Result<()> {
    let mut server = start(&["serve", &bytes.to_string()])?;
    let mut line = [0; 64];
    let length = server.stdout.as_mut().map_or(Ok(0), |stdout| stdout.read(&mut line))?;
    let port = String::from_utf8_lossy(&line[..length]).trim().to_owned();

    let [rate, seconds, bytes] = [per_second.div_ceil(clients), seconds, bytes].map(|n| n.to_string());
    let client = || start(&["connect", &port, &rate, &seconds, &bytes]);
    let clients = (0..clients).map(|_| client()).collect::<io::Result<Vec<_>>>()?;
    let pids: Vec<String> = clients.iter().map(|client| client.id().to_string()).collect();
    let (mut each_us, mut longest_us) = (Vec::new(), 1);
    for client in clients {
        let output = client.wait_with_output()?;
        if !output.status.success() {
            return Err(io::Error::other("a client failed"));
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let mut numbers = said.split_whitespace().filter_map(|text| text.parse::<u64>().ok());
        longest_us = numbers.next().unwrap_or(0).max(longest_us);
        each_us.extend(numbers);
    }
    // The server ends when its standard input does.
    drop(server.stdin.take());
    server.wait()?;
    each_us.sort_unstable();
    let (made, median_us) = (each_us.len(), each_us.get(each_us.len() / 2).unwrap_or(&0));
    let seconds = longest_us as f64 / 1e6;
    let rate = made as f64 / seconds;
    println!("{made} connections in {seconds:.2} s, {rate:.0} a second, {median_us} µs each");
    println!("port {port}, server {}, clients {}", server.id(), pids.join(" "));
    Ok(())
}

/// Starts this program again in another role.
fn start(arguments: &[&str]) -> io::Result<Child> {
    let program = std::env::current_exe()?;
    Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

/// Connects at a rate for this time; overdue connections are opened together. Returns how long each
/// took.
fn connect(port: u16, per_second: usize, time: Duration, bytes: usize) -> io::Result<Vec<Duration>> {
    let (mut took, start) = (Vec::new(), Instant::now());
    let wanted = if per_second > 0 { per_second * time.as_secs() as usize } else { usize::MAX };
    let most = if per_second > 0 { time * MOST_DELAY } else { time };
    for turn in 0.. {
        if took.len() >= wanted || start.elapsed() >= most {
            break;
        }
        let mut at_once = 1;
        if per_second > 0 {
            let due = |number: usize| Duration::from_secs(1).mul_f64(number as f64 / per_second as f64);
            std::thread::sleep(due(took.len()).saturating_sub(start.elapsed()));
            let overdue = (start.elapsed().as_secs_f64() * per_second as f64) as usize + 1 - took.len();
            at_once = overdue.min(MOST_AT_ONCE).min(wanted - took.len());
        }
        let server = SocketAddrV4::new(address((turn % usize::from(ADDRESSES)) as u8), port);
        exchange(server, at_once, bytes, &mut took)?;
    }
    Ok(took)
}

/// Opens this many connections, then waits for the answer on each.
fn exchange(server: SocketAddrV4, at_once: usize, bytes: usize, took: &mut Vec<Duration>) -> io::Result<()> {
    let mut buffer = vec![b'x'; bytes];
    let mut open = Vec::with_capacity(at_once);
    for _ in 0..at_once {
        let begin = Instant::now();
        let mut stream = TcpStream::connect(server)?;
        stream.write_all(&buffer)?;
        open.push((stream, begin));
    }
    for (mut stream, begin) in open {
        stream.read_exact(&mut buffer[..bytes / 2])?;
        took.push(begin.elapsed());
    }
    Ok(())
}

/// The server's addresses by number.
fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 1 + number)
}

/// Answers on the same port of every address, until standard input is closed.
fn serve(bytes: usize) -> io::Result<()> {
    let mut port = 0;
    let mut listeners = Vec::new();
    for number in 0..ADDRESSES {
        let listener = TcpListener::bind((address(number), port))?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    for listener in listeners {
        std::thread::spawn(move || {
            let mut buffer = vec![0; bytes];
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                // A client that is gone does not matter to the server.
                let _ = stream.read_exact(&mut buffer).and_then(|()| stream.write_all(&buffer[..bytes / 2]));
            }
        });
    }
    println!("{port}");
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
