//! What a program's path and name reveal about it, for all detectors.

mod windows;

pub use self::windows::Lolbin;
use self::windows::{FolderKind, WindowsPath};
use crate::model::processes::{Process, is_windows_path};

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
const TEMPORARY: &[&str] = &[
    "/tmp/",
    "/var/tmp/",
    "/dev/shm/",
    "/run/shm/",
    "/run/user/",
    "/private/tmp/",
    "/private/var/tmp/",
    "/Users/Shared/",
];

/// Where macOS has each user's folder for temporary files.
const TEMPORARY_OF_MACOS: &str = "/private/var/folders/";

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
const SHELLS: &[&str] =
    &["sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "csh", "tcsh", "fish", "rbash", "cmd"];

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
    // Of Windows: the worker of IIS, and SQL Server, which starts programs by xp_cmdshell.
    "w3wp",
    "sqlservr",
];

/// Programs that download files.
const DOWNLOADERS: &[&str] = &["curl", "wget", "fetch", "aria2c", "tftp", "ftp"];

/// Programs that relay bytes between a network and anything else.
const RELAYS: &[&str] = &["nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "telnet"];

/// Whether a process of this name serves input from anyone; `php-fpm8.2` and `php-fpm: pool www`
/// are php-fpm.
pub fn is_server_name(name: &str) -> bool {
    SERVERS.iter().any(|server| {
        let rest =
            name.split_at_checked(server.len()).filter(|(start, _)| start.eq_ignore_ascii_case(server));
        rest.is_some_and(|(_, rest)| !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-'))
    })
}

/// Whether it relays bytes between a network and anything else.
pub fn is_relay(process: &Process<'_>) -> bool {
    RELAYS.contains(&name(process))
}

/// Whether it downloads files.
pub fn is_downloader(process: &Process<'_>) -> bool {
    DOWNLOADERS.contains(&name(process))
}

/// Whether a text starts with one of these.
pub fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| text.starts_with(start))
}

/// Whether a path is in a folder that packages and administrators install into.
pub fn is_installed(exe: &str) -> bool {
    starts_with_any(exe, INSTALLED) || folder_kind(exe) == Some(FolderKind::Installed)
}

/// Whether a path is in a folder that everyone can write to, or in one for temporary files.
pub fn is_in_temporary_folder(exe: &str) -> bool {
    starts_with_any(exe, TEMPORARY)
        || folder_kind(exe).is_some_and(|kind| matches!(kind, FolderKind::Unpacked | FolderKind::Staging))
        || is_unpacked(exe)
}

/// Whether it is in a folder for temporary files where installers and updaters unpack themselves, and run from. Linux has
/// packages instead.
pub fn is_unpacked(exe: &str) -> bool {
    // An application that was not moved to its folder yet runs from a copy there.
    let is_of_macos = exe.starts_with(TEMPORARY_OF_MACOS) && !exe.contains("/AppTranslocation/");
    is_of_macos || folder_kind(exe) == Some(FolderKind::Unpacked)
}

fn folder_kind(exe: &str) -> Option<FolderKind> {
    WindowsPath::of(exe).map(|path| path.folder_kind())
}

/// Whether a path of Windows has the name of a program of the system, but is not where that is.
pub fn borrows_system_name(exe: &str) -> bool {
    WindowsPath::of(exe).is_some_and(|path| path.borrows_system_name())
}

/// Whether a program of Windows is named like a document: `invoice.pdf.exe`.
pub fn poses_as_document(exe: &str) -> bool {
    WindowsPath::of(exe).is_some_and(|path| path.poses_as_document())
}

/// Whether it is one of Windows' own programs that run whatever they are given.
pub fn lolbin(process: &Process<'_>) -> Option<Lolbin> {
    process.exe.and_then(WindowsPath::of).filter(|path| path.folder_kind() == FolderKind::Installed)?;
    windows::lolbin(process.program())
}

/// A parent that has no reason to start a program which runs whatever it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraveParent {
    /// It opens documents from outside.
    Document,
    /// It serves anyone.
    Server,
    /// It starts programs for other hosts.
    Remote,
}

/// What makes the parent of a process grave, if it is.
pub fn grave_parent(process: &Process<'_>) -> Option<GraveParent> {
    match process.parent_name? {
        name if windows::opens_documents(name) => Some(GraveParent::Document),
        name if is_server_name(name) => Some(GraveParent::Server),
        name if windows::starts_for_others(name) => Some(GraveParent::Remote),
        _ => None,
    }
}

/// The name of its program; of `bash.exe` it is `bash`.
fn name<'a>(process: &Process<'a>) -> &'a str {
    let program = process.program();
    let is_windows = process.exe.is_some_and(is_windows_path);
    let stem = program
        .split_at_checked(program.len().saturating_sub(4))
        .filter(|(_, end)| end.eq_ignore_ascii_case(".exe"));
    stem.filter(|_| is_windows).map_or(program, |(stem, _)| stem)
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
    let program = name(process);
    let is_busybox_shell =
        program == "busybox" && process.process_name.is_some_and(|name| SHELLS.contains(&name));
    is_busybox_shell || SHELLS.contains(&program)
}

/// Whether it runs any program given to it; `python3.12` is python.
pub fn is_interpreter(process: &Process<'_>) -> bool {
    let name = name(process).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
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
    fn folders_of_macos_and_names_of_windows_count_too() {
        assert!(is_in_temporary_folder("/private/var/tmp/x") && is_in_temporary_folder("/Users/Shared/x"));
        assert!(
            is_unpacked("/private/var/folders/ab/T/x")
                && is_in_temporary_folder("/private/var/folders/ab/T/x")
        );
        assert!(!is_unpacked("/private/var/folders/ab/d/AppTranslocation/1/d/App.app/Contents/MacOS/App"));
        let shell = |exe| is_shell(&Process { exe: Some(exe), ..Process::default() });
        assert!(shell(r"C:\Windows\System32\cmd.exe") && shell(r"C:\Program Files\Git\usr\bin\bash.EXE"));
        assert!(!shell(r"C:\Windows\System32\cmdl32.exe") && !shell("/usr/bin/bash.exe"));
        assert!(is_server_name("w3wp.exe") && is_server_name("W3WP.EXE") && !is_server_name("w3wpx"));
    }

    #[test]
    fn a_program_of_the_system_counts_where_the_system_has_it() {
        let of = |exe| lolbin(&Process { exe: Some(exe), ..Process::default() });
        assert_eq!(of(r"C:\Windows\SysWOW64\Rundll32.exe"), Some(Lolbin::Proxy));
        assert_eq!(of(r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"), Some(Lolbin::Tool));
        assert_eq!((of(r"C:\Users\x\rundll32.exe"), of("/usr/bin/curl")), (None, None));
        let child = |parent| grave_parent(&Process { parent_name: Some(parent), ..Process::default() });
        assert_eq!(
            (child("WINWORD.EXE"), child("w3wp.exe")),
            (Some(GraveParent::Document), Some(GraveParent::Server))
        );
        assert_eq!((child("WmiPrvSE.exe"), child("explorer.exe")), (Some(GraveParent::Remote), None));
    }

    #[test]
    fn only_what_has_an_executable_can_pretend_to_be_a_thread_of_the_kernel() {
        let named = |name, exe| Process { process_name: Some(name), exe, ..Process::default() };
        assert!(is_named_like_a_kernel_thread(&named("kworker/0:1", Some("/tmp/x"))));
        assert!(!is_named_like_a_kernel_thread(&named("kworker/0:1", None)));
        assert!(!is_named_like_a_kernel_thread(&named("kswapd", Some("/usr/bin/kswapd"))));
    }
}
