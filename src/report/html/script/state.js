// The state of the view. Every part of the page reads it, and is notified of changes.

const state = {
  /** The open section, and the element in it that the URL names. */
  section: "dashboard",
  target: "dashboard",
  /** The slice of the selected moment, or null. */
  slice: null,
  /** First and last slice of the selected range, or null. */
  range: null,
  /** The finding whose rows are shown, or null; with `related`, all rows like them. */
  finding: null,
  related: false,
  query: "",
  /** The entity whose page is open: `process:3`, `host:192.0.2.1`, `remote:192.0.2.2`; or null. */
  entity: null,
  /** The grouping of findings, and the hidden severities. */
  group: "incident",
  hiddenSeverities: [],
  sort: { column: "first_seen_us", isDown: false },
  page: 0,
  isWide: false,
};

/** The fields that decide which rows match. */
const FILTERS = ["slice", "range", "finding", "related", "query"];

const listeners = [];

/** Calls `listener` with the names of the changed fields. */
function onChange(listener) {
  listeners.push(listener);
}

/** Changes the state, and notifies every part. */
function update(changes) {
  Object.assign(state, changes);
  const names = new Set(Object.keys(changes));
  for (const listener of listeners) listener(names);
}

/** Whether a change affects which rows match. */
function changesRows(names) {
  return FILTERS.some((name) => names.has(name));
}
