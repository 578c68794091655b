// Formats numbers and times like the rest of the report. Unknown is a dash.

const UNKNOWN = "–";

/** A count with commas between thousands. */
function count(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A count with its noun: `1 process`, `2 addresses`, `3 entries`. */
function plural(number, noun) {
  if (number === 1) return `1 ${noun}`;
  if (/(s|x|z|ch|sh)$/.test(noun)) return `${count(number)} ${noun}es`;
  if (/[^aeiou]y$/.test(noun)) return `${count(number)} ${noun.slice(0, -1)}ies`;
  return `${count(number)} ${noun}s`;
}

/** Three significant digits, without trailing zeros. */
function threeDigits(value) {
  const text = value.toPrecision(3);
  return String(Number(text));
}

/** Bytes with a decimal unit. */
function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  let unit = 0;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1000;
    unit += 1;
  }
  return `${threeDigits(value)} ${units[unit]}`;
}

/** Seconds in the unit that fits. */
function seconds(value) {
  if (value === 0) return "0 s";
  if (value < 0.001) return `${threeDigits(value * 1e6)} µs`;
  if (value < 0.9995) return `${threeDigits(value * 1e3)} ms`;
  if (value < 59.95) return `${threeDigits(value)} s`;
  if (value < 3599.5) return twoUnits(Math.round(value), 60, "min", "s");
  if (value < 86370) return twoUnits(Math.round(value / 60), 60, "h", "min");
  return twoUnits(Math.round(value / 3600), 24, "d", "h");
}

function twoUnits(value, perLarge, large, small) {
  const rest = value % perLarge;
  const whole = Math.floor(value / perLarge);
  return rest === 0 ? `${whole} ${large}` : `${whole} ${large} ${rest} ${small}`;
}

/** A date from µs since the origin; null outside the calendar's range. */
function dateOf(offsetUs) {
  const date = new Date((data.origin_us + offsetUs) / 1000);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** `2026-06-01T10:00:00Z`, which every `--at` accepts. */
function secondUtc(offsetUs) {
  const date = dateOf(offsetUs);
  return date === null ? UNKNOWN : date.toISOString().replace(/\.\d+Z/, "Z");
}

/** `2026-06-01 10:00:00.250`, UTC. */
function moment(offsetUs) {
  const date = dateOf(offsetUs);
  if (date === null) return UNKNOWN;
  return date.toISOString().replace("T", " ").replace("Z", "");
}

/** `10:00:00`, UTC, with a fraction if slices are shorter than a second; with the day if there are several. */
function clock(offsetUs) {
  const text = moment(offsetUs);
  if (text === UNKNOWN) return text;
  const isFine = data.slices.width < 1e6;
  const start = spansDays() ? 5 : text.length - 12;
  return text.slice(start, isFine ? undefined : -4);
}

/** Whether the recording began and ended on different days. */
function spansDays() {
  const end = data.slices.first + data.slices.open.length * data.slices.width;
  return moment(data.slices.first).slice(0, 10) !== moment(end).slice(0, 10);
}
