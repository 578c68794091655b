//! What a program's path and name reveal about it, for all detectors.

use crate::model::processes::Process;

/// Folders that packages and administrators install into.
const INSTALLED: &[&str] = &[
    "/usr/",
    "/bin/",
    "/sbin/",
    "/lib/",
    "/lib64/",
    "/opt/",
    "/snap/",
    "/nix/store/",
    "/gnu/store/",
    "/var/lib/flatpak/",
    "/var/lib/snapd/",
    "/app/",
    "/System/",
    "/Applications/",
    "/Library/",
];

/// World-writable folders, into which nothing is installed.
const TEMPORARY: &[&str] = &["/tmp/", "/var/tmp/", "/dev/shm/", "/run/shm/", "/run/user/", "/private/tmp/"];

/// Hidden folders in a home folder where ordinary tools keep programs.
const USUAL_HIDDEN: &[&str] = &[
    ".local",
    ".cargo",
    ".rustup",
    ".nvm",
    ".npm",
    ".pyenv",
    ".rbenv",
    ".vscode",
    ".vscode-server",
    ".cursor",
    ".cursor-server",
    ".cache",
    ".config",
    ".venv",
    ".tox",
    ".bun",
    ".deno",
    ".volta",
    ".sdkman",
    ".krew",
    ".docker",
    ".dotnet",
    ".jdks",
    ".gradle",
    ".steam",
    ".var",
    ".wine",
    ".asdf",
    ".mozilla",
    ".bin",
    ".go",
    ".nix-profile",
    ".linuxbrew",
    ".conda",
    ".virtualenvs",
    ".oh-my-zsh",
    ".fzf",
    ".opam",
    ".ghcup",
    ".stack",
    ".elan",
    ".juliaup",
    ".julia",
    ".platformio",
    ".arduino15",
    ".android",
    ".terraform",
    ".terraform.d",
    ".pnpm",
    ".yarn",
    ".build",
    ".pulumi",
    ".snapshots",
    ".tools",
];

/// Command interpreters, which do not normally open connections themselves.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "csh", "tcsh", "fish", "rbash"];

/// Language interpreters, which run any program given to them.
const INTERPRETERS: &[&str] = &["python", "perl", "ruby", "php", "lua", "node"];

/// Names of kernel threads; those that end in `/` are followed by a number or a device.
const KERNEL_THREADS: &[&str] = &[
    "kworker/",
    "ksoftirqd/",
    "migration/",
    "rcu_",
    "kthreadd",
    "kswapd",
    "khugepaged",
    "kcompactd",
    "kdevtmpfs",
    "kauditd",
    "khungtaskd",
    "jbd2/",
    "scsi_eh_",
    "cpuhp/",
    "idle_inject/",
    "irq/",
    "kblockd",
    "kintegrityd",
    "watchdogd",
    "ext4-rsv-conver",
    "xfsaild/",
    "oom_reaper",
    "writeback",
    "netns",
    "mm_percpu_wq",
];

/// Servers that process input from anyone, and have no reason to start a shell with a connection.
const SERVERS: &[&str] = &[
    "nginx",
    "apache2",
    "httpd",
    "lighttpd",
    "caddy",
    "php-fpm",
    "php-cgi",
    "java",
    "tomcat",
    "gunicorn",
    "uwsgi",
    "mysqld",
    "mariadbd",
    "postgres",
    "redis-server",
    "memcached",
    "mongod",
    "vsftpd",
    "proftpd",
    "exim4",
    "named",
    "soffice.bin",
    "evince",
];

/// Programs that download files.
const DOWNLOADERS: &[&str] = &["curl", "wget", "fetch", "aria2c", "tftp", "ftp"];

/// Programs that relay bytes between a network and anything else.
const RELAYS: &[&str] = &["nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "telnet"];

/// Whether a process of this name serves input from anyone; `php-fpm8.2` and `php-fpm: pool www`
/// are php-fpm.
pub fn is_server_name(name: &str) -> bool {
    SERVERS.iter().any(|server| {
        let rest = name.strip_prefix(server);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-'))
    })
}

/// Whether it relays bytes between a network and anything else.
pub fn is_relay(process: &Process<'_>) -> bool {
    RELAYS.contains(&process.program())
}

/// Whether it downloads files.
pub fn is_downloader(process: &Process<'_>) -> bool {
    DOWNLOADERS.contains(&process.program())
}

/// Whether a text starts with one of these.
pub fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| text.starts_with(start))
}

/// Whether a path is in a folder that packages and administrators install into.
pub fn is_installed(exe: &str) -> bool {
    starts_with_any(exe, INSTALLED)
}

/// Whether a path is in a world-writable folder.
pub fn is_in_temporary_folder(exe: &str) -> bool {
    starts_with_any(exe, TEMPORARY)
}

/// The hidden folder or file in a path, unless ordinary tools keep programs there.
pub fn hidden_folder_of(exe: &str) -> Option<&str> {
    exe.split('/').find(|part| part.len() > 1 && part.starts_with('.') && !USUAL_HIDDEN.contains(part))
}

/// Whether it has an executable, unlike kernel threads, but the name of a kernel thread.
pub fn is_named_like_a_kernel_thread(process: &Process<'_>) -> bool {
    let Some(exe) = process.exe else { return false };
    let cmdline = process.cmdline.unwrap_or_default();
    let is_named_so = process.process_name.is_some_and(|name| starts_with_any(name, KERNEL_THREADS));
    let is_bracketed = cmdline.starts_with('[') && cmdline.trim_end().ends_with(']');
    // A properly installed program that really has such a name hides nothing.
    let is_honest = is_installed(exe) && process.process_name == Some(process.program());
    is_bracketed || is_named_so && !is_honest
}

/// Whether it is a command interpreter.
pub fn is_shell(process: &Process<'_>) -> bool {
    let program = process.program();
    let is_busybox_shell =
        program == "busybox" && process.process_name.is_some_and(|name| SHELLS.contains(&name));
    is_busybox_shell || SHELLS.contains(&program)
}

/// Whether it runs any program given to it; `python3.12` is python.
pub fn is_interpreter(process: &Process<'_>) -> bool {
    let program = process.program();
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_installed_temporary_or_hidden() {
        assert!(is_installed("/usr/bin/curl") && !is_installed("/home/a/curl"));
        assert!(is_in_temporary_folder("/dev/shm/x") && !is_in_temporary_folder("/srv/tmp/x"));
        assert_eq!(hidden_folder_of("/var/lib/.cache2/x"), Some(".cache2"));
        assert_eq!((hidden_folder_of("/home/a/.local/bin/x"), hidden_folder_of("/usr/bin/x")), (None, None));
        // Hiding inside a usual hidden folder counts too.
        assert_eq!(hidden_folder_of("/home/a/.cache/.x/x"), Some(".x"));
    }

    #[test]
    fn only_what_has_an_executable_can_pretend_to_be_a_thread_of_the_kernel() {
        let named = |name, exe| Process { process_name: Some(name), exe, ..Process::default() };
        assert!(is_named_like_a_kernel_thread(&named("kworker/0:1", Some("/tmp/x"))));
        assert!(!is_named_like_a_kernel_thread(&named("kworker/0:1", None)));
        assert!(!is_named_like_a_kernel_thread(&named("kswapd", Some("/usr/bin/kswapd"))));
    }
}
