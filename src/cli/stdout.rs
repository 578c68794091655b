//! Standard output that loses no error: a command writes as if nothing could go wrong, and
//! [`finish`] turns the first error into exit code 1. A reader that closes the pipe early (`netrec
//! info FILE | head -1`) is no error.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::Mutex;

use crate::{Error, Result};

/// The first error. Static, because the process has one standard output.
static FIRST_ERROR: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes a line.
pub(super) fn line(text: fmt::Arguments<'_>) {
    note(at_start::check().and_then(|()| writeln!(io::stdout(), "{text}")));
}

/// Writes a document of any length through a buffer.
pub(super) fn document(content: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let mut out = BufWriter::new(io::stdout().lock());
    note(at_start::check().and_then(|()| content(&mut out)).and_then(|()| out.flush()));
}

/// Flushes what is still buffered.
///
/// # Errors
/// [`Error::Stdout`] if anything since the start could not be written.
pub(super) fn finish() -> Result<()> {
    note(io::stdout().flush());
    // A thread that panicked while holding the lock cannot have left the value half-written.
    let first = FIRST_ERROR.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    first.map_or(Ok(()), |error| Err(Error::Stdout(error)))
}

fn note(written: io::Result<()>) {
    let Err(error) = written else { return };
    if nobody_reads(&error) {
        return;
    }
    let mut first = FIRST_ERROR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    first.get_or_insert(error);
}

/// Whether standard output was open when the program started. Before `main`, Rust opens `/dev/null`
/// in place of a closed one (`netrec info FILE >&-`), and all output would vanish without an error.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
mod at_start {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

    /// Runs before Rust's own start-up code.
    #[used]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
    static LOOK: extern "C" fn() = look;

    extern "C" fn look() {
        // SAFETY: no memory is passed.
        let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
        WAS_CLOSED.store(flags == -1, Ordering::Relaxed);
    }

    pub(super) fn check() -> io::Result<()> {
        let was_closed = WAS_CLOSED.load(Ordering::Relaxed);
        if was_closed { Err(io::Error::from_raw_os_error(libc::EBADF)) } else { Ok(()) }
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
mod at_start {
    /// Other systems have no way to tell.
    pub(super) fn check() -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether the reader of a pipe or a terminal is gone.
fn nobody_reads(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe || is_closed_terminal(error)
}

/// A closed terminal returns EIO, which on a disk is a disk fault.
#[cfg(unix)]
fn is_closed_terminal(error: &io::Error) -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;

    if error.raw_os_error() != Some(libc::EIO) {
        return false;
    }
    let copy = io::stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
    copy.and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.file_type().is_char_device())
}

#[cfg(not(unix))]
fn is_closed_terminal(_error: &io::Error) -> bool {
    false
}
