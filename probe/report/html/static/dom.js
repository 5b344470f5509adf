// Building the page's parts. Whatever comes from the record becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, options, children) {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const el = (tag, options = {}, ...children) => fill(document.createElement(tag), options, children);
const svg = (tag, options = {}, ...children) => fill(document.createElementNS(SVG, tag), options, children);
const byId = (id) => document.getElementById(id);
const name = (text, tag = "span") => el(tag, { class: "name" }, text);
const plural = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

// Names differ at their ends, so the middle goes.
function shortened(label, most) {
  if (label.length <= most) return label;
  const head = Math.floor((most - 1) / 2);
  return `${label.slice(0, head)}…${label.slice(label.length - (most - 1 - head))}`;
}

function seconds(value) {
  if (value === null) return "–";
  if (value < 0.00995) return `${(value * 1000).toFixed(1)} ms`;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  return `${value.toFixed(1)} s`;
}

function listed(words, most = 8) {
  const shown = words.length > most ? [...words.slice(0, most - 1), `${words.length - most + 1} more`] : words;
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown[shown.length - 1]}` : shown.join("");
}

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
}

// One tab stop for a whole group: arrow keys, Home and End move within it. `items` has rows of focusable elements.
function roving(container, items) {
  const flat = items.flat();
  flat.forEach((item, index) => { item.tabIndex = index ? -1 : 0; });
  const go = (item) => {
    if (!item) return;
    flat.forEach((other) => { other.tabIndex = other === item ? 0 : -1; });
    item.focus();
  };
  container.addEventListener("focusin", (event) => {
    if (flat.includes(event.target)) flat.forEach((other) => { other.tabIndex = other === event.target ? 0 : -1; });
  });
  container.addEventListener("keydown", (event) => {
    const row = items.findIndex((line) => line.includes(document.activeElement));
    if (row < 0) return;
    const column = items[row].indexOf(document.activeElement);
    const near = (step) => {
      for (let at = row + step; at >= 0 && at < items.length; at += step) {
        if (items[at].length) return items[at][Math.min(column, items[at].length - 1)];
      }
      return null;
    };
    const moves = {
      ArrowRight: () => items[row][column + 1] || (items.length === 1 ? items[0][0] : null),
      ArrowLeft: () => items[row][column - 1] || (items.length === 1 ? items[0][items[0].length - 1] : null),
      ArrowDown: () => (items.length === 1 ? items[0][(column + 1) % items[0].length] : near(1)),
      ArrowUp: () => (items.length === 1 ? items[0][(column + items[0].length - 1) % items[0].length] : near(-1)),
      Home: () => items[row][0],
      End: () => items[row][items[row].length - 1],
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    go(moves[event.key]());
  });
}
