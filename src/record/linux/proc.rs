//! Reads `/proc` below a given root, so that tests can build their own.
//!
//! `sysinfo` reads the same files, but all of them for every process at every refresh. The recorder
//! needs one file of a few processes per tick, and cannot afford more.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::stat::Stat;

/// Maximum length of a command line: its owner chooses the length, up to megabytes.
const CMDLINE_BYTES: u64 = 4096;

/// Maximum length of other files.
const FILE_BYTES: u64 = 64 * 1024;

/// A `/proc` file system.
#[derive(Debug, Clone)]
pub(super) struct Proc {
    root: PathBuf,
}

impl Proc {
    pub(super) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its root.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, pid: u32, what: &str) -> PathBuf {
        let mut path = self.root.join(pid.to_string());
        path.push(what);
        path
    }

    /// Ids of all processes, in ascending order.
    pub(super) fn pids(&self) -> Vec<u32> {
        let Ok(entries) = fs::read_dir(&self.root) else { return Vec::new() };
        let mut pids: Vec<u32> =
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        pids
    }

    /// Reads `/proc/PID/stat` into `buffer`; `None` if the process is gone.
    pub(super) fn stat<'a>(&self, pid: u32, buffer: &'a mut Vec<u8>) -> Option<Stat<'a>> {
        read_into(&self.path(pid, "stat"), FILE_BYTES, buffer).ok()?;
        Stat::parse(buffer)
    }

    /// Number of open descriptors, without reading them. Kernels before 6.2 return 0.
    pub(super) fn descriptors(&self, pid: u32) -> io::Result<u64> {
        Ok(fs::metadata(self.path(pid, "fd"))?.size())
    }

    /// Passes descriptor and inode of each socket of the process to `found`, except the descriptors
    /// in `known`: reading a link costs five times as much as listing it.
    pub(super) fn sockets(
        &self,
        pid: u32,
        known: &dyn Fn(u32) -> bool,
        found: &mut dyn FnMut(u32, u32),
    ) -> io::Result<()> {
        let folder = self.path(pid, "fd");
        let handle = File::open(&folder)?;
        for entry in fs::read_dir(&folder)?.flatten() {
            let name = entry.file_name();
            let Some(descriptor) = name.to_str().and_then(|text| text.parse().ok()) else { continue };
            if known(descriptor) {
                continue;
            }
            if let Some(inode) = socket_inode(handle.as_raw_fd(), name.as_bytes()) {
                found(descriptor, inode);
            }
        }
        Ok(())
    }

    /// The inode of the socket behind a descriptor; `None` if it is closed or no socket.
    pub(super) fn socket(&self, pid: u32, descriptor: u32) -> Option<u32> {
        let path = self.path(pid, &format!("fd/{descriptor}"));
        socket_inode(libc::AT_FDCWD, path.as_os_str().as_bytes())
    }

    /// Path of the executable as the kernel reports it (with ` (deleted)` if it was).
    pub(super) fn exe(&self, pid: u32) -> Option<String> {
        let path = fs::read_link(self.path(pid, "exe")).ok()?;
        Some(path.to_string_lossy().into_owned())
    }

    /// Opens a reference to the executable, even a deleted one.
    pub(super) fn hold_exe(&self, pid: u32) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(self.path(pid, "exe"))
    }

    /// The arguments, separated by spaces; `None` for a kernel thread.
    pub(super) fn cmdline(&self, pid: u32) -> Option<String> {
        let mut bytes = Vec::new();
        read_into(&self.path(pid, "cmdline"), CMDLINE_BYTES, &mut bytes).ok()?;
        let end = bytes.iter().rposition(|byte| *byte != 0)? + 1;
        bytes.truncate(end);
        bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The effective user.
    pub(super) fn uid(&self, pid: u32) -> Option<u32> {
        let status = self.text(pid, "status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    }

    /// The text of `/proc/PID/cgroup`.
    pub(super) fn cgroup(&self, pid: u32) -> Option<String> {
        self.text(pid, "cgroup")
    }

    /// Short name of the process.
    pub(super) fn name(&self, pid: u32) -> Option<String> {
        let mut buffer = Vec::new();
        self.stat(pid, &mut buffer).map(|stat| lossy(stat.comm))
    }

    /// Whether the process exists and has not ended.
    pub(super) fn lives(&self, pid: u32) -> bool {
        let mut buffer = Vec::new();
        self.stat(pid, &mut buffer).is_some_and(|stat| !stat.has_ended)
    }

    /// Inode of the process's network namespace.
    ///
    /// # Errors
    /// `PermissionDenied` if it is not accessible, or is gone; `NotFound` if it has left its
    /// namespace, because it has ended.
    pub(super) fn netns(&self, pid: u32) -> io::Result<u64> {
        Ok(fs::metadata(self.netns_path(pid))?.ino())
    }

    /// The file of the process's network namespace.
    pub(super) fn netns_path(&self, pid: u32) -> PathBuf {
        self.path(pid, "ns/net")
    }

    /// The same of a thread, which may be in another namespace than its process.
    pub(super) fn thread_netns_path(&self, pid: u32, thread: u32) -> PathBuf {
        self.path(pid, &format!("task/{thread}/ns/net"))
    }

    /// Ids of a process's threads, up to `most`.
    pub(super) fn threads(&self, pid: u32, most: usize) -> Vec<u32> {
        let Ok(entries) = fs::read_dir(self.path(pid, "task")) else { return Vec::new() };
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).take(most).collect()
    }

    /// A process's descriptors with this link target in the kernel's notation (`net:[4026532281]`).
    pub(super) fn descriptors_to(&self, pid: u32, target: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path(pid, "fd")) else { return Vec::new() };
        let leads_there = |path: &PathBuf| fs::read_link(path).is_ok_and(|found| found.as_os_str() == target);
        entries.flatten().map(|entry| entry.path()).filter(leads_there).collect()
    }

    fn text(&self, pid: u32, what: &str) -> Option<String> {
        let mut bytes = Vec::new();
        read_into(&self.path(pid, what), FILE_BYTES, &mut bytes).ok()?;
        Some(lossy(&bytes))
    }
}

/// Text from untrusted bytes.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read_into(path: &Path, most: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    File::open(path)?.take(most).read_to_end(buffer)?;
    Ok(())
}

/// Reads the link `name` in `folder` and parses the number in `socket:[12345]`.
///
/// Uses `readlinkat` with a buffer on the stack: with 10,000 descriptors, the paths and buffers of
/// `std::fs::read_link` would cost as much as the kernel does.
fn socket_inode(folder: RawFd, name: &[u8]) -> Option<u32> {
    let mut path = [0_u8; 256];
    path.get_mut(..name.len())?.copy_from_slice(name);
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    let mut target = [0_u8; 32];
    // SAFETY: the path ends in NUL, and the target is valid for its length; both live on.
    let length = unsafe { libc::readlinkat(folder, path.as_ptr(), target.as_mut_ptr().cast(), target.len()) };
    let target = target.get(..usize::try_from(length).ok()?)?;
    let number = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::symlink;

    use super::super::stat::tests::line;
    use super::*;

    /// A `/proc` in a temporary folder, filled by the test.
    pub(in super::super) struct FakeProc {
        folder: tempfile::TempDir,
    }

    impl FakeProc {
        pub(in super::super) fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        pub(in super::super) fn proc(&self) -> Proc {
            Proc::new(self.folder.path())
        }

        fn of(&self, pid: u32) -> PathBuf {
            self.folder.path().join(pid.to_string())
        }

        /// Starts a process; `start_ticks` distinguishes it from an earlier one with the same id.
        pub(in super::super) fn start(&self, pid: u32, name: &str, start_ticks: u64) {
            fs::create_dir_all(self.of(pid).join("fd")).unwrap();
            self.set_stat(pid, name, 0, start_ticks);
            fs::write(self.of(pid).join("cmdline"), format!("/bin/{name}\0--flag\0")).unwrap();
            fs::write(self.of(pid).join("status"), "Name:\tx\nUid:\t1000\t1001\t0\t0\n").unwrap();
            fs::write(self.of(pid).join("cgroup"), "0::/system.slice\n").unwrap();
            self.set_exe(pid, Path::new(&format!("/bin/{name}")));
        }

        pub(in super::super) fn set_exe(&self, pid: u32, path: &Path) {
            let _ = fs::remove_file(self.of(pid).join("exe"));
            symlink(path, self.of(pid).join("exe")).unwrap();
        }

        pub(in super::super) fn set_stat(&self, pid: u32, name: &str, cpu_ticks: u64, start_ticks: u64) {
            fs::write(self.of(pid).join("stat"), line(pid, name, 1, cpu_ticks, start_ticks)).unwrap();
        }

        pub(in super::super) fn set_cmdline(&self, pid: u32, cmdline: &[u8]) {
            fs::write(self.of(pid).join("cmdline"), cmdline).unwrap();
        }

        pub(in super::super) fn open_socket(&self, pid: u32, descriptor: u32, inode: u32) {
            symlink(format!("socket:[{inode}]"), self.of(pid).join(format!("fd/{descriptor}"))).unwrap();
        }

        pub(in super::super) fn close(&self, pid: u32, descriptor: u32) {
            fs::remove_file(self.of(pid).join(format!("fd/{descriptor}"))).unwrap();
        }

        pub(in super::super) fn end(&self, pid: u32) {
            fs::remove_dir_all(self.of(pid)).unwrap();
        }
    }

    #[test]
    fn only_sockets_are_found_and_known_descriptors_left_out() {
        let fake = FakeProc::new();
        fake.start(10, "web", 5);
        fake.open_socket(10, 3, 1111);
        fake.open_socket(10, 4, 2222);
        symlink("/dev/null", fake.of(10).join("fd/0")).unwrap();
        symlink("pipe:[3333]", fake.of(10).join("fd/1")).unwrap();
        let mut found = Vec::new();
        fake.proc()
            .sockets(10, &|descriptor| descriptor == 4, &mut |fd, inode| found.push((fd, inode)))
            .unwrap();
        assert_eq!(found, [(3, 1111)]);
        assert_eq!(fake.proc().socket(10, 4), Some(2222));
        assert_eq!(fake.proc().socket(10, 0), None);
    }

    #[test]
    fn arguments_are_joined_and_bounded() {
        let fake = FakeProc::new();
        fake.start(10, "web", 5);
        assert_eq!(fake.proc().cmdline(10).as_deref(), Some("/bin/web --flag"));
        fake.set_cmdline(10, b"");
        assert_eq!(fake.proc().cmdline(10), None);
        fake.set_cmdline(10, &b"x".repeat(100_000));
        assert_eq!(fake.proc().cmdline(10).unwrap().len(), 4096);
        fake.set_cmdline(10, b"a\xff\0\0\0");
        assert_eq!(fake.proc().cmdline(10).as_deref(), Some("a\u{fffd}"));
    }

    #[test]
    fn what_is_not_there_is_none() {
        let proc = FakeProc::new().proc();
        assert_eq!((proc.exe(1), proc.cmdline(1), proc.uid(1), proc.socket(1, 0)), (None, None, None, None));
        assert!(proc.pids().is_empty() && proc.descriptors(1).is_err());
    }

    #[test]
    fn the_real_proc_knows_this_process() {
        let (proc, pid) = (Proc::new("/proc"), std::process::id());
        assert!(proc.pids().contains(&pid));
        // SAFETY: geteuid has no preconditions.
        assert_eq!(proc.uid(pid), Some(unsafe { libc::geteuid() }));
        assert!(proc.exe(pid).unwrap().contains("netrec") && proc.netns(pid).is_ok());
    }
}
