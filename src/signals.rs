//! Signals that end the program, handled in a separate thread: a signal handler itself may do
//! almost nothing.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Makes Ctrl-C, SIGTERM and SIGHUP only call `take` with their number, each time.
///
/// If SIGHUP was ignored it stays so, so that a program under `nohup` outlives its terminal.
///
/// # Errors
/// If the handlers cannot be installed, or no thread is available; nothing has changed then.
pub(crate) fn listen(mut take: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter();
    let wanted: Vec<i32> = wanted.filter(|signal| *signal != SIGHUP || !is_ignored(*signal)).collect();
    let counts: Vec<(i32, Arc<AtomicU32>)> =
        wanted.into_iter().map(|signal| (signal, Arc::default())).collect();
    let to_thread = counts.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        // One byte per signal; the other end stays open for as long as the program runs.
        while reader.read_exact(&mut [0]).is_ok() {
            for (signal, count) in &to_thread {
                for _ in 0..count.swap(0, Ordering::SeqCst) {
                    take(*signal);
                }
            }
        }
    })?;
    for (signal, count) in counts {
        // SAFETY: the handler only increments an atomic number.
        unsafe {
            signal_hook::low_level::register(signal, move || {
                count.fetch_add(1, Ordering::SeqCst);
            })?;
        }
        // Handlers run in the order of registration: the number is incremented before the pipe is written.
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    // One that came between the two registrations was counted, and woke nobody.
    (&writer).write_all(&[0])
}

/// Makes Ctrl-C, SIGTERM and SIGHUP remove unfinished files and then end the program as by default.
pub(crate) fn remove_what_is_half_made() {
    let end = |signal| {
        crate::safe_fs::pending::remove_all();
        let _ = signal_hook::low_level::emulate_default_handler(signal);
        signal_hook::low_level::exit(128 + signal);
    };
    // Without a thread, a signal ends the program at once and leaves unfinished files behind.
    let _ = listen(end);
}

/// Stops this process and its group, as Ctrl-Z does where the terminal handles it, and returns when
/// it continues. The kernel does nothing in a group that nobody could continue.
pub(crate) fn stop_group() {
    // SAFETY: an all-zero sigaction is a valid value, and means the default.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    let mut before = default;
    // SAFETY: both are valid for the call; the previous action is restored below.
    unsafe {
        if libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut before) != 0 {
            return;
        }
        // This is the main thread, which takes the signal before the call returns.
        libc::kill(0, libc::SIGTSTP);
        libc::sigaction(libc::SIGTSTP, &raw const before, std::ptr::null_mut());
    }
}

/// Whether a signal is ignored.
pub(crate) fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: an all-zero sigaction is a valid value; the call only writes into it.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action changes nothing; `action` is valid for the call.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}
