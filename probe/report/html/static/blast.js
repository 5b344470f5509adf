// What one end reaches, and who reaches it, in words beside the picture.

const HOPS = ["", "directly", "in two hops", "in three hops"];

function startsOf(scenario, picked) {
  const ids = scenario.endpoints.map(({ id }) => id);
  return ids.includes(picked) ? [picked] : ids.filter((id) => namespaceOf(id) === picked);
}

function drawRadius(scenario, steps, picked) {
  const starts = startsOf(scenario, picked);
  const parts = steps.map((step) => {
    const flows = flowsOf(step.cells);
    const tried = new Set(step.cells.map((cell) => text(cell, "source")));
    const untried = scenario.endpoints.filter(({ id, kind }) => kind === "pod" && !tried.has(id)).map(({ id }) => id);
    return el("div", {},
      el("h4", {}, name(step.name)),
      el("dl", {},
        ...reachLines("reaches", flows, reachOf(flows, starts, false), starts, false),
        ...reachLines("is reached by", flows, reachOf(flows, starts, true), starts, true)),
      untried.length ? el("p", { class: "quiet" }, "Only what was tried counts; nothing was tried from ", name(listed(untried)), ".") : null);
  });
  return [el("h4", {}, "Blast radius of ", name(picked)), el("div", { class: "graphs" }, parts)];
}

function reachLines(verb, flows, hops, starts, back) {
  const lines = [1, 2, 3].map((hop) => [hop, [...hops].filter(([, number]) => number === hop).map(([id]) => id)]);
  const shown = lines.filter(([, ids]) => ids.length);
  if (!shown.length) return [el("div", {}, el("dt", {}, verb), el("dd", {}, "nothing that was tried"))];
  const portsTo = (id) => {
    const between = flows.filter(({ from, to, reached }) => reached && (back ? from === id && starts.includes(to) : to === id && starts.includes(from)));
    return [...new Set(between.flatMap(({ cells }) => cells.filter((cell) => text(cell, "outcome") === "connected").map((cell) => text(cell, "port"))))];
  };
  return shown.map(([hop, ids]) => el("div", {}, el("dt", {}, `${verb} ${HOPS[hop]}`),
    el("dd", {}, ids.length > 40 ? `${ids.length}: ` : "", name(listed(ids.map((id) => (hop === 1 ? `${id} (${portsTo(id).join(", ")})` : id)), 40)))));
}
