// The table of connections: sorted, filtered, one page at a time.

const PAGE_ROWS = 50;

/** The filter field for a column, if there is one. */
const COLUMN_FIELDS = new Map(Object.entries(FIELD_COLUMNS).map(([field, column]) => [column, field]));
for (const [column, field] of [["remote_addr", "remote"], ["local_addr", "local"], ["remote_port", "remote_port"], ["local_port", "local_port"], ["bytes_sent", "sent"], ["bytes_received", "received"]]) COLUMN_FIELDS.set(column, field);

const plainColumn = (title, name) => [title, (row) => cellText(name, row), name, (row) => value(name, row)];
const endColumn = (side) => [side, (row) => endpoint(side, row), `${side}_addr`, (row) => (value(`${side}_addr`, row) === null ? null : endpoint(side, row))];

/** The columns of the narrow table: heading, text of a row, column to sort by, raw value. */
const NARROW = [
  plainColumn("first seen", "first_seen_us"),
  plainColumn("duration", "duration_s"),
  plainColumn("process", "process_name"),
  plainColumn("pid", "pid"),
  plainColumn("protocol", "protocol"),
  plainColumn("direction", "direction"),
  endColumn("local"),
  endColumn("remote"),
  plainColumn("name", "remote_name"),
  plainColumn("country", "country"),
  plainColumn("state", "state"),
  plainColumn("sent", "recorded_sent"),
  plainColumn("received", "recorded_received"),
  plainColumn("retransmits", "retransmits"),
  plainColumn("RTT", "rtt_us"),
];

/** Every column that has a value in the capture, under its own name. */
function wideColumns() {
  return [...columns.keys()].map((name) => plainColumn(name, name));
}

function shownColumns() {
  if (state.isWide) return wideColumns();
  return NARROW.filter(([, , name]) => columns.has(name));
}

const tableBox = byId("connections");
let rows = [];

/** Sort orders of texts are computed once per column. */
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

/** Sorts; unknown values always come last, and equal ones stay in time order. */
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
  const cells = shown.map(([, text, name, raw]) => {
    const written = text(row);
    const cell = element("td", isNumeric(name) ? { class: "amount" } : {});
    const known = raw(row);
    if (known === null) cell.className += " unknown";
    const copied = name.endsWith("_us") && columns.get(name)?.kind === "moment" ? written : known;
    cell.append(known === null ? written : valueButton(written, COLUMN_FIELDS.get(name), copied, { tabindex: "-1" }));
    if (written.length > 40) cell.title = written;
    return cell;
  });
  return element("tr", { "data-row": String(row) }, ...cells);
}

function drawPage() {
  const shown = shownColumns();
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  state.page = Math.min(state.page, pages - 1);
  const start = state.page * PAGE_ROWS;
  drawHead(shown);
  const page = rows.slice(start, start + PAGE_ROWS);
  tableBox.querySelector("tbody").replaceChildren(...page.map((row) => bodyRow(shown, row)));
  tableBox.querySelector("tbody button")?.setAttribute("tabindex", "0");
  const range = rows.length === 0 ? "No row" : `${count(start + 1)} to ${count(start + page.length)} of ${count(rows.length)}`;
  const all = rows.length < rowCount ? ` (${count(rowCount)} in all)` : "";
  byId("shown").textContent = range + all;
  byId("first").disabled = byId("previous").disabled = state.page === 0;
  byId("next").disabled = byId("last").disabled = state.page >= pages - 1;
}

let isStale = true;

/** Redraws what changed; nothing while the table is not visible. */
function drawTable(names) {
  if (changesRows(names) || names.has("sort")) isStale = true;
  if (state.section !== "raw-data" || !["section", "sort", "page", "isWide", ...FILTERS].some((name) => names.has(name))) return;
  if (isStale) {
    rows = [...leftRows];
    sortRows();
    isStale = false;
  }
  drawPage();
}

function turn(changes) {
  update(changes);
  remember();
}

/** The table has a single Tab stop; the arrow keys move between cells. */
function moveInTable(event) {
  const cell = event.target.closest("td");
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (cell === null || step === undefined) return;
  const body = tableBox.querySelector("tbody");
  const next = body.rows[cell.parentElement.rowIndex - 1 + step[0]]?.cells[cell.cellIndex + step[1]]?.querySelector("button");
  if (!next) return;
  event.preventDefault();
  cell.querySelector("button").tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function startTable() {
  for (const id of ["pager", "wide-box"]) byId(id).hidden = false;
  tableBox.querySelector("caption").textContent = "Connections and listening sockets";
  byId("wide").addEventListener("change", (event) => update({ isWide: event.target.checked }));
  byId("first").addEventListener("click", () => turn({ page: 0 }));
  byId("previous").addEventListener("click", () => turn({ page: Math.max(0, state.page - 1) }));
  byId("next").addEventListener("click", () => turn({ page: state.page + 1 }));
  byId("last").addEventListener("click", () => turn({ page: Infinity }));
  tableBox.addEventListener("click", (event) => {
    const name = event.target.closest("button[data-sort]")?.getAttribute("data-sort");
    if (name) turn({ sort: nextSort(name), page: 0 });
  });
  tableBox.querySelector("tbody").addEventListener("keydown", moveInTable);
  onChange(drawTable);
}

/** A click on a heading sorts, a second one reverses; amounts start with the largest. */
function nextSort(name) {
  if (state.sort.column === name) return { column: name, isDown: !state.sort.isDown };
  return { column: name, isDown: isNumeric(name) };
}
