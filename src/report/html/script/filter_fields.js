// The fields of the language as columns of the page's table of connections.

/** The columns of a field by its main name; a field that is not listed is one of rows, which the page does not have. */
const FIELD_COLUMNS = {
  process: "process_name", pid: "pid", ppid: "ppid", parent: "parent_name", exe: "exe", cmdline: "cmdline", user: "username", uid: "uid", container: "container", sha256: "exe_sha256", name: "remote_name", country: "country_code", protocol: "protocol", state: "state", retransmits: "retransmits", rtt: "rtt_us", conn: "conn_id", netns: "netns",
};
const FIELD_ENDS = { remote: ["remote"], local: ["local"], addr: ["local", "remote"], port: ["local", "remote"], remote_port: ["remote"], local_port: ["local"] };
const FIELD_SUMS = { bytes: ["bytes_sent", "bytes_received"], sent: ["bytes_sent"], received: ["bytes_received"], packets: ["packets_sent", "packets_received"] };
/** Columns searched for a word without a field, in addition to both ends. */
const ANYWHERE = ["process_name", "exe", "cmdline", "username", "container", "remote_name", "protocol", "state"];

const isNever = () => false;
const isAlways = () => true;

/** A test of a text column; each distinct text is tested once, however many rows have it. */
function textTest(name, holds) {
  const column = columns.get(name);
  if (column === undefined) return isNever;
  const hits = column.words.map((word) => holds(word));
  return (row) => column.cells[row] >= 0 && hits[column.cells[row]];
}

function isUnknownTest(name) {
  const column = columns.get(name);
  if (column === undefined) return isAlways;
  return column.kind === "text" ? (row) => column.cells[row] < 0 : (row) => column.cells[row] === null;
}

/** A test of numbers; ids are texts, because they use all 64 bits. */
function rangeTest(names, { least, most }) {
  const found = names.map((name) => columns.get(name)).filter((column) => column !== undefined);
  if (found.length === 0) return isNever;
  if (found[0].kind === "id") {
    return (row) => found[0].cells[row] !== null && BigInt(found[0].cells[row]) >= least && BigInt(found[0].cells[row]) <= most;
  }
  const [low, high] = [Number(least), Number(most)];
  return (row) => {
    let sum = null;
    for (const column of found) if (column.cells[row] !== null) sum = (sum ?? 0) + column.cells[row];
    return sum !== null && sum >= low && sum <= high;
  };
}

function sumIsUnknown(names) {
  const tests = names.map(isUnknownTest);
  return (row) => tests.every((test) => test(row));
}

/** The addresses of a side, each distinct one parsed once. */
const parsedAddrs = new Map();
function addrsOf(side) {
  if (!parsedAddrs.has(side)) parsedAddrs.set(side, columns.get(`${side}_addr`)?.words.map(parseAddr) ?? []);
  return parsedAddrs.get(side);
}

function placeTest(side, place) {
  const column = columns.get(`${side}_addr`);
  if (column === undefined) return isNever;
  const ports = columns.get(`${side}_port`)?.cells;
  if (place.kind === "socket") {
    const same = addrsOf(side).map((addr) => addr !== null && sameAddr(addr, place.addr));
    return (row) => column.cells[row] >= 0 && same[column.cells[row]] && ports?.[row] === place.port;
  }
  const hits = addrsOf(side).map((addr) => addr !== null && placeHolds(place, addr, 0));
  return (row) => column.cells[row] >= 0 && hits[column.cells[row]];
}

/** A word without a field: it occurs in any text that names the connection, including ends with their ports. */
function anywhereTest(text, hasWildcards) {
  const holds = pattern(text, true, hasWildcards);
  const tests = [...ANYWHERE, "local_addr", "remote_addr"].map((name) => textTest(name, holds));
  // Whether the word may extend from an address across the colon into its port.
  const isAcross = text.includes(":") || (hasWildcards && /[*?]/.test(text));
  for (const side of ["local", "remote"]) tests.push(isAcross ? endTest(side, holds) : portTextTest(side, holds));
  return (row) => tests.some((test) => test(row));
}

/** A test of an end written as `address:port`. */
function endTest(side, holds) {
  const [addrs, ports] = [columns.get(`${side}_addr`), columns.get(`${side}_port`)];
  if (addrs === undefined || ports === undefined) return isNever;
  const known = new Map();
  return (row) => {
    if (addrs.cells[row] < 0 || ports.cells[row] === null) return false;
    const end = `${addrs.words[addrs.cells[row]]}:${ports.cells[row]}`;
    if (!known.has(end)) known.set(end, holds(end));
    return known.get(end);
  };
}

/** A test of a port's digits; each distinct port is tested once. */
function portTextTest(side, holds) {
  const ports = columns.get(`${side}_port`)?.cells;
  if (ports === undefined) return isNever;
  const known = new Int8Array(65536).fill(-1);
  return (row) => {
    const port = ports[row];
    if (port === null) return false;
    if (known[port] < 0) known[port] = holds(String(port)) ? 1 : 0;
    return known[port] === 1;
  };
}
