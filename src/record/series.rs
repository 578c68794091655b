//! Recordings that run for months: their files, file names, and retention.
//!
//! Every file is a complete capture. Two consecutive files share one snapshot: it ends the first
//! and begins the second, so that every byte and event is in one of them, and an open socket keeps
//! its `conn_id` and its counters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::DateTime;

use super::disk;
use super::upload::Upload;
use crate::capture::{self, Metadata};
use crate::safe_fs::{Dir, Kind, is_mine};

/// When a recording starts a new file, and which earlier files are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Start a new file after this time.
    pub every: Option<Duration>,
    /// Start a new file at about this size.
    pub max_bytes: Option<u64>,
    /// Number of finished files to keep; `None` for all.
    pub keep: Option<usize>,
    /// How long to keep a finished file after its end; `None` for ever.
    pub keep_for: Option<Duration>,
}

impl Rotation {
    /// Whether several files were requested.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.every.is_some() || self.max_bytes.is_some()
    }
}

/// The files that netrec wrote under one name: `NAME-20261122T201500Z.parquet`.
///
/// They are ordered by their numbers in the series, which continue from one recording to the next:
/// names follow the clock, and clocks can be set back.
#[derive(Debug, Clone)]
pub(super) struct Series {
    folder: PathBuf,
    name: String,
}

/// A finished file of the series.
#[derive(Debug)]
struct Member {
    name: String,
    bytes: u64,
    sequence: u64,
    end_us: i64,
    end_mono_ns: i64,
    boot_id: Option<String>,
}

/// Which files of the series may be removed.
pub(super) struct Kept<'a> {
    /// The requested rotation.
    pub(super) rotation: &'a Rotation,
    /// The file being written, if any.
    pub(super) growing: Option<&'a Path>,
    /// The recording so far: host, boot and time.
    pub(super) so_far: &'a Metadata,
    /// Uploads files to object storage; files not uploaded yet are kept while the disk has room.
    pub(super) upload: Option<&'a Upload>,
}

impl Kept<'_> {
    /// Whether a file still has to be uploaded.
    fn awaits_upload(&self, member: &Member) -> bool {
        self.upload.is_some_and(|upload| !upload.is_confirmed(&member.name))
    }
}

/// The outcome of removing old files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The removed files.
    pub removed: Vec<PathBuf>,
    /// Files that could not be removed, with the system's error.
    pub failed: Vec<(PathBuf, String)>,
    /// Number of expired files that are kept because they are not uploaded yet.
    pub held: u64,
}

impl Series {
    /// The series named after `path`.
    pub(super) fn new(path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self {
            folder: folder.unwrap_or(Path::new(".")).to_path_buf(),
            // A host's name may contain dots, which begin no extension.
            name: name.strip_suffix(".parquet").unwrap_or(&name).to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// An unused name for a file that begins at this time.
    pub(super) fn free_path(&self, start_us: i64) -> PathBuf {
        let stamp = DateTime::from_timestamp_micros(start_us).unwrap_or_default().format("%Y%m%dT%H%M%SZ");
        let path = |suffix: &str| self.folder.join(format!("{}-{stamp}{suffix}.parquet", self.name));
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        let taken = |path: &PathBuf| is_there(path) || is_there(&unfinished(path));
        let numbered = (2..u32::MAX).map(|number| path(&format!("-{number}")));
        std::iter::once(path("")).chain(numbered).find(|path| !taken(path)).unwrap_or_else(|| path(""))
    }

    /// Completes what earlier recordings of the series left unfinished. On failure a file stays as
    /// it is, which is reported.
    pub(super) fn complete_unfinished(&self) -> Vec<String> {
        let mut left = Vec::new();
        for name in self.names_ending(".d") {
            let capture = self.folder.join(name.trim_end_matches(".d"));
            if let Err(error) = capture::complete_unfinished(&capture) {
                left.push(format!("an earlier recording is not completed: {error}"));
            }
        }
        left
    }

    /// The number of the next file.
    pub(super) fn next_sequence(&self, host: Option<&str>) -> u64 {
        self.members(host, None).first().map_or(1, |newest| newest.sequence.saturating_add(1))
    }

    /// Removes the finished files that are not to be kept. Only unchanged files that netrec wrote
    /// in this series on this host are ever removed.
    pub(super) fn prune(&self, kept: &Kept<'_>) -> Pruned {
        let Kept { rotation, growing, so_far, upload } = kept;
        if rotation.keep.is_none() && rotation.keep_for.is_none() {
            return Pruned::default();
        }
        let is_over = |member: &Member| {
            let age_us = u128::try_from(age_us(member, so_far)).unwrap_or(0);
            rotation.keep_for.is_some_and(|most| age_us > most.as_micros())
        };
        let members = self.members(so_far.host_name.as_deref(), *growing).into_iter().enumerate();
        let too_many = |index: usize| rotation.keep.is_some_and(|keep| index >= keep);
        let over = members.filter(|(index, member)| too_many(*index) || is_over(member)).map(|(_, m)| m);
        let has_room = upload.is_some() && disk::may_hold_more(&self.folder);
        let (held, over): (Vec<Member>, Vec<Member>) =
            over.partition(|member| has_room && kept.awaits_upload(member));
        Pruned { held: held.len() as u64, ..self.remove(over.into_iter(), *upload) }
    }

    /// Removes the oldest finished files until this many bytes are free, if the rotation allows
    /// files to be removed at all. The newest is always kept. If all others together would not free
    /// enough, nothing is removed. Files not uploaded yet go last.
    pub(super) fn make_room(&self, kept: &Kept<'_>, bytes: u64) -> Pruned {
        let Kept { rotation, growing, so_far, upload } = kept;
        let mut members = self.members(so_far.host_name.as_deref(), *growing);
        let mut older = members.split_off(1.min(members.len()));
        let all: u64 = older.iter().map(|member| member.bytes).sum();
        if rotation.keep.is_none() && rotation.keep_for.is_none() || all < bytes {
            return Pruned::default();
        }
        // They are taken from the end.
        older.sort_by_key(|member| !kept.awaits_upload(member));
        let mut freed = 0;
        let is_needed = |member: &Member| {
            let is_needed = freed < bytes;
            freed += member.bytes;
            is_needed
        };
        self.remove(older.into_iter().rev().take_while(is_needed), *upload)
    }

    /// The finished files of a host, oldest first.
    pub(super) fn finished(&self, host: Option<&str>) -> Vec<PathBuf> {
        self.members(host, None).into_iter().rev().map(|member| self.folder.join(member.name)).collect()
    }

    fn remove(&self, members: impl Iterator<Item = Member>, upload: Option<&Upload>) -> Pruned {
        let mut pruned = Pruned::default();
        for Member { name, .. } in members {
            let path = self.folder.join(&name);
            match Dir::of_file(&path).and_then(|dir| dir.remove_file(&name)) {
                Ok(()) => pruned.removed.push(path),
                Err(error) => pruned.failed.push((path, error.to_string())),
            }
        }
        if let Some(upload) = upload {
            upload.forget(&pruned.removed);
        }
        pruned
    }

    /// The finished files of the series, newest first. Files without a number, from an earlier
    /// version, have no known position and are left out.
    fn members(&self, host: Option<&str>, growing: Option<&Path>) -> Vec<Member> {
        let names = self.names_ending(".parquet").into_iter();
        let Ok(dir) = Dir::of_file(&self.folder.join("x")) else { return Vec::new() };
        let mut members: Vec<Member> = names
            .filter(|name| growing.is_none_or(|growing| growing.file_name() != Some(name.as_ref())))
            .filter_map(|name| {
                let facts = dir.facts(&name).ok()??;
                if facts.kind != Kind::File || !is_mine(&facts) {
                    return None;
                }
                let file = dir.read_file(&name).ok()?;
                let metadata = capture::finished_metadata_of(&self.folder.join(&name), file)?;
                let part = metadata.series.filter(|part| part.name == self.name)?;
                (metadata.host_name.as_deref() == host).then_some(())?;
                Some(Member {
                    name,
                    bytes: facts.bytes,
                    sequence: part.sequence?,
                    end_us: metadata.end_us,
                    end_mono_ns: metadata.end_mono_ns,
                    boot_id: metadata.boot_id,
                })
            })
            .collect();
        members.sort_by(|a, b| (b.sequence, &b.name).cmp(&(a.sequence, &a.name)));
        members
    }

    /// Names of this series in the folder with this ending.
    fn names_ending(&self, end: &str) -> Vec<String> {
        let Ok(names) = Dir::of_file(&self.folder.join("x")).and_then(|dir| dir.names()) else {
            return Vec::new();
        };
        let names = names.into_iter().filter_map(|name| name.into_string().ok());
        names.filter(|name| name.ends_with(end) && self.gave(name.trim_end_matches(".d"))).collect()
    }

    /// Whether a name has the form `NAME-20261122T201500Z.parquet`, possibly with a number before
    /// the ending.
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

/// How long ago a file ended. Within the same boot, by the monotonic clock, which nobody can set.
/// Otherwise by the wall clock, or by its time at the start of the recording if that is earlier: a
/// clock that is set forward must not make files old.
fn age_us(member: &Member, now: &Metadata) -> i64 {
    let is_same_boot = member.boot_id.is_some() && member.boot_id == now.boot_id;
    let mono_age_us = now.end_mono_ns.saturating_sub(member.end_mono_ns) / 1000;
    if is_same_boot && mono_age_us >= 0 {
        return mono_age_us;
    }
    let elapsed_us = now.end_mono_ns.saturating_sub(now.start_mono_ns) / 1000;
    now.end_us.min(now.start_us.saturating_add(elapsed_us)).saturating_sub(member.end_us)
}

/// The folder of an unfinished capture.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".d");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::capture::{Overwrite, SeriesPart, Writer};

    const DAY_US: i64 = 24 * 3600 * 1_000_000;

    fn series(folder: &Path) -> Series {
        Series::new(&folder.join("web.parquet"))
    }

    /// A finished capture of one day, as part of a series.
    fn write(path: &Path, day: i64, name: &str, host: &str) {
        let metadata = Metadata {
            host_name: Some(host.to_owned()),
            start_us: day * DAY_US,
            end_us: (day + 1) * DAY_US,
            series: Some(SeriesPart {
                name: name.to_owned(),
                part: 1,
                sequence: u64::try_from(day).ok(),
                previous: None,
            }),
            ..Metadata::default()
        };
        Writer::create(path, Overwrite::Never).unwrap().finish(&metadata).unwrap();
    }

    /// Writes five days of the series; returns their paths.
    fn days(folder: &Path) -> Vec<PathBuf> {
        (0..5)
            .map(|day| {
                let path = series(folder).free_path(day * DAY_US);
                write(&path, day, "web", "web01");
                path
            })
            .collect()
    }

    /// A recording that begins and ends at this time.
    fn now(us: i64) -> Metadata {
        let host_name = Some("web01".to_owned());
        Metadata { host_name, start_us: us, end_us: us, ..Metadata::default() }
    }

    fn prune(folder: &Path, keep: Option<usize>, keep_days: Option<u64>) -> usize {
        let keep_for = keep_days.map(|days| Duration::from_hours(24 * days));
        let rotation = Rotation { keep, keep_for, ..Rotation::default() };
        let growing = folder.join("web-19700106T000000Z.parquet");
        let so_far = now(5 * DAY_US);
        let kept = Kept { rotation: &rotation, growing: Some(&growing), so_far: &so_far, upload: None };
        let pruned = series(folder).prune(&kept);
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
    fn the_order_is_that_of_the_series_whatever_the_clock_said() {
        let folder = tempfile::tempdir().unwrap();
        // The clock was set back after the third file: names and times suggest another order.
        let files: Vec<PathBuf> = [7, 8, 9, 1, 2]
            .into_iter()
            .zip(0..)
            .map(|(day, sequence)| {
                let path = series(folder.path()).free_path(day * DAY_US);
                write(&path, sequence, "web", "web01");
                path
            })
            .collect();
        assert_eq!(prune(folder.path(), Some(2), None), 3);
        assert_eq!(
            files.iter().map(|path| path.exists()).collect::<Vec<_>>(),
            [false, false, false, true, true]
        );
        assert_eq!(series(folder.path()).next_sequence(Some("web01")), 5);
    }

    #[test]
    fn a_clock_that_is_set_forward_makes_no_file_old() {
        let member = |boot: &str| Member {
            name: String::new(),
            bytes: 0,
            sequence: 1,
            end_us: DAY_US,
            end_mono_ns: 60_000_000_000,
            boot_id: Some(boot.to_owned()),
        };
        // A minute after its start the clock jumped a hundred days ahead.
        let so_far = Metadata {
            boot_id: Some("this".to_owned()),
            start_us: 2 * DAY_US,
            start_mono_ns: 120_000_000_000,
            end_us: 102 * DAY_US,
            end_mono_ns: 180_000_000_000,
            ..Metadata::default()
        };
        assert_eq!(age_us(&member("this"), &so_far), 120_000_000);
        assert_eq!(age_us(&member("earlier"), &so_far), DAY_US + 60_000_000);
    }

    #[test]
    fn room_is_made_by_the_oldest_if_that_helps_and_is_allowed() {
        let room = |bytes: u64, rotation: Rotation| {
            let folder = tempfile::tempdir().unwrap();
            let files = days(folder.path());
            let so_far = now(5 * DAY_US);
            let kept = Kept { rotation: &rotation, growing: None, so_far: &so_far, upload: None };
            series(folder.path()).make_room(&kept, bytes);
            files.iter().map(|path| path.exists()).collect::<Vec<_>>()
        };
        let allowed = Rotation { keep: Some(9), ..Rotation::default() };
        assert_eq!(room(1, allowed), [false, true, true, true, true]);
        assert_eq!(room(1, Rotation::default()), [true; 5]);
        assert_eq!(room(u64::MAX, allowed), [true; 5], "in vain");
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
        // A changed file is evidence of the change.
        let changed = file("web-19700104T000000Z.parquet");
        write(&changed, 3, "web", "web01");
        let mut bytes = fs::read(&changed).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&changed, bytes).unwrap();
        // The file being written.
        write(&file("web-19700106T000000Z.parquet"), 5, "web", "web01");
        // One from an earlier version, and one with a second name.
        let old = file("web-19700107T000000Z.parquet");
        write(&old, -1, "web", "web01");
        #[cfg(unix)]
        {
            let linked = file("web-19700108T000000Z.parquet");
            write(&linked, 0, "web", "web01");
            fs::hard_link(&linked, file("backup")).unwrap();
        }
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
