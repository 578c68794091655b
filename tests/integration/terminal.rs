//! A real terminal, through tmux.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A terminal of 80 × 24 with a server of its own; gone when it is dropped.
pub(crate) struct Terminal {
    socket: String,
}

impl Terminal {
    /// Runs netrec in a folder; none where there is no tmux, which is said.
    pub(crate) fn run(folder: &Path, arguments: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("skipped: there is no tmux");
            return None;
        }
        let terminal = Self { socket: folder.join("tmux").display().to_string() };
        let program = env!("CARGO_BIN_EXE_netrec");
        let shell =
            format!("cd '{}'; '{program}' {arguments}; echo ended with $?; sleep 100", folder.display());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", &shell]);
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-S", &self.socket]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The process id of the program.
    pub(crate) fn program(&self) -> String {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell = shell.trim();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.split_whitespace().next().unwrap().to_owned()
    }

    pub(crate) fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Waits until the screen holds a text.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.waits(&format!("{text:?} never came"), |screen| screen.contains(text))
    }

    /// Waits until the screen does not hold a text.
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
