// Which cells are shown. A filter has a name, a question to a cell (one answer, or a list of them), and the answers that
// occur.

const ANY = "", ODD = "not as expected";
const FILTERS = [
  { id: "verdict", label: "verdict", of: (cell) => text(cell, "verdict") },
  { id: "from", label: "from namespace", of: (cell) => namespaceOf(text(cell, "source")) },
  { id: "to", label: "to namespace", of: (cell) => namespaceOf(text(cell, "destination")) },
  { id: "port", label: "port", of: (cell) => text(cell, "port") },
  { id: "way", label: "path", of: (cell) => text(cell, "way") },
  { id: "family", label: "family", of: (cell) => text(cell, "family") },
  { id: "policy", label: "decided by", of: policiesOf },
  { id: "topology", label: "nodes", of: (cell) => text(cell, "topology") || "unknown" },
];

const chosen = () => Object.fromEntries(FILTERS.map(({ id }) => [id, byId(`filter-${id}`).value]));

function drawFilters(cells, changed) {
  const before = byId("filter-verdict") ? chosen() : {};
  const fields = FILTERS.map(({ id, label, of }) => {
    const answers = [...new Set(cells.flatMap(of))];
    const entries = [[ANY, "any"], ...answers.map((answer) => [answer, answer])];
    if (id === "verdict") entries.splice(1, 0, [ODD, ODD]);
    const select = el("select", { id: `filter-${id}`, change: changed });
    const keep = entries.some(([answer]) => answer === before[id]) ? before[id] : ANY;
    options(select, entries, keep);
    const divides = answers.length > 1 || (answers.length && cells.some((cell) => ![of(cell)].flat().length));
    return el("label", { class: divides || id === "verdict" ? null : "single" }, `${label} `, select);
  });
  const clear = el("button", { type: "button", id: "clear", click: () => { setFilters({}); changed(); } }, "Show all");
  const extras = [
    el("label", { class: "check" }, el("input", { type: "checkbox", id: "expected", change: changed }), " expected beside it"),
    el("label", { class: "check" }, el("input", { type: "checkbox", id: "folded", change: changed }), " by namespace"),
  ];
  byId("filters").replaceChildren(...fields, ...extras, clear);
}

function setFilters(wanted) {
  for (const { id } of FILTERS) byId(`filter-${id}`).value = wanted[id] || ANY;
}

function filtered(cells) {
  const wanted = chosen();
  const asked = FILTERS.filter(({ id }) => wanted[id] !== ANY);
  const fits = ({ id, of }, cell) => (id === "verdict" && wanted[id] === ODD ? isOdd(cell) : [of(cell)].flat().includes(wanted[id]));
  return cells.filter((cell) => asked.every((filter) => fits(filter, cell)));
}
