//! Finds an access path to a network namespace: a process or thread in it, a mount point, or a
//! descriptor that holds it. Some have no process at all, such as those of `ip netns`, and of
//! routing daemons and proxies that enter, open their sockets and leave.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::ids::IdMap;
use super::proc::Proc;

/// Maximum number of threads of one process that are read.
const MOST_THREADS: usize = 4096;

/// A thread that entered a network namespace: process, thread, namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entered {
    pub(super) pid: u32,
    pub(super) thread: u32,
    pub(super) netns: u64,
}

/// Opens the namespace that a thread entered, by any path that still leads there.
///
/// # Errors
/// `NotFound` if there is none any more; `PermissionDenied` if access is denied.
pub(super) fn open(proc: &Proc, entered: Entered) -> io::Result<File> {
    let mut refused = None;
    let mut paths = vec![proc.thread_netns_path(entered.pid, entered.thread), proc.netns_path(entered.pid)];
    paths.extend(mounted(proc).remove(&entered.netns));
    paths.extend(proc.descriptors_to(entered.pid, &format!("net:[{}]", entered.netns)));
    for path in paths {
        match File::open(path) {
            Ok(file) if file.metadata().is_ok_and(|facts| facts.ino() == entered.netns) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && proc.lives(entered.pid) => {
                refused = Some(error);
            }
            _ => {}
        }
    }
    Err(refused.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

/// Mount points of namespaces (`ip netns add`, container engines), by inode.
pub(super) fn mounted(proc: &Proc) -> IdMap<u64, PathBuf> {
    // Process 1 sees the host's mounts, where the recorder itself may not.
    let of = |pid: &str, root: &str| {
        let text = fs::read_to_string(proc.root().join(pid).join("mountinfo")).unwrap_or_default();
        let root = Path::new(root).to_owned();
        text.lines()
            .filter_map(mount)
            .map(|(netns, place)| (netns, root.join(place.trim_start_matches('/'))))
            .collect::<Vec<_>>()
    };
    let root = proc.root().join("1/root");
    of("1", &root.to_string_lossy()).into_iter().chain(of("self", "/")).collect()
}

/// Namespace and mount point in a line of `mountinfo`: `… 0:4 net:[4026532281] /run/netns/a … - nsfs …`.
fn mount(line: &str) -> Option<(u64, String)> {
    let mut fields = line.split(' ').skip(3);
    let netns = fields.next()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()?;
    Some((netns, unescape(fields.next()?)))
}

/// Spaces and the like are escaped as `\040`.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => plain + &char::from(code).to_string() + &part[3..],
            None => plain + "\\" + part,
        }
    })
}

/// Namespaces of threads that differ from their process's, by inode. Expensive.
pub(super) fn of_threads(proc: &Proc) -> IdMap<u64, PathBuf> {
    let mut found = IdMap::default();
    for pid in proc.pids() {
        let threads = proc.threads(pid, MOST_THREADS);
        for thread in threads.into_iter().filter(|thread| *thread != pid) {
            let path = proc.thread_netns_path(pid, thread);
            if let Ok(facts) = fs::metadata(&path) {
                found.entry(facts.ino()).or_insert(path);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_namespace_is_read_from_the_list_of_mounts() {
        let line = "602 27 0:4 net:[4026532281] /run/netns/a\\040b rw shared:3 - nsfs nsfs rw";
        assert_eq!(mount(line), Some((4_026_532_281, "/run/netns/a b".to_owned())));
        assert_eq!(mount("27 1 254:1 / / rw - ext4 /dev/vda1 rw"), None);
        assert_eq!(mount("1 2 0:4 mnt:[4026532281] /run/snapd/ns/a rw - nsfs nsfs rw"), None);
        assert_eq!(mount(""), None);
    }

    #[test]
    fn only_whole_codes_are_unescaped() {
        assert_eq!(unescape("/a\\134b\\9"), "/a\\b\\9");
        assert_eq!(unescape("\\0é"), "\\0é");
    }

    #[test]
    fn the_own_namespace_is_opened_and_another_is_not_taken_for_it() {
        let proc = Proc::new("/proc");
        let pid = std::process::id();
        let netns = proc.netns(pid).unwrap();
        let own = Entered { pid, thread: pid, netns };
        assert_eq!(open(&proc, own).unwrap().metadata().unwrap().ino(), netns);
        let gone = open(&proc, Entered { netns: 1, ..own });
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(open(&proc, Entered { pid: u32::MAX, thread: 1, netns: 1 }).is_err());
    }
}
