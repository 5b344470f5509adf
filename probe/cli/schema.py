"""``cni-probe schema``: the JSON Schemas of what users write and of what a run leaves."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from probe.model.cell import ExitCode
from probe.model.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "what", nargs="?", choices=("scenario", "fleet", "config", "run", "matrix"), default="scenario",
        help="scenario files (default), fleets that they share, run configurations (--config), or the JSON of run and "
        "of matrix",
    )  # fmt: skip
    parser.add_argument("--check", metavar="FILE", type=Path, help="print nothing; fail if FILE is not the schema")


def run(args: argparse.Namespace) -> int:
    """Print or compare. Exit code 1 when the file compared with differs."""
    from probe.scenario.schema import schema_text

    text = schema_text(_schema(args.what))
    if args.check is None:
        print(text, end="")
        return int(ExitCode.PASSED)
    try:
        current = args.check.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{args.check} cannot be read: {error}") from error
    if current == text:
        return int(ExitCode.PASSED)
    print(f"cni-probe: {args.check} is not the current schema; write it again with `make schema`", file=sys.stderr)
    return int(ExitCode.MISMATCH)


def _schema(what: str) -> dict[str, Any]:
    if what == "run":
        from probe.report.run_record import record_schema

        return record_schema()
    if what == "matrix":
        from probe.report.truth_table import truth_table_schema

        return truth_table_schema()
    from probe.scenario.schema import fleet_schema, run_config_schema, scenario_schema

    return {"fleet": fleet_schema, "config": run_config_schema}.get(what, scenario_schema)()
