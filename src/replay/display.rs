//! Puts the terminal into raw mode on its alternate screen and restores it: at the end, for a
//! suspension (Ctrl-Z), and after the program was stopped from outside.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

use base64::Engine as _;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::style::Print;
use crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{DefaultTerminal, Frame, Terminal};

use crate::guard;

/// Maximum size of a text for the clipboard: terminals drop much longer ones.
const MOST_COPIED: usize = 8 * 1024;

/// Reports of buttons and the wheel with their position. Unlike the library's mode, this does not
/// report every movement, each of which would cause a redraw.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Whether the terminal was restored because of a panic.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);

/// The terminal while the program draws on it.
pub(super) struct Display {
    terminal: DefaultTerminal,
    has_mouse: bool,
    signals: Signals,
}

impl Display {
    /// Takes over the terminal.
    ///
    /// Like the library, except for its panic hook, which itself panics when the terminal is gone,
    /// so that the program aborts.
    pub(super) fn open() -> io::Result<Self> {
        static RESTORES: Once = Once::new();
        RESTORES.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if !guard::is_guarded() {
                    let _ = leave();
                    HAS_LEFT.store(true, Ordering::SeqCst);
                }
                usual(panic);
            }));
        });
        let signals = Signals::listen()?;
        let opened = enter(true).and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match opened {
            Ok(terminal) => Ok(Self { terminal, has_mouse: true, signals }),
            Err(error) => {
                let _ = leave();
                Err(error)
            }
        }
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// Makes the next [`Display::draw`] redraw everything.
    ///
    /// Does not use the library's `clear`: it queries the cursor position, and the keyboard thread
    /// would consume the answer.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Turns mouse reporting on or off; returns whether it is on now.
    pub(super) fn toggle_mouse(&mut self) -> io::Result<bool> {
        self.has_mouse = !self.has_mouse;
        if self.has_mouse {
            execute!(io::stdout(), Print(MOUSE_ON))?;
        } else {
            execute!(io::stdout(), Print(MOUSE_OFF))?;
        }
        Ok(self.has_mouse)
    }

    /// Copies a text to the terminal's clipboard with the escape sequence OSC 52. Terminals do not
    /// report whether they accepted it.
    pub(super) fn copy(text: &str) -> io::Result<()> {
        let end = text.floor_char_boundary(MOST_COPIED);
        let text = base64::engine::general_purpose::STANDARD.encode(&text[..end]);
        let mut out = io::stdout();
        write!(out, "\x1b]52;c;{text}\x07")?;
        out.flush()
    }

    /// Whether [`Display::suspend`] was requested from outside (SIGTSTP) since the last call.
    pub(super) fn is_asked_to_suspend(&self) -> bool {
        self.signals.stop.swap(false, Ordering::SeqCst)
    }

    /// Takes over the terminal again if the program was stopped and continued (SIGSTOP and
    /// SIGCONT), because the shell has used the terminal since, or if another thread panicked.
    /// Returns whether it did.
    pub(super) fn come_back(&mut self) -> io::Result<bool> {
        let was_stopped = self.signals.go_on.swap(false, Ordering::SeqCst);
        let is_lost = HAS_LEFT.swap(false, Ordering::SeqCst) || was_stopped;
        if is_lost {
            // The library believes that raw mode is still on, but the shell has ended it.
            leave()?;
            self.take_again()?;
        }
        Ok(is_lost)
    }

    /// Restores the terminal, stops the program and its process group, and takes over the terminal
    /// again when the shell continues it. False if no shell could continue it.
    pub(super) fn suspend(&mut self) -> io::Result<bool> {
        if !self.signals.can_stop {
            return Ok(false);
        }
        leave()?;
        self.signals.stop();
        self.signals.go_on.store(false, Ordering::SeqCst);
        self.take_again()?;
        Ok(true)
    }

    fn take_again(&mut self) -> io::Result<()> {
        enter(self.has_mouse)?;
        self.redraw()
    }

    /// Restores the terminal for good.
    pub(super) fn close(mut self) -> io::Result<()> {
        if self.terminal.show_cursor().is_err() {
            // Dropping it would try that again, and panic if standard error is gone too.
            std::mem::forget(self.terminal);
        }
        leave()
    }
}

fn enter(has_mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
    if has_mouse {
        execute!(io::stdout(), Print(MOUSE_ON))?;
    }
    Ok(())
}

fn leave() -> io::Result<()> {
    // Each step is tried: on a terminal that is gone nothing can be restored, but raw mode comes first.
    let modes = execute!(io::stdout(), Print(MOUSE_OFF), DisableBracketedPaste, crossterm::cursor::Show);
    ratatui::try_restore().and(modes)
}

/// The signals with which a shell stops and continues a program.
struct Signals {
    /// A stop was requested.
    stop: Arc<AtomicBool>,
    /// The program was stopped and continues.
    go_on: Arc<AtomicBool>,
    /// Whether a stopped program could be continued.
    can_stop: bool,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use signal_hook::consts::{SIGCONT, SIGTSTP};

        let (stop, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        // If nobody could continue it, shells and the kernel ignore the signal, and so does this program.
        let can_stop = !crate::signals::is_ignored(SIGTSTP);
        if can_stop {
            signal_hook::flag::register(SIGTSTP, Arc::clone(&stop))?;
        }
        signal_hook::flag::register(SIGCONT, Arc::clone(&go_on))?;
        Ok(Self { stop, go_on, can_stop })
    }

    /// Stops the whole process group, as the terminal would by default; returns when it continues.
    /// In a group that nobody could continue nothing happens.
    fn stop(&self) {
        crate::signals::stop_group();
        self.stop.store(false, Ordering::SeqCst);
    }
}

#[cfg(not(unix))]
impl Signals {
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    fn listen() -> io::Result<Self> {
        Ok(Self { stop: Arc::default(), go_on: Arc::default(), can_stop: false })
    }

    fn stop(&self) {}
}
