//! Which container a cgroup path belongs to, by how the common runtimes name their cgroups.

/// Hexadecimal digits of a container's id that are kept, as the runtimes' own tools show it.
const SHORT_ID: usize = 12;

/// Prefixes of the last part of a path before a long id, and the runtime that they are of.
const PREFIXES: &[(&str, &str)] = &[
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("crio-", "cri-o"),
    ("libpod-", "podman"),
];

/// The container for the text of `/proc/PID/cgroup`: `docker:0123456789ab`, `lxc:name`; none
/// for a process of the host.
pub(super) fn of_process(cgroup: &str) -> Option<String> {
    // Each line is `number:controllers:path`.
    cgroup.lines().find_map(|line| of_path(line.splitn(3, ':').nth(2)?))
}

/// The container for a path of the cgroup tree.
pub(super) fn of_path(path: &str) -> Option<String> {
    // The innermost that is known: a container may itself run containers.
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    (0..parts.len()).rev().find_map(|at| of_part(parts[at], &parts[..at]))
}

/// The container that one part of the path names, given the parts above it.
fn of_part(part: &str, above: &[&str]) -> Option<String> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    for (prefix, runtime) in PREFIXES {
        if let Some(id) = name.strip_prefix(prefix).and_then(short_id) {
            return Some(format!("{runtime}:{id}"));
        }
    }
    if let Some(guest) = name.strip_prefix("lxc.payload.").or_else(|| name.strip_prefix("machine-")) {
        let runtime = if part.starts_with("lxc") { "lxc" } else { "machine" };
        return Some(format!("{runtime}:{guest}"));
    }
    let parent = above.last().copied().unwrap_or("");
    if parent == "lxc" || parent == "lxc.payload" {
        return Some(format!("lxc:{name}"));
    }
    let id = short_id(name)?;
    let runtime = if parent == "docker" {
        "docker"
    } else if parent.starts_with("libpod") {
        "podman"
    } else if above.iter().any(|part| part.starts_with("kubepods")) {
        "kubepods"
    } else {
        return None;
    };
    Some(format!("{runtime}:{id}"))
}

/// The first digits of a container's id, if it is one: 64 hexadecimal digits.
fn short_id(text: &str) -> Option<&str> {
    let is_id = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { text.get(..SHORT_ID) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a00112233445566778899aabbccddeeff00112233445566778899aabbccdd";

    fn check(cgroup: &str, expected: Option<&str>) {
        assert_eq!(of_process(&cgroup.replace("ID", ID)).as_deref(), expected, "{cgroup}");
    }

    #[test]
    fn the_common_runtimes_are_known() {
        check("0::/system.slice/docker-ID.scope", Some("docker:3f2a00112233"));
        check("12:cpu:/docker/ID\n0::/", Some("docker:3f2a00112233"));
        check(
            "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
            Some("containerd:3f2a00112233"),
        );
        check("0::/kubepods/besteffort/pod12/ID", Some("kubepods:3f2a00112233"));
        check("0::/kubepods.slice/crio-ID.scope", Some("cri-o:3f2a00112233"));
        check("0::/machine.slice/libpod-ID.scope/container", Some("podman:3f2a00112233"));
        check("0::/lxc.payload.web/system.slice/nginx.service", Some("lxc:web"));
        check("4:memory:/lxc/web", Some("lxc:web"));
        check("0::/machine.slice/machine-fedora.scope", Some("machine:fedora"));
    }

    #[test]
    fn the_inner_container_counts() {
        check(&format!("0::/lxc.payload.outer/docker/{ID}"), Some("docker:3f2a00112233"));
    }

    #[test]
    fn the_host_is_no_container() {
        check("0::/user.slice/user-1000.slice/session-2.scope", None);
        check("0::/system.slice/docker.service", None);
        check("0::/ID", None);
        check("0::/docker/not-an-id", None);
        check("nonsense", None);
        check("", None);
    }
}
