//! Bytes as files to import: importers read files, and these need no disk.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::import::{Imported, Importer, Plan, import};
use crate::{Error, Result, capture::Overwrite};

/// Files that are used again for each input.
pub struct Files {
    folder: PathBuf,
    files: Vec<(PathBuf, File)>,
}

impl Files {
    /// Files of these names, in a folder of this process.
    ///
    /// # Panics
    /// If they cannot be made.
    pub fn new(names: &[&str]) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let folder = parent.join(format!("netrec-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the inputs");
        let file = |name| {
            let path = folder.join(name);
            let file = File::create(&path).expect("a file for an input");
            (path, file)
        };
        let files = names.iter().map(file).collect();
        Self { folder, files }
    }

    /// Imports these contents, a file each; further files are empty.
    ///
    /// # Panics
    /// If a file cannot be written or read, or the import did not hold what it must.
    pub fn import<'a>(
        &mut self,
        contents: impl IntoIterator<Item = &'a [u8]>,
        from: Option<&'static Importer>,
    ) {
        let mut contents = contents.into_iter();
        for (_, file) in &mut self.files {
            let bytes = contents.next().unwrap_or_default();
            let written = file
                .set_len(0)
                .and_then(|()| file.seek(SeekFrom::Start(0)))
                .and_then(|_| file.write_all(bytes));
            written.expect("an input");
        }
        let paths = self.files.iter().map(|(path, _)| path.clone()).collect();
        let plan = Plan { paths, from, inside: Vec::new(), taken_at_us: Some(0) };
        let imported = import(&plan, &self.folder.join("out.parquet"), Overwrite::Allowed, &|_, _| {});
        check(imported);
    }
}

fn check(imported: Result<Imported>) {
    match imported {
        Ok(imported) => {
            assert_eq!(imported.finished.rows, imported.metadata.rows);
            assert!(imported.metadata.start_us <= imported.metadata.end_us, "{:?}", imported.metadata);
        }
        // It is none of these files, and that was said.
        Err(Error::Import { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}
