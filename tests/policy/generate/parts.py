"""What policies of all kinds are made of: label selectors, and address blocks that are aimed at something."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from probe.model.snapshot import NAME_LABEL
from tests.policy.generate.pick import Pick
from tests.policy.generate.words import NAMESPACE_LABELS, Object
from tests.policy.generate.worlds import World

_LENGTHS = {4: (32, 0, 1, 8, 16, 23, 24, 30, 31), 6: (128, 0, 1, 32, 63, 64, 126, 127)}


def selector(pick: Pick, vocabulary: Mapping[str, Sequence[str]]) -> Object:
    """A label selector: empty, by labels, by expressions, or both."""
    made: Object = {}
    shape = pick.one(("empty", "empty", "labels", "expressions", "expressions", "both"))
    if shape in ("labels", "both"):
        made["matchLabels"] = dict([*pick.labels(vocabulary).items()][: pick.one((1, 1, 2))])
    if shape in ("expressions", "both"):
        made["matchExpressions"] = pick.many(lambda: _expression(pick, vocabulary), 1, 1, 2)
    return made


def _expression(pick: Pick, vocabulary: Mapping[str, Sequence[str]]) -> Object:
    key, values = pick.one([*vocabulary.items(), ("absent", ("x",))])
    operator = pick.one(("In", "NotIn", "NotIn", "Exists", "DoesNotExist"))
    listed = {"values": pick.distinct(values, 2)} if operator in ("In", "NotIn") else {}
    return {"key": key, "operator": operator, **listed}


def namespaces_of(pick: Pick, world: World) -> Object:
    """A selector of namespaces, once in a while by the label that only the API server sets."""
    if pick.yes(4):
        return {"matchLabels": {NAME_LABEL: pick.one(sorted(world.namespaces))}}
    return selector(pick, NAMESPACE_LABELS)


def block_around(pick: Pick, targets: Sequence[str]) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    """A block around a target: the address alone, or something wider, up to everything."""
    address = ipaddress.ip_address(pick.one(targets))
    return ipaddress.ip_interface(f"{address}/{pick.one(_LENGTHS[address.version])}")


def ip_block(pick: Pick, targets: Sequence[str]) -> Object:
    """NetworkPolicyPeer.ipBlock. Each except is inside of the block; some hit a target, some hit none."""
    block = block_around(pick, targets).network
    bases = [ipaddress.ip_address(each) for each in targets]
    bases = [each for each in bases if each.version == block.version and each in block] + [block.broadcast_address]
    longer = [length for length in _LENGTHS[block.version] if length > block.prefixlen]
    if not longer:
        return {"cidr": str(block)}
    excepts = pick.many(
        lambda: str(ipaddress.ip_network(f"{pick.one(bases)}/{pick.one(longer)}", strict=False)), 0, 0, 1, 1, 2
    )
    return {"cidr": str(block), **({"except": excepts} if excepts else {})}
