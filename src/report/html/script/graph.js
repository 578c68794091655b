// Who talks to whom: process → host → destination, as bands whose width is the number of bytes and whose
// colour is the worst finding. The strongest of each column are there, the others as one, so that the
// picture has the same size whatever the number of nodes. The layout depends on the rows alone.

const GRAPH_COLUMNS = [
  { title: "process", most: 14, of: (row) => value("process_name", row), field: "process" },
  { title: "host", most: 12, of: (row) => value("local_addr", row), field: "local" },
  { title: "destination", most: 18, of: (row) => value("remote_addr", row), field: "remote" },
];
const GRAPH_WIDTH = 980;
const NODE_HEIGHT = 22;
const NODE_WIDTH = 10;

/** The names that a column keeps: findings first, then bytes, then connections. */
function strongest(rows, column) {
  const sums = new Map();
  for (const row of rows) {
    const name = column.of(row);
    if (name === null) continue;
    const sum = sums.get(name) ?? { name, rank: SEVERITIES.length, bytes: 0, rows: 0 };
    const severity = severityOfRow.get(row);
    if (severity !== undefined) sum.rank = Math.min(sum.rank, SEVERITIES.indexOf(severity));
    sum.bytes += (value("recorded_sent", row) ?? 0) + (value("recorded_received", row) ?? 0);
    sum.rows += 1;
    sums.set(name, sum);
  }
  const order = [...sums.values()].sort((a, b) => a.rank - b.rank || b.bytes - a.bytes || b.rows - a.rows || (a.name < b.name ? -1 : 1));
  return { kept: new Set(order.slice(0, column.most).map((sum) => sum.name)), total: order.length };
}

/** Columns of nodes, and bands between them. */
function graphOf(rows) {
  const used = GRAPH_COLUMNS.filter((column) => rows.some((row) => column.of(row) !== null));
  const kept = used.map((column) => strongest(rows, column));
  const nodes = used.map(() => new Map());
  const bands = new Map();
  for (const row of rows) {
    const path = used.map((column, index) => {
      const name = column.of(row);
      if (name === null) return "unknown";
      return kept[index].kept.has(name) ? name : `${count(kept[index].total - kept[index].kept.size)} others`;
    });
    const amount = (value("recorded_sent", row) ?? 0) + (value("recorded_received", row) ?? 0);
    const rank = severityOfRow.has(row) ? SEVERITIES.indexOf(severityOfRow.get(row)) : SEVERITIES.length;
    path.forEach((name, index) => addTo(nodes[index], name, amount, rank, { name }));
    for (let index = 1; index < path.length; index += 1) addTo(bands, `${index}|${path[index - 1]}|${path[index]}`, amount, rank, { index, from: path[index - 1], to: path[index] });
  }
  return { used, nodes, bands: [...bands.values()] };
}

function addTo(map, key, amount, rank, about) {
  const sum = map.get(key) ?? { ...about, bytes: 0, rows: 0, rank: SEVERITIES.length };
  sum.bytes += amount;
  sum.rows += 1;
  sum.rank = Math.min(sum.rank, rank);
  map.set(key, sum);
}

/** Places nodes from top to bottom: the worst, then the strongest; what is unknown or summed up last. */
function placeNodes({ used, nodes }) {
  const isRest = (node) => node.name === "unknown" || / others$/.test(node.name);
  const step = (GRAPH_WIDTH - 420) / Math.max(used.length - 1, 1);
  nodes.forEach((column, index) => {
    const order = [...column.values()].sort((a, b) => isRest(a) - isRest(b) || a.rank - b.rank || b.bytes - a.bytes || b.rows - a.rows || (a.name < b.name ? -1 : 1));
    order.forEach((node, place) => { node.x = 200 + index * step; node.y = 34 + place * NODE_HEIGHT * 1.5; });
  });
  return Math.max(...nodes.map((column) => column.size)) * NODE_HEIGHT * 1.5 + 44;
}

const bandClass = (rank) => `band ${SEVERITIES[rank] ?? "no-finding"}`;
const graphText = (sum) => `${plural(sum.rows, "connection")}, ${bytes(sum.bytes)}${SEVERITIES[sum.rank] ? `, worst finding ${SEVERITIES[sum.rank]}` : ""}`;

/** From 1 to 18 pixels, by the square root of the bytes; connections where nothing was counted. */
function bandWidth(band, largest) {
  return 1 + 17 * Math.sqrt((band.bytes || band.rows) / largest);
}

function drawBand(band, nodes, largest) {
  const [from, to] = [nodes[band.index - 1].get(band.from), nodes[band.index].get(band.to)];
  const [x1, x2] = [from.x + NODE_WIDTH, to.x];
  const [y1, y2] = [from.y + NODE_HEIGHT / 2, to.y + NODE_HEIGHT / 2];
  const middle = (x1 + x2) / 2;
  const path = shape("path", { class: bandClass(band.rank), d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`, "stroke-width": bandWidth(band, largest).toFixed(1) });
  path.append(shape("title", {}, `${band.from} → ${band.to}: ${graphText(band)}`));
  return path;
}

function drawNode(node, column, isLast, isMiddle) {
  const label = node.name.length > 30 ? `${node.name.slice(0, 14)}…${node.name.slice(-15)}` : node.name;
  const isLeft = !isLast && !isMiddle;
  const text = shape("text", { x: isLeft ? node.x - 6 : node.x + NODE_WIDTH + 6, y: node.y + NODE_HEIGHT / 2 + 4, "text-anchor": isLeft ? "end" : "start" }, label);
  const group = shape("g", { class: bandClass(node.rank), "data-field": column.field, "data-value": node.name });
  group.append(shape("rect", { x: node.x, y: node.y, width: NODE_WIDTH, height: NODE_HEIGHT, rx: 2 }), text, shape("title", {}, `${node.name}: ${graphText(node)}`));
  if (node.name === "unknown" || / others$/.test(node.name)) {
    group.removeAttribute("data-field");
    group.removeAttribute("data-value");
  }
  return group;
}

/** The picture, and the same as sentences for those who do not see it. */
function connectionGraph() {
  const rows = leftRows.filter((row) => value("remote_addr", row) !== null);
  if (rows.length === 0) return element("p", {}, "No connection with a remote address is left.");
  const graph = graphOf(rows);
  const height = placeNodes(graph);
  const largest = Math.max(...graph.bands.map((band) => band.bytes || band.rows), 1);
  const svg = shape("svg", { viewBox: `0 0 ${GRAPH_WIDTH} ${height}`, width: GRAPH_WIDTH, height, class: "graph", role: "img", "aria-label": "Connections from processes over hosts to destinations; the strongest are listed in the table of pairs" });
  const order = [...graph.bands].sort((a, b) => b.rank - a.rank || b.bytes - a.bytes);
  svg.append(...order.map((band) => drawBand(band, graph.nodes, largest)));
  graph.nodes.forEach((column, index) => {
    const isLast = index === graph.used.length - 1;
    svg.append(shape("text", { class: "column", x: column.values().next().value.x, y: 18, "text-anchor": index === 0 && !isLast ? "end" : "start" }, graph.used[index].title));
    svg.append(...[...column.values()].map((node) => drawNode(node, graph.used[index], isLast, index > 0 && !isLast)));
  });
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Graph of connections" }, svg);
}
