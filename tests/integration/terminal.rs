//! A real terminal, through tmux.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Number of terminals so far: a terminating server would take the next one's session on its socket.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A terminal with its own tmux server; closed when dropped.
pub(crate) struct Terminal {
    socket: String,
}

impl Terminal {
    /// Runs netrec in a folder, in 80 × 24 with UTF-8; `None`, with a message, if there is no tmux.
    pub(crate) fn run(folder: &Path, arguments: &str) -> Option<Self> {
        Self::run_in(folder, (80, 24), "LC_ALL=C.UTF-8", arguments)
    }

    /// The same in a terminal of this size, with environment variables.
    pub(crate) fn run_in(folder: &Path, size: (u16, u16), variables: &str, arguments: &str) -> Option<Self> {
        let program = env!("CARGO_BIN_EXE_netrec");
        let shell = format!(
            "cd '{}'; env {variables} '{program}' {arguments}; echo ended with $?; sleep 100",
            folder.display()
        );
        Self::start(folder, size, &shell)
    }

    /// An interactive shell in a folder, in which `netrec` is the program.
    pub(crate) fn shell(folder: &Path) -> Option<Self> {
        let program = Path::new(env!("CARGO_BIN_EXE_netrec")).parent().unwrap().display();
        let shell = format!(
            "cd '{}'; exec env LC_ALL=C.UTF-8 PATH='{program}':\"$PATH\" PS1='$ ' bash --norc --noprofile -i",
            folder.display()
        );
        Self::start(folder, (80, 24), &shell)
    }

    fn start(folder: &Path, (width, height): (u16, u16), shell: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("skipped: there is no tmux");
            return None;
        }
        let socket = folder.join(format!("tmux-{}", STARTED.fetch_add(1, Ordering::Relaxed)));
        let terminal = Self { socket: socket.display().to_string() };
        let (width, height) = (width.to_string(), height.to_string());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, shell]);
        Some(terminal)
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-S", &self.socket]).args(arguments).env("LC_ALL", "C.UTF-8");
        String::from_utf8_lossy(&tmux.output().unwrap().stdout).into_owned()
    }

    /// The process id of the program.
    pub(crate) fn program(&self) -> String {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell = shell.trim();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.split_whitespace().next().unwrap().to_owned()
    }

    /// Sends a signal to the program, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.program()]).status().unwrap();
        assert!(sent.success(), "{name}");
    }

    /// The device of the terminal.
    pub(crate) fn device(&self) -> String {
        self.tmux(&["display-message", "-p", "#{pane_tty}"]).trim().to_owned()
    }

    pub(crate) fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Waits until the screen contains a text.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.waits(&format!("{text:?} never came"), |screen| screen.contains(text))
    }

    /// Waits until the screen no longer contains a text.
    #[track_caller]
    pub(crate) fn loses(&self, text: &str) {
        self.waits(&format!("{text:?} never went"), |screen| !screen.contains(text));
    }

    #[track_caller]
    fn waits(&self, otherwise: &str, until: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if until(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "{otherwise}:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
