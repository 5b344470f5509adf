"""What a plan says of how a scenario is watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pydantic.alias_generators import to_camel

from probe.model.scenario import Rule, Watching
from probe.report.watch.words import budget_words


def watching_text(watch: Watching) -> Iterator[str]:
    """For people."""
    step = f'step "{watch.step}"' if watch.step else "the last step"
    yield f"watched: {step}, {watch.rate:g} times a second, and {watch.settle:g} s after the command"
    yield f"  {budget_words(watch.budget)}"
    for rule in watch.connections:
        yield f"  connections: {_choice(rule)}, with a heartbeat every {watch.heartbeat * 1000:g} ms"


def _choice(rule: Rule) -> str:
    ends = f"{', '.join(rule.sources) or '*'} -> {', '.join(rule.destinations) or '*'}"
    return " ".join((ends, *rule.ports))


def watching_json(watch: Watching | None) -> dict[str, Any] | None:
    """For programs; None where the scenario says nothing of it."""
    if watch is None:
        return None
    return {
        "step": watch.step,
        "settle": watch.settle,
        "rate": watch.rate,
        "maxLoad": watch.max_load,
        "heartbeat": watch.heartbeat,
        "connections": [
            {"from": list(rule.sources), "to": list(rule.destinations), "port": list(rule.ports)}
            for rule in watch.connections
        ],
        "budget": {to_camel(key): value for key, value in asdict(watch.budget).items()},
    }
