//! To whom files belong, and to whom they are given.

use std::fs::File;
use std::io;

use super::{Dir, Facts, Kind};

/// A user and the group in which he is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Number of the user.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
}

impl User {
    /// The user who ran this program through sudo; none if nobody did, or it was root.
    pub fn behind_sudo() -> Option<Self> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
        if own_uid() != Some(0) {
            return None;
        }
        let user = Self { uid: number("SUDO_UID")?, gid: number("SUDO_GID")? };
        // The highest number means "leave it as it is" to the system.
        (user.uid != 0 && user.uid != u32::MAX && user.gid != u32::MAX).then_some(user)
    }

    /// Whether he could have made a file in this folder himself. What is made elsewhere is not given to
    /// him: somebody who may run nothing but netrec as root would get a file where he may have none.
    pub(crate) fn may_write_in(self, folder: &Facts) -> bool {
        folder.uid == self.uid
            || folder.gid == self.gid && folder.mode & 0o020 != 0
            || folder.mode & 0o002 != 0
    }

    /// The user who gets what is made in this folder: the one behind sudo, if he may have it there.
    pub(crate) fn receiver_in(folder: &Dir) -> Option<Self> {
        let user = Self::behind_sudo()?;
        user.may_write_in(&folder.own_facts().ok()?).then_some(user)
    }

    /// Gives him an open file or folder.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(unix)]
    pub fn receive(self, file: &File) -> io::Result<()> {
        std::os::unix::fs::fchown(file, Some(self.uid), Some(self.gid))
    }

    /// Gives him nothing: there is no sudo here.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn receive(self, _file: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Whether something may be written to: a regular file without a second name, or a folder, of this user.
pub(crate) fn is_own(facts: &Facts) -> bool {
    is_plain(facts) && own_uid().is_none_or(|own| facts.uid == own)
}

/// Whether something may be replaced or removed: what is this user's own, or was given away by him.
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

/// The user whom the system asks about, when this program touches a file; none where files have
/// no such owner.
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
