//! A recording that goes on for months: its files, their names, and which of them stay.
//!
//! Every file is a capture of its own. Two that follow each other share one snapshot: with it the
//! one ends and the next begins, so that every byte and event is in one of them and a socket that
//! lives on keeps its `conn_id` and its counters.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::DateTime;

use crate::capture;

/// When a recording goes on in a new file, and which of the earlier ones stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// After this time.
    pub every: Option<Duration>,
    /// When a file has about this size.
    pub max_bytes: Option<u64>,
    /// Finished files that stay; none for all.
    pub keep: Option<usize>,
    /// How long a finished file stays after its end; none for ever.
    pub keep_for: Option<Duration>,
}

impl Rotation {
    /// Whether several files were asked for.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.every.is_some() || self.max_bytes.is_some()
    }
}

/// The files that netrec wrote under one name: `NAME-20261122T201500Z.parquet`.
#[derive(Debug, Clone)]
pub(super) struct Series {
    folder: PathBuf,
    name: String,
}

/// A finished file of the series.
#[derive(Debug)]
struct Member {
    path: PathBuf,
    start_us: i64,
    end_us: i64,
}

/// What became of the files that were not to stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Those that were removed.
    pub removed: Vec<PathBuf>,
    /// Those that could not be, with what the system said.
    pub failed: Vec<(PathBuf, String)>,
}

impl Series {
    /// The series to which `path` gives the name.
    pub(super) fn new(path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self {
            folder: folder.unwrap_or(Path::new(".")).to_path_buf(),
            // A host's name may have dots, which begin no extension.
            name: name.strip_suffix(".parquet").unwrap_or(&name).to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A name that is free for a file that begins at this moment.
    pub(super) fn free_path(&self, start_us: i64) -> PathBuf {
        let stamp = DateTime::from_timestamp_micros(start_us).unwrap_or_default().format("%Y%m%dT%H%M%SZ");
        let path = |suffix: &str| self.folder.join(format!("{}-{stamp}{suffix}.parquet", self.name));
        let taken = |path: &PathBuf| path.exists() || unfinished(path).exists();
        let numbered = (2..u32::MAX).map(|number| path(&format!("-{number}")));
        std::iter::once(path("")).chain(numbered).find(|path| !taken(path)).unwrap_or_else(|| path(""))
    }

    /// Completes what earlier recordings of the series left when they were broken off. What cannot
    /// be completed stays as it is.
    pub(super) fn complete_unfinished(&self) {
        for name in self.names_ending(".d") {
            let _ = capture::complete_unfinished(&self.folder.join(name.trim_end_matches(".d")));
        }
    }

    /// Removes the finished files that are not to stay. Only what netrec wrote in this series on
    /// this host and nobody has changed since is ever removed.
    pub(super) fn prune(
        &self,
        rotation: &Rotation,
        host: Option<&str>,
        growing: Option<&Path>,
        now_us: i64,
    ) -> Pruned {
        let mut pruned = Pruned::default();
        if rotation.keep.is_none() && rotation.keep_for.is_none() {
            return pruned;
        }
        let is_over = |member: &Member| {
            let age_us = now_us.saturating_sub(member.end_us);
            rotation.keep_for.is_some_and(|most| u128::try_from(age_us).unwrap_or(0) > most.as_micros())
        };
        for (index, member) in self.members(host, growing).into_iter().enumerate() {
            if rotation.keep.is_none_or(|keep| index < keep) && !is_over(&member) {
                continue;
            }
            match fs::remove_file(&member.path) {
                Ok(()) => pruned.removed.push(member.path),
                Err(error) => pruned.failed.push((member.path, error.to_string())),
            }
        }
        pruned
    }

    /// The finished files of the series, the newest first.
    fn members(&self, host: Option<&str>, growing: Option<&Path>) -> Vec<Member> {
        let paths = self.names_ending(".parquet").into_iter().map(|name| self.folder.join(name));
        let mut members: Vec<Member> = paths
            .filter(|path| growing.is_none_or(|growing| path.file_name() != growing.file_name()))
            .filter(|path| fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file()))
            .filter_map(|path| {
                let metadata = capture::finished_metadata(&path)?;
                let is_ours = metadata.series.as_ref().is_some_and(|part| part.name == self.name)
                    && metadata.host_name.as_deref() == host;
                is_ours.then_some(Member { path, start_us: metadata.start_us, end_us: metadata.end_us })
            })
            .collect();
        members.sort_by(|a, b| (b.start_us, &b.path).cmp(&(a.start_us, &a.path)));
        members
    }

    /// Names in the folder that this series gives, and that end so.
    fn names_ending(&self, end: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.ends_with(end) && self.gave(name.trim_end_matches(".d"))).collect()
    }

    /// Whether a name is `NAME-20261122T201500Z.parquet`, perhaps with a number before the end.
    fn gave(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('-')) else {
            return false;
        };
        let Some(stamp) = rest.strip_suffix(".parquet") else { return false };
        let (stamp, number) = stamp.split_once('-').unwrap_or((stamp, "2"));
        let is_stamp = stamp.len() == 16
            && stamp.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        is_stamp && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// The folder in which a capture grows.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".d");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Metadata, Overwrite, SeriesPart, Writer};

    const DAY_US: i64 = 24 * 3600 * 1_000_000;

    fn series(folder: &Path) -> Series {
        Series::new(&folder.join("web.parquet"))
    }

    /// A finished capture of one day, as a part of a series.
    fn write(path: &Path, day: i64, name: &str, host: &str) {
        let metadata = Metadata {
            host_name: Some(host.to_owned()),
            start_us: day * DAY_US,
            end_us: (day + 1) * DAY_US,
            series: Some(SeriesPart { name: name.to_owned(), part: 1, previous: None }),
            ..Metadata::default()
        };
        Writer::create(path, Overwrite::Never).unwrap().finish(&metadata).unwrap();
    }

    /// Five days of the series; gives their paths.
    fn days(folder: &Path) -> Vec<PathBuf> {
        (0..5)
            .map(|day| {
                let path = series(folder).free_path(day * DAY_US);
                write(&path, day, "web", "web01");
                path
            })
            .collect()
    }

    fn prune(folder: &Path, keep: Option<usize>, keep_days: Option<u64>) -> usize {
        let keep_for = keep_days.map(|days| Duration::from_hours(24 * days));
        let rotation = Rotation { keep, keep_for, ..Rotation::default() };
        let growing = folder.join("web-19700106T000000Z.parquet");
        let pruned = series(folder).prune(&rotation, Some("web01"), Some(&growing), 5 * DAY_US);
        assert_eq!(pruned.failed, []);
        pruned.removed.len()
    }

    #[test]
    fn files_are_named_after_their_start_and_no_name_is_taken_twice() {
        let folder = tempfile::tempdir().unwrap();
        let first = series(folder.path()).free_path(DAY_US);
        assert_eq!(first, folder.path().join("web-19700102T000000Z.parquet"));
        fs::write(&first, "").unwrap();
        let second = series(folder.path()).free_path(DAY_US);
        assert_eq!(second, folder.path().join("web-19700102T000000Z-2.parquet"));
        fs::create_dir(unfinished(&second)).unwrap();
        assert!(series(folder.path()).free_path(DAY_US).ends_with("web-19700102T000000Z-3.parquet"));
    }

    #[test]
    fn the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let files = days(folder.path());
        assert_eq!(prune(folder.path(), Some(2), None), 3);
        let left: Vec<bool> = files.iter().map(|path| path.exists()).collect();
        assert_eq!(left, [false, false, false, true, true]);
    }

    #[test]
    fn files_stay_for_as_long_as_was_said_after_their_end() {
        let folder = tempfile::tempdir().unwrap();
        days(folder.path());
        // They ended 4, 3, 2, 1 and 0 days ago.
        assert_eq!(prune(folder.path(), None, Some(2)), 2);
        assert_eq!(prune(folder.path(), None, None), 0, "nobody asked");
    }

    #[test]
    fn nothing_else_is_ever_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        write(&file("web-19700101T000000Z.parquet"), 0, "other", "web01");
        write(&file("web-19700102T000000Z.parquet"), 1, "web", "another-host");
        write(&file("web-backup.parquet"), 0, "web", "web01");
        write(&file("api-19700101T000000Z.parquet"), 0, "web", "web01");
        fs::write(file("web-19700103T000000Z.parquet"), "notes").unwrap();
        // One that was changed is evidence that it was.
        let changed = file("web-19700104T000000Z.parquet");
        write(&changed, 3, "web", "web01");
        let mut bytes = fs::read(&changed).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&changed, bytes).unwrap();
        // The one that is being written.
        write(&file("web-19700106T000000Z.parquet"), 5, "web", "web01");
        #[cfg(unix)]
        std::os::unix::fs::symlink(file("web-backup.parquet"), file("web-19700105T000000Z.parquet")).unwrap();
        let before = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(prune(folder.path(), Some(0), Some(0)), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
    }

    #[test]
    fn a_name_with_dots_is_kept_whole() {
        assert_eq!(Series::new(Path::new("/var/netrec-web.example.org")).name(), "netrec-web.example.org");
        assert_eq!(Series::new(Path::new("a/web.parquet")).name(), "web");
    }

    #[test]
    fn only_names_with_a_time_are_the_series() {
        let series = Series::new(Path::new("web.parquet"));
        for name in ["web-20261122T201500Z.parquet", "web-20261122T201500Z-17.parquet"] {
            assert!(series.gave(name), "{name}");
        }
        for name in [
            "web.parquet",
            "web-2026.parquet",
            "web-20261122T201500Z-.parquet",
            "web-20261122x201500Z.parquet",
            "webb-20261122T201500Z.parquet",
        ] {
            assert!(!series.gave(name), "{name}");
        }
    }
}
