// The filter's input field: its error at the caret, and its help.

/** A value as a word of the language, quoted if needed. */
function filterWord(field, value, isExcluded) {
  const isPlain = /^[\w./:@%+-]+$/.test(value) && value !== "none" && !value.startsWith("-");
  const word = isPlain ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
  return `${isExcluded ? "-" : ""}${field}:${word}`;
}

/** Adds a word to the filter, and removes its negation. */
function addToFilter(field, value, isExcluded) {
  const [word, opposite] = [filterWord(field, value, isExcluded), filterWord(field, value, !isExcluded)];
  const words = state.query.trim() === "" ? [] : state.query.trim().split(/ (?=(?:[^"]*"[^"]*")*[^"]*$)/);
  const kept = words.filter((known) => known !== word && known !== opposite);
  // What is joined by "or" must stay together.
  const before = kept.some((known) => /^or$/i.test(known)) ? [`(${kept.join(" ")})`] : kept;
  setFilter([...before, word].join(" "));
}

function setFilter(query) {
  byId("query").value = query;
  update({ query, page: 0 });
  remember();
}

/** The test of the filter; while another is being typed, the last valid one stays in effect. */
let filterTest = null;

function readFilter() {
  const box = byId("query-error");
  try {
    filterTest = parseFilter(state.query);
    box.hidden = true;
    byId("query").removeAttribute("aria-invalid");
    return true;
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    box.textContent = error.display(state.query);
    box.hidden = false;
    byId("query").setAttribute("aria-invalid", "true");
    return false;
  }
}

/** The command that lists the same rows. */
function filterCommand() {
  const shellWord = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const slices = lookedAt();
  const between = slices === null ? "" : ` --between ${dateOf(sliceStart(slices[0]))?.toISOString()} ${dateOf(sliceStart(slices[1] + 1))?.toISOString()}`;
  const query = state.query.trim() === "" ? "" : ` --filter ${shellWord(state.query.trim())}`;
  return `netrec dump ${data.capture.file}${between}${query}`;
}

function fieldHelp() {
  const rows = data.fields.map((field) => element("tr", {}, element("th", { scope: "row" }, field.names.join(", ")), element("td", {}, field.meaning)));
  const note = "Terms are joined by “and”; “or” and parentheses work too. “-” or “not” excludes. Values: a,b (either), 80-90 (range), 10k, 1.5M, 50ms, *, ?, none (unknown), ~ (contains), > and <.";
  return [element("p", { class: "hint" }, note), element("table", {}, element("tbody", {}, ...rows))];
}

function startFilter() {
  byId("filter").hidden = false;
  byId("query-fields").append(...fieldHelp());
  byId("query").addEventListener("input", (event) => {
    update({ query: event.target.value, page: 0 });
    rememberSoon();
  });
  byId("copy-filter").addEventListener("click", () => copy(filterCommand(), "Command"));
}
