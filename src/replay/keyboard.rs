//! What is typed, read in a thread of its own.
//!
//! The library that reads the terminal does not come back from one that is gone: it reads its end
//! over and over. So it must not be in the way of whoever draws, and the terminal is looked at
//! from outside.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use crossterm::event::{self, Event};

/// Keys that may wait; a paste of more is slowed down.
const MOST_WAITING: usize = 256;

/// The keyboard of the terminal.
pub(super) struct Keyboard {
    events: Receiver<Event>,
}

/// What became of waiting for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// Something was typed, or the terminal has another size.
    Event(Event),
    /// Nothing, in that time.
    Nothing,
    /// There is no terminal any more.
    Gone,
}

impl Keyboard {
    /// Begins to read. The terminal must be in raw mode.
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        std::thread::Builder::new().name("keyboard".to_owned()).spawn(move || {
            while let Ok(event) = event::read() {
                if sender.send(event).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { events: receiver })
    }

    /// Waits for a key.
    pub(super) fn wait(&self, time: Duration) -> Typed {
        match self.events.recv_timeout(time) {
            Ok(event) => Typed::Event(event),
            Err(RecvTimeoutError::Timeout) if is_hung_up() => Typed::Gone,
            Err(RecvTimeoutError::Timeout) => Typed::Nothing,
            Err(RecvTimeoutError::Disconnected) => Typed::Gone,
        }
    }
}

/// Whether the terminal on standard output has gone: its window was closed, its SSH session ended.
/// Standard input may be something else, where keys are read by another way.
#[cfg(unix)]
fn is_hung_up() -> bool {
    let mut output = libc::pollfd { fd: libc::STDOUT_FILENO, events: 0, revents: 0 };
    // SAFETY: one pollfd is passed, which outlives the call.
    let ready = unsafe { libc::poll(&raw mut output, 1, 0) };
    ready > 0 && output.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0
}

#[cfg(not(unix))]
fn is_hung_up() -> bool {
    false
}
