"""``cni-probe explain``: what should happen to one flow, and which rules say so. Sends nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from probe.cli.snapshot_arguments import Source, add_snapshot_arguments, read_source
from probe.model.cell import ExitCode, Family
from probe.model.errors import UsageError
from probe.model.snapshot import ServicePort, ServiceState, Snapshot

if TYPE_CHECKING:
    from probe.cli.ends import End
    from probe.policy.services import Entry
    from probe.report.explanation import Explanation

_T = TypeVar("_T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--from", dest="source", required=True, metavar="END", help="NAMESPACE/POD, an IP address, or node/NAME"
    )
    parser.add_argument(
        "--to", dest="destination", required=True, metavar="END",
        help="the same, or service/NAMESPACE/NAME; a workload's name means its pods",
    )  # fmt: skip
    parser.add_argument(
        "--port", required=True, metavar="PORT",
        help="80/TCP (80 alone is TCP), or a name: what the destination serves, or a port of the service",
    )  # fmt: skip
    parser.add_argument(
        "--via", choices=("cluster-ip", "node-port"),
        help="how a service is reached (default: cluster-ip; from outside the cluster node-port, if it has any)",
    )  # fmt: skip
    parser.add_argument(
        "--family", choices=[str(family) for family in Family], help="default: IPv4, or what the two ends have"
    )
    parser.add_argument(
        "--expect", choices=("allow", "deny"), help="exit with 1 if the answer is another (undefined, too)"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    add_snapshot_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the answer. Exit code 0 whatever it is, unless another one is expected."""
    from probe.report.explanation import render_json, render_text
    from probe.report.outputs import stream_options

    source = read_source(args)
    explanation = _explain(args, source)
    if not args.quiet:
        source.print_notices()
    if args.output == "json":
        sys.stdout.write(render_json(explanation, source.locate))
    else:
        sys.stdout.write(render_text(explanation, source.locate, stream_options(sys.stdout)))
    if args.expect not in (None, str(explanation.answer)):
        print(f"cni-probe: expected {args.expect}, but it is {explanation.answer}", file=sys.stderr)
        return int(ExitCode.MISMATCH)
    return int(ExitCode.PASSED)


def _explain(args: argparse.Namespace, source: Source) -> Explanation:
    """Raises UsageError with what is wrong at both ends."""
    from probe.cli.ends import family_of, find_end, find_source

    wrong: list[str] = []
    start = _tried(lambda: find_source(args.source, source.snapshot), wrong)
    goal = _tried(lambda: find_end(args.destination, source.snapshot), wrong)
    if start is None or goal is None:
        raise UsageError("\n".join(wrong))
    notes = list(dict.fromkeys(note for _, note in (start, goal) if note))
    family = family_of([start[0], goal[0]], args.family)
    if isinstance(goal[0], ServiceState):
        return _through_service(args, source.snapshot, start[0], goal[0], family, notes)
    if args.via:
        raise UsageError(f"--via goes with a service as destination, and {args.destination} is none")
    return _directly(args, source.snapshot, start[0], goal[0], family, notes)


def _tried(find: Callable[[], _T], wrong: list[str]) -> _T | None:
    try:
        return find()
    except UsageError as error:
        wrong.append(str(error))
        return None


def _directly(
    args: argparse.Namespace, snapshot: Snapshot, start: End, goal: End, family: Family, notes: Sequence[str]
) -> Explanation:
    from probe.cli.ends import find_port
    from probe.policy.oracle import Oracle, Question
    from probe.policy.sentence import sentence
    from probe.policy.services import View
    from probe.policy.universe import AddressRange, endpoint_id
    from probe.report.explanation import Explanation

    port = find_port(args.port, goal)
    addresses = dict.fromkeys(end for end in (start, goal) if isinstance(end, AddressRange))
    oracle = Oracle(snapshot, tuple(addresses))
    decision = oracle.decide(endpoint_id(start), endpoint_id(goal), Question(port.number, port.protocol, family))
    return Explanation(
        source=decision.source,
        destination=decision.destination,
        port=port.number,
        protocol=port.protocol,
        family=family,
        answer=decision.answer,
        sentence=sentence(decision),
        views=(View(decision),),
        notes=tuple(notes),
    )


def _through_service(
    args: argparse.Namespace, snapshot: Snapshot, start: End, goal: ServiceState, family: Family, notes: Sequence[str]
) -> Explanation:
    from probe.cli.ends import find_service_port
    from probe.policy.oracle import Oracle
    from probe.policy.sentence import service_sentence
    from probe.policy.services import SOME_NODE, SOMEBODY, Call, judge
    from probe.policy.universe import AddressRange, endpoint_id
    from probe.report.explanation import Explanation

    addresses = (start,) if isinstance(start, AddressRange) else ()
    oracle = Oracle(snapshot, (*addresses, SOME_NODE, SOMEBODY))
    port = find_service_port(args.port, goal)
    call = Call(endpoint_id(start), goal, port, _entry(args, start, goal), family)
    decision = judge(oracle, snapshot, call)
    left_out = [f"{pod} has no port called {port.target}: the service does not lead to it" for pod in decision.left_out]
    return Explanation(
        source=call.source,
        destination=f"service/{goal.id}",
        port=port.number,
        protocol=port.protocol,
        family=family,
        answer=decision.answer,
        sentence=service_sentence(decision),
        views=decision.views,
        notes=(*notes, *_about(goal, port), *left_out),
        entry=call.entry,
    )


def _entry(args: argparse.Namespace, start: End, service: ServiceState) -> Entry:
    """How the service is reached: addresses outside the cluster usually have no route to its cluster address."""
    from probe.policy.services import Entry
    from probe.policy.universe import AddressRange

    if args.via == Entry.NODE_PORT and not service.node_ports:
        raise UsageError(f"--via node-port: service {service.id} has no node ports (its type is ClusterIP)")
    if args.via:
        return Entry(args.via)
    return Entry.NODE_PORT if isinstance(start, AddressRange) and service.node_ports else Entry.CLUSTER_IP


def _about(service: ServiceState, port: ServicePort) -> Iterator[str]:
    if service.headless and port.target not in (0, port.number):
        text = (
            f"service {service.id} is headless: nothing translates its port {port.number} to targetPort {port.target}"
        )
        yield f"{text}, so its pods are called on {port.number} itself"
