"""``cni-probe matrix``: what should happen between all pods, and between them and the outside. Sends nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase

from probe.cli.snapshot_arguments import add_snapshot_arguments, read_source
from probe.model.cell import ExitCode, Family
from probe.model.errors import UsageError
from probe.model.snapshot import Snapshot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("-o", "--output", choices=("table", "json", "markdown"), default="table", help="default: table")
    parser.add_argument(
        "--focus", nargs="+", action="extend", default=[], metavar="GLOB",
        help="only pairs of which an end is such a NAMESPACE/POD (shop/*); may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--family", action="append", default=[], choices=[str(family) for family in Family], metavar="FAMILY",
        help="IPv4 or IPv6; may be repeated (default: what addresses are known of; IPv4 if none are)",
    )  # fmt: skip
    add_snapshot_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the truth table."""
    from probe.policy.matrix import Truth, families_of
    from probe.report.outputs import stream_options
    from probe.report.truth_markdown import render as markdown
    from probe.report.truth_picture import render as table
    from probe.report.truth_table import pieces

    source = read_source(args)
    snapshot = source.snapshot
    if not snapshot.pods:
        raise UsageError("there are no pods and no workloads: nothing to make a table of")
    focused = _focused(args.focus, snapshot)
    if not args.quiet:
        source.print_notices()
    families = [Family(name) for name in dict.fromkeys(args.family)] or families_of(snapshot)
    truths = [Truth(snapshot, family) for family in families]
    match args.output:
        case "json":
            sys.stdout.writelines(pieces(truths, args.focus, focused))
        case "markdown":
            sys.stdout.write(markdown(truths, focused))
        case _:
            sys.stdout.write(table(truths, focused, stream_options(sys.stdout)))
    return int(ExitCode.PASSED)


def _focused(globs: Sequence[str], snapshot: Snapshot) -> frozenset[int]:
    """The numbers of the pods that any of the globs means; without globs all. Raises UsageError for idle ones."""
    from probe.scenario.suggest import suggest

    ids = [pod.id for pod in snapshot.pods]
    idle = [glob for glob in globs if not any(fnmatchcase(id, glob) for id in ids)]
    if idle:
        raise UsageError(
            "\n".join(f'--focus "{glob}" means no pod ({suggest(glob, ids) or "NAMESPACE/POD"})' for glob in idle)
        )
    return frozenset(
        number for number, id in enumerate(ids) if not globs or any(fnmatchcase(id, glob) for glob in globs)
    )
