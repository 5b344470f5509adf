"""The entry point: finds the command, and turns our errors into one clear message and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from probe import __version__
from probe.model.cell import ExitCode
from probe.model.errors import CniProbeError, InputError

COMMANDS = {
    "run": "run scenarios on a cluster and compare what happens with what should",
    "conformance": "ask a cluster whether it enforces the whole NetworkPolicy API, by the suite that ships",
    "watch": "watch an established step over time, while a command changes the cluster",
    "report": "draw the reports of a run again, from its journal or its record",
    "evidence": "write a folder that proves what a run tested, or verify one",
    "diff": "compare two runs, for what regressed between them",
    "validate": "check scenario files, and do nothing else",
    "lint": "look through manifests for policies that are probably not what was meant",
    "plan": "show fleet, steps, cells and expectations without a cluster",
    "explain": "say what should happen to one flow, and which rules decide it",
    "matrix": "say what should happen between all pods of manifests, or of a cluster",
    "schema": "print the JSON Schema of scenario files, of run records or of matrices",
    "sandbox": "the embedded cluster: up, down, status, faults",
    "clean": "remove what any run left in a cluster",
    "doctor": "look whether a run can work on a cluster, before anything is created",
    "job": "print manifests that run scenarios inside the cluster",
    "rbac": "print the least rights with which runs work, as manifests",
}
"""Command name -> one line of help. The module is ``probe.cli.<name>``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line. Returns the exit code (see ``ExitCode``)."""
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            _flush()  # here, where a failure can be told, not when the interpreter ends
    except OSError:
        error = _unwritable()
        if error is None:  # stdout is fine: this is somebody else's
            return _own_fault()
        if not isinstance(error, BrokenPipeError):
            print(f"cni-probe: cannot write to stdout: {error.strerror or error}", file=sys.stderr)
        return int(ExitCode.HARNESS)


def _run(words: Sequence[str]) -> int:
    parser, called = _parsers(words)
    args, unknown = parser.parse_known_args(words)
    if unknown:
        (called or parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if args.command is None:
        parser.print_help()
        return int(ExitCode.USAGE)
    if getattr(args, "github", False):
        from probe.cli.report_arguments import commands

        with commands(args) as args.commands:  # also around what is said of mistakes
            return _command(args)
    return _command(args)


def _command(args: argparse.Namespace) -> int:
    """Run the command. Returns its exit code, also of one that failed, which is told."""
    try:
        return int(importlib.import_module(f"probe.cli.{args.command}").run(args))
    except InputError as error:
        print(error, file=sys.stderr)
        count = len(error.problems)
        print(f"{count} error{'s' if count != 1 else ''}", file=sys.stderr)
        return error.exit_code
    except CniProbeError as error:
        print(f"cni-probe: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except OSError:
        raise  # maybe of stdout
    except Exception:  # noqa: BLE001 - left to Python it would be exit code 1, which says that there is a leak
        return _own_fault()


def _own_fault() -> int:
    traceback.print_exc()
    print("cni-probe: this is a fault of cni-probe itself; please report it with the lines above", file=sys.stderr)
    return int(ExitCode.HARNESS)


def _flush() -> None:
    if sys.stdout is not None:  # as it is when the descriptor was closed at the start
        sys.stdout.flush()


def _unwritable() -> OSError | None:
    """Why stdout cannot be written to, if so. Then it goes nowhere, so that nothing is said at exit either."""
    try:
        print(flush=True)  # what failed to be written may be in the buffer no more: only writing again tells
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


class _Parser(argparse.ArgumentParser):
    """Mistakes are answered in two lines: some commands have more options than a screen has lines."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\nsee {self.prog} --help\n")


def _parsers(words: Sequence[str]) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser | None]:
    """A parser that knows all commands, and that of the one that is called, which knows its arguments, too."""
    parser = _Parser(
        prog="cni-probe",
        description="Proves with real packets that a Kubernetes cluster enforces its NetworkPolicies.",
        epilog="Exit codes: 0 all passed, 1 a leak, block or misroute, 2 usage or an invalid scenario, "
        "3 the harness or the cluster failed, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"cni-probe {__version__}")
    name_called = next((word for word in words if not word.startswith("-")), None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    called = None
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        if name == name_called:
            called = command
            importlib.import_module(f"probe.cli.{name}").add_arguments(command)
    return parser, called
