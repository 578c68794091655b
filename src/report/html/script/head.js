// With scripts only the open section is laid out: set before anything is drawn, and undone if the page's script fails.
document.documentElement.classList.add("scripted");
addEventListener("error", () => document.documentElement.classList.remove("scripted"), { once: true });
