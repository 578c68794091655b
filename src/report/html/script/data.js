// The page's block of data, and its table of connections by column.

const data = JSON.parse(byId("data").textContent);
const rowCount = data.connections.rows;
const columns = new Map(data.connections.columns.map((column) => [column.name, column]));
const findings = new Map(data.findings.map((finding) => [finding.id, finding]));
const incidents = new Map(data.incidents.map((incident) => [incident.id, incident]));

/** The row of each connection in the table of processes, or null. */
let processOf = new Array(rowCount).fill(null);

// Facts of processes and remote addresses are stored once for all of their connections.
for (const joined of data.connections.joined) {
  if (joined.key === "process") processOf = joined.indices;
  for (const column of joined.columns) {
    const missing = column.kind === "text" ? -1 : null;
    const cells = joined.indices.map((index) => (index === null ? missing : column.cells[index]));
    columns.set(column.name, { ...column, cells });
  }
}

/** Which rows are listening sockets. */
const isListener = new Uint8Array(rowCount);
{
  const role = columns.get("role");
  const listener = role?.words.indexOf("listener") ?? -1;
  if (listener >= 0) role.cells.forEach((cell, row) => { isListener[row] = cell === listener ? 1 : 0; });
}

// Country names, for databases that have only codes.
if (columns.has("country_code") && !columns.has("country")) {
  const names = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });
  const nameOf = (code) => (/^[A-Z]{2}$/.test(code) ? names.of(code) : code);
  const codes = columns.get("country_code");
  columns.set("country", { ...codes, name: "country", words: codes.words.map(nameOf) });
}

/** The value of a cell: text, number, or null if unknown. */
function value(name, row) {
  const column = columns.get(name);
  if (column === undefined) return null;
  const cell = column.cells[row];
  if (column.kind === "text") return cell < 0 ? null : column.words[cell];
  return cell;
}

/** The format of a column's values, by its name. */
function writer(name) {
  if (name.endsWith("_seen_us") || name === "process_start_us" || name === "state_since_us") return moment;
  if (name.startsWith("rtt")) return (us) => seconds(us / 1e6);
  if (name.endsWith("_s")) return seconds;
  if (name.startsWith("bytes_") || name.startsWith("recorded_")) return bytes;
  if (name.endsWith("_in_recording")) return (flag) => (flag ? "yes" : "no");
  return String;
}

/** The text of a cell. */
function cellText(name, row) {
  const known = value(name, row);
  return known === null ? UNKNOWN : writer(name)(known);
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`; `side` is `local` or `remote`. */
function endpoint(side, row) {
  const addr = value(`${side}_addr`, row);
  const port = value(`${side}_port`, row);
  if (addr === null) return UNKNOWN;
  const host = addr.includes(":") ? `[${addr}]` : addr;
  return port === null ? host : `${host}:${port}`;
}

// Time slices.

const sliceCount = data.slices.open.length;

/** The start of a slice, in µs since the origin. */
function sliceStart(slice) {
  return data.slices.first + slice * data.slices.width;
}

/** The slice of a moment; moments outside belong to the nearest. */
function sliceOf(offsetUs) {
  const slice = Math.floor((offsetUs - data.slices.first) / data.slices.width);
  return Math.min(Math.max(slice, 0), Math.max(sliceCount - 1, 0));
}

/** Whether a connection existed at any time in the slices from first to last. */
function isThere(row, first, last) {
  const seen = columns.get("first_seen_us").cells[row];
  const gone = columns.get("last_seen_us").cells[row];
  return seen < sliceStart(last + 1) && gone >= sliceStart(first);
}

/** The connections (without listening sockets) that existed in the slices from first to last. */
function connectionsIn(first, last) {
  const rows = [];
  if (!columns.has("first_seen_us") || !columns.has("last_seen_us")) return rows;
  for (let row = 0; row < rowCount; row += 1) {
    if (isListener[row] === 0 && isThere(row, first, last)) rows.push(row);
  }
  return rows;
}
