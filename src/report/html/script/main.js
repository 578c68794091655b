// Puts the parts together.

/** Links of findings to their rows: the table shows those, the time line their span. */
function followFinding(event) {
  const link = event.target.closest("a[data-rows], a[data-related]");
  if (link === null) return;
  const isRelated = link.hasAttribute("data-related");
  const finding = findings.get(link.getAttribute(isRelated ? "data-related" : "data-rows"));
  if (finding === undefined) return;
  byId("query").value = "";
  const range = sliceCount > 0 ? [sliceOf(finding.first), sliceOf(finding.last)] : null;
  update({ finding: finding.id, related: isRelated, range, slice: null, query: "", page: 0 });
}

/** On paper nothing can be unfolded. */
function unfoldForPrint() {
  const folded = [];
  window.addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details:not([open])")) {
      fold.open = true;
      folded.push(fold);
    }
  });
  window.addEventListener("afterprint", () => {
    for (const fold of folded.splice(0)) fold.open = false;
  });
}

document.documentElement.classList.add("scripted");
startTable();
startTimeline();
onChange(drawMoment);
startTheme();
startTabs();
document.addEventListener("click", followFinding);
unfoldForPrint();
