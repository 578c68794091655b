// The entities (processes, hosts and destinations), with a page for each.

const MOST_IN_LIST = 25;
const entityBox = byId("entity");

/** The kinds of entities: the key of a row, and its name. */
const ENTITY_KINDS = {
  process: { title: "Process", keyOf: (row) => (processOf[row] === null ? null : String(processOf[row])), nameOf: (row) => `${value("process_name", row) ?? "unknown"} (pid ${value("pid", row) ?? UNKNOWN})` },
  host: { title: "Host", keyOf: (row) => value("local_addr", row), nameOf: (row) => value("local_addr", row) },
  remote: { title: "Destination", keyOf: (row) => value("remote_addr", row), nameOf: (row) => [value("remote_addr", row), value("remote_name", row)].filter(Boolean).join(" · ") },
};

/** Each entity of some rows with its rows and the rank of its worst finding. */
function entitySums(kind, rows) {
  const { keyOf, nameOf } = ENTITY_KINDS[kind];
  const sums = new Map();
  for (const row of rows) {
    const key = keyOf(row);
    if (key === null) continue;
    let sum = sums.get(key);
    if (sum === undefined) {
      sum = { key, name: nameOf(row), rows: [], rank: SEVERITIES.length };
      sums.set(key, sum);
    }
    sum.rows.push(row);
    if (rankOfRow[row] < sum.rank) sum.rank = rankOfRow[row];
  }
  return [...sums.values()];
}

function entityLink(kind, sum) {
  return element("a", { href: "#entities", "data-entity": `${kind}:${sum.key}` }, sum.name);
}

function entityTable(title, kind, rows) {
  const all = entitySums(kind, rows).sort((a, b) => a.rank - b.rank || b.rows.length - a.rows.length || (a.name < b.name ? -1 : 1));
  if (all.length === 0) return null;
  const line = (sum) => {
    const worst = worstOf(sum.rows);
    const badge = worst === null ? UNKNOWN : element("span", { class: `badge ${worst}` }, worst);
    return element("tr", {}, element("th", { scope: "row" }, entityLink(kind, sum)), element("td", {}, badge), element("td", {}, count(sum.rows.length)), element("td", {}, bytes(sumOver("recorded_sent", sum.rows))), element("td", {}, bytes(sumOver("recorded_received", sum.rows))));
  };
  const head = ["", "worst finding", "connections", "sent", "received"].map((name, index) => element("th", { scope: "col" }, index === 0 ? title.toLowerCase().replace(/(ss)?e?s$/, "$1") : name));
  const caption = all.length > MOST_IN_LIST ? `${title}: ${MOST_IN_LIST} of ${count(all.length)}, worst first; narrow down with the filter` : title;
  return element("div", { class: "scroll" }, element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...all.slice(0, MOST_IN_LIST).map(line))));
}

function overviewOfEntities() {
  const hasProcesses = processOf.some((process) => process !== null);
  const parts = [element("h3", {}, hasProcesses ? "Connections: process → host → destination" : "Connections: host → destination"), element("p", { class: "hint" }, "Width: bytes. Color: worst finding. Select a name to filter or to open its page."), connectionGraph()];
  if (hasProcesses) parts.push(element("h3", {}, "Process tree"), ...processTree());
  const [processes, destinations, hosts] = [["Processes", "process"], ["Destinations", "remote"], ["Hosts", "host"]].map(([title, kind]) => entityTable(title, kind, leftRows));
  const columns = processes === null ? [hosts, destinations] : [processes, element("div", { class: "stack" }, ...[destinations, hosts].filter((table) => table !== null))];
  return [...parts, element("div", { class: "tables" }, ...columns.filter((table) => table !== null))];
}

/** Facts shared by all rows of an entity. */
function factsOf(kind, rows) {
  const common = (name) => {
    const values = new Set(rows.map((row) => cellText(name, row)));
    values.delete(UNKNOWN);
    return values.size === 1 ? [...values][0] : values.size === 0 ? null : `${count(values.size)} different`;
  };
  const names = {
    process: [["PID", "pid"], ["User", "username"], ["Parent", "parent_name"], ["Parent PID", "ppid"], ["Executable", "exe"], ["SHA-256", "exe_sha256"], ["Command line", "cmdline"], ["Container", "container"], ["Started", "process_start_us"]],
    host: [["Network namespace", "netns"]],
    remote: [["Name", "remote_name"], ["Scope", "remote_scope"], ["Country", "country"], ["City", "city"], ["Network owner", "as_organization"]],
  }[kind];
  const facts = names.map(([title, name]) => [title, common(name), COLUMN_FIELDS.get(name)]).filter(([, text]) => text !== null);
  facts.push(["First seen", secondUtc(Math.min(...rows.map((row) => value("first_seen_us", row) ?? Infinity)))], ["Last seen", secondUtc(Math.max(...rows.map((row) => value("last_seen_us", row) ?? -Infinity)))]);
  facts.push(["Connections", count(rows.length)], ["Sent", bytes(sumOver("recorded_sent", rows))], ["Received", bytes(sumOver("recorded_received", rows))]);
  const fact = ([title, text, field]) => element("div", {}, element("dt", {}, title), element("dd", {}, field === undefined ? text : valueButton(text, field, text)));
  return element("dl", { class: "facts" }, ...facts.map(fact));
}

function relativesOf(rows) {
  const row = rows[0];
  const [pid, ppid] = [value("pid", row), value("ppid", row)];
  const all = entitySums("process", Array.from({ length: rowCount }, (_, index) => index));
  const with_ = (holds) => all.filter((sum) => holds(sum.rows[0])).map((sum) => entityLink("process", sum));
  const list = (title, links) => (links.length === 0 ? [] : [element("p", {}, `${title}: `, ...links.flatMap((link) => [link, " "]))]);
  return [...list("Parent", ppid === null ? [] : with_((other) => value("pid", other) === ppid)), ...list("Children", pid === null ? [] : with_((other) => value("ppid", other) === pid && processOf[other] !== processOf[row]))];
}

/** The filter that selects an entity's rows. */
function entityFilter(kind, key, rows) {
  if (kind === "remote") return [filterWord("remote", key, false)];
  if (kind === "host") return [filterWord("local", key, false)];
  const name = value("process_name", rows[0]);
  const pid = value("pid", rows[0]);
  return [...(name === null ? [] : [filterWord("process", name, false)]), ...(pid === null ? [] : [filterWord("pid", String(pid), false)])];
}

function pageOfEntity(kind, key) {
  const { title, keyOf, nameOf } = ENTITY_KINDS[kind];
  const rows = [];
  for (let row = 0; row < rowCount; row += 1) if (keyOf(row) === key) rows.push(row);
  const back = element("p", {}, element("a", { href: "#entities", "data-entity": "" }, "All entities"));
  if (rows.length === 0) return [back, element("p", {}, "This page has no such entity.")];
  const isOne = new Set(rows);
  const about = data.findings.filter((finding) => finding.rows.some((row) => isOne.has(row)));
  const link = (finding) => element("li", {}, element("span", { class: `badge ${finding.severity}` }, finding.severity), " ", element("a", { href: `#${finding.id}` }, finding.title));
  const query = entityFilter(kind, key, rows).join(" ");
  const actions = element("p", { class: "links" }, button("Show its connections", () => { setFilter(query); go("raw-data"); }), button("Filter the page by it", () => setFilter(query)), button("Copy as filter", () => copy(query, "Filter")));
  const peers = kind === "process" ? [["Destinations", "remote"], ["Hosts", "host"]] : [["Processes", "process"], kind === "host" ? ["Destinations", "remote"] : ["Hosts", "host"]];
  const tables = peers.map(([name, other]) => entityTable(name, other, rows)).filter((table) => table !== null);
  return [
    back,
    element("h3", { tabindex: "-1", id: "entity-title" }, `${title}: ${nameOf(rows[0])}`),
    factsOf(kind, rows),
    actions,
    ...(kind === "process" ? relativesOf(rows) : []),
    element("h4", {}, plural(about.length, "finding")),
    element("ul", { class: "list" }, ...about.slice(0, 50).map(link)),
    element("h4", {}, "Peers"),
    element("div", { class: "tables" }, ...tables),
  ];
}

function drawEntities(names) {
  if (state.section !== "entities") return;
  const isTouched = ["section", "entity"].some((name) => names.has(name)) || changesRows(names);
  if (!isTouched) return;
  const [, kind, key] = /^(\w+):(.*)$/s.exec(state.entity ?? "") ?? [];
  entityBox.replaceChildren(...(kind === undefined ? overviewOfEntities() : pageOfEntity(kind, key)));
  if (names.has("entity") && kind !== undefined) byId("entity-title")?.focus({ preventScroll: true });
}

function followEntity(event) {
  const link = event.target.closest("[data-entity]");
  if (link === null) return;
  event.preventDefault();
  go("entities", { entity: link.dataset.entity === "" ? null : link.dataset.entity });
  scrollTo({ top: Math.min(scrollY, byId("tabs").offsetTop) });
}

function startEntities() {
  document.addEventListener("click", followEntity);
  onChange(drawEntities);
}
