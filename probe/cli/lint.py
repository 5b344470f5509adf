"""``cni-probe lint``: what in manifests is probably not what was meant, without a cluster."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from probe.cli.manifest_arguments import add_manifest_arguments, read_manifest_arguments, tell_of_manifests
from probe.model.cell import ExitCode
from probe.model.errors import ManifestError, UsageError

if TYPE_CHECKING:
    from probe.lint.finding import Finding
    from probe.lint.lint import Report
    from probe.manifests import ManifestSet

_LEVELS = ("error", "warning", "info")
_FOUND = 1
"""The exit code that says that there are findings; what a run says with it is another matter (ExitCode.MISMATCH)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_manifest_arguments(parser)
    parser.add_argument(
        "-o", "--output", choices=("table", "json", "sarif"), default="table",
        help="default: table; sarif is for code hosts",
    )  # fmt: skip
    parser.add_argument(
        "--level", choices=_LEVELS, default="info", help="show findings of this level and worse (default: info)"
    )
    parser.add_argument(
        "--fail-on", choices=(*_LEVELS, "never"), default="warning",
        help="exit with 1 for findings of this level and worse (default: warning)",
    )  # fmt: skip
    parser.epilog = (
        "A comment `# cni-probe: ignore` or `# cni-probe: ignore=RULE,RULE` silences findings in its line or, alone in "
        "a line, in the next one; at the first line of an object, all of it. The rules: docs/lint.md. Exit codes: "
        "0 nothing found at the level of --fail-on or above, 1 something found, 2 usage, unreadable input "
        "or nothing to look at."
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings. Raises ManifestError for what cannot be read, UsageError where nothing is to be looked at."""
    from probe.lint.finding import Level
    from probe.lint.lint import Report, lint

    manifests = read_manifest_arguments(args)
    tell_of_manifests(manifests)
    if manifests.unreadable:
        raise ManifestError(manifests.unreadable)
    if not (_policies(manifests) or manifests.snapshot.pods):
        raise UsageError("there are no policies, no pods and no workloads: nothing was looked at")
    report = lint(manifests)
    shown = [each for each in report.findings if each.level.rank >= Level(args.level).rank]
    _print(args.output, Report(tuple(shown), report.ignored), manifests)
    if args.fail_on == "never":
        return int(ExitCode.PASSED)
    failing = any(each.level.rank >= Level(args.fail_on).rank for each in report.findings)
    return _FOUND if failing else int(ExitCode.PASSED)


def _print(output: str, report: Report, manifests: ManifestSet) -> None:
    from probe.lint.sarif import sarif

    match output:
        case "sarif":
            print(json.dumps(sarif(report), indent=2))
        case "json":
            print(json.dumps(_json(report), indent=2))
        case _:
            _print_table(report, manifests)


def _json(report: Report) -> dict[str, object]:
    counts = Counter(each.level.value for each in report.findings)
    return {
        "counts": {level: counts[level] for level in _LEVELS} | {"ignored": len(report.ignored)},
        "findings": [_finding(each) for each in report.findings],
    }


def _finding(finding: Finding) -> dict[str, object]:
    fields = asdict(finding)
    location: dict[str, object] = fields.pop("location")
    return location | fields


def _print_table(report: Report, manifests: ManifestSet) -> None:
    from probe.lint.text import coloured, counts_text, plain, text_lines

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else 0
    paint = coloured if terminal and not os.environ.get("NO_COLOR") else plain
    for line in text_lines(report.findings, paint, width):
        print(line)
    ignored = f" ({len(report.ignored)} ignored)" if report.ignored else ""
    print(f"{counts_text(report.findings)}{ignored} in {_looked_at(manifests)}")
    if not manifests.snapshot.pods:
        print("no pods and no workloads here: what selectors select was not looked at", file=sys.stderr)


def _policies(manifests: ManifestSet) -> int:
    return sum(each.kind.is_policy for each in manifests.objects)


def _looked_at(manifests: ManifestSet) -> str:
    parts: Sequence[tuple[int, str, str]] = (
        (_policies(manifests), "policy", "policies"),
        (len(manifests.snapshot.pods), "pod or workload", "pods and workloads"),
        (len(manifests.texts), "file", "files"),
    )
    counted = [f"{number} {one if number == 1 else several}" for number, one, several in parts]
    return f"{counted[0]} and {counted[1]} of {counted[2]}"
