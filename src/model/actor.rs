//! Identifies a process more precisely than by its name: six Python programs are six actors, and a
//! `sshd` in `/tmp` is not the one in `/usr/sbin`.
//!
//! A command line is a list of arguments joined by spaces, so an argument that contains a space
//! looks like two. The result is a name for people, not proof.

use std::borrow::Cow;

use ahash::AHashMap;

use super::records::{Process, Recorded, TextId};
use crate::capture::without_deleted;

/// A program that runs what its command line names.
struct Interpreter {
    /// File names, without a version suffix.
    names: &'static [&'static str],
    /// Options whose next word is a value, not the script.
    with_value: &'static [&'static str],
    /// Options whose next word is what runs.
    runs_next: &'static [&'static str],
    /// Options that are followed by code.
    inline: &'static [&'static str],
    /// Subcommands before the script.
    commands: &'static [&'static str],
}

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        names: &["python", "pypy"],
        with_value: &["-W", "-X", "--check-hash-based-pycs"],
        runs_next: &["-m"],
        inline: &["-c"],
        commands: &[],
    },
    Interpreter {
        names: &["perl", "ruby", "lua", "luajit"],
        with_value: &["-I", "-r", "-l"],
        runs_next: &[],
        inline: &["-e", "-E"],
        commands: &[],
    },
    Interpreter {
        names: &["php", "php-cgi"],
        with_value: &["-c", "-d", "-z", "-t", "-S"],
        runs_next: &["-f", "-F"],
        inline: &["-r", "-R", "-B", "-E"],
        commands: &[],
    },
    Interpreter {
        names: &["node", "nodejs", "bun", "deno"],
        with_value: &["-r", "--require", "--import", "--loader", "--env-file", "-C", "--conditions"],
        runs_next: &[],
        inline: &["-e", "--eval", "-p", "--print"],
        commands: &["run"],
    },
    Interpreter {
        names: &["java"],
        with_value: &[
            "-cp",
            "-classpath",
            "--class-path",
            "-p",
            "--module-path",
            "--add-modules",
            "--add-opens",
            "--add-exports",
            "--add-reads",
        ],
        runs_next: &["-jar", "-m", "--module"],
        inline: &[],
        commands: &[],
    },
    Interpreter {
        names: &["dotnet", "mono"],
        with_value: &["--runtimeconfig", "--depsfile", "--additionalprobingpath", "--fx-version"],
        runs_next: &[],
        inline: &[],
        commands: &["exec", "run"],
    },
    Interpreter {
        names: &["pwsh", "powershell"],
        with_value: &["-ExecutionPolicy", "-ep", "-WorkingDirectory", "-wd", "-ConfigurationName"],
        runs_next: &["-File", "-f"],
        inline: &["-Command", "-c", "-EncodedCommand", "-e", "-ec", "-enc"],
        commands: &[],
    },
    Interpreter {
        names: &["tclsh", "wish", "expect", "Rscript"],
        with_value: &["-encoding"],
        runs_next: &["-f"],
        inline: &["-e", "-c"],
        commands: &[],
    },
    Interpreter {
        names: SHELLS,
        with_value: &["-o", "-O", "+o", "+O", "--rcfile", "--init-file"],
        runs_next: &[],
        inline: &["-c"],
        commands: &[],
    },
];

/// Shells accept several options in one word: `-lc`.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "rbash"];

/// Number of characters of inline code that distinguish programs.
const INLINE_CHARS: usize = 40;

/// Maximum length of a script's path in characters; its end is kept.
const PATH_CHARS: usize = 80;

/// What an interpreter runs, according to its command line: the path of a script or archive, `-m
/// module`, `-` for standard input, or the beginning of inline code after its option (`-c …`).
/// `None` for a program that is not an interpreter, and if the command line names nothing (an
/// interactive session).
///
/// `program` is the file name of the executable, or the process's name if that is unknown.
pub fn script_of<'a>(program: &str, cmdline: &'a str) -> Option<&'a str> {
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let interpreter = INTERPRETERS.iter().find(|known| known.names.contains(&name))?;
    let is_shell = SHELLS.contains(&name);
    let mut words = words(cmdline).skip(1);
    let mut may_be_command = true;
    while let Some((at, word)) = words.next() {
        let has_flag_c = is_shell && word.starts_with('-') && !word.starts_with("--") && word.ends_with('c');
        if interpreter.inline.contains(&word) || has_flag_c {
            return Some(shortened(&cmdline[at..], INLINE_CHARS));
        }
        if interpreter.runs_next.contains(&word) {
            let (next, module) = words.next()?;
            return Some(if word == "-m" { &cmdline[at..next + module.len()] } else { module });
        }
        if interpreter.with_value.contains(&word) {
            words.next();
        } else if word == "-" {
            return Some(word);
        } else if may_be_command && interpreter.commands.contains(&word) {
            may_be_command = false;
        } else if !word.starts_with('-') && !word.starts_with('+') {
            return Some(word);
        }
    }
    None
}

/// Each word with its offset.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split(' ').filter(|word| !word.is_empty()).map(move |word| (word.as_ptr() as usize - start, word))
}

fn shortened(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(end, _)| text[..end].trim_end())
}

/// The known facts of a process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known<'a> {
    pub(super) name: Option<&'a str>,
    /// Path of the executable, as reported by the kernel.
    pub(super) exe: Option<&'a str>,
    pub(super) cmdline: Option<&'a str>,
}

impl<'a> Known<'a> {
    fn path(&self) -> Option<&'a str> {
        self.exe.map(without_deleted)
    }

    /// What it runs, if it is an interpreter.
    pub(super) fn script(&self) -> Option<&'a str> {
        let program = self.path().and_then(|exe| exe.rsplit('/').next()).or(self.name)?;
        script_of(program, self.cmdline?)
    }
}

/// Gives every process of a capture its name as an actor.
pub(super) fn name_all(recorded: &mut Recorded) {
    let Recorded { texts, processes, .. } = recorded;
    let text = |id: Option<TextId>| id.map(|id| texts.get(id));
    let known =
        |p: &Process| Known { name: text(p.process_name), exe: text(p.exe), cmdline: text(p.cmdline) };
    let names = names(&processes.iter().map(known).collect::<Vec<_>>());
    for (process, name) in processes.iter_mut().zip(names) {
        process.actor = name.map(|name| texts.intern(&name));
    }
}

/// Each process's name as an actor: its name, with the script if it is an interpreter, or with the
/// path of its executable if programs at different paths have the same name.
fn names(processes: &[Known<'_>]) -> Vec<Option<String>> {
    // The path of each name; `None` if there are several.
    let mut paths: AHashMap<&str, Option<&str>> = AHashMap::new();
    for (name, path) in processes.iter().filter_map(|process| process.name.zip(process.path())) {
        let known = paths.entry(name).or_insert(Some(path));
        *known = known.filter(|known| *known == path);
    }
    let is_ambiguous = |name: &str| paths.get(name).is_some_and(Option::is_none);
    processes.iter().map(|process| name(process, is_ambiguous(process.name?))).collect()
}

fn name(process: &Known<'_>, is_ambiguous: bool) -> Option<String> {
    let name = process.name?;
    if let Some(script) = process.script() {
        // Code may have several lines; a name has one.
        let script = script.split_whitespace().collect::<Vec<_>>().join(" ");
        let file = script.rsplit('/').next().unwrap_or_default();
        let script = tail(&script);
        // A script that is executed directly gives the process its name, cut to 15 bytes.
        return Some(if file.starts_with(name) { script.into_owned() } else { format!("{name} {script}") });
    }
    Some(match process.path().filter(|_| is_ambiguous) {
        Some(path) => format!("{name} ({})", tail(path)),
        None => name.to_owned(),
    })
}

/// The end of a path, which is more informative than its beginning.
fn tail(path: &str) -> Cow<'_, str> {
    let chars = path.chars().count();
    if chars <= PATH_CHARS {
        return Cow::Borrowed(path);
    }
    let (at, _) = path.char_indices().nth(chars - PATH_CHARS).unwrap_or_default();
    Cow::Owned(format!("…{}", &path[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(program: &str, cmdline: &str, expected: Option<&str>) {
        assert_eq!(script_of(program, cmdline), expected, "{cmdline}");
    }

    #[test]
    fn the_script_of_an_interpreter_is_found_behind_its_options() {
        check("python3.12", "python3 -u -X dev /opt/x.py --interval 5", Some("/opt/x.py"));
        check("python3", "python3 -m http.server 8000", Some("-m http.server"));
        check("python3", "python3 -", Some("-"));
        check("java", "java -Xmx1g -cp a.jar:b.jar -Dx=y com.example.Main run", Some("com.example.Main"));
        check("java", "java -Xmx1g -jar /srv/app.jar --port 80", Some("/srv/app.jar"));
        check("node", "node --max-old-space-size=400 -r dotenv/config server.js", Some("server.js"));
        check("deno", "deno run -A main.ts", Some("main.ts"));
        check("php", "php -d memory_limit=1 -f cron.php", Some("cron.php"));
        check("perl", "perl -w -I lib ./poll.pl", Some("./poll.pl"));
        check("bash", "bash -x /root/deploy.sh", Some("/root/deploy.sh"));
        check("dotnet", "dotnet exec App.dll", Some("App.dll"));
    }

    #[test]
    fn inline_code_is_told_by_its_beginning() {
        check("bash", "bash -lc curl x", Some("-lc curl x"));
        let long = format!("python3 -c {}", "é".repeat(80));
        assert_eq!(script_of("python3", &long).map(|code| code.chars().count()), Some(INLINE_CHARS));
    }

    #[test]
    fn other_programs_and_interactive_sessions_run_no_script() {
        check("curl", "curl https://example.org", None);
        check("python3", "python3", None);
        check("python3", "python3 -u -X", None);
        check("python3", "", None);
        check("bash", "-bash", None);
    }

    fn known<'a>(name: &'a str, exe: &'a str, cmdline: &'a str) -> Known<'a> {
        Known { name: Some(name), exe: Some(exe), cmdline: Some(cmdline) }
    }

    #[test]
    fn programs_of_one_name_are_told_apart_by_script_or_path() {
        let names = names(&[
            known("python3", "/usr/bin/python3.12", "python3 /opt/a.py"),
            known("python3", "/usr/bin/python3.12", "python3 /opt/b.py"),
            known("sshd", "/usr/sbin/sshd", "sshd: root"),
            known("sshd", "/tmp/sshd (deleted)", "sshd: root"),
            known("curl", "/usr/bin/curl", "curl a"),
            known("curl", "/usr/bin/curl (deleted)", "curl b"),
            known("python3", "/usr/bin/python3.12", "python3 -c \nimport os\n\tos.fork()"),
            known("a-rather-long-n", "/usr/bin/python3.12", "/usr/bin/python3 /opt/a-rather-long-name.py"),
            Known::default(),
        ]);
        let names: Vec<_> = names.iter().map(|name| name.as_deref().unwrap_or("unknown")).collect();
        assert_eq!(
            names,
            [
                "python3 /opt/a.py",
                "python3 /opt/b.py",
                "sshd (/usr/sbin/sshd)",
                "sshd (/tmp/sshd)",
                "curl",
                "curl",
                "python3 -c import os os.fork()",
                "/opt/a-rather-long-name.py",
                "unknown",
            ]
        );
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        let path = format!("/{}/x.py", "d".repeat(300));
        let cmdline = format!("python3 {path}");
        let name = names(&[known("python3", "/usr/bin/python3", &cmdline)]).remove(0).unwrap();
        assert!(name.starts_with("python3 …d") && name.ends_with("/x.py") && name.chars().count() < 100);
    }
}
