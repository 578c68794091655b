// The state at the timeline's moment.

const MOST_LISTED = 8;
const MOST_PROCESSES = 6;

function sumOf(numbers, first, last) {
  let sum = 0;
  for (let slice = first; slice <= last; slice += 1) sum += numbers[slice] ?? 0;
  return sum;
}

function momentText(first, last, there) {
  const width = seconds(((last - first + 1) * data.slices.width) / 1e6);
  const when = state.range === null ? `${moment(sliceStart(first)).slice(0, 19)} UTC` : `${clock(sliceStart(first))} to ${clock(sliceStart(last + 1))} UTC`;
  const parts = [`${when}, ${width}`, `${plural(there.length, "connection")} open`];
  const activity = shownActivity();
  if (activity.opened.length > 0) parts.push(`${count(sumOf(activity.opened, first, last))} opened`);
  if (activity.bytes.length > 0) parts.push(`${bytes(sumOf(activity.bytes, first, last))} transferred`);
  return parts.join(" · ");
}

/** Names with their number of occurrences, most frequent first. */
function tally(there) {
  const counts = new Map();
  for (const row of there) {
    const name = value("process_name", row) ?? "unknown";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function processList(there) {
  const all = tally(there);
  const items = all.slice(0, MOST_PROCESSES).map(([name, number]) => element("li", {}, element("b", {}, count(number)), ` ${name}`));
  if (all.length > MOST_PROCESSES) items.push(element("li", { class: "meta" }, plural(all.length - MOST_PROCESSES, "other process")));
  return element("ul", { class: "tally" }, ...items);
}

function connectionList(there) {
  const head = ["process", "remote", "direction", "state", "sent", "received", "since"];
  const amount = (name, row) => value(name, row) ?? -1;
  const total = (row) => amount("recorded_sent", row) + amount("recorded_received", row);
  const most = [...there].sort((a, b) => total(b) - total(a) || a - b).slice(0, MOST_LISTED);
  const line = (row) => {
    const texts = [cellText("process_name", row), endpoint("remote", row), cellText("direction", row), cellText("state", row), cellText("recorded_sent", row), cellText("recorded_received", row), clock(value("first_seen_us", row) ?? 0)];
    return element("tr", {}, ...texts.map((text) => element("td", {}, text)));
  };
  const headings = element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)));
  return element("table", {}, element("thead", {}, headings), element("tbody", {}, ...most.map(line)));
}

/** What the timeline shows, in its colors. */
function legend() {
  const entry = (name, text) => [element("i", { class: `swatch ${name}` }), ` ${text} `];
  const bytesShown = data.slices.bytes.length > 0 ? entry("moved", "bytes") : [];
  return element("span", { class: "meta" }, " ", ...entry("open", "connections"), ...bytesShown, ...entry("mark", "findings"));
}

function drawMoment(names) {
  if (!changesRows(names) && !names.has("section")) return;
  const slices = lookedAt();
  byId("clear").disabled = slices === null;
  const box = byId("moment");
  box.hidden = slices === null;
  if (slices === null) {
    byId("moment-line").replaceChildren(element("b", {}, data.capture.holds_many_hosts ? "Whole capture" : "Whole recording"), legend());
    return;
  }
  const there = connectionsIn(...slices).filter((row) => isLeft[row] === 1);
  byId("moment-line").textContent = momentText(...slices, there);
  const link = element("a", { href: "#raw-data", class: "action" }, there.length > MOST_LISTED ? `All ${count(there.length)} in the table` : "In the table");
  const list = element("div", { class: "scroll text", tabindex: "0", role: "region", "aria-label": "Connections of this moment" }, connectionList(there));
  box.replaceChildren(element("div", { class: "moment-head" }, processList(there), link), list);
}
