//! `/proc/PID/stat`: the one file read for every owner in every tick.

/// The fields of a process that a tick needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat<'a> {
    /// Short name; the process chooses its bytes.
    pub(super) comm: &'a [u8],
    /// Whether it is a zombie: whatever it held is closed.
    pub(super) has_ended: bool,
    pub(super) ppid: u32,
    /// User and system time so far, in clock ticks.
    pub(super) cpu_ticks: u64,
    /// Start after boot, in clock ticks.
    pub(super) start_ticks: u64,
    pub(super) rss_pages: u64,
    /// Addresses of code and arguments: both change when another program is executed, even one of
    /// the same name. 0 or 1 if the recorder may not see them.
    pub(super) layout: (u64, u64),
}

impl<'a> Stat<'a> {
    /// Parses the line; `None` if it is invalid.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        // The name is in parentheses and may itself contain parentheses and spaces: the last one
        // closes it.
        let open = line.iter().position(|byte| *byte == b'(')?;
        let close = line.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
        // Numbered as in proc(5), minus 3.
        let mut fields = rest.split_ascii_whitespace();
        let has_ended = matches!(fields.next()?, "Z" | "X");
        let ppid = fields.next()?.parse().ok()?;
        let user: u64 = fields.nth(9)?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let start_ticks = fields.nth(6)?.parse().ok()?;
        let rss_pages = fields.nth(1)?.parse().ok()?;
        let code = fields.nth(1)?.parse().ok()?;
        let arguments = fields.nth(21).and_then(|field| field.parse().ok()).unwrap_or(0);
        Some(Self {
            comm: line.get(open + 1..close)?,
            has_ended,
            ppid,
            cpu_ticks: user.saturating_add(system),
            start_ticks,
            rss_pages,
            layout: (code, arguments),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line as the kernel writes it, for the fake `/proc` of the tests.
    pub(in super::super) fn line(
        pid: u32,
        comm: &str,
        parent: u32,
        cpu_ticks: u64,
        start_ticks: u64,
    ) -> String {
        let mut fields = vec!["0".to_owned(); 52];
        fields[0] = pid.to_string();
        fields[1] = format!("({comm})");
        fields[2] = "S".to_owned();
        fields[3] = parent.to_string();
        fields[13] = cpu_ticks.to_string();
        fields[21] = start_ticks.to_string();
        fields[23] = "250".to_owned();
        fields[25] = "4096".to_owned();
        fields[47] = (8192 + comm.len()).to_string();
        fields.join(" ")
    }

    #[test]
    fn fields_are_those_of_proc_5() {
        let line = line(7, "sshd", 1, 42, 1000);
        let stat = Stat::parse(line.as_bytes()).unwrap();
        assert_eq!((stat.comm, stat.ppid, stat.cpu_ticks, stat.start_ticks), (&b"sshd"[..], 1, 42, 1000));
        assert_eq!((stat.rss_pages, stat.layout), (250, (4096, 8196)));
    }

    #[test]
    fn a_name_may_hold_parentheses_spaces_and_line_ends() {
        let line = line(7, "a) R 1 1 (b\n", 5, 42, 1000);
        let stat = Stat::parse(line.as_bytes()).unwrap();
        assert_eq!((stat.comm, stat.ppid), (&b"a) R 1 1 (b\n"[..], 5));
    }

    #[test]
    fn this_process_is_read_right() {
        let line = std::fs::read("/proc/self/stat").unwrap();
        let stat = Stat::parse(&line).unwrap();
        assert_eq!(stat.ppid, std::os::unix::process::parent_id());
        assert!(stat.rss_pages > 0 && stat.start_ticks > 0 && stat.layout.1 > 1);
    }

    proptest! {
        #[test]
        fn garbage_is_none_or_something(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Stat::parse(&line);
        }
    }
}
