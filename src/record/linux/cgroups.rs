//! Containers of sockets whose process is not known, by the cgroup in which they were opened.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::container;
use super::ids::IdMap;

/// Most folders of the tree that one look visits.
const MOST_FOLDERS: usize = 20_000;

/// Ticks between two looks at the tree.
const LOOK_EVERY_TICKS: u32 = 30;

/// Containers by cgroup id, which is the inode of the cgroup's folder.
#[derive(Debug)]
pub(super) struct Cgroups {
    root: PathBuf,
    containers: IdMap<u64, Option<String>>,
    look_at: u32,
}

impl Cgroups {
    /// `root` is where cgroup2 is mounted.
    pub(super) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), containers: IdMap::default(), look_at: 0 }
    }

    /// The container of a cgroup; none for the host's own, and for one that is not known.
    pub(super) fn container(&mut self, id: u64, tick: u32) -> Option<String> {
        if !self.containers.contains_key(&id) && tick >= self.look_at {
            self.look_at = tick + LOOK_EVERY_TICKS;
            self.look();
        }
        self.containers.get(&id).cloned().flatten()
    }

    fn look(&mut self) {
        self.containers.clear();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            if self.containers.len() >= MOST_FOLDERS {
                return;
            }
            let Ok(facts) = fs::metadata(&folder) else { continue };
            self.containers.insert(facts.ino(), self.container_of(&folder));
            folders.extend(subfolders(&folder));
        }
    }

    fn container_of(&self, folder: &Path) -> Option<String> {
        container::of_path(folder.strip_prefix(&self.root).ok()?.to_str()?)
    }
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.flatten().filter(is_folder).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_found_by_the_inode_of_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join(format!("system.slice/docker-{}.scope", "ab".repeat(32)));
        fs::create_dir_all(&scope).unwrap();
        let id = |path: &Path| fs::metadata(path).unwrap().ino();
        let mut cgroups = Cgroups::new(root.path());
        assert_eq!(cgroups.container(id(&scope), 0).as_deref(), Some("docker:abababababab"));
        assert_eq!(cgroups.container(id(root.path()), 0), None);
    }

    #[test]
    fn an_unknown_id_does_not_walk_the_tree_at_every_tick() {
        let root = tempfile::tempdir().unwrap();
        let mut cgroups = Cgroups::new(root.path());
        assert_eq!(cgroups.container(u64::MAX, 0), None);
        let scope = root.path().join("lxc.payload.web");
        fs::create_dir_all(&scope).unwrap();
        let id = fs::metadata(&scope).unwrap().ino();
        assert_eq!(cgroups.container(id, 1), None);
        assert_eq!(cgroups.container(id, LOOK_EVERY_TICKS).as_deref(), Some("lxc:web"));
    }
}
