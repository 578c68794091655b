//! Reads keys in a separate thread.
//!
//! The library that reads the terminal never returns when the terminal is gone: it reads end of
//! file over and over. It must therefore not run in the drawing thread, and the terminal is checked
//! separately.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use crossterm::event::{self, Event};

/// Maximum number of queued keys; longer pastes are slowed down.
const MOST_WAITING: usize = 256;

/// The keyboard of the terminal.
pub(super) struct Keyboard {
    events: Receiver<Event>,
}

/// The result of waiting for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// Input, or a changed terminal size.
    Event(Event),
    /// Nothing within that time.
    Nothing,
    /// The terminal is gone.
    Gone,
}

impl Keyboard {
    /// Starts reading. The terminal must be in raw mode.
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

/// Whether the terminal on standard output is gone: its window was closed, or its SSH session
/// ended. Standard input may be something else if keys are read another way.
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
