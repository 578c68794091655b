// While a filter is active, each section shows charts of the matching rows; the charts of
// the whole recording are collapsed below.

const isKnown = (name) => columns.get(name)?.cells.some((cell) => cell !== null && cell !== -1) ?? false;

/** The charts of a section from the matching rows. */
const LIVE = {
  dashboard: (rows) => [
    countChart("Connections by process", "process_name", "process", rows),
    data.capture.holds_many_hosts ? countChart("Connections by local address", "local_addr", "local", rows) : null,
    countChart("Connections by remote address", "remote_addr", "remote", rows),
    countChart("Connections by remote port", "remote_port", "remote_port", rows),
    countChart("Connections by protocol", "protocol", "protocol", rows),
    countChart("Connections by direction", "direction", null, rows),
  ],
  bandwidth: (rows) => [
    bytesChart("Bytes by process", "process_name", "process", rows),
    bytesChart("Bytes by remote address", "remote_addr", "remote", rows),
    bytesChart("Bytes by remote port", "remote_port", "remote_port", rows),
  ],
  anomalies: (rows) => [countChart("Connections by remote port", "remote_port", "remote_port", rows)],
  tcp: (rows) => [
    countChart("Last TCP state", "state", "state", rows),
    histogram("Durations", "duration_s", seconds, rows, 1),
    histogram("Round-trip times", "rtt_us", seconds, rows, 1e-6),
  ],
  geography: (rows) => [
    countChart("Connections by country", "country", null, rows),
    countChart("Connections by city", "city", null, rows),
    countChart("Connections by network owner", "as_organization", null, rows),
  ],
  behavior: (rows) => [histogram("Durations", "duration_s", seconds, rows, 1), histogram("Bytes sent", "bytes_sent", bytes, rows, 1)],
  statistics: (rows) => [countChart("Connections by protocol", "protocol", "protocol", rows), histogram("Bytes received", "bytes_received", bytes, rows, 1)],
};

/** The parts of the page that show the whole recording, collapsed while a filter is active. */
function wrapWhole(whole) {
  const isEmpty = whole.children.length === 0;
  if (isEmpty || whole.parentElement.matches("details.whole-fold")) return;
  const wrapped = element("details", { class: "whole-fold", open: "" }, element("summary", {}, "Whole recording, without the filter"));
  whole.replaceWith(wrapped);
  wrapped.append(whole);
}

let staleSections = new Set();

function drawLive(names) {
  if (changesRows(names)) staleSections = new Set(Object.keys(LIVE));
  if (!changesRows(names) && !names.has("section")) return;
  const panel = byId(state.section);
  const box = panel?.querySelector(":scope > .live");
  if (!box || !staleSections.has(state.section)) return;
  staleSections.delete(state.section);
  const hasFilter = isFiltered();
  const rows = hasFilter ? leftRows.filter((row) => isListener[row] === 0) : [];
  const charts = rows.length === 0 ? [] : LIVE[state.section](rows).filter((chart) => chart !== null);
  box.hidden = !hasFilter;
  box.replaceChildren(element("div", { class: "charts" }, ...charts));
  if (hasFilter && charts.length === 0) box.replaceChildren(element("p", {}, "The filter leaves nothing for this section."));
  const wrapped = panel.querySelector(":scope > .whole-fold");
  if (wrapped !== null) wrapped.open = !hasFilter;
}

function startLive() {
  for (const whole of document.querySelectorAll(".panel > .whole")) wrapWhole(whole);
  onChange(drawLive);
}
