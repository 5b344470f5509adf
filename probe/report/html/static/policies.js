// The policies in force in a step, as they were applied, and the cells that each decided.

const TOLD = 40; // cells of a rule that are written out

function drawPolicies(step, show) {
  if (!step.policies.length) return [el("p", { class: "quiet" }, "The record names no policy in force in this step.")];
  return step.policies.map((policy) => {
    const cells = step.cells.filter((cell) => policiesOf(cell).includes(policy.name));
    const rules = new Map();
    for (const cell of cells) {
      for (const decider of deciders(cell)) {
        if (policyOf(decider) === policy.name) rules.set(decider, [...(rules.get(decider) || []), cell]);
      }
    }
    return el("details", { class: "policy" },
      el("summary", {}, name(policy.name, "b"), ` ${policy.kind} `,
        policy.changed ? el("span", { class: "badge plain" }, "applied in this step") : null,
        el("span", { class: "quiet" }, ` decides ${plural(cells.length, "cell")}`)),
      el("div", { class: "pictures" },
        el("pre", { tabindex: "0" }, el("code", {}, data.manifests[policy.manifest].join("\n"))),
        el("div", {},
          [...rules].map(([decider, decided]) => decidedBy(decider, decided)),
          cells.length ? el("button", { type: "button", click: () => show(policy.name) }, "Show these cells in the matrix") : null)));
  });
}

function decidedBy(decider, cells) {
  const rule = decider.slice(policyOf(decider).length).trim();
  const line = (cell) => name(`${text(cell, "source")} → ${text(cell, "column")} ${text(cell, "port")}: ${text(cell, "expected")}, ${text(cell, "outcome") || "nothing seen"}`, "li");
  return el("div", {},
    el("h4", {}, rule || "isolates, and no rule allows"),
    el("ul", {}, cells.slice(0, TOLD).map(line), cells.length > TOLD ? el("li", {}, `and ${cells.length - TOLD} more`) : null));
}
