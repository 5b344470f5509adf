"""What ``explain`` says of one flow: the answer in a sentence, then everything that it comes from.

The same data is drawn as text, for people, and as a JSON document, for programs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from probe.model.cell import Family, Protocol
from probe.model.errors import Location
from probe.model.record import RECORD_API_VERSION
from probe.policy.decision import Answer, NearMiss, Side
from probe.policy.rules import PolicyRef, RuleRef, Tier
from probe.policy.services import View
from probe.report.render import RenderOptions
from probe.report.text import Paint, plural, safe, wrapped

KIND = "Explanation"

Locate: TypeAlias = Callable[[PolicyRef | RuleRef], Location | None]
"""Where a policy or a rule was written, if that is known."""

_WORDS = {Answer.ALLOW: "is allowed", Answer.DENY: "is denied", Answer.UNDEFINED: "is undefined"}
_COLOURS = {Answer.ALLOW: "green", Answer.DENY: "red", Answer.UNDEFINED: "yellow"}
_MAX_VIEWS = 12


@dataclass(frozen=True, slots=True)
class Explanation:
    """One flow as it was asked for, and what was found. ``views`` are the flows that policies see: one, but for
    services. ``entry`` is how a service is reached; empty without one."""

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family
    answer: Answer
    sentence: str
    views: tuple[View, ...]
    notes: tuple[str, ...] = ()
    entry: str = ""


# --- text ----------------------------------------------------------------------------------------------------------


def render_text(explanation: Explanation, locate: Locate, options: RenderOptions) -> str:
    """The sentence, and the details of each flow that policies see."""
    return "\n".join(_Page(locate, options).lines(explanation)) + "\n"


@dataclass(frozen=True, slots=True)
class _Page:
    locate: Locate
    options: RenderOptions

    def lines(self, explanation: Explanation) -> Iterator[str]:
        word, paint = _WORDS[explanation.answer], Paint(self.options.colour)
        said = self._wrap(f"{explanation.sentence}.", "")
        yield from (line.replace(word, paint(word, _COLOURS[explanation.answer]), 1) for line in said)
        for note in explanation.notes:
            yield from self._wrap(f"note: {note}", "", "      ")
        shown = explanation.views[:_MAX_VIEWS]
        for view in shown:
            yield from (
                "",
                *self._view(view, heading=len(explanation.views) > 1 or bool(view.note or explanation.entry)),
            )
        if len(explanation.views) > len(shown):
            more = plural(len(explanation.views) - len(shown), "flow")
            yield from ("", f"and {more} more that policies may see (-o json has all)")

    def _view(self, view: View, *, heading: bool) -> Iterator[str]:
        decision = view.decision
        if heading:
            note = f" ({view.note})" if view.note else ""
            flow = f"{decision.source} -> {decision.destination} {decision.port}/{decision.protocol}"
            yield from self._wrap(f"as policies see it{note}: {flow}: {view.answer}", "", "  ")
        if why := view.left_open or (str(decision.exemption) if decision.exemption else ""):
            yield from self._wrap(why, "  ", "  ")
        for side in decision.sides:
            if side.direction in view.sides and side.subject:
                yield from self._side(side)

    def _side(self, side: Side) -> Iterator[str]:
        tier = f" (tier {side.tier})" if side.tier and side.tier is not Tier.NETWORK_POLICY else ""
        yield from self._wrap(f"{side.direction} of {side.subject}: {_said(side)}{tier}", "  ", "    ")
        for ref in side.deciders:
            yield from self._item("decided by", f"{ref} ({ref.action})", self.locate(ref))
        for policy in side.selected_by:
            yield from self._item("selected by", str(policy), self.locate(policy))
        if side.near_miss is not None and side.near_miss.differences:
            yield from self._item("nearest rule", str(side.near_miss.rule), self.locate(side.near_miss.rule))
            for difference in side.near_miss.differences:
                yield from self._wrap(f"but {difference.text}", " " * 19, " " * 23)
        if side.why:
            yield from self._item("open because", side.why, None)

    def _item(self, word: str, text: str, location: Location | None) -> Iterator[str]:
        where = f"  {location.file}:{location.line}" if location else ""
        yield from self._wrap(f"{word:<13}  {text}{where}", "    ", " " * 19)

    def _wrap(self, text: str, indent: str, hanging: str = "") -> list[str]:
        return wrapped(safe(text), self.options.width, indent, hanging or indent)


def _said(side: Side) -> str:
    if side.answer is Answer.UNDEFINED:
        return "left open"
    if not side.selected_by:
        return "allowed, since no policy selects it"
    if side.answer is Answer.ALLOW:
        return "allowed" if side.deciders else "allowed by default, since no rule decides"
    return "denied" if side.deciders else "denied, since it is isolated and no rule allows it"


# --- json ----------------------------------------------------------------------------------------------------------


def render_json(explanation: Explanation, locate: Locate) -> str:
    """The document, indented."""
    return json.dumps(as_json(explanation, locate), indent=2) + "\n"


def as_json(explanation: Explanation, locate: Locate) -> dict[str, Any]:
    """Everything as plain data; keys in camelCase, every key always there."""
    return {
        "apiVersion": RECORD_API_VERSION,
        "kind": KIND,
        "source": explanation.source,
        "destination": explanation.destination,
        "port": explanation.port,
        "protocol": explanation.protocol,
        "family": explanation.family,
        "entry": explanation.entry or None,
        "answer": explanation.answer,
        "sentence": explanation.sentence,
        "notes": list(explanation.notes),
        "views": [_view_as_json(view, locate) for view in explanation.views],
    }


def _view_as_json(view: View, locate: Locate) -> dict[str, Any]:
    decision = view.decision
    return {
        "source": decision.source,
        "destination": decision.destination,
        "port": decision.port,
        "protocol": decision.protocol,
        "answer": view.answer,
        "seen": view.note,
        "why": view.why,
        "exemption": str(decision.exemption) if decision.exemption else None,
        "sides": [_side_as_json(side, locate) for side in decision.sides if side.direction in view.sides],
    }


def _side_as_json(side: Side, locate: Locate) -> dict[str, Any]:
    return {
        "direction": side.direction,
        "subject": side.subject,
        "answer": side.answer,
        "tier": side.tier,
        "deciders": [_rule_as_json(ref, locate) for ref in side.deciders],
        "selectedBy": [_policy_as_json(ref, locate) for ref in side.selected_by],
        "nearestMiss": _miss_as_json(side.near_miss, locate) if side.near_miss else None,
        "why": side.why,
    }


def _miss_as_json(miss: NearMiss, locate: Locate) -> dict[str, Any]:
    differences = [{"aspect": each.aspect, "text": each.text} for each in miss.differences]
    return {"rule": _rule_as_json(miss.rule, locate), "differences": differences}


def _rule_as_json(ref: RuleRef, locate: Locate) -> dict[str, Any]:
    policy = _policy_as_json(ref.policy, locate)
    own = {"direction": ref.direction, "index": ref.index, "action": ref.action, "ruleName": ref.name or None}
    return policy | own | {"location": _place(locate(ref))}


def _policy_as_json(ref: PolicyRef, locate: Locate) -> dict[str, Any]:
    return {
        "kind": ref.kind,
        "namespace": ref.namespace or None,
        "name": ref.name,
        "location": _place(locate(ref)),
    }


def _place(location: Location | None) -> dict[str, Any] | None:
    return {"file": location.file, "line": location.line, "column": location.column} if location else None
