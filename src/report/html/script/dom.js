// Creates elements from names and texts only: nothing from the data becomes markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; texts become text nodes, never markup. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The element with an id. */
function byId(id) {
  return document.getElementById(id);
}

/** An SVG element. */
function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** A button with a text and an action. */
function button(text, action, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", action);
  return made;
}

/** A heading with collapsible content. */
function fold(title, isOpen, ...children) {
  const made = element("details", isOpen ? { open: "" } : {}, element("summary", {}, title), ...children);
  return made;
}

/** Announces something to screen readers. */
function announce(text) {
  byId("announce").textContent = text;
}
