"""Whether the agents' image is on the nodes already, by what these say in their status."""

from __future__ import annotations

from collections.abc import Sequence

from probe.cluster.api import Json
from probe.cluster.nodes import Node
from probe.cluster.preflight.finding import Finding, names, ok, warning
from probe.cluster.preflight.look import Listing, Unseen
from probe.model.agent_options import AgentOptions

_CHECK = "image"
_MOST_LISTED = 50
"""A kubelet lists its largest images only (nodeStatusMaxImages), so a small one may be there unseen."""


def judge_image(nodes: Listing, usable: Sequence[Node], agent: AgentOptions) -> list[Finding]:
    """Present on all usable nodes, or: what the pull policy makes of its absence."""
    if isinstance(nodes, Unseen) or not usable:
        return []
    by_name = {node["metadata"]["name"]: node for node in nodes}
    statuses = {node.name: by_name.get(node.name, {}).get("status", {}) for node in usable}
    absent = [name for name, status in sorted(statuses.items()) if not _has(status, agent.image)]
    if not absent:
        again = " (and pulled again: the policy is Always)" if agent.pull_policy == "Always" else ""
        return [ok(_CHECK, f"{agent.image} is on all usable nodes{again}")]
    where = "any usable node" if len(absent) == len(usable) else names(absent)
    surely = all(len(statuses[name].get("images") or ()) < _MOST_LISTED for name in absent)
    listed = "" if surely else " (nodes list their 50 largest only)"
    text = f"{agent.image} is not seen on {where}{listed}"
    if agent.pull_policy == "Never":  # no problem for sure: a node tells of a new image only after a minute or so
        todo = "load it there, unless that has just been done, or use --image-pull-policy IfNotPresent"
        return [warning(_CHECK, f"{text}, and the pull policy is Never", todo)]
    if _registry(agent.image):
        return [warning(_CHECK, f"{text}: it will be pulled", "`doctor --create` tries that")]
    return [
        warning(
            _CHECK,
            f"{text}, and its name has no registry: it would be pulled from Docker Hub",
            "push it to a registry of yours and name it with --image, or load it into the nodes (kind load)",
        )
    ]


def _has(status: Json, name: str) -> bool:
    wanted = full_name(name)
    return any(full_name(known) == wanted for image in status.get("images") or () for known in image.get("names") or ())


def full_name(name: str) -> str:
    """A reference as container runtimes complete it: ``docker.io/library/python:3.13``, ``...:latest``."""
    registry = _registry(name)
    path = name.removeprefix(f"{registry}/") if registry else name
    if "/" not in path and registry in ("", "docker.io"):
        path = f"library/{path}"
    last = path.rpartition("/")[2]
    tag = "" if ":" in last or "@" in last else ":latest"
    return f"{registry or 'docker.io'}/{path}{tag}"


def _registry(name: str) -> str:
    """The registry's host, as far as the name has one: the first part, if it cannot be a user's name."""
    first, slash, _ = name.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""
