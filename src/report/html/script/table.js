// The table of connections: sorted, filtered, one page of it at a time.

const PAGE_ROWS = 50;

/** The columns of the narrow table: heading, text of a row, column by which it is sorted. */
const NARROW = [
  ["first seen", (row) => cellText("first_seen_us", row), "first_seen_us"],
  ["duration", (row) => cellText("duration_s", row), "duration_s"],
  ["process", (row) => cellText("process_name", row), "process_name"],
  ["pid", (row) => cellText("pid", row), "pid"],
  ["protocol", (row) => cellText("protocol", row), "protocol"],
  ["direction", (row) => cellText("direction", row), "direction"],
  ["local", (row) => endpoint("local", row), "local_addr"],
  ["remote", (row) => endpoint("remote", row), "remote_addr"],
  ["name", (row) => cellText("remote_name", row), "remote_name"],
  ["country", (row) => cellText("country_code", row), "country_code"],
  ["state", (row) => cellText("state", row), "state"],
  ["sent", (row) => cellText("recorded_sent", row), "recorded_sent"],
  ["received", (row) => cellText("recorded_received", row), "recorded_received"],
  ["retransmits", (row) => cellText("retransmits", row), "retransmits"],
  ["RTT", (row) => cellText("rtt_us", row), "rtt_us"],
];

/** Every column that the capture has a value for, under its own name. */
function wideColumns() {
  return [...columns.keys()].map((name) => [name, (row) => cellText(name, row), name]);
}

function shownColumns() {
  if (state.isWide) return wideColumns();
  return NARROW.filter(([, , name]) => columns.has(name));
}

const tableBox = byId("connections");
let rows = [];

/** Orders of texts are computed once per column. */
const ranks = new Map();

function sortKeys(name) {
  const column = columns.get(name);
  if (column === undefined) return null;
  if (column.kind === "id") return column.cells.map((id) => (id === null ? -1 : Number(id)));
  if (column.kind !== "text") return column.cells;
  if (!ranks.has(name)) {
    const order = column.words.map((_, index) => index);
    order.sort((a, b) => (column.words[a] < column.words[b] ? -1 : 1));
    const rank = new Array(order.length);
    order.forEach((word, place) => { rank[word] = place; });
    ranks.set(name, rank);
  }
  const rank = ranks.get(name);
  return column.cells.map((cell) => (cell < 0 ? null : rank[cell]));
}

/** Sorts; what is unknown comes last either way, and equals stay in the order of time. */
function sortRows() {
  const keys = sortKeys(state.sort.column);
  if (keys === null) return;
  const sign = state.sort.isDown ? -1 : 1;
  rows.sort((a, b) => {
    const [x, y] = [keys[a], keys[b]];
    if (x === y) return a - b;
    if (x === null) return 1;
    if (y === null) return -1;
    return sign * (x < y ? -1 : 1);
  });
}

function heading([title, , name]) {
  const isSorted = state.sort.column === name;
  const cell = element("th", { scope: "col" });
  cell.setAttribute("aria-sort", isSorted ? (state.sort.isDown ? "descending" : "ascending") : "none");
  const button = element("button", { type: "button", "data-sort": name }, title);
  if (isSorted) button.append(element("span", { "aria-hidden": "true" }, state.sort.isDown ? " ▼" : " ▲"));
  cell.append(button);
  return cell;
}

function drawHead(shown) {
  const head = tableBox.querySelector("thead");
  const focused = document.activeElement?.getAttribute("data-sort");
  head.replaceChildren(element("tr", {}, ...shown.map(heading)));
  if (focused) [...head.querySelectorAll("button")].find((b) => b.getAttribute("data-sort") === focused)?.focus();
}

function isNumeric(name) {
  const kind = columns.get(name)?.kind;
  return kind === "number" && !name.endsWith("_port") && name !== "pid";
}

function bodyRow(shown, row) {
  const cells = shown.map(([, text, name]) => {
    const written = text(row);
    const cell = element("td", isNumeric(name) ? { class: "amount" } : {}, written);
    if (written === UNKNOWN) cell.className += " unknown";
    if (written.length > 40) cell.title = written;
    return cell;
  });
  return element("tr", {}, ...cells);
}

function drawPage() {
  const shown = shownColumns();
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  state.page = Math.min(state.page, pages - 1);
  const start = state.page * PAGE_ROWS;
  drawHead(shown);
  const page = rows.slice(start, start + PAGE_ROWS);
  tableBox.querySelector("tbody").replaceChildren(...page.map((row) => bodyRow(shown, row)));
  const range = rows.length === 0 ? "No row" : `${count(start + 1)} to ${count(start + page.length)} of ${count(rows.length)}`;
  const all = rows.length < rowCount ? ` (${count(rowCount)} in all)` : "";
  byId("shown").textContent = range + all;
  byId("first").disabled = byId("previous").disabled = state.page === 0;
  byId("next").disabled = byId("last").disabled = state.page >= pages - 1;
}

function chip(text, clear) {
  const button = element("button", { type: "button", class: "chip" }, text, " ", element("span", { "aria-hidden": "true" }, "✕"));
  button.setAttribute("aria-label", `Remove the filter: ${text}`);
  button.addEventListener("click", clear);
  return button;
}

function drawChips() {
  const chips = [];
  const finding = findings.get(state.finding);
  if (finding !== undefined) {
    const what = state.related ? "like" : "of";
    chips.push(chip(`connections ${what}: ${finding.title}`, () => update({ finding: null, page: 0 })));
  }
  if (state.range !== null) {
    const [first, last] = state.range;
    const text = `there between ${clock(sliceStart(first))} and ${clock(sliceStart(last + 1))}`;
    chips.push(chip(text, () => update({ range: null, page: 0 })));
  } else if (state.slice !== null) {
    chips.push(chip(`there at ${clock(sliceStart(state.slice))}`, () => update({ slice: null, page: 0 })));
  }
  byId("chips").replaceChildren(...chips);
  byId("chips").hidden = chips.length === 0;
}

const FILTERS = ["slice", "range", "finding", "related", "query"];
let isStale = true;

/** Draws what changed; while the table cannot be seen, nothing. */
function drawTable(names) {
  const isFiltered = FILTERS.some((name) => names.has(name));
  if (isFiltered || names.has("sort")) isStale = true;
  if (byId("raw-data").hidden) return;
  if (isStale) {
    rows = filteredRows();
    sortRows();
    drawChips();
    isStale = false;
  }
  drawPage();
}

function startTable() {
  for (const id of ["filter", "query-help", "pager"]) byId(id).hidden = false;
  tableBox.querySelector("caption").textContent = "Connections and listening sockets";
  byId("query").addEventListener("input", (event) => update({ query: event.target.value, page: 0 }));
  byId("wide").addEventListener("change", (event) => update({ isWide: event.target.checked }));
  byId("first").addEventListener("click", () => update({ page: 0 }));
  byId("previous").addEventListener("click", () => update({ page: Math.max(0, state.page - 1) }));
  byId("next").addEventListener("click", () => update({ page: state.page + 1 }));
  byId("last").addEventListener("click", () => update({ page: Infinity }));
  tableBox.addEventListener("click", (event) => {
    const name = event.target.closest("button[data-sort]")?.getAttribute("data-sort");
    if (name) update({ sort: nextSort(name), page: 0 });
  });
  onChange(drawTable);
}

/** A click on a heading sorts, a second one the other way; amounts begin with the largest. */
function nextSort(name) {
  if (state.sort.column === name) return { column: name, isDown: !state.sort.isDown };
  return { column: name, isDown: isNumeric(name) };
}
