//! Memory use of a long recording: the real loop, writing thread and file format, with a simulated
//! host and clock.
//!
//! ```text
//! day [SOCKETS [TICKS [ROTATE_S [REMOTES]]]] [DIR]     10,000 sockets, 86,400 ticks of a second, one file
//! day 83 1209600 3600 20000 series                     a fortnight of hourly files, 100 million rows
//! ```
//!
//! Each tick closes one socket in a hundred and opens as many, to addresses not seen before or to one of so many,
//! and each tenth tick one of 200 processes is followed by another with a command line of its own: whatever is
//! kept of what is gone shows. Every six hours one program contacts one address, for three ticks: a beacon that
//! no hourly file can show. Prints what the process holds at each 24th part, and its peak. With a folder, the
//! files stay there.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use netrec::capture::{Counters, Kind, Overwrite, Owner, OwnerSource, Protocol, Row, SourceReport, TcpState};
use netrec::record::{
    Clock, Host, HostInfo, Output, Plan, Progress, Rotation, Seen, Stop, Tick, Timestamp, record,
};

const PROCESSES: usize = 200;

/// Ticks from one contact of the slow beacon to the next, and how long each takes.
const BEACON_TICKS: u32 = 6 * 3600;
const BEACON_LIFE: u32 = 3;
const BEACON_ADDR: (Ipv4Addr, u16) = (Ipv4Addr::new(203, 0, 113, 66), 8443);

const START_US: i64 = 1_700_000_000_000_000;

/// A clock that jumps to the time waited for.
#[derive(Clone, Default)]
struct QuickClock(Rc<Cell<i64>>);

impl Clock for QuickClock {
    fn now(&self) -> Timestamp {
        Timestamp { ts_us: START_US + self.0.get() / 1000, mono_ns: self.0.get() }
    }

    fn wait_until(&self, mono_ns: i64, _stop: &Stop) {
        self.0.set(self.0.get().max(mono_ns));
    }

    fn cpu_ns(&self) -> Option<i64> {
        None
    }
}

/// A host whose sockets come and go.
struct BusyHost {
    sockets: Vec<Row>,
    processes: Vec<Arc<Owner>>,
    /// Different remote addresses; none for a new one each time.
    remotes: Option<u32>,
    beacon: Arc<Owner>,
    /// Sockets and processes so far.
    opened: u64,
    started: u32,
}

impl BusyHost {
    fn new(sockets: usize, remotes: Option<u32>) -> Self {
        let beacon = Arc::new(Owner {
            pid: Some(700),
            process_name: Some("syncd".to_owned()),
            exe: Some("/opt/sync/syncd".to_owned()),
            process_start_us: Some(START_US),
            ..Owner::default()
        });
        let mut host =
            Self { sockets: Vec::new(), processes: Vec::new(), remotes, beacon, opened: 0, started: 0 };
        for _ in 0..PROCESSES {
            let process = host.process();
            host.processes.push(process);
        }
        for _ in 0..sockets {
            let socket = host.socket();
            host.sockets.push(socket);
        }
        host
    }

    fn process(&mut self) -> Arc<Owner> {
        self.started += 1;
        let number = self.started;
        Arc::new(Owner {
            pid: Some(1000 + number),
            ppid: Some(1),
            uid: Some(1000),
            process_name: Some(format!("worker-{}", number % 50)),
            exe: Some(format!("/opt/app/bin/worker-{}", number % 50)),
            cmdline: Some(format!("/opt/app/bin/worker --job {number} --out /var/lib/app/{number}.dat")),
            username: Some("app".to_owned()),
            parent_name: Some("init".to_owned()),
            process_start_us: Some(START_US + i64::from(number)),
            ..Owner::default()
        })
    }

    fn socket(&mut self) -> Row {
        self.opened += 1;
        let number = self.opened;
        let owner = Arc::clone(&self.processes[number as usize % self.processes.len()]);
        let any_of = |remotes: u32| (mixed(number) % u64::from(remotes.max(1))) as u32;
        let remote = self.remotes.map_or(number as u32, any_of);
        // Multiplied by an odd number, so that no address comes twice before all have come.
        let remote = Ipv4Addr::from(remote.wrapping_mul(0x9E37_79B1));
        let local = (IpAddr::from([10, 0, 0, 1]), 1024 + (number % 60_000) as u16);
        Row {
            remote: Some((remote.into(), 443)),
            netns: Some(1),
            state: Some(TcpState::Established),
            owner: Some(owner),
            owner_source: Some(OwnerSource::Inode),
            ..Row::snapshot(number, Protocol::Tcp, local)
        }
    }

    /// The rows of the slow beacon at a tick: opened, there, closed.
    fn beacon(&self, tick: u32) -> Option<Row> {
        let (contact, age) = (tick / BEACON_TICKS, tick % BEACON_TICKS);
        let kind = match age {
            0 => Kind::Opened,
            _ if age < BEACON_LIFE => Kind::Snapshot,
            BEACON_LIFE => Kind::Closed,
            _ => return None,
        };
        let local = (IpAddr::from([10, 0, 0, 1]), 50_000 + (contact % 10_000) as u16);
        let state = if kind == Kind::Closed { TcpState::Close } else { TcpState::Established };
        let bytes = u64::from(age.min(2)) * 300;
        Some(Row {
            kind,
            remote: Some((BEACON_ADDR.0.into(), BEACON_ADDR.1)),
            netns: Some(1),
            state: Some(state),
            counters: Counters {
                bytes_sent: Some(bytes),
                bytes_received: Some(bytes),
                ..Counters::default()
            },
            owner: Some(Arc::clone(&self.beacon)),
            owner_source: Some(OwnerSource::Event),
            ..Row::snapshot(u64::MAX / 2 + u64::from(contact), Protocol::Tcp, local)
        })
    }

    /// The end of a socket and the beginning of the one that comes in its place.
    fn replace(&mut self, place: usize, rows: &mut Vec<Row>) {
        let opened = self.socket();
        let closed = std::mem::replace(&mut self.sockets[place], opened.clone());
        rows.push(Row { kind: Kind::Closed, state: Some(TcpState::Close), ..closed });
        rows.push(Row { kind: Kind::Opened, state: Some(TcpState::SynSent), ..opened });
    }
}

/// A number that looks like chance (the finalizer of `SplitMix64`): contacted in turn, every address would be a beacon.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

impl Host for BusyHost {
    fn observe(&mut self, tick: Tick, rows: &mut Vec<Row>) -> netrec::Result<Seen> {
        if tick.number.is_multiple_of(10) {
            let place = (tick.number / 10) as usize % self.processes.len();
            self.processes[place] = self.process();
        }
        let count = self.sockets.len();
        for n in 0..count.div_ceil(100) {
            // Some last for a tick, others for long.
            let place = (tick.number as usize * 7919 + n * n) % count.max(1);
            self.replace(place, rows);
        }
        for (place, socket) in self.sockets.iter_mut().enumerate() {
            let counters = &mut socket.counters;
            let add = |counter: Option<u64>, more| Some(counter.unwrap_or(0) + more);
            if place % 3 == tick.number as usize % 3 {
                let bytes_sent = add(counters.bytes_sent, 300 + place as u64);
                let packets_sent = add(counters.packets_sent, 2);
                *counters = Counters { bytes_sent, packets_sent, rtt_us: Some(800), ..*counters };
            }
        }
        rows.extend(self.sockets.iter().cloned());
        rows.extend(self.beacon(tick.number));
        for row in rows {
            (row.tick, row.ts_us, row.mono_ns) = (tick.number, tick.moment.ts_us, tick.moment.mono_ns);
        }
        Ok(Seen { sockets: count as u64, processes: PROCESSES as u64, connections: self.opened })
    }

    fn reports(&self) -> Vec<SourceReport> {
        Vec::new()
    }
}

/// Current and peak resident memory, MB, according to the kernel.
fn memory_mb() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    (of("VmRSS:"), of("VmHWM:"))
}

fn main() -> netrec::Result<()> {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (sockets, ticks, rotate_s) = (number(0, 10_000), number(1, 86_400), number(2, 0));
    let remotes = numbers.get(3).and_then(|remotes| u32::try_from(*remotes).ok());
    let kept = std::env::args().skip(1).find(|text| text.parse::<u64>().is_err()).map(PathBuf::from);
    let temporary = std::env::temp_dir().join(format!("netrec-day-{}", std::process::id()));
    let folder = kept.clone().unwrap_or(temporary);
    std::fs::create_dir_all(&folder).map_err(netrec::Error::io("create", &folder))?;
    let plan = Plan {
        interval: Duration::from_secs(1),
        duration: Some(Duration::from_secs(ticks)),
        max_cpu_percent: None,
    };
    let every = (rotate_s > 0).then(|| Duration::from_secs(rotate_s));
    let rotation =
        Rotation { every, keep: every.filter(|_| kept.is_none()).map(|_| 2), ..Rotation::default() };
    let output = Output {
        path: folder.join("day.parquet"),
        overwrite: Overwrite::Never,
        key: None,
        group_may_read: false,
        upload: None,
        rotation,
    };
    let (mut host, begin, mut told) = (BusyHost::new(sockets as usize, remotes), Instant::now(), 0);
    let mut show = |progress: &Progress| {
        let part = progress.elapsed.as_secs() * 24 / ticks.max(1);
        if part > told {
            told = part;
            let (now_mb, _) = memory_mb();
            let (rows, mb) = (progress.rows, progress.bytes >> 20);
            println!("{part:>2}/24: {now_mb} MB resident, {rows} rows, {mb} MB on disk");
        }
    };
    let (clock, stop) = (QuickClock::default(), Stop::default());
    // Without an identity of its host, each file would be a recording of its own.
    let id = Some("0123456789abcdef0123456789abcdef".to_owned());
    let info = HostInfo {
        host_name: Some("day".to_owned()),
        machine_id: id.clone(),
        boot_id: id,
        ..HostInfo::default()
    };
    let done = record(&plan, &output, &mut host, (&clock, &stop), &info, &mut show)?;
    let (took_s, (_, peak_mb)) = (begin.elapsed().as_secs(), memory_mb());
    println!(
        "{sockets} sockets, {} ticks, {} rows, {} opened, {} processes: peak {peak_mb} MB resident; \
         {} MB written in {took_s} s",
        done.metadata.ticks_taken,
        done.metadata.rows,
        host.opened,
        host.started,
        done.bytes >> 20,
    );
    if kept.is_some() {
        return Ok(());
    }
    std::fs::remove_dir_all(&folder).map_err(netrec::Error::io("remove", &folder))
}
