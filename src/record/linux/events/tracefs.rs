//! The kernel's descriptions of its tracepoints.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A tracepoint: its id and the offsets of its fields in a raw sample.
///
/// Offsets are read at run time because they differ between kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tracepoint {
    pub(super) id: u16,
    fields: Vec<(String, Field)>,
}

/// Offset and size of a field in a raw sample, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) offset: usize,
    pub(super) size: usize,
}

impl Tracepoint {
    /// A field, if it has the expected size.
    pub(super) fn field(&self, name: &str, size: usize) -> Result<Field, String> {
        let found = self.fields.iter().find(|(field, _)| field == name).map(|(_, field)| *field);
        match found {
            Some(field) if field.size == size => Ok(field),
            Some(field) => Err(format!("its field {name} has {} bytes instead of {size}", field.size)),
            None => Err(format!("it has no field {name}")),
        }
    }

    /// Parses a `format` file of tracefs.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let id = text.lines().find_map(|line| line.strip_prefix("ID: "))?.trim().parse().ok()?;
        let fields = text.lines().filter_map(parse_field).collect();
        Some(Self { id, fields })
    }
}

/// Parses `field:__u8 saddr[4]; offset:32; size:4; signed:0;`, separated by tabs.
fn parse_field(line: &str) -> Option<(String, Field)> {
    let mut parts = line.trim().strip_prefix("field:")?.split(';').map(str::trim);
    let declaration = parts.next()?;
    let name = declaration.rsplit([' ', '*']).next()?.split('[').next()?;
    let mut number = |prefix: &str| parts.next()?.strip_prefix(prefix)?.parse().ok();
    let field = Field { offset: number("offset:")?, size: number("size:")? };
    Some((name.to_owned(), field))
}

/// Reads the description of a tracepoint (`sock/inet_sock_set_state`) from where tracefs is
/// mounted, or from a mount that only a thread of this process sees, so that nothing on the host
/// changes.
///
/// # Errors
/// A sentence: why it cannot be read.
pub(super) fn read(name: &str) -> Result<Tracepoint, String> {
    for root in ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] {
        if Path::new(root).join("events/sock").is_dir() {
            return read_under(Path::new(root), name);
        }
    }
    let name = name.to_owned();
    let thread = std::thread::Builder::new().name("tracefs".to_owned()).spawn(move || {
        let root = mount_for_this_thread().map_err(|e| {
            format!(
                "tracefs cannot be read (it needs root, or CAP_DAC_READ_SEARCH with tracefs mounted): {e}"
            )
        })?;
        read_under(&root, &name)
    });
    let thread = thread.map_err(|e| format!("the thread that reads tracefs cannot be started: {e}"))?;
    thread.join().unwrap_or_else(|_| Err("the thread that reads tracefs panicked".to_owned()))
}

fn read_under(root: &Path, name: &str) -> Result<Tracepoint, String> {
    let path = root.join("events").join(name).join("format");
    let text = fs::read_to_string(&path).map_err(|e| format!("tracepoint {name}: {e}"))?;
    Tracepoint::parse(&text).ok_or_else(|| format!("tracepoint {name}: its description is not understood"))
}

/// Mounts tracefs in the calling thread's own mount namespace; both end with the thread.
fn mount_for_this_thread() -> io::Result<PathBuf> {
    let root = PathBuf::from("/sys/kernel/tracing");
    // SAFETY: `unshare` takes no pointers, and changes only the calling thread.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let none = std::ptr::null();
    // SAFETY: the paths are C strings that outlive the calls; null is allowed where given.
    unsafe {
        // Without this, the mount would propagate to the host's namespace.
        check(libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()))?;
        check(libc::mount(
            c"tracefs".as_ptr(),
            c"/sys/kernel/tracing".as_ptr(),
            c"tracefs".as_ptr(),
            libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
            none.cast(),
        ))?;
    }
    Ok(root)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &str = "name: tcp_destroy_sock\nID: 2278\nformat:\n\
        \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n\n\
        \tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;\n\
        \tfield:__u8 saddr[4];\toffset:22;\tsize:4;\tsigned:0;\n\n\
        print fmt: \"field:x;\"\n";

    #[test]
    fn a_description_gives_id_and_offsets() {
        let tracepoint = Tracepoint::parse(FORMAT).unwrap();
        assert_eq!(tracepoint.id, 2278);
        assert_eq!(tracepoint.field("skaddr", 8), Ok(Field { offset: 8, size: 8 }));
        assert_eq!(tracepoint.field("saddr", 4), Ok(Field { offset: 22, size: 4 }));
        assert!(tracepoint.field("saddr", 16).unwrap_err().contains("4 bytes instead of 16"));
        assert!(tracepoint.field("cookie", 8).unwrap_err().contains("no field cookie"));
    }

    #[test]
    fn what_is_no_description_is_refused() {
        assert_eq!(Tracepoint::parse(""), None);
        assert_eq!(Tracepoint::parse("ID: many\n"), None);
    }
}
