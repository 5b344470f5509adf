"""NetworkPolicy and ClusterIP services of a view -> the ruleset of one node. Pure: no kernel, no clock, no memory.

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
from *another* node's address is forwarded, and only an ipBlock can allow it.

ICMP errors about a tracked connection pass (path MTU); packets that belong to no connection meet the chain of their
source or destination as they are, where only a rule without peers and ports can accept them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from probe.model.cell import Family
from probe.sandbox.enforce.draft import ADDRESS_TYPE, KEYWORD, Draft, destination, source
from probe.sandbox.enforce.peers import peer_matches
from probe.sandbox.enforce.ports import port_matches
from probe.sandbox.enforce.ruleset import Chain, Ruleset, VerdictMap, digest, name_of
from probe.sandbox.enforce.services import accept_hairpins, add_services
from probe.sandbox.enforce.view import ClusterView, Pod, Policy, Rule


class Deny(enum.StrEnum):
    """How a denial looks to the sender. Both are denials to the API."""

    DROP = "drop"
    REJECT = "reject"


class Established(enum.StrEnum):
    """What a policy change means for connections that are open. The API leaves it open."""

    CUT = "cut"
    KEEP = "keep"


class Direction(enum.StrEnum):
    """A direction of policy, seen from the selected pod."""

    EGRESS = "egress"
    INGRESS = "ingress"

    def rules(self, policy: Policy) -> tuple[Rule, ...] | None:
        """The policy's rules for this direction; None when it says nothing about it."""
        return policy.egress if self is Direction.EGRESS else policy.ingress


@dataclass(frozen=True, slots=True)
class Options:
    """Where the API leaves room. ``policies`` off is a CNI that ignores NetworkPolicy (services still work)."""

    deny: Deny = Deny.DROP
    established: Established = Established.CUT
    policies: bool = True


DEFAULTS = Options()
DENIALS = {
    Deny.DROP: ("drop",),
    Deny.REJECT: ("meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"),
}
FORWARD = "type filter hook forward priority filter; policy accept;"
ALLOW = {Direction.EGRESS: "goto ingress", Direction.INGRESS: "accept"}
"""What follows where a direction allows a packet. Chain ``ingress`` decides in any case: goto never comes back."""


def compile_node(view: ClusterView, node: str, options: Options = DEFAULTS) -> Ruleset:
    """Everything that the node's kernel should do."""
    draft = Draft()
    add_services(draft, view, node)
    if options.policies:
        passing = "established,related" if options.established is Established.KEEP else "related"
        always = f"ct state {passing} accept", *accept_hairpins(draft, view, node)
        egress = _dispatch(draft, view, node, options, Direction.EGRESS)
        draft.chains["forward"] = Chain((*always, *egress, "goto ingress"), FORWARD)
        draft.chains["ingress"] = Chain((*_dispatch(draft, view, node, options, Direction.INGRESS), "accept"))
    return draft.ruleset()


def _dispatch(draft: Draft, view: ClusterView, node: str, options: Options, direction: Direction) -> list[str]:
    """From the selected pod's address to its chain: by the connection's end, or by the packet's if it has none."""
    end, own = (source, "saddr") if direction is Direction.EGRESS else (destination, "daddr")
    verdicts = _isolate(draft, view, node, options, direction)
    rules = []
    for family in Family:
        chains = draft.add_map(direction, family, VerdictMap(ADDRESS_TYPE[family], verdicts[family]))
        rules.append(f"{end(family)} vmap @{chains}")
        rules.append(f"ct state invalid,untracked {KEYWORD[family]} {own} vmap @{chains}")
    return rules


def _isolate(
    draft: Draft, view: ClusterView, node: str, options: Options, direction: Direction
) -> dict[Family, dict[str, str]]:
    """Chains for the node's isolated pods; returns the verdict of each of their addresses."""
    verdicts: dict[Family, dict[str, str]] = {family: {} for family in Family}
    for pod in view.policed:
        if pod.node == node and (policies := _selecting(view, pod, direction)):
            chain = _add_isolation(draft, view, policies, options, direction)
            for family, address in pod.addresses.items():
                verdicts[family][address] = f"goto {chain}"
    return verdicts


def _selecting(view: ClusterView, pod: Pod, direction: Direction) -> list[Policy]:
    return [
        policy
        for policy in view.policies
        if policy.namespace == pod.namespace
        and direction.rules(policy) is not None
        and policy.selector.matches(pod.labels)
    ]


def _add_isolation(
    draft: Draft, view: ClusterView, policies: list[Policy], options: Options, direction: Direction
) -> str:
    """The chain of all pods that the same policies select: what one of them allows is allowed, the rest denied."""
    name = name_of(f"{direction}-isolated", digest(*(f"{policy.namespace}/{policy.name}" for policy in policies)))
    if name not in draft.chains:
        jumps = [f"jump {_add_policy(draft, view, policy, direction)}" for policy in policies]
        draft.chains[name] = Chain((*jumps, *DENIALS[options.deny]))
    return name


def _add_policy(draft: Draft, view: ClusterView, policy: Policy, direction: Direction) -> str:
    name = name_of(direction, policy.namespace, policy.name)
    if name not in draft.chains:
        rules = direction.rules(policy) or ()
        accepts = [accept for rule in rules for accept in _accepts(draft, view, policy, rule, direction)]
        draft.chains[name] = Chain(tuple(dict.fromkeys(accepts)))  # without addresses both families read the same
    return name


def _accepts(draft: Draft, view: ClusterView, policy: Policy, rule: Rule, direction: Direction) -> Iterable[str]:
    """A rule allows what one of its peers and one of its ports match."""
    if rule.peers is None and rule.ports is None:
        yield ALLOW[direction]
        return
    peer_end = destination if direction is Direction.EGRESS else source
    for family in Family:
        peers = peer_matches(draft, view, rule, policy.namespace, family, peer_end(family))
        ports = port_matches(draft, view, rule.ports, family)
        for peer in peers:
            for port in ports:
                yield " ".join(filter(None, (peer, port, ALLOW[direction])))
