"""A pod's /etc/resolv.conf, as its dnsPolicy and dnsConfig ask for it (core/v1 PodSpec)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from probe.sandbox.kubelet.cluster import ClusterFacts
from probe.sandbox.store import Obj

FILE: Final = "resolv.conf"
_DOTS: Final = ("ndots", "5")


def resolv_conf(pod: Obj, cluster: ClusterFacts) -> str | None:
    """The file's text; None for a pod that has its node's (which is the host's, as a pod sees the host's files)."""
    spec = pod["spec"]
    policy, config = spec.get("dnsPolicy") or "ClusterFirst", spec.get("dnsConfig") or {}
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    if policy == "Default" and not config:
        return None
    servers: list[str] = []
    searches: list[str] = []
    options: dict[str, str | None] = {}
    if policy in ("ClusterFirst", "ClusterFirstWithHostNet"):
        servers += cluster.nameservers
        namespace = pod["metadata"]["namespace"]
        searches += [f"{namespace}.svc.{cluster.domain}", f"svc.{cluster.domain}", cluster.domain]
        options |= (_DOTS,)
    servers += config.get("nameservers") or ()
    searches += config.get("searches") or ()
    options |= {option["name"]: option.get("value") for option in config.get("options") or ()}
    return _write(list(dict.fromkeys(servers)), list(dict.fromkeys(searches)), options)


def _write(servers: Sequence[str], searches: Sequence[str], options: dict[str, str | None]) -> str:
    said = [name if value is None else f"{name}:{value}" for name, value in options.items()]
    lines = [
        *([f"search {' '.join(searches)}"] if searches else ()),
        *(f"nameserver {server}" for server in servers),
        *([f"options {' '.join(said)}"] if said else ()),
    ]
    return "".join(f"{line}\n" for line in lines)
