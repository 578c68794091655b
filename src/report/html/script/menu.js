// A small context menu with the actions for a value.
//
// An element with `data-field` and `data-value` opens it; the field is from the filter language.

const menu = byId("menu");
let menuOpener = null;

/** A value that opens the menu; without a field it can only be copied. */
function valueButton(text, field, raw, attributes = {}) {
  const about = raw === null || raw === undefined ? {} : { "data-field": field ?? "", "data-value": String(raw) };
  return element("button", { type: "button", class: "value", ...about, ...attributes }, text);
}

/** The entity that a value identifies, or null. */
function entityOf(field, raw, row) {
  if (field === "remote" || field === "addr") return parsePlace(raw)?.addr ? `remote:${raw.replace(/^\[?(.*?)\]?(:\d+)?$/, (all, addr, port) => (parseAddr(all) === null ? addr : all))}` : null;
  if (field === "local") return `host:${parseAddr(raw) === null ? raw.replace(/^\[?(.*?)\]?:\d+$/, "$1") : raw}`;
  if ((field === "process" || field === "pid") && row !== null && processOf[row] !== null) return `process:${processOf[row]}`;
  return null;
}

function menuItems(opener) {
  const { field, value: raw } = opener.dataset;
  const row = opener.closest("tr[data-row]");
  const entity = entityOf(field, raw, row === null ? null : Number(row.dataset.row));
  const items = [];
  if (field !== "") {
    items.push(["Filter by this", () => addToFilter(field, raw, false)], ["Exclude", () => addToFilter(field, raw, true)]);
  }
  if (entity !== null) items.push(["Open its page", () => go("entities", { entity })]);
  items.push(["Copy value", () => copy(raw, "Value")]);
  if (["remote", "local", "addr", "name"].includes(field)) items.push(["Copy defanged", () => copy(defanged(raw), "Indicator")]);
  if (field !== "") items.push(["Copy as filter", () => copy(filterWord(field, raw, false), "Filter")]);
  if (row !== null) items.push(["Copy row", () => copy([...row.cells].map((cell) => cell.textContent).join("\t"), "Row")]);
  return items;
}

function openMenu(opener) {
  menuOpener = opener;
  const items = menuItems(opener).map(([name, action]) => button(name, () => { closeMenu(); action(); }, { role: "menuitem", tabindex: "-1" }));
  menu.setAttribute("aria-label", `What to do with ${opener.dataset.value}`);
  menu.replaceChildren(...items);
  menu.hidden = false;
  const box = opener.getBoundingClientRect();
  const left = Math.min(box.left, document.documentElement.clientWidth - menu.offsetWidth - 8);
  const isLow = box.bottom + menu.offsetHeight > innerHeight && box.top > menu.offsetHeight;
  menu.style.left = `${Math.max(left, 4) + scrollX}px`;
  menu.style.top = `${(isLow ? box.top - menu.offsetHeight : box.bottom) + scrollY}px`;
  items[0].focus();
}

function closeMenu() {
  if (menu.hidden) return;
  menu.hidden = true;
  menuOpener?.focus();
}

function menuKey(event) {
  const items = [...menu.children];
  const index = items.indexOf(document.activeElement);
  const next = { ArrowDown: index + 1, ArrowUp: index - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else if (next !== undefined) items[next % items.length].focus();
  else return;
  event.preventDefault();
}

function startMenu() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-value]");
    if (opener !== null) openMenu(opener);
    else if (!menu.contains(event.target)) menu.hidden = true;
  });
  menu.addEventListener("keydown", menuKey);
}
