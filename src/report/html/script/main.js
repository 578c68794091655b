// Puts the parts together.

/** Nothing can be expanded in print: what an incident needs is opened, and collapsed again afterwards. */
function unfoldForPrint() {
  const folded = [];
  window.addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("#dashboard .incident-timeline details:not([open])")) {
      part.open = true;
      folded.push(part);
    }
  });
  window.addEventListener("afterprint", () => {
    for (const part of folded.splice(0)) part.open = false;
  });
}

startRows();
startFilter();
startTable();
startTimeline();
onChange(drawMoment);
startLive();
startFindings();
startEntities();
startStories();
startMenu();
addCopyButtons();
startTheme();
startTabs();
startAddress();
unfoldForPrint();
