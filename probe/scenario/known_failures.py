"""A list of known failures (``--known-failures FILE``) -> ``KnownFailure``s, or every mistake in it at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field

from probe.model.errors import Problem, ScenarioError
from probe.model.known import KnownFailure
from probe.scenario.document import Document
from probe.scenario.format.document import API_VERSION
from probe.scenario.format.strict import Item, Strict, kept
from probe.scenario.format.values import FamilyName, Globs, WayPatterns
from probe.scenario.shorthand import Shorthand, mistake, one_or_list, one_or_some, port_pattern, protocol
from probe.scenario.structure import Format, parse
from probe.scenario.ways import is_glob
from probe.scenario.yaml import read_yaml

KNOWN_FAILURES_KIND: Final = "KnownFailures"
_BEGIN: Final = f"begin with apiVersion: {API_VERSION}"


def _port(value: Any) -> Any:
    """As in rules, but not by name: results have numbers."""
    value = port_pattern(value)
    if isinstance(value, str) and not re.fullmatch(r"[0-9*?]+(/[A-Z*?]+)?|[A-Z*?]+", value):
        raise mistake(f'"{value}" is not a port', "write 80/TCP, 80, TCP, or a glob of these")
    if isinstance(value, str) and not is_glob(value):
        for word in (part for part in value.split("/") if not part.isdecimal()):
            protocol(word)
    return value


PortGlobs: TypeAlias = Annotated[list[Item[Annotated[str, Shorthand(_port)]]], Shorthand(one_or_some)]


class KnownFailureSpec(Strict):
    """Cells that are known to fail. What is left out means any; globs are as in the rules of scenarios."""

    scenario: str = Field(min_length=1, description="Name of the scenario, or a glob: sctp-*.")
    reason: str = Field(min_length=1, description="Why it is borne: what is missing, or where it was reported.")
    step: str = Field(default="", description="Name of the step, or a glob.")
    sources: Globs = Field(default=[], alias="from", description="Sources, as namespace/pod or a glob.")
    destinations: Globs = Field(default=[], alias="to", description="Destinations, as namespace/pod or a glob.")
    ports: PortGlobs = Field(default=[], alias="port", description="80/TCP, 80 or TCP.")
    families: Annotated[list[Item[FamilyName]], Shorthand(one_or_list, ({"type": "string"},))] = Field(
        default=[], alias="family", description="IPv4 or IPv6."
    )
    paths: WayPatterns = Field(default=[], alias="path", description="cluster-ip, cluster-ip/other-port, a glob.")


class KnownFailuresSpec(Strict):
    """What a network plugin is known to get wrong."""

    model_config = ConfigDict(title="cni-probe known failures")

    api_version: Literal["cni-probe/v1"] = Field(alias="apiVersion", description="Version of the format.")
    kind: Literal["KnownFailures"] = Field(description="KnownFailures.")
    failures: list[Item[KnownFailureSpec]] = Field(min_length=1, description="The failures.")


KNOWN_FAILURES: Final = Format(
    KnownFailuresSpec,
    stand_ins={"apiVersion": API_VERSION, "kind": KNOWN_FAILURES_KIND, "scenario": "*", "reason": "none"},
    hints={
        "apiVersion": f"write apiVersion: {API_VERSION}",
        "kind": f"write kind: {KNOWN_FAILURES_KIND}",
        "reason": "say why it is borne, so that somebody can tell when it is not any more",
    },
)


def load_known_failures(path: Path) -> tuple[KnownFailure, ...]:
    """What a file lists. Raises ScenarioError with every mistake in it."""
    reading = read_yaml(path, str(path))
    problems = list(reading.problems)
    found: list[KnownFailure] = []
    for document in reading.documents:
        if not isinstance(document.value, dict):
            problems.append(document.root.problem(f"a {KNOWN_FAILURES_KIND} must be a mapping", _BEGIN))
            continue
        taken = {problem.location for problem in problems}
        failures, wrong = _build(document)
        found += failures
        problems += [problem for problem in wrong if problem.location not in taken]
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return tuple(found)


def _build(document: Document) -> tuple[list[KnownFailure], list[Problem]]:
    parsed = parse(document, KNOWN_FAILURES)
    problems = list(parsed.problems)
    if parsed.spec is None:
        return [], problems
    place = parsed.document.root.child("failures")
    found: dict[str, KnownFailure] = {}
    for index, spec in kept(parsed.spec.failures):
        failure = KnownFailure(
            scenario=spec.scenario,
            reason=" ".join(spec.reason.split()),
            step=spec.step,
            sources=tuple(spec.sources),
            destinations=tuple(spec.destinations),
            ports=tuple(map(str, spec.ports)),
            families=tuple(spec.families),
            paths=tuple(spec.paths),
            location=place.child(index).location,
        )
        first = found.setdefault(str(failure), failure)
        if first is not failure and not parsed.problems:  # what was taken out may be what tells them apart
            problems.append(place.child(index).problem("is listed twice", f"the other one is at {first.location}"))
    return list(found.values()), problems
