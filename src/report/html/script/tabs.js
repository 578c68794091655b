// Sections as tabs.

const tabs = [...byId("tabs").querySelectorAll("a")];
const panels = tabs.map((tab) => byId(tab.hash.slice(1)));

/** Opens the section that contains an element; scrolls to the element if it is not the section itself. */
function show(id) {
  const target = byId(id) ?? panels[0];
  const panel = target.closest(".panel") ?? (byId("verdict").contains(target) ? panels[0] : byId(state.section) ?? panels[0]);
  panels.forEach((other, index) => {
    const isOpen = other === panel;
    other.hidden = !isOpen;
    other.classList.toggle("open", isOpen);
    tabs[index].setAttribute("aria-selected", String(isOpen));
    tabs[index].tabIndex = isOpen ? 0 : -1;
  });
  document.body.classList.toggle("on-raw-data", panel.id === "raw-data");
  document.body.classList.toggle("on-dashboard", panel.id === "dashboard");
  update({ section: panel.id, target: id === "" ? panel.id : target.id });
  if (target === panel) return;
  for (let folded = target.closest("details"); folded; folded = folded.parentElement.closest("details")) folded.open = true;
  target.querySelector("details")?.setAttribute("open", "");
  target.scrollIntoView({ block: "start" });
  target.focus({ preventScroll: true });
}

/** Follows a tab's link, and keeps the focus on it: the browser would move it to the section. */
function openTab(tab) {
  go(tab.hash.slice(1), tab.hash === "#entities" ? { entity: null } : {});
  tab.focus();
}

function openByClick(event) {
  const tab = event.target.closest("a");
  if (tab === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openTab(tab);
}

function moveFocus(event) {
  const index = tabs.indexOf(document.activeElement);
  const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (next === undefined || index < 0) return;
  event.preventDefault();
  openTab(tabs[(next + tabs.length) % tabs.length]);
}

function startTabs() {
  byId("tabs").firstElementChild.setAttribute("role", "tablist");
  tabs.forEach((tab, index) => {
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panels[index].id);
    panels[index].setAttribute("role", "tabpanel");
    panels[index].setAttribute("aria-labelledby", tab.id);
  });
  byId("tabs").addEventListener("click", openByClick);
  byId("tabs").addEventListener("keydown", moveFocus);
}
