// What is looked at. Every part of the page reads it, and is told when it changes.

const state = {
  /** The slice of the moment, or null. */
  slice: null,
  /** First and last slice of a range, or null. */
  range: null,
  /** The finding whose rows are shown, or null; with `related`, everything like them. */
  finding: null,
  related: false,
  query: "",
  sort: { column: "first_seen_us", isDown: false },
  page: 0,
  isWide: false,
};

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
