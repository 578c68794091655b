// Copying: values, rows, filters, commands, and indicators that nothing makes a link of.

/** Copies a text, and says so. */
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  announce(`${what} copied: ${text}`);
}

/** Where a page from disk may not use the clipboard. */
function copyBySelection(text) {
  const box = element("textarea", { class: "quiet", "aria-hidden": "true" });
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

/** `203[.]0[.]113[.]7`, `hxxp://evil[.]example`: no program makes a link of it. */
function defanged(text) {
  return text.replace(/^http/i, (scheme) => (scheme === "http" ? "hxxp" : "HXXP")).replaceAll(".", "[.]").replace(/:(?!\d+$|\/\/)/g, "[:]");
}

/** Every command of the page gets a button. */
function addCopyButtons() {
  for (const code of document.querySelectorAll(".commands code, .look code")) {
    code.after(" ", button("Copy", () => copy(code.textContent, "Command"), { class: "small" }));
  }
}
