// Light or dark: follows the reader's system until the switch is used.

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function labelSwitch() {
  byId("theme").textContent = isDark() ? "Light" : "Dark";
}

function startTheme() {
  byId("theme").hidden = false;
  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    labelSwitch();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", labelSwitch);
  labelSwitch();
}
