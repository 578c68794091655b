// What is looked at. Every part of the page reads it, and is told when it changes.

const state = {
  /** The section that is open, and the element in it that the address names. */
  section: "dashboard",
  target: "dashboard",
  /** The slice of the moment, or null. */
  slice: null,
  /** First and last slice of a range, or null. */
  range: null,
  /** The finding whose rows are shown, or null; with `related`, everything like them. */
  finding: null,
  related: false,
  query: "",
  /** The entity whose page is open: `process:3`, `host:192.0.2.1`, `remote:192.0.2.2`; or null. */
  entity: null,
  /** By what findings are grouped, and severities that are not shown. */
  group: "incident",
  hiddenSeverities: [],
  sort: { column: "first_seen_us", isDown: false },
  page: 0,
  isWide: false,
};

/** What decides which rows are left. */
const FILTERS = ["slice", "range", "finding", "related", "query"];

const listeners = [];

/** Calls `listener` with the names of what changed. */
function onChange(listener) {
  listeners.push(listener);
}

/** Changes the state, and tells every part. */
function update(changes) {
  Object.assign(state, changes);
  const names = new Set(Object.keys(changes));
  for (const listener of listeners) listener(names);
}

/** Whether a change is one of the rows that are left. */
function changesRows(names) {
  return FILTERS.some((name) => names.has(name));
}
