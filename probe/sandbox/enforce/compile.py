"""Policies and services of a view -> the ruleset of one node. Pure: no kernel, no clock, no memory.

Policy is decided per connection and for each of its packets. Rules match on conntrack's two tuples, who began it
(``ct original saddr``) and who really answers on which port (``ct reply saddr``, ``ct reply proto-src``; after DNAT),
which read the same for packets of both directions. Hence:

- replies of an allowed connection are allowed, and only those: there is no "established, accept" that outlives the
  policy. When policy changes, established flows are cut in both directions at the next packet, a UDP sender that
  keeps its 5-tuple cannot ride on an old conntrack entry, and neither can the next owner of an address;
- policy sees pods, not services: the port is the target port, the destination a pod.

``Options.established = KEEP`` puts the common shortcut back in front (many CNIs have it): what was established stays.

One base chain on the forward hook: egress first, and what egress allows goes on to ingress, so that a packet must be
allowed by both. Egress is judged at the source's node (its pods alone are in that map), ingress at the destination's;
between pods of one node a packet meets both in one pass, which is one generation of rules (see ``table.py``). Address
-> verdict maps send a packet to the chain of the policies that select the pod, in constant time; pods that no policy
selects are not in the maps.

Not filtered, because it isn't forwarded: a pod to itself, a node to its own pods and back (kubelet's probes). Traffic
from *another* node's address is forwarded, and only an ipBlock can allow it. What a pod sends to its own node is
nothing to NetworkPolicies, but cluster-scoped ones are asked: a second base chain, ``own-node``, on the input hook,
which is there only if such a policy has egress rules for a pod of the node.

ICMP errors about a tracked connection pass (path MTU); packets that belong to no connection meet the chain of their
source or destination as they are, where only a rule without peers and ports can accept them.
"""

from __future__ import annotations

from probe.sandbox.enforce.direction import Direction
from probe.sandbox.enforce.draft import Draft
from probe.sandbox.enforce.isolation import Isolation
from probe.sandbox.enforce.options import DEFAULTS, Deny, Established, Options
from probe.sandbox.enforce.ruleset import Chain, Ruleset
from probe.sandbox.enforce.services import add_services, hairpins
from probe.sandbox.enforce.view import ClusterView

__all__ = ["Deny", "Established", "Options", "compile_node"]

FORWARD = "type filter hook forward priority filter; policy accept;"
INPUT = "type filter hook input priority filter; policy accept;"


def compile_node(view: ClusterView, node: str, options: Options = DEFAULTS) -> Ruleset:
    """Everything that the node's kernel should do."""
    draft = Draft()
    add_services(draft, view, node)
    if options.policies:
        egress, ingress = (Isolation(draft, view, node, options, it) for it in Direction)
        passing = "established,related" if options.established is Established.KEEP else "related"
        always = f"ct state {passing} accept"
        exempt = (pod for pod in view.policed if pod.node == node and not view.cluster_policies_of(pod))
        to_themselves = (f"{match} accept" for match in hairpins(draft, exempt))
        draft.chains["forward"] = Chain((always, *to_themselves, *egress.dispatch(), "goto ingress"), FORWARD)
        draft.chains["ingress"] = Chain((*ingress.dispatch(), "accept"))
        if to_node := egress.dispatch_own_node():
            draft.chains["own-node"] = Chain((always, *to_node), INPUT)
    return draft.ruleset()
