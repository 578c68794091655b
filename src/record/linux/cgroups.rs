//! Looks up containers by cgroup id, for sockets and processes of which nothing else is known.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::container;
use super::ids::IdMap;

/// Mount points of cgroup2: alone, or beside the older version.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

/// Maximum number of cgroups in the cache.
const MOST_CGROUPS: usize = 20_000;

/// The file handle type of a cgroup id (`FILEID_KERNFS`), and its length.
const HANDLE_KIND: libc::c_int = 0xfe;
const HANDLE_BYTES: libc::c_uint = 8;

/// Containers by cgroup id, which is the inode of the cgroup's folder.
#[derive(Debug)]
pub(super) struct Cgroups {
    root: PathBuf,
    /// The root, which the system needs to know in which file system to look up an id.
    mount: Option<File>,
    containers: IdMap<u64, Option<String>>,
}

/// `struct file_handle` with room for a cgroup id.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: [u8; 8],
}

impl Cgroups {
    /// The cgroup2 mount of this host.
    pub(super) fn of_host() -> Self {
        let root = ROOTS.into_iter().find(|root| Path::new(root).join("cgroup.controllers").exists());
        Self::new(root.unwrap_or("/sys/fs/cgroup"))
    }

    /// `root` is the mount point of cgroup2.
    pub(super) fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let mount = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(&root).ok();
        Self { root, mount, containers: IdMap::default() }
    }

    /// The container of a cgroup; `None` for the host's own, and for one that is gone.
    pub(super) fn container(&mut self, id: u64) -> Option<String> {
        if let Some(known) = self.containers.get(&id) {
            return known.clone();
        }
        if self.containers.len() >= MOST_CGROUPS {
            self.containers.clear();
        }
        let found = self.path(id).and_then(|path| container::of_path(path.to_str()?));
        self.containers.insert(id, found.clone());
        found
    }

    /// The path of a cgroup below the root. The system looks it up by id, which needs
    /// `CAP_DAC_READ_SEARCH`; without that, and in other file systems, the folders are searched.
    fn path(&self, id: u64) -> Option<PathBuf> {
        let found = match self.open(id) {
            Ok(folder) => fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()?,
            Err(error) if error.raw_os_error() == Some(libc::ESTALE) => return None,
            Err(_) => self.walk(id)?,
        };
        Some(found.strip_prefix(&self.root).ok()?.to_owned())
    }

    fn open(&self, id: u64) -> std::io::Result<OwnedFd> {
        let mount = self.mount.as_ref().ok_or(std::io::ErrorKind::NotFound)?.as_raw_fd();
        let mut handle = Handle { bytes: HANDLE_BYTES, kind: HANDLE_KIND, id: id.to_ne_bytes() };
        let place: *mut Handle = &raw mut handle;
        // SAFETY: the handle is as long as it says, and outlives the call.
        let fd = unsafe {
            libc::syscall(libc::SYS_open_by_handle_at, mount, place, libc::O_PATH | libc::O_CLOEXEC)
        };
        match libc::c_int::try_from(fd) {
            // SAFETY: the call returned a new descriptor that nothing else owns.
            Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            _ => Err(std::io::Error::last_os_error()),
        }
    }

    fn walk(&self, id: u64) -> Option<PathBuf> {
        use std::os::unix::fs::MetadataExt as _;
        let mut folders = vec![self.root.clone()];
        let mut visited = 0;
        while let Some(folder) = folders.pop() {
            visited += 1;
            if fs::metadata(&folder).is_ok_and(|facts| facts.ino() == id) {
                return Some(folder);
            }
            if visited < MOST_CGROUPS {
                folders.extend(subfolders(&folder));
            }
        }
        None
    }
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.flatten().filter(is_folder).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn id(path: &Path) -> u64 {
        fs::metadata(path).unwrap().ino()
    }

    #[test]
    fn a_container_is_found_by_the_inode_of_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join(format!("system.slice/docker-{}.scope", "ab".repeat(32)));
        fs::create_dir_all(&scope).unwrap();
        let mut cgroups = Cgroups { mount: None, ..Cgroups::new(root.path()) };
        assert_eq!(cgroups.container(id(&scope)).as_deref(), Some("docker:abababababab"));
        assert_eq!(cgroups.container(id(root.path())), None);
        assert_eq!(cgroups.container(u64::MAX), None);
    }

    #[test]
    fn a_cgroup_of_this_host_is_found_by_its_number() {
        let mut cgroups = Cgroups::of_host();
        let folder = cgroups.root.join("lxc.payload.netrec-test");
        if let Err(error) = fs::create_dir(&folder) {
            println!("skipped: no cgroup can be made: {error}");
            return;
        }
        let id = id(&folder);
        let found = (cgroups.open(id).is_ok(), cgroups.container(id));
        fs::remove_dir(&folder).unwrap();
        let later = Cgroups::of_host().container(id);
        assert_eq!(found, (true, Some("lxc:netrec-test".to_owned())));
        assert_eq!(later, None, "it is gone");
    }
}
