//! Several files as one capture: frames in the order of their times, whatever the files are called
//! and in whatever order they are given.
//!
//! Files of a ring follow each other, so that one is open at a time; captures of several interfaces
//! overlap, and are merged.

use std::collections::VecDeque;

use super::super::{Input, Output};
use super::frames::{self, Frame, Outcome};
use crate::import::Reader;
use crate::import::flow::FrameOwner;
use crate::{Error, Result};

/// Files that are read at the same time.
const MOST_OPEN: usize = 32;

/// A frame, and where it was captured.
pub(super) struct Placed<'a> {
    pub(super) frame: Frame<'a>,
    /// Who owns it, as far as the file says it beside the frame.
    pub(super) owner: Option<FrameOwner>,
    /// Number of the file among those that were given.
    pub(super) file: usize,
    /// Number of the frame in it, from 1 on.
    pub(super) number: u64,
}

/// Files in the order of their first frames.
pub(super) struct Merge<'i, 'o> {
    inputs: &'i [Input],
    waiting: VecDeque<Waiting>,
    open: Vec<Open<'o>>,
    /// What reading each file came to, by its number.
    pub(super) outcomes: Vec<(usize, Outcome)>,
    /// Whether a file had to wait until others were read.
    pub(super) has_waited: bool,
}

struct Waiting {
    file: usize,
    /// Time of its first frame; none if its beginning does not show it, which puts it first.
    first_ns: Option<i64>,
}

struct Open<'o> {
    file: usize,
    reader: frames::Reader<Reader<'o>>,
    /// Time of the frame to which the reader went last.
    next_ns: Option<i64>,
}

impl<'i, 'o> Merge<'i, 'o> {
    pub(super) fn new(inputs: &'i [Input]) -> Self {
        let first_ns = |input: &Input| frames::first_ts_ns(&input.begin.bytes);
        let mut waiting: Vec<Waiting> = inputs
            .iter()
            .enumerate()
            .map(|(file, input)| Waiting { file, first_ns: first_ns(input) })
            .collect();
        // Those that begin at the same moment stay in the order in which they are given.
        waiting.sort_by_key(|waiting| waiting.first_ns);
        Self { inputs, waiting: waiting.into(), open: Vec::new(), outcomes: Vec::new(), has_waited: false }
    }

    /// Hands every frame to `take`.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read, and what `take` gives.
    pub(super) fn run(
        mut self,
        output: &mut Output<'o>,
        mut take: impl FnMut(&Placed<'_>, &mut Output<'o>) -> Result<()>,
    ) -> Result<Self> {
        loop {
            self.open_due(output)?;
            let Some(index) = self.earliest() else { return Ok(self) };
            let limit = self.limit(index);
            let Open { file, reader, next_ns } = &mut self.open[index];
            let is_there = loop {
                let (frame, owner) = (reader.frame(), reader.owner());
                take(&Placed { frame, owner, file: *file, number: reader.number() }, output)?;
                if !reader.advance().map_err(Error::io("read", &self.inputs[*file].path))? {
                    break false;
                }
                *next_ns = reader.frame().ts_ns;
                // A frame without a time comes with the one before it.
                if limit.is_some_and(|limit| next_ns.is_some_and(|next| next > limit)) {
                    break true;
                }
            };
            if !is_there {
                let open = self.open.remove(index);
                self.close(open, output)?;
            }
        }
    }

    /// Opens the files whose first frame is the next one of all.
    fn open_due(&mut self, output: &mut Output<'o>) -> Result<()> {
        while let Some(waiting) = self.waiting.front() {
            let next_ns = self.earliest().map(|index| self.open[index].next_ns);
            if next_ns.is_some_and(|next_ns| waiting.first_ns > next_ns) {
                return Ok(());
            }
            if self.open.len() >= MOST_OPEN {
                self.has_waited = true;
                return Ok(());
            }
            let file = waiting.file;
            self.waiting.pop_front();
            let mut reader = frames::Reader::new(output.reader(&self.inputs[file])?);
            let is_there = reader.advance().map_err(Error::io("read", &self.inputs[file].path))?;
            let open = Open { file, next_ns: reader.frame().ts_ns, reader };
            if is_there { self.open.push(open) } else { self.close(open, output)? }
        }
        Ok(())
    }

    /// The open file with the earliest frame.
    fn earliest(&self) -> Option<usize> {
        (0..self.open.len()).min_by_key(|index| (self.open[*index].next_ns, self.open[*index].file))
    }

    /// Until when a file may go on: until another one has an earlier frame.
    fn limit(&self, index: usize) -> Option<i64> {
        let open = self.open.iter().enumerate().filter(|(other, _)| *other != index);
        let waiting = if self.open.len() < MOST_OPEN { self.waiting.front() } else { None };
        let others = open.map(|(_, open)| open.next_ns).chain(waiting.map(|waiting| waiting.first_ns));
        others.flatten().min()
    }

    fn close(&mut self, open: Open<'o>, output: &mut Output<'o>) -> Result<()> {
        let outcome = open.reader.outcome();
        self.outcomes.push((open.file, outcome));
        let source = open.reader.into_inner().finish(output.format())?;
        output.imported(source);
        Ok(())
    }
}
