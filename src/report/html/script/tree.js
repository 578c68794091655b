// The processes of the matching rows, each below its parent.

const MOST_PROCESSES_IN_TREE = 300;

/** The facts of a process, from any of its rows. */
function processesLeft() {
  const known = new Map();
  for (const row of leftRows) {
    const process = processOf[row];
    if (process === null) continue;
    let entry = known.get(process);
    if (entry === undefined) {
      entry = { process, row, pid: value("pid", row), ppid: value("ppid", row), name: value("process_name", row) ?? "unknown", parent: value("parent_name", row), rows: [] };
      known.set(process, entry);
    }
    entry.rows.push(row);
  }
  return known;
}

/** The worst severity of each row's findings, by index in `SEVERITIES`; past its end for a row without one. */
const rankOfRow = new Uint8Array(rowCount).fill(SEVERITIES.length);
for (const finding of data.findings) {
  const rank = SEVERITIES.indexOf(finding.severity);
  for (const row of finding.rows) rankOfRow[row] = Math.min(rankOfRow[row], rank);
}

function worstOf(rows) {
  let worst = SEVERITIES.length;
  for (const row of rows) worst = Math.min(worst, rankOfRow[row]);
  return SEVERITIES[worst] ?? null;
}

/** Processes with the same pid, name and parent whose start differs by microseconds are the same. */
function mergedProcesses() {
  const merged = new Map();
  for (const entry of processesLeft().values()) {
    const start = value("process_start_us", entry.row);
    const key = [entry.pid, entry.name, entry.ppid, start === null ? "" : Math.round(start / 20000)].join("|");
    const same = merged.get(key);
    if (same === undefined) merged.set(key, entry);
    else same.rows.push(...entry.rows);
  }
  return [...merged.values()];
}

/** Nodes with their children, by pid; a parent without connections is included by name. */
function treeOf(entries) {
  const byPid = new Map();
  for (const entry of entries) if (entry.pid !== null && !byPid.has(entry.pid)) byPid.set(entry.pid, { ...entry, children: [] });
  const nodes = entries.map((entry) => (byPid.get(entry.pid)?.process === entry.process ? byPid.get(entry.pid) : { ...entry, children: [] }));
  const roots = [];
  for (const node of nodes) {
    if (node.ppid === null) {
      roots.push(node);
      continue;
    }
    if (!byPid.has(node.ppid)) {
      const parent = { process: null, pid: node.ppid, ppid: null, name: node.parent ?? "unknown", rows: [], children: [] };
      byPid.set(node.ppid, parent);
      roots.push(parent);
    }
    const parent = byPid.get(node.ppid);
    // Pids are reused: no process is its own ancestor.
    if (isBelow(node, parent)) roots.push(node);
    else parent.children.push(node);
  }
  return roots;
}

function isBelow(node, other) {
  return node === other || node.children.some((child) => isBelow(child, other));
}

function treeItem(node) {
  const worst = worstOf(node.rows);
  const name = node.process === null ? element("span", {}, node.name) : element("a", { href: "#entities", "data-entity": `process:${node.process}` }, node.name);
  const user = node.process === null ? null : value("username", node.row);
  const about = [`pid ${node.pid ?? UNKNOWN}`, user, node.rows.length > 0 ? plural(node.rows.length, "connection") : "no connection"].filter((text) => text !== null);
  const badge = worst === null ? [] : [element("span", { class: `badge ${worst}` }, worst), " "];
  const children = node.children.length === 0 ? [] : [treeList(node.children)];
  return element("li", {}, ...badge, name, " ", element("span", { class: "meta" }, about.join(", ")), ...children);
}

const MOST_ALIKE = 4;

/** Siblings by pid; many of the same name without children and of the same severity are combined into one line. */
function treeList(nodes) {
  const alike = new Map();
  for (const node of [...nodes].sort((a, b) => (a.pid ?? 0) - (b.pid ?? 0))) {
    const key = node.children.length > 0 ? `${node.pid}` : `${node.name}|${worstOf(node.rows)}`;
    if (!alike.has(key)) alike.set(key, []);
    alike.get(key).push(node);
  }
  const items = [...alike.values()].flatMap((group) => {
    if (group.length <= MOST_ALIKE) return group.map(treeItem);
    const total = group.reduce((sum, node) => sum + node.rows.length, 0);
    const worst = worstOf(group.flatMap((node) => node.rows));
    const badge = worst === null ? [] : [element("span", { class: `badge ${worst}` }, worst), " "];
    const title = element("summary", {}, ...badge, `${group[0].name} `, element("span", { class: "meta" }, `${plural(group.length, "process")}, pids ${group[0].pid} to ${group.at(-1).pid}, ${plural(total, "connection")}`));
    return [element("li", {}, element("details", {}, title, element("ul", {}, ...group.map(treeItem))))];
  });
  return element("ul", {}, ...items);
}

/** Those with findings first, if there are too many. */
function processTree() {
  const all = mergedProcesses();
  const rank = (entry) => SEVERITIES.indexOf(worstOf(entry.rows) ?? "info") * 1e7 - Math.min(entry.rows.length, 1e6);
  const kept = all.length <= MOST_PROCESSES_IN_TREE ? all : [...all].sort((a, b) => rank(a) - rank(b)).slice(0, MOST_PROCESSES_IN_TREE);
  const note = all.length > kept.length ? [element("p", { class: "hint" }, `The ${count(kept.length)} of ${plural(all.length, "process")} with the worst findings and most connections.`)] : [];
  const tree = treeList(treeOf(kept));
  tree.className = "tree";
  return [...note, tree];
}
