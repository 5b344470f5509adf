// The matrix of a step: sources down, destinations across, ports folded into a place that opens its evidence.

const PAGE = 40; // rows and columns that are drawn at a time
const MANY = 30; // names on an axis above which namespaces are shown first

const NAME = 24; // characters of a name; the whole of it is in the tooltip

const position = { row: 0, column: 0 };

function drawMatrix(scenario, cells, { folded, expected, open, narrow, turn }) {
  const end = (field) => (folded ? (cell) => namespaceOf(text(cell, field)) : (cell) => text(cell, field));
  const places = pairs(cells, end("source"), end("column"));
  const order = new Map(scenario.endpoints.map(({ id }, index) => [id, index]));
  const rank = (id) => order.get(id) ?? order.get(id.split(" ", 1)[0]) ?? order.size;
  const sorted = (ids) => (folded ? ids : ids.sort((a, b) => rank(a) - rank(b)));
  const rows = sorted([...places.keys()]);
  const columns = sorted([...new Set([...places.values()].flatMap((row) => [...row.keys()]))]);
  if (!rows.length) return [el("p", { class: "empty" }, "No cell fits these filters.")];
  position.row = Math.min(position.row, Math.floor((rows.length - 1) / PAGE) * PAGE);
  position.column = Math.min(position.column, Math.floor((columns.length - 1) / PAGE) * PAGE);
  const shownRows = rows.slice(position.row, position.row + PAGE);
  const shownColumns = columns.slice(position.column, position.column + PAGE);
  const ports = portsBy(cells, end("column"));
  const used = { seen: new Set(), wanted: new Set() };
  const draw = (field, caption) => {
    const table = { field, caption, scenario, places, rows: shownRows, columns: shownColumns, ports, folded, used };
    return drawTable(table, folded ? narrow : open);
  };
  const tables = [draw("seen", expected ? "observed" : "observed (what was expected, unless a letter says otherwise)")];
  if (expected) tables.unshift(draw("wanted", "expected"));
  return [
    ...pager("sources", "row", rows.length, turn),
    ...pager("destinations", "column", columns.length, turn),
    el("div", { class: "pictures" }, tables),
    legend(used, folded, scenario),
  ];
}

function drawTable(table, opened) {
  const marks = new Map(table.scenario.endpoints.map(({ id, mark }) => [id, mark]));
  const head = (id, scope) => {
    const [space, ...rest] = id.split("/");
    const mark = marks.get(id);
    const short = (label) => shortened(label, NAME);
    const said = table.folded
      ? [name(short(id))]
      : [name(short(space), "small"), el("span", {}, name(short(rest.join("/"))), mark ? el("i", {}, ` ${mark}`) : null)];
    return el("th", { scope, title: id }, el("span", { class: "end" }, said), scope === "col" ? portNames(table, id) : null);
  };
  const grid = [];
  const body = table.rows.map((row) => {
    const line = [];
    const places = table.columns.map((column) => {
      const cells = table.places.get(row).get(column);
      if (!cells) return el("td", {}, el("span", { class: "unseen" }, "not tried"));
      const button = place(table, cells, row, column, opened);
      line.push(button);
      return el("td", {}, button);
    });
    grid.push(line);
    return el("tr", {}, head(row, "row"), places);
  });
  const node = el("table", { class: "matrix" },
    el("caption", {}, table.caption),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "from \\ to"), table.columns.map((id) => head(id, "col")))),
    el("tbody", {}, body));
  roving(node, grid);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `matrix: ${table.caption}` }, node);
}

// The ports of a destination, in the order of its places' symbols: `TCP 80 443, UDP 53`.
function portNames({ ports, folded }, id) {
  const found = ports.get(id);
  if (folded) return null;
  if (found.length > LANES) return el("small", { class: "ports" }, plural(found.length, "port"));
  const numbers = {};
  for (const port of found) {
    const [number, protocol] = texts[port].split("/");
    (numbers[protocol] ??= []).push(number);
  }
  return el("small", { class: "ports" }, Object.entries(numbers).map(([protocol, list]) => el("span", {}, `${protocol} ${list.join(" ")}`)));
}

function place(table, cells, row, column, opened) {
  const symbols = table.folded
    ? foldMany(cells.map((cell) => text(cell, table.field)))
    : foldPlace(cells, table.field, table.ports.get(column));
  for (const symbol of symbols) table.used[table.field].add(symbol);
  const odd = cells.filter(isOdd).length;
  const topology = new Set(cells.map((cell) => text(cell, "topology")));
  const where = topology.size === 1 ? [...topology][0] : "";
  const words = [...symbols].map((symbol) => data.symbols[table.field][symbol]).join(", ");
  const said = `${row} to ${column}: ${words}; ${plural(cells.length, "cell")}${odd ? `, ${odd} not as expected` : ""}${where && `; ${where}`}`;
  return el("button", {
    type: "button",
    class: `place ${where}`,
    "data-symbol": worstOf(symbols),
    "data-ends": `${row} → ${column}`,
    title: said,
    click: () => opened(cells, row, column),
  },
  el("span", { class: "unseen" }, said),
  el("span", { "aria-hidden": "true" }, glyph(symbols),
    table.folded ? el("small", {}, odd ? `${odd} of ${cells.length}` : cells.length) : null));
}

const worstOf = (symbols) => [...data.symbols.worst, "~", "_"].find((symbol) => symbols.includes(symbol)) || (new Set(symbols).size > 1 ? "~" : symbols[0]);

function pager(what, axis, count, turn) {
  if (count <= PAGE) return [];
  const first = position[axis];
  const move = (step) => () => { position[axis] += step; turn(); };
  return [el("p", { class: "pager" },
    el("button", { type: "button", disabled: first === 0, click: move(-PAGE) }, "Previous"),
    ` ${what} ${first + 1} to ${Math.min(first + PAGE, count)} of ${count} `,
    el("button", { type: "button", disabled: first + PAGE >= count, click: move(PAGE) }, "Next"))];
}

function legend(used, folded, scenario) {
  const meanings = (field) => Object.entries(data.symbols[field])
    .filter(([symbol]) => used[field].has(symbol))
    .map(([symbol, meaning]) => el("li", {}, el("b", { class: "key", "data-symbol": symbol }, glyph(symbol)), ` ${meaning}`));
  const lines = [el("li", {}, el("b", {}, "observed")), ...meanings("seen")];
  if (used.wanted.size) lines.push(el("li", {}, el("b", {}, "expected")), ...meanings("wanted"));
  if (scenario.endpoints.some(({ mark }) => mark)) {
    lines.push(el("li", {}, el("b", { class: "key same-node" }, " "), " same node"));
    lines.push(el("li", {}, "@1, @2 … the pod's node"));
  }
  return el("div", { class: "legend" },
    el("ul", {}, lines),
    el("p", {}, folded ? "Choose a place to see its pods." : "A place has a symbol for each port of its destination, or one where all agree. Choose it to see its evidence."));
}
