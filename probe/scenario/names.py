"""Logical namespaces -> the namespaces of a run.

A scenario says ``production``; a run creates ``cp-<run>-production`` so that runs never meet each other or what is in
the cluster. Every place of a manifest that names a namespace is mapped along, or the policy would select nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from probe.model.clusterpolicy import API_VERSIONS
from probe.model.manifest import Manifest
from probe.model.snapshot import NAME_LABEL


def map_manifest(manifest: Manifest, namespaces: Mapping[str, str]) -> dict[str, Any]:
    """A copy of the manifest with logical namespaces (``namespaces``: logical to actual) replaced.

    Mapped are ``metadata.namespace`` and, in policies, the values of ``kubernetes.io/metadata.name`` in every selector
    of namespaces: no other label carries a name. Names that ``namespaces`` does not have are left alone: in
    a peer, ``kube-system`` then means the cluster's own. That cannot touch anybody else's traffic, since a policy
    only isolates pods of the namespace it lies in, which is ours, nor change a verdict but of cells to the cluster's
    DNS, where it is meant. Whom a cluster-scoped policy is about at most is for who applies it to say.
    ``namespaces`` must therefore hold all namespaces of the scenario, those that a later step creates included.
    """
    result: dict[str, Any] = copy.deepcopy(dict(manifest))
    metadata = result.get("metadata")
    if isinstance(metadata, dict) and metadata.get("namespace") in namespaces:
        metadata["namespace"] = namespaces[metadata["namespace"]]
    spec = result.get("spec") or {}
    if result.get("kind") == "NetworkPolicy":
        for peer in _peers(spec):
            _map_selector(peer.get("namespaceSelector") or {}, namespaces)
    elif result.get("kind") in API_VERSIONS:
        for selected in (spec.get("subject") or {}, *_peers(spec)):
            _map_selector(selected.get("namespaces") or {}, namespaces)
            _map_selector((selected.get("pods") or {}).get("namespaceSelector") or {}, namespaces)
    return result


def _peers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for rules, peers in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(rules) or []:
            yield from (peer or {} for peer in (rule or {}).get(peers) or [])


def _map_selector(selector: dict[str, Any], namespaces: Mapping[str, str]) -> None:
    labels = selector.get("matchLabels") or {}
    if NAME_LABEL in labels:
        labels[NAME_LABEL] = namespaces.get(labels[NAME_LABEL], labels[NAME_LABEL])
    for expression in selector.get("matchExpressions") or []:
        if expression.get("key") == NAME_LABEL and expression.get("values"):
            expression["values"] = [namespaces.get(value, value) for value in expression["values"]]
