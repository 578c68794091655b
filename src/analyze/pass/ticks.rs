//! What each process did at each tick, gathered until a row group ends and then folded into
//! time slices.
//!
//! Rows come by connection, so a tick's rows are spread over the whole row group, and the sums
//! over all sockets of a tick are known only at its end. Ticks ascend within a connection:
//! cells lie in blocks of ticks, and a block is looked up once per so many rows.

use std::collections::BTreeMap;

use ahash::AHashMap;

use super::axis::Axis;
use crate::model::records::{ProcessBin, ProcessId, TimeBin};

/// Ticks in a block; a power of two.
const BLOCK_TICKS: u32 = 16;

/// Blocks before they are folded early. Honest captures stay far below (a row group of
/// 262,144 rows has at most a tenth); this bounds the memory for others.
const MOST_BLOCKS: usize = 32 * 1024;

/// What one row adds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Increment {
    /// The process that owns the socket, if known.
    pub(super) process: Option<ProcessId>,
    /// 1 for a socket with a remote at a tick, else 0.
    pub(super) open: u32,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) retransmits: u32,
    /// CPU use of the process at this tick, the same in all its rows.
    pub(super) cpu_percent: Option<f32>,
    /// Memory of the process at this tick, the same in all its rows.
    pub(super) memory_rss_bytes: Option<u64>,
}

/// A process at a tick.
#[derive(Clone, Copy, Default)]
struct Cell {
    /// Rows in the cell; none if it is empty.
    rows: u32,
    bin: u32,
    open: u32,
    cpu_percent: Option<f32>,
    memory_rss_bytes: Option<u64>,
    sent: u64,
    received: u64,
    retransmits: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct BlockKey {
    process: Option<ProcessId>,
    /// Tick divided by [`BLOCK_TICKS`].
    block: u32,
}

/// A process in a time slice, while it is being summed.
#[derive(Clone, Copy, Default)]
struct Sums {
    open: u32,
    sent: u64,
    received: u64,
    cpu_sum: f64,
    cpu_ticks: u32,
    cpu_max: Option<f32>,
    memory_rss_bytes: Option<u64>,
}

/// CPU and memory of a process over the whole recording.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    cpu_sum: f64,
    cpu_ticks: u64,
    pub(super) cpu_percent_max: Option<f32>,
    pub(super) memory_rss_max_bytes: Option<u64>,
}

impl Load {
    /// Mean over the ticks at which it was measured.
    pub(super) fn cpu_percent_mean(&self) -> Option<f32> {
        (self.cpu_ticks > 0).then(|| (self.cpu_sum / self.cpu_ticks as f64) as f32)
    }
}

/// Gathers rows into time slices.
pub(super) struct Ticks {
    keys: AHashMap<BlockKey, usize>,
    blocks: Vec<[Cell; BLOCK_TICKS as usize]>,
    current: Option<(BlockKey, usize)>,
    newest_tick: u32,
    bins: Vec<TimeBin>,
    /// By process, then slice.
    process_bins: Vec<Vec<(u32, Sums)>>,
    loads: Vec<Load>,
    counted_to: Option<u32>,
    taken: u32,
}

impl Ticks {
    pub(super) fn new(axis: Axis) -> Self {
        let bins = (0..axis.bins)
            .map(|bin| TimeBin { start_us: axis.bin_start_us(bin), ..TimeBin::default() })
            .collect();
        Self {
            keys: AHashMap::new(),
            blocks: Vec::new(),
            current: None,
            newest_tick: 0,
            bins,
            process_bins: Vec::new(),
            loads: Vec::new(),
            counted_to: None,
            taken: 0,
        }
    }

    /// Adds a row of a tick, in a slice.
    pub(super) fn add_snapshot(&mut self, tick: u32, bin: u32, row: &Increment) {
        let cell = self.cell(row.process, tick);
        if cell.rows > 0 && cell.bin != bin {
            // Rows of one tick that are far apart: the bytes still go where they belong.
            self.add_to_bin(bin, row);
            return;
        }
        cell.rows += 1;
        cell.bin = bin;
        cell.open += row.open;
        cell.sent = cell.sent.saturating_add(row.sent);
        cell.received = cell.received.saturating_add(row.received);
        cell.retransmits += u64::from(row.retransmits);
        cell.cpu_percent = row.cpu_percent.or(cell.cpu_percent);
        cell.memory_rss_bytes = row.memory_rss_bytes.or(cell.memory_rss_bytes);
    }

    /// Adds a row to a slice alone, such as one of an event between ticks.
    pub(super) fn add_to_bin(&mut self, bin: u32, row: &Increment) {
        let slice = &mut self.bins[bin as usize];
        slice.bytes_sent = slice.bytes_sent.saturating_add(row.sent);
        slice.bytes_received = slice.bytes_received.saturating_add(row.received);
        slice.retransmits += u64::from(row.retransmits);
        if let Some(process) = row.process {
            let sums = self.process_bin(process, bin);
            sums.sent = sums.sent.saturating_add(row.sent);
            sums.received = sums.received.saturating_add(row.received);
        }
    }

    /// Folds every tick but the newest, of which the next row group may hold the rest.
    pub(super) fn end_row_group(&mut self) {
        self.fold(Some(self.newest_tick / BLOCK_TICKS));
    }

    /// The slices, the slices by process, the loads by process and the number of ticks.
    pub(super) fn finish(mut self) -> (Vec<TimeBin>, Vec<ProcessBin>, Vec<Load>, u32) {
        self.fold(None);
        let slices = (0..).zip(&self.process_bins).flat_map(|(process, slices)| {
            slices.iter().map(move |(bin, sums)| sums.process_bin(*bin, ProcessId::of(process)))
        });
        (self.bins, slices.collect(), self.loads, self.taken)
    }

    fn cell(&mut self, process: Option<ProcessId>, tick: u32) -> &mut Cell {
        let key = BlockKey { process, block: tick / BLOCK_TICKS };
        let index = match self.current {
            Some((current, index)) if current == key => index,
            _ => self.find_block(key, tick),
        };
        &mut self.blocks[index][(tick % BLOCK_TICKS) as usize]
    }

    fn find_block(&mut self, key: BlockKey, tick: u32) -> usize {
        if self.blocks.len() >= MOST_BLOCKS {
            self.fold(None);
        }
        self.newest_tick = self.newest_tick.max(tick | (BLOCK_TICKS - 1));
        let index = *self.keys.entry(key).or_insert_with(|| {
            self.blocks.push([Cell::default(); BLOCK_TICKS as usize]);
            self.blocks.len() - 1
        });
        self.current = Some((key, index));
        index
    }

    /// Empties every block but those of `keep`. Sorted, so that sums of floats do not hang
    /// on the order of a hash map.
    fn fold(&mut self, keep: Option<u32>) {
        let mut keys: Vec<(BlockKey, usize)> = self.keys.drain().collect();
        keys.sort_unstable();
        let mut blocks = std::mem::take(&mut self.blocks);
        self.current = None;
        let mut open_by_tick: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
        let mut kept = Vec::new();
        for (key, index) in keys {
            if Some(key.block) == keep {
                self.keys.insert(key, kept.len());
                kept.push(blocks[index]);
            } else {
                self.fold_block(key, &blocks[index], &mut open_by_tick);
            }
        }
        // The next row group needs as much memory again.
        blocks.clear();
        blocks.append(&mut kept);
        self.blocks = blocks;
        for (tick, (bin, open)) in open_by_tick {
            let slice = &mut self.bins[bin as usize];
            slice.open_connections = slice.open_connections.max(open);
            if self.counted_to.is_none_or(|counted| tick > counted) {
                self.counted_to = Some(tick);
                self.taken += 1;
            }
        }
    }

    fn fold_block(&mut self, key: BlockKey, cells: &[Cell], open_by_tick: &mut BTreeMap<u32, (u32, u32)>) {
        let mut sums: Option<(u32, Sums)> = None;
        for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.rows > 0) {
            let tick = key.block * BLOCK_TICKS + at as u32;
            open_by_tick.entry(tick).or_insert((cell.bin, 0)).1 += cell.open;
            let slice = &mut self.bins[cell.bin as usize];
            slice.bytes_sent = slice.bytes_sent.saturating_add(cell.sent);
            slice.bytes_received = slice.bytes_received.saturating_add(cell.received);
            slice.retransmits += cell.retransmits;
            // Ticks of one slice follow each other, and are summed before they are filed.
            match &mut sums {
                Some((bin, sums)) if *bin == cell.bin => sums.add(cell),
                _ => {
                    let full = sums.replace((cell.bin, Sums::new(cell)));
                    self.file(key.process, full);
                }
            }
        }
        self.file(key.process, sums);
    }

    fn file(&mut self, process: Option<ProcessId>, sums: Option<(u32, Sums)>) {
        if let (Some(process), Some((bin, sums))) = (process, sums) {
            self.process_bin(process, bin).merge(&sums);
            self.load(process).add(&sums);
        }
    }

    fn process_bin(&mut self, process: ProcessId, bin: u32) -> &mut Sums {
        let index = process.get() as usize;
        if index >= self.process_bins.len() {
            self.process_bins.resize_with(index + 1, Vec::new);
        }
        let slices = &mut self.process_bins[index];
        // Mostly the last or a new one.
        let at = match slices.last() {
            Some((last, _)) if *last >= bin => slices.binary_search_by_key(&bin, |(bin, _)| *bin),
            _ => Err(slices.len()),
        };
        let at = at.unwrap_or_else(|at| {
            if slices.is_empty() {
                // Many a process has but one.
                slices.reserve_exact(1);
            }
            slices.insert(at, (bin, Sums::default()));
            at
        });
        &mut slices[at].1
    }

    fn load(&mut self, process: ProcessId) -> &mut Load {
        let index = process.get() as usize;
        if index >= self.loads.len() {
            self.loads.resize(index + 1, Load::default());
        }
        &mut self.loads[index]
    }
}

impl Sums {
    fn new(cell: &Cell) -> Self {
        let mut sums = Self::default();
        sums.add(cell);
        sums
    }

    fn add(&mut self, cell: &Cell) {
        self.open = self.open.max(cell.open);
        self.sent = self.sent.saturating_add(cell.sent);
        self.received = self.received.saturating_add(cell.received);
        if let Some(cpu) = cell.cpu_percent {
            self.cpu_sum += f64::from(cpu);
            self.cpu_ticks += 1;
            self.cpu_max = larger(self.cpu_max, Some(cpu));
        }
        self.memory_rss_bytes = self.memory_rss_bytes.max(cell.memory_rss_bytes);
    }

    fn merge(&mut self, other: &Self) {
        self.open = self.open.max(other.open);
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
        self.cpu_sum += other.cpu_sum;
        self.cpu_ticks += other.cpu_ticks;
        self.cpu_max = larger(self.cpu_max, other.cpu_max);
        self.memory_rss_bytes = self.memory_rss_bytes.max(other.memory_rss_bytes);
    }

    fn process_bin(&self, bin: u32, process: ProcessId) -> ProcessBin {
        ProcessBin {
            bin,
            process,
            open_connections: self.open,
            bytes_sent: self.sent,
            bytes_received: self.received,
            cpu_percent: (self.cpu_ticks > 0).then(|| (self.cpu_sum / f64::from(self.cpu_ticks)) as f32),
            memory_rss_bytes: self.memory_rss_bytes,
        }
    }
}

impl Load {
    fn add(&mut self, sums: &Sums) {
        self.cpu_sum += sums.cpu_sum;
        self.cpu_ticks += u64::from(sums.cpu_ticks);
        self.cpu_percent_max = larger(self.cpu_percent_max, sums.cpu_max);
        self.memory_rss_max_bytes = self.memory_rss_max_bytes.max(sums.memory_rss_bytes);
    }
}

/// The larger of two measurements, of which none is a NaN.
fn larger(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}
