// The evidence of a place's cells: what was tried, what came of it, who says so, and how to try it again.

const MOST = 60; // cells of a place that are written out

function openEvidence(cells, from, to) {
  const dialog = byId("evidence");
  const ordered = [...cells.filter(isOdd), ...cells.filter((cell) => !isOdd(cell))];
  const told = ordered.slice(0, MOST);
  dialog.replaceChildren(
    el("div", { class: "head" },
      el("h2", { id: "evidence-title" }, name(from), " → ", name(to)),
      el("button", { type: "button", autofocus: true, click: () => dialog.close() }, "Close")),
    ...told.map((cell, index) => evidenceOf(cell, index === 0 || told.length <= 3)),
    ordered.length > MOST ? el("p", {}, `and ${ordered.length - MOST} more: narrow the filters`) : "");
  dialog.showModal();
  dialog.scrollTop = 0;
}

function evidenceOf(cell, open) {
  const verdict = text(cell, "verdict");
  const tone = BAD[verdict] ? "bad" : verdict === "pass" ? "good" : verdict === "inconclusive" ? "doubt" : "plain";
  const family = text(cell, "family"), way = text(cell, "way");
  return el("details", { open, class: "cell" },
    el("summary", {}, el("span", { class: `badge ${tone}` }, verdict), ` ${text(cell, "port")} `,
      el("span", { class: "quiet" }, `${family}, by ${way}${text(cell, "address") ? `, ${text(cell, "address")}` : ""}`)),
    facts(cell),
    attempts(cell),
    repeat(cell));
}

function facts(cell) {
  const end = (address, node) => [text(cell, address) || "address unknown", text(cell, node) && ` on ${text(cell, node)}`];
  const decision = value(cell, "decision");
  const lines = [
    ["expected", text(cell, "expected")],
    ["observed", (text(cell, "outcome") || "nothing") + (value(cell, "latency") === null ? "" : ` in ${seconds(value(cell, "latency"))}`)],
    ["reason", text(cell, "reason")],
    ["policies say", decision && texts[decision[1]]],
    ["decided by", deciders(cell).join(", ")],
    ["nearest misses", decision && decision[3].map((rule) => texts[rule]).join(", ")],
    ["from", end("sourceAddress", "sourceNode").join("")],
    ["to", end("destinationAddress", "destinationNode").join("")],
    ["dialled", text(cell, "dialled")],
    ["nodes", text(cell, "topology")],
    ["receipt", receipt(cell)],
    ["answered by", text(cell, "responder")],
    ["seen coming from", text(cell, "observedSource")],
    ["turned by the step", text(cell, "change")],
    ["last not as expected", value(cell, "missedAt") === null ? "" : `${seconds(value(cell, "missedAt"))} after the change`],
    ["first as expected", value(cell, "matchedAfter") === null ? "never" : `${seconds(value(cell, "matchedAfter"))} after the change`],
    ["no measure of the cluster", text(cell, "untimed")],
    ["flaps", value(cell, "flaps") || ""],
    ["positive control", value(cell, "control") ? "the same pair connected earlier in the run" : "none: the pair did not connect earlier in the run"],
  ];
  return el("dl", { class: "facts" }, lines.filter(([, said]) => said).map(([term, said]) =>
    el("div", {}, el("dt", {}, term), name(String(said), "dd"))));
}

function receipt(cell) {
  const found = value(cell, "receipt");
  if (!found) return "";
  if (found[0] === null) return "the responder could not be asked";
  if (!found[0]) return "the request never arrived";
  return `the request arrived${found[1] ? `, from ${texts[found[1]]}` : ""}`;
}

function attempts(cell) {
  const flat = value(cell, "history"), rows = [];
  for (let index = 0; index < flat.length; index += 5) {
    const [phase, when, outcome, took, error] = flat.slice(index, index + 5);
    rows.push(el("tr", {}, el("td", {}, texts[phase]), el("td", {}, seconds(when)), el("td", {}, texts[outcome]),
      el("td", {}, seconds(took)), name(texts[error], "td")));
  }
  const head = ["phase", "after the change", "outcome", "took", "error"].map((title) => el("th", { scope: "col" }, title));
  const all = value(cell, "attempts");
  const some = rows.length < all ? ` (${rows.length} shown: the first, each change of outcome, confirmations)` : "";
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "attempts" },
    el("table", { class: "list" }, el("caption", {}, plural(all, "attempt") + some),
      el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)));
}

function repeat(cell) {
  const command = text(cell, "repeat");
  if (!command) return null;
  const code = el("code", { tabindex: "0" }, command);
  const copied = el("span", { role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(command);
      copied.textContent = " copied";
    } catch {
      getSelection().selectAllChildren(code);
      copied.textContent = " selected: copy it with the keyboard";
    }
  };
  return el("div", { class: "repeat" }, el("p", {}, "Try it again ", el("button", { type: "button", click: copy }, "Copy command"), copied), el("pre", {}, code));
}
