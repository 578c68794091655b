//! Executables with another content, and programs that run from another path.

use std::collections::{BTreeMap, BTreeSet};

use super::v1::{ChangedExecutable, MovedProgram, Program};

/// Texts by a name.
pub(super) type Lists = BTreeMap<String, BTreeSet<String>>;

/// Paths of which a content is known on both sides, with one in the later capture that was not
/// in the earlier one.
pub(super) fn changed(before: &Lists, after: &Lists) -> Vec<ChangedExecutable> {
    news(before, after)
        .map(|(exe, sha256_before, sha256_after)| ChangedExecutable {
            exe: exe.clone(),
            sha256_before,
            sha256_after,
        })
        .collect()
}

/// Programs that ran in both, and in the later capture from a path from which they did not in the
/// earlier one.
pub(super) fn moved(before: &BTreeSet<Program>, after: &BTreeSet<Program>) -> Vec<MovedProgram> {
    news(&exes(before), &exes(after))
        .map(|(process_name, exes_before, exes_after)| MovedProgram {
            process_name: process_name.clone(),
            exes_before,
            exes_after,
        })
        .collect()
}

/// Of names that both have: all texts before, and those that are only there after.
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
