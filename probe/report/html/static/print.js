// On paper there is nothing to choose: every step is printed with its matrix, as far as that can be read.

const PRINTED = 60; // steps

function printable() {
  const sheets = [];
  for (const scenario of data.scenarios) {
    for (const [index, step] of scenario.steps.entries()) {
      if (sheets.length >= PRINTED || !step.cells.length) continue;
      const folded = scenario.endpoints.length > MANY;
      const nothing = () => {};
      position.row = position.column = 0;
      const made = drawMatrix(scenario, step.cells, { folded, expected: !folded && step.cells.some(isOdd), open: nothing, narrow: nothing, turn: nothing });
      sheets.push(el("section", { class: "sheet" },
        el("h3", {}, name(`${scenario.name}, step ${index + 1}: ${step.name}`), ` – ${step.word}`),
        el("ul", {}, step.changes.map((change) => name(change, "li"))), made));
    }
  }
  return el("section", { id: "paper" }, el("h2", {}, "Every step"), sheets);
}

addEventListener("beforeprint", () => {
  byId("paper")?.remove();
  document.querySelector("main").append(printable());
});
addEventListener("afterprint", () => byId("paper")?.remove());
