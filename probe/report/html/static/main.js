// What is chosen, and drawing it.

const state = { scenario: 0, step: 0, beside: "", pod: "" };
const scenario = () => data.scenarios[state.scenario];
const step = () => scenario().steps[state.step];

function show(scenarioNumber, stepNumber) {
  const other = scenarioNumber !== state.scenario;
  Object.assign(state, { scenario: scenarioNumber, step: stepNumber });
  if (other) Object.assign(state, { beside: "", pod: "" });
  position.row = position.column = 0;
  draw(other);
}

function draw(anew) {
  options(byId("scenario"), data.scenarios.map((each, index) => [String(index), each.name]), String(state.scenario));
  options(byId("step"), scenario().steps.map((each, index) => [String(index), `${index + 1}. ${each.name} (${each.word})`]), String(state.step));
  byId("previous").disabled = state.step === 0;
  byId("next").disabled = state.step + 1 >= scenario().steps.length;
  drawAbout();
  drawFilters(step().cells, drawTables);
  if (anew) byId("folded").checked = scenario().endpoints.length > MANY;
  else byId("folded").checked = draw.folded;
  byId("expected").checked = scenario().endpoints.length <= 12 && step().cells.some(isOdd);
  drawTables();
  drawGraphs();
  byId("applied").replaceChildren(...drawPolicies(step(), (policy) => {
    setFilters({ policy });
    drawTables();
    byId("matrix").scrollIntoView();
    byId("filter-policy").focus();
  }));
}

function drawAbout() {
  const { description, fleet } = scenario(), each = step();
  byId("about").replaceChildren(
    el("p", { class: "quiet" }, name([description, fleet].filter(Boolean).join(" — "))),
    el("p", {}, name(each.description)),
    el("ul", { class: "changes" }, each.changes.map((change) => name(change, "li"))),
    el("ul", { class: "counts" }, each.counts.map(([verdict, number, tone]) => el("li", { class: tone }, el("b", {}, number), ` ${verdict}`))),
    ...each.problems.map((problem) => el("p", { class: "notice doubt" }, name(problem))));
}

function drawTables() {
  const cells = filtered(step().cells), all = step().cells.length;
  draw.folded = byId("folded").checked;
  byId("shown").textContent = cells.length === all ? plural(all, "cell") : `${cells.length} of ${plural(all, "cell")}`;
  byId("tables").replaceChildren(...drawMatrix(scenario(), cells, {
    folded: draw.folded,
    expected: byId("expected").checked,
    open: openEvidence,
    narrow: (_, from, to) => {
      setFilters({ ...chosen(), from, to: namespaceOf(to) });
      byId("folded").checked = false;
      position.row = position.column = 0;
      drawTables();
      byId("tables").querySelector(".place")?.focus();
    },
    turn: drawTables,
  }));
}

function drawGraphs() {
  const { steps, endpoints, layout } = scenario();
  const others = steps.map((each, index) => [String(index), `${index + 1}. ${each.name}`]).filter((_, index) => index !== state.step);
  if (state.beside === String(state.step)) state.beside = "";
  const preset = state.beside || (state.step > 0 ? String(state.step - 1) : "none");
  options(byId("beside"), [["none", "nothing"], ...others], preset);
  const ids = [...new Set(layout.byNamespace ? layout.nodes.map(({ id }) => id) : []), ...endpoints.map(({ id }) => id)];
  options(byId("pod"), [["", "nobody"], ...ids.map((id) => [id, id])], state.pod);
  const numbers = preset === "none" ? [state.step] : [Number(preset), state.step].sort((a, b) => a - b);
  const starts = state.pod ? startsOf(scenario(), state.pod) : null;
  const pick = (id) => {
    state.pod = state.pod === id ? "" : id;
    drawGraphs();
    byId("graphs").querySelector(`[data-id="${CSS.escape(id)}"]`)?.focus();
  };
  byId("graphs").replaceChildren(...numbers.map((number) => {
    const hops = starts && reachOf(flowsOf(steps[number].cells), starts, false);
    return drawGraph(scenario(), steps[number], `${number + 1}. ${steps[number].name}`, { hops, back: false, pick });
  }));
  byId("key").replaceChildren(graphLegend(numbers.flatMap((number) => steps[number].cells)));
  byId("radius").replaceChildren(...(state.pod ? drawRadius(scenario(), numbers.map((number) => steps[number]), state.pod) : []));
}

function start() {
  const steps = data.scenarios.flatMap((each, index) => each.steps.map((one, number) => [index, number, one]));
  if (!steps.length) { byId("explore").hidden = true; return; }
  byId("scenario").addEventListener("change", (event) => show(Number(event.target.value), 0));
  byId("step").addEventListener("change", (event) => show(state.scenario, Number(event.target.value)));
  byId("previous").addEventListener("click", () => show(state.scenario, state.step - 1));
  byId("next").addEventListener("click", () => show(state.scenario, state.step + 1));
  byId("beside").addEventListener("change", (event) => { state.beside = event.target.value; drawGraphs(); });
  byId("pod").addEventListener("change", (event) => { state.pod = event.target.value; drawGraphs(); });
  document.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-step],[data-cell]");
    if (!target) return;
    const [scenarioNumber, stepNumber, cell] = (target.dataset.step || target.dataset.cell).split(".").map(Number);
    if (target.dataset.step) {
      show(scenarioNumber, stepNumber);
      byId("explore").focus();
      byId("explore").scrollIntoView();
      return;
    }
    const found = data.scenarios[scenarioNumber].steps[stepNumber].cells[cell];
    openEvidence([found], text(found, "source"), text(found, "column"));
  });
  const first = steps.find(([, , one]) => one.cells.some((cell) => BAD[text(cell, "verdict")]))
    || steps.find(([, , one]) => one.changes.length) || steps[0];
  state.scenario = -1;
  show(first[0], first[1]);
}

start();
