// The rows that match the whole state: what every part of the page counts and shows.

let leftRows = Array.from({ length: rowCount }, (_, row) => row);
/** Whether a row matches, by its index. */
let isLeft = new Uint8Array(rowCount).fill(1);

/** Whether any restriction is active. */
function isFiltered() {
  return filterTest !== null || lookedAt() !== null || findings.has(state.finding);
}

/** The selected slices, first and last; null for the whole recording. */
function lookedAt() {
  return state.range ?? (state.slice === null ? null : [state.slice, state.slice]);
}

function findRows() {
  const tests = filterTest === null ? [] : [filterTest];
  const finding = findings.get(state.finding);
  if (finding !== undefined && state.related) tests.push(...relatedTests(finding));
  const slices = lookedAt();
  if (slices !== null) tests.push((row) => isThere(row, ...slices));
  const candidates = finding !== undefined && !state.related ? finding.rows : null;
  const length = candidates === null ? rowCount : candidates.length;
  leftRows = [];
  isLeft.fill(0);
  for (let index = 0; index < length; index += 1) {
    const row = candidates === null ? index : candidates[index];
    let holds = true;
    for (let test = 0; holds && test < tests.length; test += 1) holds = tests[test](row);
    if (!holds) continue;
    leftRows.push(row);
    isLeft[row] = 1;
  }
}

/** What a finding's connections have in common. */
function relatedTests(finding) {
  return finding.about
    .filter(([column]) => columns.has(column))
    .map(([name, wanted]) => {
      const column = columns.get(name);
      if (column.kind !== "text") return (row) => String(column.cells[row]) === wanted;
      const word = column.words.indexOf(wanted);
      return (row) => column.cells[row] === word;
    });
}

/** Whether a finding has a matching row; always true if its rows are not in the page. */
function isFindingLeft(finding) {
  return finding.rows.length === 0 || finding.rows.some((row) => isLeft[row] === 1);
}

function chip(text, clear) {
  const made = button(text, clear, { class: "chip", "aria-label": `Remove the filter: ${text}` });
  made.append(" ", element("span", { "aria-hidden": "true" }, "✕"));
  return made;
}

/** The active restrictions other than the filter, each of which can be removed. */
function drawChips() {
  const chips = [];
  const clear = (changes) => () => { update({ ...changes, page: 0 }); remember(); };
  const finding = findings.get(state.finding);
  if (finding !== undefined) {
    chips.push(chip(`connections ${state.related ? "like" : "of"}: ${finding.title}`, clear({ finding: null, related: false })));
  }
  const slices = lookedAt();
  if (state.range !== null) chips.push(chip(`between ${clock(sliceStart(slices[0]))} and ${clock(sliceStart(slices[1] + 1))}`, clear({ range: null })));
  else if (state.slice !== null) chips.push(chip(`at ${clock(sliceStart(state.slice))}`, clear({ slice: null })));
  byId("chips").replaceChildren(...chips);
  byId("chips").hidden = chips.length === 0;
}

function noteRows() {
  const isAll = !isFiltered();
  byId("query-note").textContent = isAll ? "" : `${plural(leftRows.length, "row")} of ${count(rowCount)}. Tiles, charts, findings and tables follow; the verdict is that of the whole recording.`;
  document.body.classList.toggle("is-filtered", !isAll);
}

const TILES = {
  findings: () => count(data.findings.filter(isFindingLeft).length),
  connections: (rows) => count(rows.length),
  processes: (rows) => count(distinct(rows, processOf)),
  hosts: (rows) => count(distinct(rows, columns.get("local_addr")?.cells)),
  remotes: (rows) => count(distinct(rows, columns.get("remote_addr")?.cells)),
  sent: (rows) => bytes(sumOver("recorded_sent", rows)),
  received: (rows) => bytes(sumOver("recorded_received", rows)),
};

/** The number of distinct known values in some rows. */
function distinct(rows, cells) {
  const found = new Set();
  for (const row of rows) found.add(cells?.[row] ?? -1);
  found.delete(-1);
  return found.size;
}

function sumOver(name, rows) {
  const cells = columns.get(name)?.cells;
  let sum = 0;
  if (cells !== undefined) for (const row of rows) sum += cells[row] ?? 0;
  return sum;
}

/** The tiles' text for the whole recording, which counts rows that are not in the page. */
const wholeTiles = new Map();

function drawTiles() {
  const rows = leftRows.filter((row) => isListener[row] === 0);
  for (const tile of document.querySelectorAll("[data-tile]")) {
    const key = tile.dataset.tile;
    if (!wholeTiles.has(key)) wholeTiles.set(key, tile.textContent);
    tile.textContent = isFiltered() ? TILES[key](rows) : wholeTiles.get(key);
    const name = tile.nextElementSibling;
    name.textContent = tile.textContent === "1" ? name.dataset.one : name.dataset.many;
  }
}

/** Must be the first listener: the others read the rows. */
function startRows() {
  onChange((names) => {
    if (!changesRows(names)) return;
    if (names.has("query")) readFilter();
    findRows();
    noteRows();
    drawChips();
    drawTiles();
  });
}
