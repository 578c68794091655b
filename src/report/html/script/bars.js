// Bars and histograms of the matching rows, drawn from their columns.

const MOST_BARS = 10;

/** A card with a title and a sentence about what it counts. */
function figure(title, note, ...children) {
  return element("figure", { class: "live-chart" }, element("figcaption", {}, element("b", {}, title), " ", element("span", { class: "meta" }, note)), ...children);
}

function barList(entries, largest) {
  const item = (entry) => {
    const bar = element("span", { class: "bar" });
    for (const [kind, amount] of entry.parts) {
      const part = element("i", { class: kind });
      part.style.width = `${(amount / Math.max(largest, 1)) * 100}%`;
      if (amount > 0) bar.append(part);
    }
    const name = entry.raw === null ? element("span", { class: "unknown" }, entry.name) : valueButton(entry.name, entry.field, entry.raw);
    return element("li", {}, name, bar, element("span", { class: "amount" }, entry.text));
  };
  return element("ul", { class: "bars" }, ...entries.map(item));
}

/** Sums by a column's text: rows, and bytes in both directions; the key for unknown is -1. */
function sumsBy(name, rows) {
  const column = columns.get(name);
  const [sent, received] = [columns.get("recorded_sent")?.cells, columns.get("recorded_received")?.cells];
  const sums = new Map();
  if (column === undefined) return sums;
  const isText = column.kind === "text";
  for (const row of rows) {
    const key = column.cells[row] ?? -1;
    let sum = sums.get(key);
    if (sum === undefined) {
      sum = { name: key === -1 ? "unknown" : isText ? column.words[key] : String(key), raw: key === -1 ? null : isText ? column.words[key] : key, rows: 0, sent: 0, received: 0 };
      sums.set(key, sum);
    }
    sum.rows += 1;
    sum.sent += sent?.[row] ?? 0;
    sum.received += received?.[row] ?? 0;
  }
  return sums;
}

/** The largest sums, and the others combined. */
function topOf(sums, amount) {
  const all = [...sums.values()].filter((sum) => amount(sum) > 0).sort((a, b) => amount(b) - amount(a) || (a.name < b.name ? -1 : 1));
  if (all.length <= MOST_BARS) return all;
  const rest = { name: `${count(all.length - MOST_BARS + 1)} others`, raw: null, rows: 0, sent: 0, received: 0 };
  for (const sum of all.slice(MOST_BARS - 1)) {
    rest.rows += sum.rows;
    rest.sent += sum.sent;
    rest.received += sum.received;
  }
  return [...all.slice(0, MOST_BARS - 1), rest];
}

function countChart(title, name, field, rows) {
  const top = topOf(sumsBy(name, rows), (sum) => sum.rows);
  if (top.length === 0) return null;
  const entries = top.map((sum) => ({ ...sum, field, parts: [["rows", sum.rows]], text: `${count(sum.rows)} (${percent(sum.rows / rows.length)})` }));
  return figure(title, plural(rows.length, "connection"), barList(entries, Math.max(...top.map((sum) => sum.rows))));
}

function bytesChart(title, name, field, rows) {
  const top = topOf(sumsBy(name, rows), (sum) => sum.sent + sum.received);
  if (top.length === 0) return null;
  const entries = top.map((sum) => ({ ...sum, field, parts: [["sent", sum.sent], ["received", sum.received]], text: `${bytes(sum.sent)} sent, ${bytes(sum.received)} received` }));
  return figure(title, "blue: sent, orange: received", barList(entries, Math.max(...top.map((sum) => sum.sent + sum.received))));
}

/** A share of a whole in percent. */
function percent(share) {
  if (share > 0 && share < 0.0001) return "< 0.01 %";
  return `${share < 0.1 ? threeDigits(share * 100) : Math.round(share * 100)} %`;
}

/** Counts the values in each third of a power of ten. */
function histogram(title, name, text, rows, scale) {
  const cells = columns.get(name)?.cells;
  if (cells === undefined) return null;
  const bins = new Map();
  let known = 0;
  for (const row of rows) {
    const number = cells[row];
    if (number === null) continue;
    known += 1;
    const bin = number * scale <= 1e-6 ? -18 : Math.floor(Math.log10(number * scale) * 3);
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  if (known === 0) return null;
  const keys = [...bins.keys()];
  const [first, last] = [Math.min(...keys), Math.max(...keys)];
  const entries = [];
  for (let bin = first; bin <= last; bin += 1) {
    const number = bins.get(bin) ?? 0;
    entries.push({ name: `from ${text(10 ** (bin / 3))}`, raw: null, parts: [["rows", number]], text: count(number) });
  }
  return figure(title, `${plural(known, "connection")}; each bar is a third of a power of ten`, barList(entries, Math.max(...bins.values())));
}
