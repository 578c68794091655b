// The findings: grouped, filtered by severity and by the filter, a hundred per group at a time.

const SEVERITIES = ["critical", "high", "medium", "low", "info"];
const MOST_IN_GROUP = 100;
const findingList = byId("finding-list");

/** The cards in the page's HTML, by finding. */
const cards = new Map([...findingList.querySelectorAll("article.finding")].map((card) => [card.id, card]));
const incidentOf = new Map();
for (const incident of data.incidents) for (const id of incident.findings) if (!incidentOf.has(id)) incidentOf.set(id, incident);

const aboutOf = (finding, column) => finding.about.find(([name]) => name === column)?.[1] ?? null;

/** The groupings of findings: a title for each group. */
const GROUPS = {
  incident: (finding) => incidentOf.get(finding.id)?.title ?? "Not part of an incident",
  entity: (finding) => aboutOf(finding, "process_name") ?? aboutOf(finding, "local_addr") ?? aboutOf(finding, "remote_addr") ?? "Whole recording",
  destination: (finding) => aboutOf(finding, "remote_addr") ?? "Several destinations",
  detector: (finding) => finding.detector,
  none: () => "All findings",
};

/** The card of a finding; a short one for a finding without a card in the HTML. */
function cardOf(finding) {
  if (!cards.has(finding.id)) {
    const rowsLink = element("a", { class: "action", href: "#raw-data", "data-rows": finding.id }, `Show ${plural(finding.total, "connection")}`);
    const title = element("h4", {}, element("span", { class: `badge ${finding.severity}` }, finding.severity), ` ${finding.title}`);
    const meta = `${finding.detector} · confidence ${percent(finding.confidence)} · ${secondUtc(finding.first)} to ${secondUtc(finding.last)}`;
    const note = element("p", { class: "meta" }, "The explanation and the measured values are in report.json.");
    cards.set(finding.id, element("article", { class: `card finding ${finding.severity}`, id: finding.id, tabindex: "-1" }, title, element("p", { class: "meta" }, meta), note, element("p", { class: "links" }, rowsLink)));
  }
  const card = cards.get(finding.id);
  addTriage(card, finding);
  return card;
}

function drawGroup(title, members, isOpen) {
  const box = element("div", {});
  const more = (from) => {
    const until = Math.min(from + MOST_IN_GROUP, members.length);
    box.append(...members.slice(from, until).map(cardOf));
    if (until < members.length) {
      const next = button(`Show ${count(Math.min(MOST_IN_GROUP, members.length - until))} more of ${count(members.length)}`, () => { next.remove(); more(until); });
      box.append(next);
    }
  };
  const worst = SEVERITIES.find((name) => members.some((finding) => finding.severity === name));
  const summary = element("summary", {}, element("span", { class: `badge ${worst}` }, worst), ` ${title} `, element("span", { class: "meta" }, plural(members.length, "finding")));
  const group = element("details", { class: "group" }, summary, box);
  const fill = () => { if (group.open && box.childElementCount === 0) more(0); };
  group.addEventListener("toggle", fill);
  group.open = isOpen;
  fill();
  return group;
}

function drawFindings(names) {
  const isTouched = changesRows(names) || names.has("group") || names.has("hiddenSeverities") || names.has("triage");
  if (isTouched) areFindingsStale = true;
  if (!areFindingsStale || state.section !== "security") return;
  areFindingsStale = false;
  const left = data.findings.filter(isFindingLeft);
  const shown = left.filter((finding) => !state.hiddenSeverities.includes(finding.severity) && !(isDismissed(finding.id) && hidesDismissed()));
  const groups = new Map();
  for (const finding of shown) {
    const title = GROUPS[state.group](finding);
    if (!groups.has(title)) groups.set(title, []);
    groups.get(title).push(finding);
  }
  drawFindingTools(left, shown);
  const isSmall = shown.length <= MOST_IN_GROUP;
  findingList.replaceChildren(...[...groups].map(([title, members], index) => drawGroup(title, members, isSmall || index === 0)));
}

/** Hides incidents without a matching row. */
function drawIncidents(names) {
  if (!changesRows(names)) return;
  for (const card of document.querySelectorAll("article.incident")) card.classList.toggle("filtered-out", !isIncidentLeft(card.id));
}

let areFindingsStale = true;

function isIncidentLeft(id) {
  const members = incidents.get(id)?.findings.map((finding) => findings.get(finding)).filter(Boolean) ?? [];
  return members.length === 0 || members.some(isFindingLeft);
}

function severityChip(name, number) {
  const isShown = !state.hiddenSeverities.includes(name);
  const toggle = () => {
    update({ hiddenSeverities: isShown ? [...state.hiddenSeverities, name] : state.hiddenSeverities.filter((other) => other !== name) });
    remember();
    byId(`severity-${name}`)?.focus();
  };
  return button(`${count(number)} ${name}`, toggle, { class: `badge ${name}`, id: `severity-${name}`, "aria-pressed": String(isShown) });
}

function drawFindingTools(left, shown) {
  const chips = SEVERITIES.map((name) => [name, left.filter((finding) => finding.severity === name).length]).filter(([, number]) => number > 0);
  const select = element("select", { id: "group" }, ...Object.keys(GROUPS).map((name) => element("option", { value: name, ...(name === state.group ? { selected: "" } : {}) }, name)));
  select.addEventListener("change", () => { update({ group: select.value }); remember(); byId("group").focus(); });
  const hidden = data.capture.findings - data.findings.length;
  const rest = hidden > 0 ? `; ${count(hidden)} more of lower rank are in report.json` : "";
  const note = element("p", { class: "hint", role: "status" }, `${count(shown.length)} of ${plural(data.capture.findings, "finding")} shown${rest}.`);
  byId("finding-tools").replaceChildren(element("label", { for: "group" }, "Group by "), select, " ", ...chips.map(([name, number]) => severityChip(name, number)), triageTools(), note);
}

/** Links from findings to their rows: show the rows, and the time range on the timeline. */
function followFinding(event) {
  const link = event.target.closest("a[data-rows], a[data-related]");
  if (link === null) return;
  event.preventDefault();
  const isRelated = link.hasAttribute("data-related");
  const finding = findings.get(link.getAttribute(isRelated ? "data-related" : "data-rows"));
  if (finding === undefined) return;
  const range = sliceCount > 0 ? [sliceOf(finding.first), sliceOf(finding.last)] : null;
  byId("query").value = "";
  go("raw-data", { finding: finding.id, related: isRelated, range, slice: null, query: "", page: 0 });
}

function startFindings() {
  byId("finding-tools").hidden = false;
  document.querySelector(".severities")?.remove();
  document.addEventListener("click", followFinding);
  onChange(drawFindings);
  onChange(drawIncidents);
}
