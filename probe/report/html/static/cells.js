// The data: rows of numbers, and texts by number. Folding them into the symbols of a matrix.

const data = JSON.parse(byId("data").textContent);
const texts = JSON.parse(byId("texts").textContent);
const at = Object.fromEntries(data.fields.map((field, index) => [field, index]));
const text = (cell, field) => texts[cell[at[field]]];
const value = (cell, field) => cell[at[field]];
const namespaceOf = (id) => id.split("/", 1)[0];

const deciders = (cell) => value(cell, "decidedBy").map((number) => texts[number]);
const policyOf = (decider) => decider.split(" ", 1)[0]; // of "namespace/policy ingress[0]"
const policiesOf = (cell) => [...new Set(deciders(cell).map(policyOf))];

const BAD = { leak: "leak", blocked: "blocked", misrouted: "other", "wrong-denial": "other" };
const glyph = (symbols) => [...symbols].map((symbol) => data.symbols.glyphs[symbol] || symbol).join("");
const isOdd = (cell) => !["pass", "unsupported", "undefined"].includes(text(cell, "verdict"));

const LANES = 6; // ports of a destination that are told apart in the matrix

// One symbol of many cells: the bad ones if there are any, else what they have in common.
function foldMany(symbols) {
  const found = new Set(symbols);
  const bad = [...data.symbols.worst].filter((symbol) => found.has(symbol)).join("");
  if (bad && found.size > bad.length) return bad + data.symbols.mixed;
  return bad || (found.size === 1 ? [...found][0] : data.symbols.mixed);
}

// The cells of a place: a symbol for each port that its column has, or one where all agree.
function foldPlace(cells, field, ports) {
  const lanes = new Map();
  for (const cell of cells) {
    const port = value(cell, "port");
    if (!lanes.has(port)) lanes.set(port, []);
    lanes.get(port).push(text(cell, field));
  }
  const folded = [...lanes.values()].map(foldMany);
  if (new Set(folded).size === 1) return folded[0];
  if (ports.length > LANES) return foldMany(cells.map((cell) => text(cell, field)));
  return ports.map((port) => (lanes.has(port) ? foldMany(lanes.get(port)) : data.symbols.absent)).join("");
}

// Cells by source and destination, whatever an end is taken for.
function pairs(cells, source, destination) {
  const found = new Map();
  for (const cell of cells) {
    const from = source(cell);
    if (!found.has(from)) found.set(from, new Map());
    const row = found.get(from), to = destination(cell);
    if (row.has(to)) row.get(to).push(cell);
    else row.set(to, [cell]);
  }
  return found;
}

const PROTOCOLS = ["TCP", "UDP", "SCTP"];
function byPort(left, right) {
  const [a, b] = [left, right].map((number) => texts[number].split("/"));
  return PROTOCOLS.indexOf(a[1]) - PROTOCOLS.indexOf(b[1]) || a[0] - b[0];
}
function portsBy(cells, end) {
  const found = new Map();
  for (const cell of cells) {
    if (!found.has(end(cell))) found.set(end(cell), new Set());
    found.get(end(cell)).add(value(cell, "port"));
  }
  return new Map([...found].map(([id, ports]) => [id, [...ports].sort(byPort)]));
}
