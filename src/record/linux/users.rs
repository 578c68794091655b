//! User names from the host's own list.
//!
//! Not from the system's name service: it may query a directory over the network, and the recorder
//! must neither wait for a broken network nor cause traffic on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// Names by user id, read again when the file changes.
#[derive(Debug)]
pub(super) struct Users {
    file: PathBuf,
    changed: Option<SystemTime>,
    names: BTreeMap<u32, String>,
}

impl Users {
    pub(super) fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), changed: None, names: BTreeMap::new() }
    }

    /// The name of a user id; `None` if the host's list has none.
    pub(super) fn name(&mut self, uid: u32) -> Option<String> {
        if !self.names.contains_key(&uid) {
            self.read_if_changed();
        }
        self.names.get(&uid).cloned()
    }

    fn read_if_changed(&mut self) {
        let changed = fs::metadata(&self.file).and_then(|facts| facts.modified()).ok();
        if changed.is_none() || changed == self.changed {
            return;
        }
        self.changed = changed;
        self.names =
            fs::read(&self.file).map(|bytes| parse(&String::from_utf8_lossy(&bytes))).unwrap_or_default();
    }
}

fn parse(passwd: &str) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(uid)) = (fields.next(), fields.nth(1)) else { continue };
        if let (false, Ok(uid)) = (name.is_empty(), uid.parse()) {
            // As in the system itself, the first of several names counts.
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_an_id_counts_and_bad_lines_do_not() {
        let names = parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0\n# note\n:x:5:\nweb:x:33\nbad:x:-1\n");
        assert_eq!(names, BTreeMap::from([(0, "root".to_owned()), (33, "web".to_owned())]));
    }

    #[test]
    fn a_user_who_is_added_later_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwd");
        fs::write(&file, "root:x:0:0\n").unwrap();
        let mut users = Users::new(&file);
        assert_eq!(users.name(7), None);
        fs::write(&file, "root:x:0:0\nnew:x:7:7\n").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert_eq!(users.name(7).as_deref(), Some("new"));
        assert_eq!(users.name(0).as_deref(), Some("root"));
    }
}
