// Triage: findings are marked, noted and dismissed in the page, and exported. The browser stores it under
// the hash of the capture; the report itself does not change.

const TRIAGE_KEY = `netrec-triage-${data.capture.sha256}`;
const triage = readTriage();
let areDismissedHidden = false;

function readTriage() {
  // A browser may refuse storage to a page from disk, and stored data may be anything.
  try {
    const read = JSON.parse(localStorage.getItem(TRIAGE_KEY) ?? "{}");
    return new Map(Object.entries(read).filter(([id, entry]) => findings.has(id) && typeof entry === "object" && entry !== null));
  } catch {
    return new Map();
  }
}

function setTriage(id, changes) {
  triage.set(id, { marked: false, dismissed: false, note: "", ...triage.get(id), ...changes });
  try { localStorage.setItem(TRIAGE_KEY, JSON.stringify(Object.fromEntries(triage))); } catch { announce("This browser does not store the triage: export it before you close the page."); }
}

const isDismissed = (id) => triage.get(id)?.dismissed === true;
const hidesDismissed = () => areDismissedHidden;

function addTriage(card, finding) {
  if (card.querySelector(":scope > .triage") !== null) return;
  const entry = triage.get(finding.id) ?? {};
  const toggle = (name, key) => {
    const made = button(name, () => {
      const isOn = made.getAttribute("aria-pressed") !== "true";
      setTriage(finding.id, { [key]: isOn });
      made.setAttribute("aria-pressed", String(isOn));
      card.classList.toggle(key, isOn);
    }, { class: "small", "aria-pressed": String(entry[key] === true), "data-triage": key });
    card.classList.toggle(key, entry[key] === true);
    return made;
  };
  const note = element("input", { type: "text", class: "note", placeholder: "Note", "aria-label": `Note on: ${finding.title}` });
  note.value = typeof entry.note === "string" ? entry.note : "";
  note.addEventListener("change", () => setTriage(finding.id, { note: note.value }));
  card.append(element("div", { class: "triage" }, toggle("Mark", "marked"), " ", toggle("Dismiss", "dismissed"), " ", note));
}

/** Every finding with a triage state, as data. */
function triageJson() {
  const entries = [...triage].filter(([, entry]) => entry.marked || entry.dismissed || entry.note).map(([id, entry]) => {
    const { title, detector, severity } = findings.get(id);
    return { finding: id, detector, severity, title, marked: entry.marked === true, dismissed: entry.dismissed === true, note: String(entry.note ?? "") };
  });
  return JSON.stringify({ schema: "netrec/triage.v1", capture: data.capture.file, capture_sha256: data.capture.sha256, findings: entries }, null, 2);
}

/** A TOML string: like JSON, plus the delete character. */
const tomlText = (text) => JSON.stringify(text).replaceAll("\u007f", "\\u007f");

/** An allow-list entry for a finding: everything that its connections have in common. */
function allowEntry(finding, note) {
  const isInbound = finding.rows.some((row) => value("direction", row) === "inbound");
  const port = aboutOf(finding, isInbound ? "local_port" : "remote_port");
  const lines = [["process", aboutOf(finding, "process_name")], ["address", aboutOf(finding, "remote_addr")]]
    .filter(([, text]) => text !== null && !text.includes("…"))
    .map(([key, text]) => `${key} = ${tomlText(text)}`);
  if (port !== null) lines.push(`port = ${port}`);
  if (lines.length === 0) lines.push("# This names every finding of the detector.");
  const reason = note.trim() === "" ? `Dismissed in the report of ${data.capture.file}: ${finding.title}` : note.trim();
  return ["[[allow]]", `reason = ${tomlText(reason)}`, `detector = ${tomlText(finding.detector)}`, ...lines].join("\n");
}

function triageToml() {
  const dismissed = [...triage].filter(([, entry]) => entry.dismissed);
  return `${dismissed.map(([id, entry]) => allowEntry(findings.get(id), String(entry.note ?? ""))).join("\n\n")}\n`;
}

/** Offers a text as a download, and also copies it. */
function save(name, text) {
  const link = element("a", { download: name, href: `data:text/plain;charset=utf-8,${encodeURIComponent(text)}` });
  document.body.append(link);
  link.click();
  link.remove();
}

function triageTools() {
  const hide = button("Hide dismissed", () => {
    areDismissedHidden = !areDismissedHidden;
    update({ triage: null });
  }, { class: "small", "aria-pressed": String(areDismissedHidden) });
  const tools = [
    button("Copy triage (JSON)", () => copy(triageJson(), "Triage"), { class: "small", id: "triage-json" }),
    button("Save triage", () => save("triage.json", triageJson()), { class: "small" }),
    button("Copy dismissed as [[allow]]", () => copy(triageToml(), "Allow-list"), { class: "small", id: "triage-toml" }),
  ];
  return element("span", { class: "triage-tools" }, hide, " ", ...tools.flatMap((tool) => [tool, " "]));
}
