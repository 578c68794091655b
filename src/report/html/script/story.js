// The timeline of an incident, as sentences in time order, to copy into a ticket.

const MOST_SENTENCES = 60;

/** `bash (pid 4211, www-data)`. */
function actorOf(row) {
  const name = value("process_name", row);
  const known = [value("pid", row) === null ? null : `pid ${value("pid", row)}`, value("username", row)].filter((text) => text !== null);
  if (name === null) return value("local_addr", row) ?? "an unknown process";
  return known.length === 0 ? name : `${name} (${known.join(", ")})`;
}

function actOf(row) {
  if (value("role", row) === "listener") return `listened on ${endpoint("local", row)}`;
  const name = value("remote_name", row);
  const remote = `${endpoint("remote", row)}${name === null ? "" : ` (${name})`}`;
  if (value("direction", row) === "inbound") return `accepted a connection from ${remote} on port ${value("local_port", row) ?? UNKNOWN}`;
  const states = value("states", row);
  const hasFailed = value("protocol", row) === "tcp" && states !== null && /SYN_SENT/.test(states) && !/ESTABLISHED/.test(states);
  return `${hasFailed ? "tried to connect" : "connected"} to ${remote}`;
}

/** Consecutive rows with the same text, or the same except for the port. */
function runsOf(rows) {
  const runs = [];
  for (const row of rows) {
    const key = [actorOf(row), value("role", row), value("direction", row), value("remote_addr", row)].join("|");
    const last = runs.at(-1);
    if (last?.key === key) last.rows.push(row);
    else runs.push({ key, rows: [row] });
  }
  return runs;
}

function sentenceOf({ rows }) {
  const [first, last] = [rows[0], rows.at(-1)];
  const at = secondUtc(value("first_seen_us", first) ?? 0);
  const sent = sumOver("recorded_sent", rows);
  const received = sumOver("recorded_received", rows);
  const amount = sent + received > 0 ? `, ${bytes(sent)} sent, ${bytes(received)} received` : "";
  if (rows.length === 1) return `${at} ${actorOf(first)} ${actOf(first)}${amount}`;
  const until = secondUtc(value("first_seen_us", last) ?? 0);
  const side = value("direction", first) === "inbound" ? "local_port" : "remote_port";
  const ports = new Set(rows.map((row) => value(side, row)));
  const what = ports.size === 1 ? actOf(first) : `${actOf(first).replace(/:\d+( \(|$)/, "$1").replace(/ on port .*$/, "")}, ${plural(ports.size, "port")}`;
  return `${at} ${actorOf(first)} ${what}, ${plural(rows.length, "connection")}${until === at ? "" : ` until ${until}`}${amount}`;
}

/** The rows of a finding. If it lists only its first connections, all rows that share their common values. */
function rowsOfFinding(finding) {
  if (finding.rows.length >= finding.total || finding.about.length === 0) return finding.rows;
  const tests = relatedTests(finding);
  const seen = columns.get("first_seen_us")?.cells ?? [];
  const rows = new Set(finding.rows);
  for (let row = 0; row < rowCount; row += 1) {
    if (seen[row] >= finding.first && seen[row] <= finding.last && tests.every((test) => test(row))) rows.add(row);
  }
  return [...rows];
}

/** The sentences of an incident, and the findings whose connections are not all included. */
function storyOf(incident) {
  const members = incident.findings.map((id) => findings.get(id)).filter((finding) => finding !== undefined);
  const known = members.map((finding) => [finding, rowsOfFinding(finding)]);
  const rows = [...new Set(known.flatMap(([, own]) => own))].sort((a, b) => a - b);
  const sentences = runsOf(rows).map(sentenceOf);
  const missing = known.filter(([finding, own]) => own.length < finding.total);
  const notes = missing.map(([finding, own]) => `“${finding.title}”: only the first ${count(own.length)} of ${plural(finding.total, "connection")} are listed.`);
  if (sentences.length <= MOST_SENTENCES) return [...sentences, ...notes];
  return [...sentences.slice(0, MOST_SENTENCES), `… and ${count(sentences.length - MOST_SENTENCES)} more steps`, ...notes];
}

function drawStory(box) {
  const incident = incidents.get(box.dataset.incident);
  const sentences = incident === undefined ? [] : storyOf(incident);
  if (sentences.length === 0) return;
  const list = element("ol", { class: "story" }, ...sentences.map((sentence) => element("li", {}, sentence)));
  const tool = button("Copy for a ticket", () => copy(`${incident.title}\n${sentences.map((sentence) => `- ${sentence}`).join("\n")}`, "Timeline"), { class: "small" });
  box.replaceChildren(fold(`Timeline (${plural(sentences.length, "step")}, UTC)`, false, list, tool));
}

/** The timelines in a section are drawn when it is first opened. */
function startStories() {
  const drawn = new Set();
  onChange(() => {
    if (drawn.has(state.section)) return;
    drawn.add(state.section);
    byId(state.section)?.querySelectorAll(".incident-timeline").forEach(drawStory);
  });
}
