// Copying: values, rows, filters, commands, and defanged indicators.

/** Copies a text, and reports it. */
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  announce(`${what} copied: ${text}`);
}

/** For pages from disk, which may not be allowed to use the clipboard. */
function copyBySelection(text) {
  const box = element("textarea", { class: "quiet", "aria-hidden": "true" });
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

/** `203[.]0[.]113[.]7`, `hxxp://evil[.]example`: no program turns it into a link. */
function defanged(text) {
  return text.replace(/^http/i, (scheme) => (scheme === "http" ? "hxxp" : "HXXP")).replaceAll(".", "[.]").replace(/:(?!\d+$|\/\/)/g, "[:]");
}

/** Adds a button to every command on the page. */
function addCopyButtons() {
  for (const code of document.querySelectorAll(".commands code, .look code")) {
    code.after(" ", button("Copy", () => copy(code.textContent, "Command"), { class: "small" }));
  }
}
