//! The terminal in raw mode on its other screen, and the way back from there: at the end, for a
//! while (Ctrl-Z), and after the program was stopped from outside.

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

/// Bytes of a text for the clipboard: terminals drop what is much longer.
const MOST_COPIED: usize = 8 * 1024;

/// Buttons and the wheel, and where. Not as the library takes the mouse: it is told of each movement
/// too, and would draw for it.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Whether the terminal was given back because of a panic.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);

/// The terminal while the program draws on it.
pub(super) struct Display {
    terminal: DefaultTerminal,
    has_mouse: bool,
    signals: Signals,
}

impl Display {
    /// Takes the terminal.
    ///
    /// As the library does it, but for its way of giving the terminal back on a panic: that panics
    /// itself when the terminal has gone, and the program aborts.
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

    /// Draws everything anew with the next [`Display::draw`].
    ///
    /// Not as the library clears: it asks the terminal where the cursor is, and whoever reads the keys
    /// would take the answer.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Takes the mouse, or leaves it to the terminal; whether it is taken now.
    pub(super) fn toggle_mouse(&mut self) -> io::Result<bool> {
        self.has_mouse = !self.has_mouse;
        if self.has_mouse {
            execute!(io::stdout(), Print(MOUSE_ON))?;
        } else {
            execute!(io::stdout(), Print(MOUSE_OFF))?;
        }
        Ok(self.has_mouse)
    }

    /// Gives a text to the clipboard of the terminal, by its escape sequence OSC 52. No terminal says
    /// whether it took it.
    pub(super) fn copy(text: &str) -> io::Result<()> {
        let end = text.floor_char_boundary(MOST_COPIED);
        let text = base64::engine::general_purpose::STANDARD.encode(&text[..end]);
        let mut out = io::stdout();
        write!(out, "\x1b]52;c;{text}\x07")?;
        out.flush()
    }

    /// Whether somebody else asked for [`Display::suspend`] (SIGTSTP), since the last call.
    pub(super) fn is_asked_to_suspend(&self) -> bool {
        self.signals.stop.swap(false, Ordering::SeqCst)
    }

    /// Takes the terminal again if the program was stopped and goes on (SIGSTOP and SIGCONT), as the
    /// shell has used the terminal meanwhile, or if another thread panicked. Whether it did.
    pub(super) fn come_back(&mut self) -> io::Result<bool> {
        let was_stopped = self.signals.go_on.swap(false, Ordering::SeqCst);
        let is_lost = HAS_LEFT.swap(false, Ordering::SeqCst) || was_stopped;
        if is_lost {
            // By its own account it may be in raw mode still, which the shell has ended.
            leave()?;
            self.take_again()?;
        }
        Ok(is_lost)
    }

    /// Gives the terminal back, stops the program and whatever was started with it, and takes the
    /// terminal again when the shell says to go on. False where there is no shell that could.
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

    /// Gives the terminal back for good.
    pub(super) fn close(mut self) -> io::Result<()> {
        if self.terminal.show_cursor().is_err() {
            // Dropped, it would try that again, and panic where standard error has gone too.
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
    // Tried one by one: of a terminal that has gone nothing can be restored, but raw mode first.
    let modes = execute!(io::stdout(), Print(MOUSE_OFF), DisableBracketedPaste, crossterm::cursor::Show);
    ratatui::try_restore().and(modes)
}

/// The signals by which a shell stops a program and lets it go on.
struct Signals {
    /// Somebody asked for a stop.
    stop: Arc<AtomicBool>,
    /// The program was stopped, and goes on.
    go_on: Arc<AtomicBool>,
    /// Whether a stop would not be for good.
    can_stop: bool,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use signal_hook::consts::{SIGCONT, SIGTSTP};

        let (stop, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        // Where nobody could continue it, shells and the kernel ignore the signal, and so do we.
        let can_stop = !crate::signals::is_ignored(SIGTSTP);
        if can_stop {
            signal_hook::flag::register(SIGTSTP, Arc::clone(&stop))?;
        }
        signal_hook::flag::register(SIGCONT, Arc::clone(&go_on))?;
        Ok(Self { stop, go_on, can_stop })
    }

    /// Stops the whole group of processes, as the terminal would by itself; comes back when it goes
    /// on. In a group that nobody could continue nothing happens.
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
