"""What a run may be told of where its fleets are: nodes, the host's network, endpoints outside the cluster."""

from __future__ import annotations

import argparse
import ipaddress
import secrets
from collections.abc import Iterable

from probe.model.errors import UsageError
from probe.model.scenario import Scenario


def add_fleet_arguments(parser: argparse._ActionsContainer) -> None:
    """The arguments that ``sample_seed`` and ``external_addresses`` read, and what scenarios may do besides."""
    parser.add_argument(
        "--seed", type=int, metavar="N", help="chooses the nodes of --nodes again as another run did (default: random)"
    )
    parser.add_argument(
        "--external", action="append", default=[], metavar="NAME=ADDRESS[,ADDRESS]",
        help="where an agent runs that is the scenarios' external endpoint of this name; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--allow-host-network", action="store_true", help="let scenarios have pods on the network of their nodes"
    )
    parser.add_argument(
        "--allow-cluster-scoped",
        action="store_true",
        help="let scenarios apply cluster-scoped policies, narrowed down to pods of the run (ClusterNetworkPolicy, "
        "AdminNetworkPolicy, BaselineAdminNetworkPolicy)",
    )


def sample_seed(args: argparse.Namespace) -> int:
    """The seed to choose nodes with."""
    return secrets.randbelow(10_000) if args.seed is None else int(args.seed)


def external_addresses(values: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """``vault=192.0.2.10,2001:db8::1`` -> addresses in canonical form by name. Raises UsageError, for all at once."""
    found: dict[str, tuple[str, ...]] = {}
    wrong: list[str] = []
    for value in values:
        name, _, addresses = value.partition("=")
        if not name or not addresses:
            wrong.append(f"--external {value}: write NAME=ADDRESS")
        elif name in found:
            wrong.append(f"--external {value}: {name} is given twice; write all its addresses behind one '='")
        else:
            found[name] = tuple(_addresses(value, addresses.split(","), wrong))
    if wrong:
        raise UsageError("\n".join(wrong))
    return found


def check_externals(args: argparse.Namespace, scenarios: Iterable[Scenario]) -> None:
    """Raises UsageError for ``--external`` with a name that no scenario has: its cells would go untried unnoticed.

    A configuration file may have more, for other scenarios.
    """
    known = {external.name for scenario in scenarios for external in scenario.fleet.externals}
    unknown = sorted(external_addresses(args.external).keys() - known)
    if unknown:
        has = f"they have: {', '.join(sorted(known))}" if known else "they have none at all"
        raise UsageError(f"--external {', '.join(unknown)}: no scenario has an endpoint of this name ({has})")


def _addresses(value: str, texts: Iterable[str], wrong: list[str]) -> Iterable[str]:
    for text in texts:
        try:
            yield str(ipaddress.ip_address(text.strip()))
        except ValueError:
            wrong.append(f"--external {value}: {text!r} is not an IPv4 or IPv6 address")
