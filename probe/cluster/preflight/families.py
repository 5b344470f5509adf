"""Address families of pods and services, and SCTP: as far as objects tell."""

from __future__ import annotations

from collections.abc import Sequence

from probe.cluster.api import Json
from probe.cluster.preflight.demand import Demand
from probe.cluster.preflight.finding import Finding, names, ok, warning
from probe.cluster.preflight.look import Listing, Unseen
from probe.model.cell import Family

_FAMILIES = "address families"
_SCTP = "SCTP"


def judge_families(nodes: Listing, service: Json | Unseen, demand: Demand) -> list[Finding]:
    """From the nodes' pod ranges and the Service ``kubernetes``; either may say nothing."""
    by_node = {node["metadata"]["name"]: _of_ranges(node) for node in ([] if isinstance(nodes, Unseen) else nodes)}
    stated = {name: families for name, families in by_node.items() if families}
    pods = sorted(set().union(*stated.values()))
    services = sorted(_of_service(service))
    told = f"pods {_words(pods)} (by the nodes' ranges)" if pods else "pods not told (nodes have no ranges)"
    # That Service has one family on dual-stack clusters, too.
    by = " (the Service kubernetes; others may have more)" if 0 < len(services) < len(pods) else ""
    findings = [ok(_FAMILIES, f"{told}, services {_words(services)}{by}")]
    partly = sorted(name for name, families in stated.items() if families != set(pods))
    if partly:
        findings.append(
            warning(
                _FAMILIES,
                f"{names(partly)} have fewer families than other nodes",
                "only the families that all pods have are probed; see spec.podCIDRs of the nodes",
            )
        )
    missing = sorted(demand.families - set(pods)) if pods else []
    if missing:
        findings.append(
            warning(_FAMILIES, f"scenarios ask for {_words(missing)}", "nothing is tried there on this cluster")
        )
    return findings


def judge_sctp(demand: Demand) -> list[Finding]:
    """Whether the kernels have SCTP shows only in a pod."""
    if not demand.sctp:
        return []
    return [
        warning(
            _SCTP,
            "scenarios use it, and no object of the API tells whether the nodes' kernels have it",
            "cells are `unsupported` where they do not; `modprobe sctp` on the nodes, and see `doctor --create`",
        )
    ]


def _of_ranges(node: Json) -> set[Family]:
    spec = node.get("spec", {})
    ranges = spec.get("podCIDRs") or [spec["podCIDR"]] if spec.get("podCIDR") or spec.get("podCIDRs") else []
    return {Family.IPV6 if ":" in cidr else Family.IPV4 for cidr in ranges}


def _of_service(service: Json | Unseen) -> set[Family]:
    if isinstance(service, Unseen):
        return set()
    spec = service.get("spec", {})
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP", "")]
    return {Family.IPV6 if ":" in address else Family.IPV4 for address in addresses if address}


def _words(families: Sequence[Family]) -> str:
    return " and ".join(families) or "not told"
