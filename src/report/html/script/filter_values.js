// Values in an expression: numbers with units, addresses, networks and ports.

const U64_MAX = (1n << 64n) - 1n;
const COUNT_UNITS = { "": 1, b: 1, k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9, t: 1e12, tb: 1e12, ki: 1024, kib: 1024, mi: 1048576, mib: 1048576, gi: 1073741824, gib: 1073741824 };
const UNITS = { count: COUNT_UNITS, micros: { "": 1, us: 1, "µs": 1, ms: 1e3, s: 1e6 }, percent: { "": 1e3, "%": 1e3 } };
const NOT_A_NUMBER = { none: "is not a number", count: "is not a number such as 500, 10k or 1.5M", micros: "is not a time such as 250us, 50ms or 1s", percent: "is not a share such as 12.5%" };

/** A 64-bit integer, or null. */
function parseWhole(text) {
  if (!/^\+?\d+$/.test(text)) return null;
  const number = BigInt(text.replace("+", ""));
  return number <= U64_MAX ? number : null;
}

/** A number with its unit, as a 64-bit integer. Throws the reason. */
function parseNumber(text, unit) {
  const refuse = () => { throw `${quoted(text)} ${NOT_A_NUMBER[unit]}`; };
  const whole = parseWhole(text);
  if (unit === "none") return whole ?? refuse();
  if (whole !== null && unit !== "percent") return whole;
  const digits = /^[\d.]*/.exec(text)[0];
  const factor = UNITS[unit][text.slice(digits.length).toLowerCase()];
  if (!/^(\d+\.?\d*|\.\d+)$/.test(digits) || factor === undefined) return refuse();
  const value = Number(digits) * factor;
  if (!Number.isFinite(value)) return refuse();
  const rounded = BigInt(Math.round(value));
  return rounded > U64_MAX ? U64_MAX : rounded;
}

/** The range for an operator and a number; both ends are included. */
function parseRange(operator, text, unit) {
  const isRange = operator === "is" || operator === "contains";
  const dash = text.indexOf("-");
  if (isRange && dash >= 0) {
    const least = parseNumber(text.slice(0, dash), unit);
    const most = parseNumber(text.slice(dash + 1), unit);
    if (least > most) throw `${text} ends before it starts`;
    return { least, most };
  }
  const value = parseNumber(text, unit);
  if (operator === "atMost") return { least: 0n, most: value };
  if (operator === "atLeast") return { least: value, most: U64_MAX };
  // Nothing is below 0 or above the maximum: an empty range.
  if (operator === "less") return value === 0n ? { least: 1n, most: 0n } : { least: 0n, most: value - 1n };
  if (operator === "more") return value === U64_MAX ? { least: 1n, most: 0n } : { least: value + 1n, most: U64_MAX };
  return { least: value, most: value };
}

// Addresses: `{ bits, value }`, with 32 or 128 bits.

function parseV4(text) {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return null;
  return { bits: 32, value: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) };
}

function parseV6(text) {
  let groups = text;
  const tail = /^(.*:)([^:]*\.[^:]*)$/.exec(text);
  if (tail !== null) {
    const v4 = parseV4(tail[2]);
    if (v4 === null) return null;
    groups = `${tail[1]}${(v4.value >> 16n).toString(16)}:${(v4.value & 0xffffn).toString(16)}`;
  }
  const halves = groups.split("::");
  if (halves.length > 2) return null;
  const list = (half) => (half === "" ? [] : half.split(":"));
  const [head, rest] = [list(halves[0]), halves.length === 2 ? list(halves[1]) : []];
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const all = [...head, ...new Array(halves.length === 2 ? missing : 0).fill("0"), ...rest];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return { bits: 128, value: all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n) };
}

function parseAddr(text) {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

/** For an IPv4-mapped IPv6 address, the IPv4 address. */
function canonical(addr) {
  const isMapped = addr.bits === 128 && addr.value >> 32n === 0xffffn;
  return isMapped ? { bits: 32, value: addr.value & 0xffffffffn } : addr;
}

function sameAddr(a, b) {
  return a.bits === b.bits && a.value === b.value;
}

/** An address, an address and port, or a network; null for anything else. */
function parsePlace(text) {
  const addr = parseAddr(text.replace(/^\[+/, "").replace(/\]+$/, ""));
  if (addr !== null) return { kind: "addr", addr: canonical(addr) };
  const [base, prefix, ...more] = text.split("/");
  const net = prefix === undefined || more.length > 0 ? null : parseAddr(base);
  if (net !== null && /^\d{1,3}$/.test(prefix) && Number(prefix) <= net.bits) return { kind: "net", addr: net, prefix: Number(prefix) };
  const socket = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d+)$/.exec(text);
  if (socket === null || Number(socket[3]) > 65535) return null;
  const of = socket[1] === undefined ? parseV4(socket[2]) : parseV6(socket[1]);
  return of === null ? null : { kind: "socket", addr: canonical(of), port: Number(socket[3]) };
}

function placeHolds(place, addr, port) {
  if (place.kind === "net") {
    const shift = BigInt(place.addr.bits - place.prefix);
    return addr.bits === place.addr.bits && addr.value >> shift === place.addr.value >> shift;
  }
  return sameAddr(place.addr, addr) && (place.kind === "addr" || place.port === port);
}
