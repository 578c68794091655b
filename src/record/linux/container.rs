//! Maps a cgroup path to its container, by the naming schemes of the common runtimes.

/// Length of the shortened container id in hexadecimal digits, as the runtimes' own tools show it.
const SHORT_ID: usize = 12;

/// Path component prefixes before a long id, and their runtimes. A container's monitor
/// (`libpod-conmon-…`) is a process of the host.
const PREFIXES: &[(&str, &str)] = &[
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("libpod", "podman"),
    ("libpod-payload", "podman"),
];

/// Parent folders of a container's folder, and their runtimes.
const PARENTS: &[(&str, &str)] = &[("docker", "docker"), ("libpod_parent", "podman"), ("libpod", "podman")];

/// Prefixes of folders anywhere above that of a container.
const ANCESTORS: &[(&str, &str)] = &[("kubepods", "kubepods"), ("ecs", "ecs")];

/// The container in the text of `/proc/PID/cgroup`: `docker:0123456789ab`, `lxc:name`; `None` for a
/// process of the host.
pub(super) fn of_process(cgroup: &str) -> Option<String> {
    // Each line is `number:controllers:path`.
    cgroup.lines().find_map(|line| of_path(line.splitn(3, ':').nth(2)?))
}

/// The container of a path in the cgroup tree.
pub(super) fn of_path(path: &str) -> Option<String> {
    // The innermost known one, because a container may itself run containers.
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    (0..parts.len()).rev().find_map(|at| of_part(parts[at], &parts[..at]))
}

/// The container that a path component names, given the components above it.
fn of_part(part: &str, above: &[&str]) -> Option<String> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    if let Some(found) = of_prefix(name).or_else(|| of_triple(name)).or_else(|| of_guest(part, name, above)) {
        return Some(found);
    }
    let parent = above.last().copied().unwrap_or("");
    let by_parent = PARENTS.iter().find(|(folder, _)| parent == *folder);
    let by_ancestor = || ANCESTORS.iter().find(|(start, _)| above.iter().any(|part| part.starts_with(start)));
    let runtime = by_parent.or_else(by_ancestor).map(|(_, runtime)| *runtime);
    let id = short_id(name).or_else(|| short_id_of_task(name, above))?;
    // Only containers are named like this: one whose place in the tree was chosen (`--cgroup-parent`).
    Some(format!("{}:{id}", runtime.unwrap_or("container")))
}

/// `docker-ID`, as systemd names container scopes.
fn of_prefix(name: &str) -> Option<String> {
    let (prefix, id) = name.rsplit_once('-')?;
    let (_, runtime) = PREFIXES.iter().find(|(known, _)| prefix == *known)?;
    Some(format!("{runtime}:{}", short_id(id)?))
}

/// `kubepods-burstable-pod1.slice:cri-containerd:ID`: the systemd notation used as a plain name.
fn of_triple(name: &str) -> Option<String> {
    let (rest, id) = name.rsplit_once(':')?;
    let (_, prefix) = rest.rsplit_once(':')?;
    let known = PREFIXES.iter().find(|(known, _)| prefix == *known);
    Some(format!("{}:{}", known.map_or("container", |(_, runtime)| *runtime), short_id(id)?))
}

/// A guest with its own name: from LXC, or from systemd's list of machines.
fn of_guest(part: &str, name: &str, above: &[&str]) -> Option<String> {
    let parent = above.last().copied().unwrap_or("");
    if let Some(guest) = name.strip_prefix("lxc.payload.") {
        return Some(format!("lxc:{guest}"));
    }
    if parent == "lxc" || parent == "lxc.payload" {
        return Some(format!("lxc:{name}"));
    }
    let service = part.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
    let scope = || part.strip_prefix("machine-")?.strip_suffix(".scope");
    service.or_else(scope).map(|guest| format!("machine:{}", unescape(guest)))
}

/// systemd escapes special characters in a name as `\x2d`.
fn unescape(name: &str) -> String {
    name.replace("\\x2d", "-")
}

/// The first digits of a container id; `None` unless it has 64 hexadecimal digits.
fn short_id(text: &str) -> Option<&str> {
    let is_id = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { text.get(..SHORT_ID) } else { None }
}

/// The same for Fargate: the task's 32 digits, which also name the parent folder, and a number.
fn short_id_of_task<'a>(name: &'a str, above: &[&str]) -> Option<&'a str> {
    let (task, number) = name.split_once('-')?;
    let is_id =
        task.len() == 32 && above.last() == Some(&task) && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_id { task.get(..SHORT_ID) } else { None }
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
    fn less_common_places_are_known_too() {
        check(
            "0::/system.slice/containerd.service/kubepods-besteffort-podb1.slice:cri-containerd:ID",
            Some("containerd:3f2a00112233"),
        );
        check("0::/system.slice:docker:ID", Some("docker:3f2a00112233"));
        check("3:cpu:/ecs/0a1b/ID", Some("ecs:3f2a00112233"));
        let task = "0123456789abcdef0123456789abcdef";
        check(&format!("3:cpu:/ecs/{task}/{task}-1234567890"), Some("ecs:0123456789ab"));
        check("0::/gitlab/ID", Some("container:3f2a00112233"));
        check("0::/ID", Some("container:3f2a00112233"));
        check("0::/kubepods/pod1/crio-ID", Some("cri-o:3f2a00112233"));
        check("0::/user.slice/user-1000.slice/libpod_parent/libpod-ID", Some("podman:3f2a00112233"));
        check("0::/machine.slice/libpod-payload-ID", Some("podman:3f2a00112233"));
        check("0::/system.slice/systemd-nspawn@web.service/payload", Some("machine:web"));
        check("0::/machine.slice/machine-lxc\\x2d12\\x2dweb.scope", Some("machine:lxc-12-web"));
        check("0::/lxc/100/ns/system.slice", Some("lxc:100"));
    }

    #[test]
    fn what_watches_a_container_is_of_the_host() {
        check("0::/machine.slice/libpod-conmon-ID.scope", None);
        check("0::/lxc.monitor.web", None);
        check("0::/system.slice/containerd.service", None);
    }

    #[test]
    fn the_inner_container_counts() {
        check(&format!("0::/lxc.payload.outer/docker/{ID}"), Some("docker:3f2a00112233"));
    }

    #[test]
    fn the_host_is_no_container() {
        check("0::/user.slice/user-1000.slice/session-2.scope", None);
        check("0::/system.slice/docker.service", None);
        check("0::/docker/not-an-id", None);
        check("nonsense", None);
        check("", None);
    }
}
