//! Reads the table of connections row by row.

use arrow_array::RecordBatch;

use super::columns::{Columns, Flags, Ints, Longs, Texts};
use super::conn::Conn;
use super::names::Names;

/// The columns of the table of connections that the reduction uses.
pub(super) struct Sockets<'a> {
    host: Texts<'a>,
    boot: Texts<'a>,
    id: Longs<'a>,
    is_own: Flags<'a>,
    role: Texts<'a>,
    protocol: Texts<'a>,
    local: (Texts<'a>, Ints<'a>),
    remote: (Texts<'a>, Ints<'a>),
    remote_name: Texts<'a>,
    scope: Texts<'a>,
    direction: Texts<'a>,
    states: Texts<'a>,
    span: (Longs<'a>, Longs<'a>),
    is_opened: Flags<'a>,
    is_exact: Flags<'a>,
    is_closed: Flags<'a>,
    bytes: (Longs<'a>, Longs<'a>),
    pid: Longs<'a>,
    process_start: Longs<'a>,
    process: Texts<'a>,
    exe: Texts<'a>,
    sha256: Texts<'a>,
    user: Texts<'a>,
}

impl<'a> Sockets<'a> {
    /// The rows of a batch.
    ///
    /// # Errors
    /// A sentence, if a column is missing.
    pub(super) fn new(batch: &'a RecordBatch) -> Result<Self, String> {
        let columns = Columns::of(batch);
        let (text, long, flag) =
            (|name| columns.text(name), |name| columns.long(name), |name| columns.flag(name));
        Ok(Self {
            host: text("host_id")?,
            boot: text("boot_id")?,
            id: long("conn_id")?,
            is_own: flag("is_own")?,
            role: text("role")?,
            protocol: text("protocol")?,
            local: (text("local_addr")?, columns.int("local_port")?),
            remote: (text("remote_addr")?, columns.int("remote_port")?),
            remote_name: text("remote_name")?,
            scope: text("remote_scope")?,
            direction: text("direction")?,
            states: text("states")?,
            span: (long("first_seen_us")?, long("last_seen_us")?),
            is_opened: flag("opened_in_recording")?,
            is_exact: flag("start_is_exact")?,
            is_closed: flag("closed_in_recording")?,
            bytes: (long("bytes_sent")?, long("bytes_received")?),
            pid: long("pid")?,
            process_start: long("process_start_us")?,
            process: text("process_name")?,
            exe: text("exe")?,
            sha256: text("exe_sha256")?,
            user: text("username")?,
        })
    }

    /// Whether a socket is known to belong to another namespace, and so not to this host.
    pub(super) fn is_foreign(&self, row: usize) -> bool {
        self.is_own.get(row) == Some(false)
    }

    /// `connection`, `listener` or `unconnected`.
    pub(super) fn role(&self, row: usize) -> &'a str {
        self.role.get(row).unwrap_or_default()
    }

    /// The socket in a row.
    pub(super) fn conn(&self, row: usize, names: &mut Names) -> Conn {
        // The SQL statements treat an empty boot id as none.
        let boot = self.boot.get(row).filter(|boot| !boot.is_empty()).map_or(0, |boot| names.key(boot));
        let mut name = |column: &Texts<'a>| column.get(row).map_or(0, |text| names.key(text));
        let is = |column: &Flags<'a>| column.get(row) == Some(true);
        Conn {
            host: name(&self.host),
            boot,
            id: self.id.get(row).unwrap_or(0),
            protocol: name(&self.protocol),
            local: (name(&self.local.0), self.local.1.get(row).unwrap_or(0)),
            remote: (name(&self.remote.0), self.remote.1.get(row).unwrap_or(0)),
            remote_name: name(&self.remote_name),
            scope: name(&self.scope),
            direction: name(&self.direction),
            first_us: self.span.0.get(row).unwrap_or(0),
            last_us: self.span.1.get(row).unwrap_or(0),
            is_opened: is(&self.is_opened),
            is_exact: is(&self.is_exact),
            is_closed: is(&self.is_closed),
            is_established: self.states.get(row).is_some_and(|states| states.contains("ESTABLISHED")),
            sent: self.bytes.0.get(row),
            received: self.bytes.1.get(row),
            pid: self.pid.get(row),
            process: name(&self.process),
            exe: name(&self.exe),
            sha256: name(&self.sha256),
            user: name(&self.user),
            process_start_us: self.process_start.get(row),
        }
    }
}
