//! Many short connections on loopback, to measure what a recorder misses and what it costs.
//!
//! ```text
//! connect_storm PER_SECOND SECONDS [BYTES]
//! ```
//!
//! A server in a process of its own reads `BYTES` and answers with half as many; clients connect at
//! the given rate (0: as fast as they can). Prints one line: connections made, seconds, rate.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CLIENTS: u32 = 2;
const SERVERS: usize = 4;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<usize>().ok());
    if arguments.first().is_some_and(|first| first == "serve") {
        return serve(number(1).unwrap_or(400));
    }
    let (Some(per_second), Some(seconds)) = (number(0), number(1)) else {
        eprintln!("usage: connect_storm PER_SECOND SECONDS [BYTES]");
        std::process::exit(2);
    };
    let bytes = number(2).unwrap_or(400);
    let mut server = Command::new(std::env::current_exe()?)
        .args(["serve", &bytes.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = [0; 64];
    let length = server.stdout.as_mut().map_or(Ok(0), |stdout| stdout.read(&mut line))?;
    let address: SocketAddr =
        String::from_utf8_lossy(&line[..length]).trim().parse().map_err(std::io::Error::other)?;

    let start = Instant::now();
    let made: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(move || connect(address, per_second as u32 / CLIENTS, seconds, bytes)))
            .collect();
        clients.into_iter().map(|client| client.join().unwrap_or(0)).sum()
    });
    let took_s = start.elapsed().as_secs_f64();
    // The server ends when its standard input does.
    drop(server.stdin.take());
    server.wait()?;
    println!("{made} connections in {took_s:.2} s, {:.0} a second", made as f64 / took_s);
    Ok(())
}

/// Connects at a rate; a client that falls behind catches up, so the rate holds on average.
fn connect(server: SocketAddr, per_second: u32, seconds: usize, bytes: usize) -> usize {
    let (mut made, start) = (0, Instant::now());
    let mut buffer = vec![b'x'; bytes];
    while start.elapsed() < Duration::from_secs(seconds as u64) {
        if per_second > 0 {
            let due = Duration::from_secs(1) * made as u32 / per_second;
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        let exchange = TcpStream::connect(server).and_then(|mut stream| {
            stream.write_all(&buffer)?;
            stream.read_exact(&mut buffer[..bytes / 2])
        });
        made += usize::from(exchange.is_ok());
    }
    made
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
