// The flow graph of one step as SVG. Where the nodes are was decided when the page was made.

const DENSE = 150; // flows above which lines are thin

// `hops`: by end, when a blast radius is shown. `back`: the radius is that of those who reach it.
function drawGraph(scenario, step, title, { hops, back, pick }) {
  const { byNamespace, width, height, nodes, groups } = scenario.layout;
  const end = byNamespace ? namespaceOf : (id) => id;
  const places = new Map(nodes.map((node) => [node.id, node]));
  const flows = flowsOf(step.cells, end).filter(({ from, to, state }) => from !== to && state !== "denied");
  const near = hops && new Map();
  if (hops) for (const [id, hop] of hops) near.set(end(id), Math.min(hop, near.get(end(id)) ?? hop));
  const prefix = `g${drawGraph.count = (drawGraph.count || 0) + 1}`;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `flow graph: ${title}`,
    class: flows.length > DENSE ? "dense" : null },
    svg("defs", {}, STATES.map((state) => arrow(prefix, state)), groups.map((group, index) =>
      svg("path", { id: `${prefix}-name-${index}`, d: group.text }))),
    groups.map((group, index) => drawGroup(group, `${prefix}-name-${index}`)));
  const known = new Set(flows.map(({ from, to, state }) => JSON.stringify([from, to, state])));
  const lines = svg("g", { "aria-hidden": "true" });
  for (const state of [...STATES].reverse()) {
    for (const flow of flows.filter((each) => each.state === state)) {
      const mutual = known.has(JSON.stringify([flow.to, flow.from, state]));
      if (mutual && flow.to < flow.from) continue;
      lines.append(drawFlow(flow, { places, prefix, near, back, middle: { x: width / 2, y: height / 2 } }, mutual));
    }
  }
  picture.append(lines);
  const drawn = nodes.map((node) => drawNode(node, scenario, near, pick));
  picture.append(...drawn);
  roving(picture, [drawn]);
  return el("figure", {}, el("figcaption", {}, title),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `flow graph: ${title}` }, picture));
}

const arrow = (prefix, state) => svg("marker", {
  id: `${prefix}-${state}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9,
  orient: "auto-start-reverse", markerUnits: "userSpaceOnUse", class: `head ${state}`,
}, svg("path", { d: "M0 0.5L8 4L0 7.5z" }));

function drawGroup(group, id) {
  const most = Math.max(3, Math.floor(group.room / 8));
  return svg("g", { class: "group" },
    svg("path", { class: "band", d: group.band }),
    svg("text", {}, svg("title", {}, group.name),
      svg("textPath", { href: `#${id}`, startOffset: "50%" }, shortened(group.name, most))));
}

function drawFlow(flow, { places, prefix, near, back, middle }, mutual) {
  const a = places.get(flow.from), b = places.get(flow.to);
  const bend = mutual ? 0 : 12; // so that opposite flows that differ do not cover each other
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const pull = 0.35;
  const c = {
    x: middle.x + ((a.x + b.x) / 2 - middle.x) * pull - (b.y - a.y) / length * bend,
    y: middle.y + ((a.y + b.y) / 2 - middle.y) * pull + (b.x - a.x) / length * bend,
  };
  const from = towards(a, c, 12), to = towards(b, c, 13);
  const head = `url(#${prefix}-${flow.state})`;
  const top = { x: (from.x + 2 * c.x + to.x) / 4, y: (from.y + 2 * c.y + to.y) / 4 };
  const [start, end] = back ? [flow.to, flow.from] : [flow.from, flow.to];
  const onward = (one, other) => near.has(one) && near.get(one) < 3 && near.has(other) && near.get(other) === near.get(one) + 1;
  const inside = !near || (flow.reached && (onward(start, end) || (mutual && onward(end, start))));
  return svg("g", { class: `flow ${flow.state}${inside ? "" : " far"}${near && inside ? " near" : ""}` },
    svg("title", {}, flowWords(flow)),
    svg("path", { d: `M${from.x} ${from.y}Q${c.x} ${c.y} ${to.x} ${to.y}`, "marker-end": head, "marker-start": mutual ? head : null }),
    LETTERS[flow.state] ? [
      svg("circle", { cx: top.x, cy: top.y, r: 8 }),
      svg("text", { x: top.x, y: top.y + 4 }, LETTERS[flow.state])] : null);
}

function towards(from, to, distance) {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const share = Math.min(distance / length, 0.45);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function drawNode(node, scenario, near, pick) {
  const endpoint = scenario.endpoints.find(({ id }) => id === node.id);
  const hop = near && near.get(node.id);
  const reach = !near ? "" : hop === undefined ? "far" : hop === 0 ? "start" : `hop hop${hop}`;
  const kind = endpoint ? endpoint.kind : "namespace";
  const words = [kind, node.id, endpoint && endpoint.node && `on ${endpoint.node}`, hop > 0 && plural(hop, "hop")];
  const choose = () => pick(node.id);
  const turn = node.angle ? `rotate(${node.angle} ${node.label_x} ${node.label_y})` : null;
  return svg("g", {
    class: `node ${kind} ${reach}`, role: "button", "aria-pressed": hop === 0 ? "true" : "false",
    "data-id": node.id, click: choose,
    keydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); } },
  },
    svg("title", {}, words.filter(Boolean).join(", ")),
    kind === "pod" ? svg("circle", { cx: node.x, cy: node.y, r: 9 })
      : svg("rect", { x: node.x - 9, y: node.y - 9, width: 18, height: 18, rx: kind === "namespace" ? 5 : 0 }),
    svg("text", { class: "hops", "aria-hidden": "true", x: node.x, y: node.y + 4 }, hop > 0 ? String(hop) : hop === 0 ? "●" : ""),
    svg("text", { "aria-hidden": "true", x: node.label_x, y: node.label_y + 4, "text-anchor": node.anchor, class: node.angle ? "turned" : null, transform: turn },
      shortened(node.label, 13) + (endpoint && endpoint.mark ? ` ${endpoint.mark}` : "")));
}

function graphLegend(cells) {
  const found = new Set(cells.map(stateOf));
  const items = STATES.filter((state) => found.has(state)).map((state) => el("li", {}, svg("svg", { viewBox: "0 0 40 18", width: 40, height: 18, "aria-hidden": "true" },
    svg("g", { class: `flow ${state}` }, svg("path", { d: "M2 9L38 9" }),
      LETTERS[state] ? [svg("circle", { cx: 20, cy: 9, r: 8 }), svg("text", { x: 20, y: 13 }, LETTERS[state])] : null)), ` ${STATE_WORDS[state]}`));
  return el("div", { class: "legend" }, el("ul", {}, items),
    el("p", {}, "What is denied as expected is not drawn. Lines with two heads connect both ways. Choose an end to see its blast radius."));
}
