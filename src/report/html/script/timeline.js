// The timeline: open connections, bytes, and the findings as marks, over the whole recording.
//
//   ▂▂ ▂▂▂▂▂▂▂      ▂▂      findings, worst at the top
//   ▁▂▃▅▇▅▃▂▁▁▂▃▅▇█▇▅▃      connections (area, square root), bytes (line, logarithm)
//   10:00   10:05   10:10   the scale; a drag here is a range

const MARKS_TOP = 4;
const LANE = 7;
const MOST_LANES = 4;
const MOST_MARKS = 500;
const PLOT_TOP = MARKS_TOP + MOST_LANES * LANE + 4;
const PLOT_BOTTOM = 92;
const HEIGHT = 114;
/** Minimum width of a mark in pixels: a finding at a single moment must be visible, and large enough for a finger. */
const MARK_WIDTH = 6;

const plotBox = byId("plot");
let width = 0;
let plot = null;
let cursor = null;
let rangeBox = null;

/** The pixel at which a slice begins. */
function xOf(slice) {
  return (slice / Math.max(sliceCount, 1)) * width;
}

function sliceAt(clientX) {
  const box = plotBox.getBoundingClientRect();
  const slice = Math.floor(((clientX - box.left) / Math.max(box.width, 1)) * sliceCount);
  return Math.min(Math.max(slice, 0), sliceCount - 1);
}

/** The maximum of the slices that share a pixel, so that no peak is lost. */
function perPixel(numbers) {
  const steps = Math.min(Math.max(Math.floor(width), 1), numbers.length);
  const most = new Array(steps).fill(0);
  numbers.forEach((number, slice) => {
    const step = Math.floor((slice * steps) / numbers.length);
    if (number > most[step]) most[step] = number;
  });
  return most;
}

/** A step path from left to right; bytes on a logarithmic scale, because they span powers of ten. */
function steps(numbers, scale) {
  const most = perPixel(numbers);
  const largest = Math.max(...most.map(scale), 1e-9);
  const y = (number) => (PLOT_BOTTOM - (scale(number) / largest) * (PLOT_BOTTOM - PLOT_TOP)).toFixed(1);
  const x = (index) => ((index / most.length) * width).toFixed(1);
  return most.map((number, index) => `V${y(number)}H${x(index + 1)}`).join("");
}

/** The matching rows, regardless of the selected time. */
function rowsAtAnyTime() {
  if (lookedAt() === null) return leftRows;
  const tests = filterTest === null ? [] : [filterTest];
  const finding = findings.get(state.finding);
  if (finding !== undefined && state.related) tests.push(...relatedTests(finding));
  const candidates = finding !== undefined && !state.related ? finding.rows : Array.from({ length: rowCount }, (_, row) => row);
  return candidates.filter((row) => tests.every((test) => test(row)));
}

/** The activity in each slice. With a filter there are no bytes, because rows have none per slice. */
function shownActivity() {
  const hasFilter = filterTest !== null || findings.has(state.finding);
  if (!hasFilter) return data.slices;
  const change = new Array(sliceCount + 1).fill(0);
  const opened = new Array(sliceCount).fill(0);
  const [seen, gone] = [columns.get("first_seen_us")?.cells, columns.get("last_seen_us")?.cells];
  for (const row of rowsAtAnyTime()) {
    if (!seen || !gone || isListener[row] === 1) continue;
    const first = sliceOf(seen[row]);
    opened[first] += 1;
    change[first] += 1;
    change[sliceOf(gone[row]) + 1] -= 1;
  }
  let now = 0;
  return { open: opened.map((_, slice) => (now += change[slice])), opened, bytes: [] };
}

function drawActivity() {
  const { open, opened, bytes: transferred } = shownActivity();
  // Open at a snapshot or opened between two, whichever is more: a scan is over before the next snapshot.
  const busy = open.map((number, slice) => Math.max(number, opened[slice] ?? 0));
  const area = steps(busy, Math.sqrt);
  plot.append(shape("path", { class: "open", d: `M0 ${PLOT_BOTTOM}${area}V${PLOT_BOTTOM}Z` }));
  if (transferred.some((number) => number > 0)) {
    const moved = steps(transferred, (number) => Math.log1p(number));
    plot.append(shape("path", { class: "moved", d: `M0 ${PLOT_BOTTOM}${moved}` }));
  }
}

/** Puts each mark into the first free lane. */
function drawMarks() {
  const ends = new Array(MOST_LANES).fill(-1);
  for (const finding of data.findings.slice(0, MOST_MARKS)) {
    if (!isFindingLeft(finding)) continue;
    const left = xOf(sliceOf(finding.first));
    const right = Math.max(xOf(sliceOf(finding.last) + 1), left + MARK_WIDTH);
    const start = Math.max(0, Math.min(left, width - MARK_WIDTH));
    const free = ends.findIndex((end) => end < start);
    const lane = free < 0 ? MOST_LANES - 1 : free;
    ends[lane] = Math.max(ends[lane], right + 1);
    const attributes = { class: `mark ${finding.severity}`, x: start, y: MARKS_TOP + lane * LANE, width: right - left, height: LANE - 2, rx: 2, "data-finding": finding.id };
    const title = shape("title", {}, `${finding.severity}: ${finding.title}`);
    plot.append(shape("rect", attributes, title));
  }
}

/** Steps between two labels of the scale, in µs: round numbers of seconds, minutes, hours and days. */
const SCALE_STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map((s) => s * 1e6);

function drawScale() {
  plot.append(shape("line", { class: "axis", x1: 0, x2: width, y1: PLOT_BOTTOM, y2: PLOT_BOTTOM }));
  const span = sliceCount * data.slices.width;
  const most = Math.max(2, Math.floor(width / (spansDays() ? 130 : 90)));
  // Labels of whole seconds need steps of whole seconds.
  const least = data.slices.width < 1e6 ? 0 : 1e6;
  const step = SCALE_STEPS.find((candidate) => candidate >= least && span / candidate <= most) ?? Math.ceil(span / most / 86400e6) * 86400e6;
  const start = data.origin_us + data.slices.first;
  for (let at = Math.ceil(start / step) * step; at <= start + span; at += step) {
    const x = ((at - start) / span) * width;
    const anchor = x < 40 ? "start" : x > width - 40 ? "end" : "middle";
    const text = clock(at - data.origin_us);
    plot.append(shape("line", { class: "axis", x1: x, x2: x, y1: PLOT_BOTTOM, y2: PLOT_BOTTOM + 4 }), shape("text", { x, y: HEIGHT - 6, "text-anchor": anchor }, step % 60e6 === 0 ? text.replace(/:\d\d(\.\d+)?$/, "") : text));
  }
}

function drawPlot() {
  width = plotBox.clientWidth;
  if (width === 0 || sliceCount === 0) return;
  plot.setAttribute("width", width);
  plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  plot.replaceChildren();
  drawActivity();
  drawMarks();
  drawScale();
  rangeBox = shape("rect", { class: "range", y: 0, height: PLOT_BOTTOM });
  cursor = shape("rect", { class: "cursor", y: 0, height: PLOT_BOTTOM });
  plot.append(rangeBox, cursor);
  drawLookedAt();
}

function place(box, slices) {
  box.setAttribute("visibility", slices === null ? "hidden" : "visible");
  if (slices === null) return;
  box.setAttribute("x", xOf(slices[0]));
  box.setAttribute("width", Math.max(xOf(slices[1] + 1) - xOf(slices[0]), 2));
}

/** Moves the cursor, and announces its position to screen readers. */
function drawLookedAt() {
  if (cursor === null) return;
  place(cursor, state.slice === null ? null : [state.slice, state.slice]);
  place(rangeBox, state.range);
  const slice = state.slice ?? state.range?.[0] ?? 0;
  plotBox.setAttribute("aria-valuenow", slice);
  const where = state.slice === null && state.range === null ? "whole recording" : `${clock(sliceStart(slice))} UTC`;
  plotBox.setAttribute("aria-valuetext", `${where}, ${plural(data.slices.open[slice] ?? 0, "connection")} open`);
}

/** Selecting a moment clears the range and the finding, which would hide rows. */
function lookAt(slice) {
  update({ slice: Math.min(Math.max(slice, 0), sliceCount - 1), range: null, finding: null, related: false, page: 0 });
  rememberSoon();
}

function selectRange(a, b) {
  update({ range: [Math.min(a, b), Math.max(a, b)], slice: null, page: 0 });
}

function clearTime() {
  stopPlaying();
  update({ slice: null, range: null, page: 0 });
  remember();
}

// The pointer: above the scale it selects a moment, on it (or with Shift) a range.

let drag = null;

function pointerDown(event) {
  const finding = event.target.getAttribute?.("data-finding");
  if (finding) {
    go(finding);
    return;
  }
  event.preventDefault();
  plotBox.focus({ preventScroll: true });
  plotBox.setPointerCapture(event.pointerId);
  stopPlaying();
  const isScale = event.clientY - plotBox.getBoundingClientRect().top > PLOT_BOTTOM;
  drag = { isRange: event.shiftKey || isScale, from: sliceAt(event.clientX) };
  pointerMove(event);
}

function pointerUp() {
  if (drag !== null) remember();
  drag = null;
}

function pointerMove(event) {
  if (drag === null) return;
  const slice = sliceAt(event.clientX);
  if (drag.isRange) selectRange(drag.from, slice);
  else if (slice !== state.slice) lookAt(slice);
}

// The keyboard.

function keyDown(event) {
  const now = state.slice ?? state.range?.[0] ?? 0;
  const page = Math.max(1, Math.round(sliceCount / 20));
  const step = event.shiftKey ? page : 1;
  const moves = { ArrowLeft: now - step, ArrowRight: now + step, ArrowDown: now - step, ArrowUp: now + step, PageDown: now - page, PageUp: now + page, Home: 0, End: sliceCount - 1 };
  if (event.key in moves) {
    stopPlaying();
    lookAt(moves[event.key]);
  } else if (event.key === "[") selectRange(now, Math.max(now, state.range?.[1] ?? now));
  else if (event.key === "]") selectRange(state.range?.[0] ?? 0, Math.max(now, state.range?.[0] ?? 0));
  else if (event.key === "Escape") clearTime();
  else if (event.key === " ") togglePlaying();
  else return;
  event.preventDefault();
}

// Playback.

let timer = null;

function stopPlaying() {
  if (timer === null) return;
  cancelAnimationFrame(timer);
  timer = null;
  showPlaying();
}

function showPlaying() {
  byId("play").textContent = timer === null ? "Play" : "Pause";
  byId("play").setAttribute("aria-pressed", String(timer !== null));
}

function togglePlaying() {
  if (timer !== null) {
    stopPlaying();
    return;
  }
  const isAtEnd = state.slice === null || state.slice >= sliceCount - 1;
  let position = isAtEnd ? 0 : state.slice;
  let last = performance.now();
  lookAt(position);
  const step = (now) => {
    const all_s = Number(byId("speed").value) || (sliceCount * data.slices.width) / 1e6;
    position += ((now - last) / 1000 / all_s) * sliceCount;
    last = now;
    if (position >= sliceCount) {
      stopPlaying();
      return;
    }
    if (Math.floor(position) !== state.slice) lookAt(Math.floor(position));
    timer = requestAnimationFrame(step);
  };
  timer = requestAnimationFrame(step);
  showPlaying();
}

function startTimeline() {
  if (sliceCount === 0) return;
  byId("timeline").hidden = false;
  plot = shape("svg", { height: HEIGHT, "aria-hidden": "true" });
  plotBox.append(plot);
  const attributes = { role: "slider", tabindex: "0", "aria-label": "Moment of the recording", "aria-valuemin": "0", "aria-valuemax": String(sliceCount - 1) };
  for (const [key, value] of Object.entries(attributes)) plotBox.setAttribute(key, value);
  plotBox.addEventListener("pointerdown", pointerDown);
  plotBox.addEventListener("pointermove", pointerMove);
  for (const end of ["pointerup", "pointercancel"]) plotBox.addEventListener(end, pointerUp);
  plotBox.addEventListener("keydown", keyDown);
  byId("play").addEventListener("click", togglePlaying);
  byId("clear").addEventListener("click", clearTime);
  onChange((names) => {
    if (["query", "finding", "related"].some((name) => names.has(name))) drawPlot();
    else if (names.has("slice") || names.has("range")) drawLookedAt();
  });
  new ResizeObserver(() => { if (plotBox.clientWidth !== width) drawPlot(); }).observe(plotBox);
}
