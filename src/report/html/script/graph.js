// The flow graph: process → host → destination, as bands whose width is the number of bytes and whose
// color is the worst finding. The strongest nodes of each column are shown, the others combined, so that the
// picture has the same size whatever the number of nodes. The layout depends only on the rows.

const GRAPH_COLUMNS = [
  { title: "process", most: 14, name: "process_name", field: "process" },
  { title: "host", most: 12, name: "local_addr", field: "local" },
  { title: "destination", most: 18, name: "remote_addr", field: "remote" },
];
const GRAPH_WIDTHS = [760, 1500];
const NODE_HEIGHT = 22;
const NODE_WIDTH = 10;

/** Bytes, rows and the worst rank, by a number. */
function emptySums(length) {
  return { bytes: new Float64Array(length), rows: new Uint32Array(length), rank: new Uint8Array(length).fill(SEVERITIES.length) };
}

function addTo(sums, at, amount, rank) {
  sums.bytes[at] += amount;
  sums.rows[at] += 1;
  if (rank < sums.rank[at]) sums.rank[at] = rank;
}

/** Worst finding first, then the most bytes, then the most connections. */
const isStronger = (a, b) => a.rank - b.rank || b.bytes - a.bytes || b.rows - a.rows || (a.name < b.name ? -1 : 1);

/**
 * The nodes of a column, and the node index for each of its texts: the strongest have one of their own,
 * the others share the last but one, and unknown values have the last.
 */
function nodesOf(rows, amounts, column) {
  const { cells, words } = columns.get(column.name);
  const sums = emptySums(words.length);
  rows.forEach((row, index) => { if (cells[row] >= 0) addTo(sums, cells[row], amounts[index], rankOfRow[row]); });
  const used = [];
  words.forEach((name, word) => { if (sums.rows[word] > 0) used.push({ name, word, bytes: sums.bytes[word], rows: sums.rows[word], rank: sums.rank[word] }); });
  used.sort(isStronger);
  const kept = used.slice(0, column.most);
  const nodeOfWord = new Uint8Array(words.length).fill(kept.length);
  kept.forEach(({ word }, node) => { nodeOfWord[word] = node; });
  const names = [...kept.map(({ name }) => name), `${count(used.length - kept.length)} others`, "unknown"];
  return { column, names, kept: kept.length, nodeOf: (row) => (cells[row] < 0 ? kept.length + 1 : nodeOfWord[cells[row]]) };
}

/** The columns of nodes, and the bands between them. */
function graphOf(rows) {
  const [sent, received] = [columns.get("recorded_sent")?.cells, columns.get("recorded_received")?.cells];
  const amounts = rows.map((row) => (sent?.[row] ?? 0) + (received?.[row] ?? 0));
  const used = GRAPH_COLUMNS.filter(({ name }) => rows.some((row) => columns.get(name)?.cells[row] >= 0));
  const sides = used.map((column) => nodesOf(rows, amounts, column));
  const nodeSums = sides.map(({ names }) => emptySums(names.length));
  const bandSums = sides.slice(1).map(({ names }, index) => emptySums(names.length * sides[index].names.length));
  rows.forEach((row, index) => {
    let before = -1;
    sides.forEach((side, place) => {
      const node = side.nodeOf(row);
      addTo(nodeSums[place], node, amounts[index], rankOfRow[row]);
      if (place > 0) addTo(bandSums[place - 1], before * side.names.length + node, amounts[index], rankOfRow[row]);
      before = node;
    });
  });
  const sumAt = (sums, at) => ({ bytes: sums.bytes[at], rows: sums.rows[at], rank: sums.rank[at] });
  const nodes = sides.map(({ names, kept }, place) => names.map((name, node) => ({ name, isRest: node >= kept, ...sumAt(nodeSums[place], node) })));
  const bands = bandSums.flatMap((sums, place) => {
    const width = sides[place + 1].names.length;
    return Array.from(sums.rows, (number, at) => (number === 0 ? null : { from: nodes[place][Math.floor(at / width)], to: nodes[place + 1][at % width], ...sumAt(sums, at) })).filter((band) => band !== null);
  });
  return { used, nodes: nodes.map((side) => side.filter((node) => node.rows > 0)), bands };
}

/** Places nodes from top to bottom: the worst, then the strongest; unknown and combined ones last. */
function placeNodes({ used, nodes }, width) {
  const step = (width - 420) / Math.max(used.length - 1, 1);
  nodes.forEach((column, index) => {
    const order = [...column].sort((a, b) => a.isRest - b.isRest || isStronger(a, b));
    order.forEach((node, place) => { node.x = 200 + index * step; node.y = 34 + place * NODE_HEIGHT * 1.5; });
  });
  return Math.max(...nodes.map((column) => column.length)) * NODE_HEIGHT * 1.5 + 44;
}

const bandClass = (rank) => `band ${SEVERITIES[rank] ?? "no-finding"}`;
const graphText = (sum) => `${plural(sum.rows, "connection")}, ${bytes(sum.bytes)}${SEVERITIES[sum.rank] ? `, worst finding ${SEVERITIES[sum.rank]}` : ""}`;

/** From 1 to 18 pixels, by the square root of the bytes, or of the connections if nothing was counted. */
function bandWidth(band, largest) {
  return 1 + 17 * Math.sqrt((band.bytes || band.rows) / largest);
}

function drawBand(band, largest) {
  const { from, to } = band;
  const [x1, x2] = [from.x + NODE_WIDTH, to.x];
  const [y1, y2] = [from.y + NODE_HEIGHT / 2, to.y + NODE_HEIGHT / 2];
  const middle = (x1 + x2) / 2;
  const path = shape("path", { class: bandClass(band.rank), d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`, "stroke-width": bandWidth(band, largest).toFixed(1) });
  path.append(shape("title", {}, `${from.name} → ${to.name}: ${graphText(band)}`));
  return path;
}

function drawNode(node, column, isLast, isMiddle) {
  const label = node.name.length > 30 ? `${node.name.slice(0, 14)}…${node.name.slice(-15)}` : node.name;
  const isLeft = !isLast && !isMiddle;
  const text = shape("text", { x: isLeft ? node.x - 6 : node.x + NODE_WIDTH + 6, y: node.y + NODE_HEIGHT / 2 + 4, "text-anchor": isLeft ? "end" : "start" }, label);
  const group = shape("g", { class: bandClass(node.rank), "data-field": column.field, "data-value": node.name });
  group.append(shape("rect", { x: node.x, y: node.y, width: NODE_WIDTH, height: NODE_HEIGHT, rx: 2 }), text, shape("title", {}, `${node.name}: ${graphText(node)}`));
  if (node.isRest) {
    group.removeAttribute("data-field");
    group.removeAttribute("data-value");
  }
  return group;
}

/** The picture, and the same as sentences for screen readers. */
function connectionGraph() {
  const rows = leftRows.filter((row) => value("remote_addr", row) !== null);
  if (rows.length === 0) return element("p", {}, "No connection with a remote address is left.");
  const graph = graphOf(rows);
  const width = Math.min(Math.max(entityBox.clientWidth, GRAPH_WIDTHS[0]), GRAPH_WIDTHS[1]);
  const height = placeNodes(graph, width);
  const largest = Math.max(...graph.bands.map((band) => band.bytes || band.rows), 1);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "graph", role: "img", "aria-label": "Connections from processes over hosts to destinations; the strongest are listed in the table of pairs" });
  const order = [...graph.bands].sort((a, b) => b.rank - a.rank || b.bytes - a.bytes);
  svg.append(...order.map((band) => drawBand(band, largest)));
  graph.nodes.forEach((column, index) => {
    const isLast = index === graph.used.length - 1;
    svg.append(shape("text", { class: "column", x: column[0].x, y: 18, "text-anchor": index === 0 && !isLast ? "end" : "start" }, graph.used[index].title));
    svg.append(...column.map((node) => drawNode(node, graph.used[index], isLast, index > 0 && !isLast)));
  });
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Graph of connections" }, svg);
}
