// The filter: words over every column, `column:value` over one.

const ALIASES = new Map([
  ["process", ["process_name"]],
  ["user", ["username"]],
  ["addr", ["local_addr", "remote_addr"]],
  ["port", ["local_port", "remote_port"]],
  ["local", ["local_addr"]],
  ["remote", ["remote_addr", "remote_name"]],
  ["name", ["remote_name"]],
  ["country", ["country_code"]],
  ["sent", ["recorded_sent"]],
  ["received", ["recorded_received"]],
  ["duration", ["duration_s"]],
  ["id", ["conn_id"]],
]);

/** Columns of numbers in which a plain word of digits is looked for. */
const NUMBERS_SEARCHED = ["local_port", "remote_port", "pid"];

/** The tests of a query, every one of which a row must pass. */
function parseQuery(query) {
  const tokens = query.match(/-?(?:[^\s"]*"[^"]*"?|[^\s"]+)/g) ?? [];
  return tokens.map((token) => {
    const isNot = token.length > 1 && token.startsWith("-");
    const test = parseToken((isNot ? token.slice(1) : token).replaceAll('"', ""));
    return isNot ? (row) => !test(row) : test;
  });
}

function parseToken(token) {
  const colon = token.indexOf(":");
  const named = colon > 0 ? columnsNamed(token.slice(0, colon).toLowerCase()) : [];
  if (named.length > 0) {
    const tests = named.map((column) => columnTest(column, token.slice(colon + 1)));
    return (row) => tests.some((test) => test(row));
  }
  return anyTest(token);
}

function columnsNamed(name) {
  const names = ALIASES.get(name) ?? [name];
  return names.map((known) => columns.get(known)).filter((column) => column !== undefined);
}

/** A test of one column: part of a text, exactly a number, or above or below one. */
function columnTest(column, wanted) {
  if (column.kind === "text") return wordTest(column, wanted);
  if (column.kind === "id") return (row) => column.cells[row] === wanted;
  if (column.kind === "flag") {
    const flag = ["1", "true", "yes"].includes(wanted.toLowerCase()) ? 1 : 0;
    return (row) => column.cells[row] === flag;
  }
  if (column.kind === "moment") return (row) => moment(column.cells[row]).includes(wanted);
  const sign = wanted.charAt(0);
  const number = Number(wanted.replace(/^[<>]/, ""));
  const isKnown = (row) => column.cells[row] !== null;
  if (wanted === "") return isKnown;
  if (sign === ">") return (row) => isKnown(row) && column.cells[row] > number;
  if (sign === "<") return (row) => isKnown(row) && column.cells[row] < number;
  return (row) => column.cells[row] === number;
}

/** Every word is tested once, whatever the number of rows that have it. */
function wordTest(column, wanted) {
  const lower = wanted.toLowerCase();
  const hits = column.words.map((word) => word.toLowerCase().includes(lower));
  return (row) => column.cells[row] >= 0 && hits[column.cells[row]];
}

function anyTest(wanted) {
  const tests = [];
  for (const column of columns.values()) {
    if (column.kind === "text") tests.push(wordTest(column, wanted));
    if (column.kind === "id") tests.push((row) => column.cells[row] === wanted);
  }
  if (/^\d+$/.test(wanted)) {
    for (const column of NUMBERS_SEARCHED.map((name) => columns.get(name)).filter(Boolean)) {
      tests.push((row) => column.cells[row] === Number(wanted));
    }
  }
  const isEndpoint = /^\[?[0-9a-f.:]+\]?:\d+$/i.test(wanted);
  if (isEndpoint) tests.push((row) => endpoint("local", row) === wanted || endpoint("remote", row) === wanted);
  return (row) => tests.some((test) => test(row));
}

/** The rows that the whole state lets through, in the order of the table. */
function filteredRows() {
  const tests = parseQuery(state.query);
  const finding = findings.get(state.finding);
  if (finding !== undefined && state.related) tests.push(...relatedTests(finding));
  const [first, last] = state.range ?? (state.slice === null ? [null, null] : [state.slice, state.slice]);
  if (first !== null) tests.push((row) => isThere(row, first, last));
  const rows = [];
  const candidates = finding !== undefined && !state.related ? finding.rows : null;
  const length = candidates === null ? rowCount : candidates.length;
  for (let index = 0; index < length; index += 1) {
    const row = candidates === null ? index : candidates[index];
    if (tests.every((test) => test(row))) rows.push(row);
  }
  return rows;
}

/** What a finding's connections have in common. */
function relatedTests(finding) {
  return finding.about
    .filter(([column]) => columns.has(column))
    .map(([column, wanted]) => (row) => String(value(column, row)) === wanted);
}
