//! The owner of files, and the user they are given to.

use std::fs::File;
use std::io;

use super::{Dir, Facts, Kind};

/// A user and his group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl User {
    /// The user who ran this program through sudo; `None` without sudo, or if that was root.
    pub fn behind_sudo() -> Option<Self> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
        if own_uid() != Some(0) {
            return None;
        }
        let user = Self { uid: number("SUDO_UID")?, gid: number("SUDO_GID")? };
        // The highest number means "unchanged" to the system.
        (user.uid != 0 && user.uid != u32::MAX && user.gid != u32::MAX).then_some(user)
    }

    /// Whether the user could have created a file in this folder himself. Files elsewhere are not
    /// given to him: a user allowed to run only netrec as root would otherwise get files where he
    /// may have none.
    pub(crate) fn may_write_in(self, folder: &Facts) -> bool {
        folder.uid == self.uid
            || folder.gid == self.gid && folder.mode & 0o020 != 0
            || folder.mode & 0o002 != 0
    }

    /// The user to give new files in this folder to: the one behind sudo, if he may own them there.
    pub(crate) fn receiver_in(folder: &Dir) -> Option<Self> {
        let user = Self::behind_sudo()?;
        user.may_write_in(&folder.own_facts().ok()?).then_some(user)
    }

    /// Gives an open file or folder to the user.
    ///
    /// # Errors
    /// The system's error.
    #[cfg(unix)]
    pub fn receive(self, file: &File) -> io::Result<()> {
        std::os::unix::fs::fchown(file, Some(self.uid), Some(self.gid))
    }

    /// Does nothing: there is no sudo on this system.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn receive(self, _file: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Whether something may be written to: a regular file without a second hard link, or a folder,
/// owned by this user.
pub(crate) fn is_own(facts: &Facts) -> bool {
    is_plain(facts) && own_uid().is_none_or(|own| facts.uid == own)
}

/// Whether something may be replaced or removed: it is owned by this user, or was given away by him.
pub(crate) fn is_mine(facts: &Facts) -> bool {
    let was_given = User::behind_sudo().is_some_and(|user| facts.uid == user.uid);
    is_own(facts) || is_plain(facts) && was_given
}

fn is_plain(facts: &Facts) -> bool {
    match facts.kind {
        Kind::File => facts.links == 1,
        Kind::Dir => true,
        Kind::Link | Kind::Other => false,
    }
}

/// The user whom the system checks when this program accesses a file; `None` on systems without
/// file owners.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "there is none elsewhere")]
fn own_uid() -> Option<u32> {
    // SAFETY: no memory is passed, and the call cannot fail.
    Some(unsafe { libc::geteuid() })
}

#[cfg(not(unix))]
fn own_uid() -> Option<u32> {
    None
}
