// A step's cells as flows between ends, and what lies within reach of one of them.

const STATES = ["leak", "blocked", "other", "doubt", "allowed"]; // the worst first
const LETTERS = { leak: "L", blocked: "B", other: "!", doubt: "?" };
const STATE_WORDS = {
  allowed: "connected, as expected",
  leak: "leak: connected, although it must not",
  blocked: "blocked: expected to connect, and does not",
  other: "misrouted, or denied in the wrong way",
  doubt: "inconclusive",
};

function stateOf(cell) {
  const verdict = text(cell, "verdict");
  if (BAD[verdict]) return BAD[verdict];
  if (verdict === "inconclusive") return "doubt";
  return text(cell, "outcome") === "connected" ? "allowed" : "denied";
}

// By source and destination: the worst state, whether anything connected, and the ports of each state.
function flowsOf(cells, end = (id) => id) {
  const flows = new Map();
  for (const [from, row] of pairs(cells, (cell) => end(text(cell, "source")), (cell) => end(text(cell, "destination")))) {
    for (const [to, members] of row) {
      const ports = {};
      let reached = false;
      for (const cell of members) {
        (ports[stateOf(cell)] ??= new Set()).add(text(cell, "port"));
        reached ||= text(cell, "outcome") === "connected";
      }
      const state = STATES.find((each) => ports[each]) || "denied";
      flows.set(JSON.stringify([from, to]), { from, to, state, reached, ports, cells: members });
    }
  }
  return [...flows.values()];
}

const flowWords = ({ from, to, ports }) =>
  `${from} → ${to}: ${STATES.filter((state) => ports[state]).map((state) => `${STATE_WORDS[state]} on ${[...ports[state]].join(", ")}`).join("; ")}`;

// Ends by the number of hops from `starts`, at most three; `back` asks who reaches them instead.
function reachOf(flows, starts, back) {
  const next = new Map();
  for (const { from, to, reached } of flows) {
    if (!reached || from === to) continue;
    const [key, other] = back ? [to, from] : [from, to];
    if (next.has(key)) next.get(key).push(other);
    else next.set(key, [other]);
  }
  const hops = new Map(starts.map((id) => [id, 0]));
  let edge = starts;
  for (let hop = 1; hop <= 3; hop += 1) {
    edge = edge.flatMap((id) => next.get(id) || []).filter((id) => !hops.has(id) && hops.set(id, hop));
  }
  return hops;
}
