//! A folder whose files are completed one by one.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use super::pending::{self, HalfMade};
use super::{Dir, User, file_name};
use crate::{Error, Result};

/// A new folder, removed again if it is still empty when this is dropped, or when a signal ends the
/// program.
#[derive(Debug)]
pub(crate) struct NewDir {
    parent: Arc<Dir>,
    name: OsString,
    _half_made: HalfMade,
}

impl NewDir {
    /// Creates a folder for its owner only: the user behind sudo, if there is one.
    ///
    /// # Errors
    /// [`Error::Io`], also if the name exists.
    pub(crate) fn make(path: &Path) -> Result<Self> {
        let failed = |error| Error::io("create", path)(error);
        let absolute = std::path::absolute(path).map_err(failed)?;
        let name = file_name(&absolute)?.to_owned();
        let parent = Arc::new(Dir::of_file(&absolute).map_err(failed)?);
        let (dir, half_made) = pending::step(|| {
            let dir = parent.create_dir(&name)?;
            let (of_removal, to_remove) = (Arc::clone(&parent), name.clone());
            let half_made = HalfMade::new(move || {
                // Content keeps it from being removed.
                let _ = of_removal.remove_dir(&to_remove);
            });
            Ok((dir, half_made))
        })
        .map_err(failed)?;
        if let Some(user) = User::receiver_in(&parent) {
            dir.as_file().and_then(|dir| user.receive(&dir)).map_err(failed)?;
        }
        Ok(Self { parent, name, _half_made: half_made })
    }
}

impl Drop for NewDir {
    fn drop(&mut self) {
        // Content keeps it from being removed.
        let _ = self.parent.remove_dir(&self.name);
    }
}
