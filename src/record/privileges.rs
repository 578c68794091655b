//! Drops all privileges that the sources do not need, before the first source is opened. A flaw in
//! a parser of hostile bytes is then worth less to an attacker.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use caps::{CapSet, Capability, CapsHashSet};

use super::SourceOptions;
use crate::safe_fs::User;

/// What each source may need, and why.
const NEEDED: &[(Capability, Need)] = &[
    // A buffer for closing sockets above the system's limit.
    (Capability::CAP_NET_ADMIN, Need::Always),
    // Kernel events, and more memory for their rings than is normally allowed.
    (Capability::CAP_PERFMON, Need::Always),
    (Capability::CAP_IPC_LOCK, Need::Always),
    // The recorder's own eBPF programs.
    (Capability::CAP_BPF, Need::Programs),
    // Descriptors, executables and namespaces of other users' processes; tracefs.
    (Capability::CAP_SYS_PTRACE, Need::Always),
    (Capability::CAP_DAC_READ_SEARCH, Need::Always),
    // Other network namespaces; mounting tracefs if needed.
    (Capability::CAP_SYS_ADMIN, Need::Always),
    // Reading a command line before its program ends.
    (Capability::CAP_SYS_NICE, Need::Always),
    (Capability::CAP_NET_RAW, Need::Packets),
];

/// The one that is needed only to open a source.
const FOR_OPENING: Capability = Capability::CAP_NET_ADMIN;

/// Needed to give finished files to the user behind sudo, and to remove them later in a folder
/// where others may write too.
const FOR_GIVING: [Capability; 2] = [Capability::CAP_CHOWN, Capability::CAP_FOWNER];

/// When a capability is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    Packets,
    Programs,
}

/// The capabilities that the wanted sources need.
fn needed(wanted: SourceOptions) -> impl Iterator<Item = Capability> {
    NEEDED
        .iter()
        .filter(move |(_, need)| match need {
            Need::Always => true,
            Need::Packets => wanted.packets(),
            Need::Programs => !wanted.no_bpf,
        })
        .map(|(capability, _)| *capability)
}

/// Drops, permanently and for every thread started from now on, all privileges that the wanted
/// sources and writing into `folder` do not need. Without any privilege nothing changes.
///
/// # Errors
/// A sentence, if the system refuses.
pub(crate) fn limit(wanted: SourceOptions, folder: &Path) -> Result<(), String> {
    let failed = |e: caps::errors::CapsError| format!("privileges cannot be dropped: {e}");
    let permitted = caps::read(None, CapSet::Permitted).map_err(failed)?;
    let giving = FOR_GIVING.into_iter().filter(|_| User::behind_sudo().is_some());
    let mut kept: CapsHashSet =
        needed(wanted).chain(giving).filter(|capability| permitted.contains(capability)).collect();
    // The bounding set limits what an executed program could regain. Dropping it takes a privilege
    // itself, and nothing is executed.
    for capability in caps::all().difference(&kept) {
        let _ = caps::drop(None, CapSet::Bounding, *capability);
    }
    caps::clear(None, CapSet::Inheritable).map_err(failed)?;
    caps::set(None, CapSet::Effective, &kept).map_err(failed)?;
    // For `sudo netrec record` in another user's folder.
    if permitted.contains(&Capability::CAP_DAC_OVERRIDE) && !is_writable(folder) {
        kept.insert(Capability::CAP_DAC_OVERRIDE);
        caps::set(None, CapSet::Effective, &kept).map_err(failed)?;
    }
    caps::set(None, CapSet::Permitted, &kept).map_err(failed)?;
    // SAFETY: no memory is passed.
    match unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(format!("no_new_privs cannot be set: {}", std::io::Error::last_os_error())),
    }
}

/// Drops from the effective set, on this thread and those that it starts, what only opening sources
/// needs: with it, the kernel sends more about each socket than was requested.
pub(crate) fn drop_effective() {
    // A thread without it has nothing to drop.
    let _ = caps::drop(None, CapSet::Effective, FOR_OPENING);
}

/// Raises it again.
pub(crate) fn raise_effective() {
    // Without it the buffer is smaller.
    let _ = caps::raise(None, CapSet::Effective, FOR_OPENING);
}

/// Whether this thread has every capability that the wanted sources need.
pub(crate) fn has_all(wanted: SourceOptions) -> bool {
    caps::read(None, CapSet::Effective)
        .is_ok_and(|effective| needed(wanted).all(|capability| effective.contains(&capability)))
}

/// The names of the needed capabilities as `setcap` takes them: `cap_net_admin,cap_perfmon`.
pub(crate) fn setcap_names(wanted: SourceOptions) -> String {
    needed(wanted).map(|capability| capability.to_string().to_lowercase()).collect::<Vec<_>>().join(",")
}

fn is_writable(folder: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(path) = CString::new(folder.as_os_str().as_bytes()) else { return false };
    let mode = libc::W_OK | libc::X_OK;
    // SAFETY: the path ends in NUL and outlives the call.
    unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), mode, libc::AT_EACCESS) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_need_one_privilege_more() {
        let without = setcap_names(SourceOptions::default());
        assert!(without.starts_with("cap_net_admin,cap_perfmon,") && !without.contains("net_raw"));
        let names = SourceOptions { names: true, ..SourceOptions::default() };
        assert_eq!(setcap_names(names), format!("{without},cap_net_raw"));
        assert!(without.contains(",cap_bpf,"));
        assert!(!setcap_names(SourceOptions { no_bpf: true, ..SourceOptions::default() }).contains("bpf"));
    }

    #[test]
    fn a_thread_keeps_what_is_needed_and_nothing_else() {
        // Capabilities belong to threads, so the other tests keep theirs.
        let thread = std::thread::spawn(|| {
            let before = caps::read(None, CapSet::Permitted).unwrap();
            limit(SourceOptions::default(), &std::env::temp_dir()).unwrap();
            let after = caps::read(None, CapSet::Permitted).unwrap();
            let allowed: CapsHashSet =
                needed(SourceOptions::default()).chain([Capability::CAP_DAC_OVERRIDE]).collect();
            assert!(after.is_subset(&allowed) && after.is_subset(&before), "{after:?}");
            assert!(
                needed(SourceOptions::default()).all(|one| after.contains(&one) == before.contains(&one))
            );
            assert_eq!(caps::read(None, CapSet::Effective).unwrap(), after);
            let had_all = needed(SourceOptions::default()).all(|one| before.contains(&one));
            assert_eq!(has_all(SourceOptions::default()), had_all);
            drop_effective();
            assert!(!caps::read(None, CapSet::Effective).unwrap().contains(&FOR_OPENING));
            raise_effective();
            assert_eq!(caps::read(None, CapSet::Effective).unwrap(), after);
            caps::clear(None, CapSet::Effective).unwrap();
            assert!(!has_all(SourceOptions::default()));
        });
        thread.join().unwrap();
    }
}
