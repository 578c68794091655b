// The URL fragment holds the view: a link shows the same, and the back button works.
//
//   #raw-data?q=process%3Anginx&t=12-40

function addressOf() {
  const parts = new URLSearchParams();
  if (state.query.trim() !== "") parts.set("q", state.query.trim());
  if (state.range !== null) parts.set("t", state.range.join("-"));
  else if (state.slice !== null) parts.set("t", String(state.slice));
  if (state.finding !== null) parts.set("f", state.finding);
  if (state.related) parts.set("like", "1");
  if (state.entity !== null && state.section === "entities") parts.set("e", state.entity);
  if (state.group !== "incident") parts.set("by", state.group);
  if (state.hiddenSeverities.length > 0) parts.set("hide", state.hiddenSeverities.join(","));
  const { column, isDown } = state.sort;
  if (column !== "first_seen_us" || isDown) parts.set("sort", `${isDown ? "-" : ""}${column}`);
  if (state.page > 0 && Number.isFinite(state.page)) parts.set("p", String(state.page));
  const text = parts.toString();
  return `#${encodeURIComponent(state.target)}${text === "" ? "" : `?${text}`}`;
}

/** Writes the state to the URL, as a step that the back button undoes. */
function remember() {
  clearTimeout(pending);
  if (location.hash !== addressOf()) history.pushState(null, "", addressOf());
}

let pending = null;

/** The same without a new step, after a pause in typing. */
function rememberSoon() {
  clearTimeout(pending);
  pending = setTimeout(() => history.replaceState(null, "", addressOf()), 300);
}

/** A whole number within bounds, or null: a URL may contain anything. */
function wholeWithin(text, least, most) {
  return /^\d{1,9}$/.test(text ?? "") && Number(text) >= least && Number(text) <= most ? Number(text) : null;
}

function timeFrom(text) {
  const [first, last] = (text ?? "").split("-").map((part) => wholeWithin(part, 0, sliceCount - 1));
  if (first === null || first === undefined) return { slice: null, range: null };
  if (last === undefined || last === null) return { slice: first, range: null };
  return { slice: null, range: [Math.min(first, last), Math.max(first, last)] };
}

function stateFrom(hash) {
  const [name, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const parts = new URLSearchParams(query);
  let target = "";
  try { target = decodeURIComponent(name); } catch { target = ""; }
  const sort = parts.get("sort") ?? "first_seen_us";
  const column = sort.replace(/^-/, "");
  return {
    target,
    query: (parts.get("q") ?? "").slice(0, 4000),
    ...timeFrom(parts.get("t")),
    finding: findings.has(parts.get("f")) ? parts.get("f") : null,
    related: parts.get("like") === "1",
    entity: /^(process|host|remote):/.test(parts.get("e") ?? "") ? parts.get("e") : null,
    group: parts.get("by") in GROUPS ? parts.get("by") : "incident",
    hiddenSeverities: (parts.get("hide") ?? "").split(",").filter((name) => SEVERITIES.includes(name)),
    sort: columns.has(column) ? { column, isDown: sort.startsWith("-") } : { column: "first_seen_us", isDown: false },
    page: wholeWithin(parts.get("p"), 0, rowCount) ?? 0,
  };
}

function followAddress() {
  const { target, ...rest } = stateFrom(location.hash);
  byId("query").value = rest.query;
  update(rest);
  show(byId(target)?.closest(".panel, main, #verdict, body") ? target : "");
}

/** Scrolls to an element, and keeps the rest of the state. */
function go(target, changes = {}) {
  if (Object.keys(changes).length > 0) update(changes);
  show(target);
  remember();
}

/** Links within the page keep the state. */
function followLink(event) {
  const link = event.target.closest("a[href^='#']");
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  event.preventDefault();
  go(decodeURIComponent(link.hash.slice(1)));
}

function startAddress() {
  document.addEventListener("click", followLink);
  window.addEventListener("popstate", followAddress);
  followAddress();
}
