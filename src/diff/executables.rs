//! Executables whose content or path has changed.

use std::collections::{BTreeMap, BTreeSet};

use super::v1::{ChangedExecutable, MovedProgram, Program};

/// Texts by name.
pub(super) type Lists = BTreeMap<String, BTreeSet<String>>;

/// Paths with a known hash on both sides, and a new one in the later capture.
pub(super) fn changed(before: &Lists, after: &Lists) -> Vec<ChangedExecutable> {
    news(before, after)
        .map(|(exe, sha256_before, sha256_after)| ChangedExecutable {
            exe: exe.clone(),
            sha256_before,
            sha256_after,
        })
        .collect()
}

/// Programs that ran in both captures, and in the later one from a new path.
pub(super) fn moved(before: &BTreeSet<Program>, after: &BTreeSet<Program>) -> Vec<MovedProgram> {
    news(&exes(before), &exes(after))
        .map(|(process_name, exes_before, exes_after)| MovedProgram {
            process_name: process_name.clone(),
            exes_before,
            exes_after,
        })
        .collect()
}

/// For names on both sides: all texts before, and those that only the later side has.
fn news<'a>(
    before: &'a Lists,
    after: &'a Lists,
) -> impl Iterator<Item = (&'a String, Vec<String>, Vec<String>)> {
    after.iter().filter_map(|(name, new)| {
        let old = before.get(name)?;
        let only_new: Vec<String> = new.difference(old).cloned().collect();
        (!only_new.is_empty()).then(|| (name, old.iter().cloned().collect(), only_new))
    })
}

fn exes(programs: &BTreeSet<Program>) -> Lists {
    let mut exes = Lists::new();
    for program in programs {
        if let Some(exe) = &program.exe {
            exes.entry(program.process_name.clone()).or_default().insert(exe.clone());
        }
    }
    exes
}
