"""The network plugin, as far as DaemonSets tell: is there one that enforces, and only one."""

from __future__ import annotations

from collections.abc import Sequence

from probe.cluster.api import Json
from probe.cluster.plugins import Plugin, find_plugins, policy_engines
from probe.cluster.preflight.finding import Finding, ok, warning
from probe.cluster.preflight.look import Listing, Unseen

_CHECK = "network plugin"
_K3S = "+k3s"
"""Mark in a kubelet's version: k3s has a policy controller (kube-router's) built in, which no DaemonSet shows."""


def judge_plugins(daemonsets: Listing, nodes: Listing) -> list[Finding]:
    """What is installed, as a hint; warnings where results would not say what they seem to."""
    if isinstance(daemonsets, Unseen):
        return [ok(_CHECK, "not known, since DaemonSets may not be listed (`cni-probe rbac --doctor` has the rule)")]
    plugins = find_plugins(daemonsets)
    if not plugins:
        return [ok(_CHECK, "not known: no DaemonSet is a well-known plugin's, so it is built in or of another kind")]
    told = ", ".join(f"{plugin} ({plugin.namespace}/{plugin.daemonset})" for plugin in plugins)
    return [ok(_CHECK, f"seems to be {told}"), *_doubts(plugins, nodes)]


def _doubts(plugins: Sequence[Plugin], nodes: Listing) -> list[Finding]:
    findings = []
    engines = [str(plugin) for plugin in policy_engines(plugins)]
    if any(_K3S in _kubelet(node) for node in ([] if isinstance(nodes, Unseen) else nodes)):
        engines.append("k3s' own policy controller (unless it runs with --disable-network-policy)")
    if len(engines) > 1:
        findings.append(
            warning(
                _CHECK,
                f"{len(engines)} policy engines seem to be active: {' and '.join(engines)}",
                "what one denies hides what another leaks: turn all but the one under test off",
            )
        )
    if not engines and all(plugin.enforces is False for plugin in plugins):
        findings.append(
            warning(_CHECK, "none of these enforces NetworkPolicies", "expect every denial to leak, or install one")
        )
    for plugin in plugins:
        if plugin.ready < plugin.desired:
            findings.append(
                warning(
                    _CHECK,
                    f"{plugin} is ready on {plugin.ready} of {plugin.desired} nodes",
                    f"see: kubectl -n {plugin.namespace} rollout status daemonset/{plugin.daemonset}",
                )
            )
    return findings


def _kubelet(node: Json) -> str:
    return str(node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", ""))
