//! Many short connections on loopback, to measure what a recorder misses and what it costs.
//!
//! ```text
//! connect_storm PER_SECOND SECONDS [BYTES] [CLIENTS]
//! ```
//!
//! A server in a process of its own reads `BYTES` and answers with half as many; so many client
//! processes connect at the given rate in all (0: as fast as they can). Prints one line:
//! connections made, seconds, rate, and how long each took from connect to answer; then the port and the process ids, for `benches/storm.py`, which
//! counts what a recorder saw of it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CLIENTS: usize = 2;
const SERVERS: usize = 4;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<usize>().ok());
    if arguments.first().is_some_and(|first| first == "serve") {
        return serve(number(1).unwrap_or(400));
    }
    if let [first, server, per_second, seconds, bytes] = arguments.as_slice()
        && first == "connect"
    {
        let number = |text: &str| text.parse::<usize>().map_err(std::io::Error::other);
        let server = server.parse().map_err(std::io::Error::other)?;
        let (made, took) = connect(server, number(per_second)? as u32, number(seconds)?, number(bytes)?);
        println!("{made} {}", took.as_micros());
        return Ok(());
    }
    let (Some(per_second), Some(seconds)) = (number(0), number(1)) else {
        eprintln!("usage: connect_storm PER_SECOND SECONDS [BYTES] [CLIENTS]");
        std::process::exit(2);
    };
    let bytes = number(2).unwrap_or(400);
    let clients = number(3).unwrap_or(CLIENTS).max(1);
    let mut server = start(&["serve", &bytes.to_string()])?;
    let mut line = [0; 64];
    let length = server.stdout.as_mut().map_or(Ok(0), |stdout| stdout.read(&mut line))?;
    let address: SocketAddr =
        String::from_utf8_lossy(&line[..length]).trim().parse().map_err(std::io::Error::other)?;

    let begin = Instant::now();
    let [rate, seconds, bytes] = [per_second.div_ceil(clients), seconds, bytes].map(|n| n.to_string());
    let client = || start(&["connect", &address.to_string(), &rate, &seconds, &bytes]);
    let clients = (0..clients).map(|_| client()).collect::<std::io::Result<Vec<_>>>()?;
    let pids: Vec<String> = clients.iter().map(|client| client.id().to_string()).collect();
    let (mut made, mut all_us) = (0, 0);
    for client in clients {
        let output = client.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let mut numbers = said.split_whitespace().map(|text| text.parse::<usize>().unwrap_or(0));
        made += numbers.next().unwrap_or(0);
        all_us += numbers.next().unwrap_or(0);
    }
    let took_s = begin.elapsed().as_secs_f64();
    // The server ends when its standard input does.
    drop(server.stdin.take());
    server.wait()?;
    let rate = made as f64 / took_s;
    println!("{made} connections in {took_s:.2} s, {rate:.0} a second, {} µs each", all_us / made.max(1));
    println!("port {}, server {}, clients {}", address.port(), server.id(), pids.join(" "));
    Ok(())
}

/// This program again, in another role.
fn start(arguments: &[&str]) -> std::io::Result<Child> {
    let program = std::env::current_exe()?;
    Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

/// Connects at a rate; a client that falls behind catches up, so the rate holds on average. Gives how
/// many connections were made, and how long they took together.
fn connect(server: SocketAddr, per_second: u32, seconds: usize, bytes: usize) -> (usize, Duration) {
    let (mut made, mut took, start) = (0, Duration::ZERO, Instant::now());
    let mut buffer = vec![b'x'; bytes];
    while start.elapsed() < Duration::from_secs(seconds as u64) {
        if per_second > 0 {
            let due = Duration::from_secs(1) * made as u32 / per_second;
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        let begin = Instant::now();
        let exchange = TcpStream::connect(server).and_then(|mut stream| {
            stream.write_all(&buffer)?;
            stream.read_exact(&mut buffer[..bytes / 2])
        });
        if exchange.is_ok() {
            made += 1;
            took += begin.elapsed();
        }
    }
    (made, took)
}

fn serve(bytes: usize) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for _ in 0..SERVERS {
        let listener = listener.try_clone()?;
        std::thread::spawn(move || {
            let mut buffer = vec![0; bytes];
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                // A client that has gone is the storm's business, not the server's.
                let _ = stream.read_exact(&mut buffer).and_then(|()| stream.write_all(&buffer[..bytes / 2]));
            }
        });
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
