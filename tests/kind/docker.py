"""A stand-in for `docker` that knows what scripts/kind says to it, and nothing else: containers are `Machines`.

It is strict: an option that it does not know is an error, as one that `docker` does not know.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.kind.machines import AGENT, Machines

_FIELDS = {
    '{{(index .NetworkSettings.Networks "kind").IPAddress}}': ".",
    '{{(index .NetworkSettings.Networks "kind").GlobalIPv6Address}}': ":",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="docker", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    execute = commands.add_parser("exec")
    execute.add_argument("-i", action="store_true", dest="interactive")
    execute.add_argument("name")
    execute.add_argument("line", nargs=argparse.REMAINDER)
    run = commands.add_parser("run")
    for option in ("--detach", "--rm", "--read-only"):
        run.add_argument(option, action="store_true")
    for option in ("--name", "--network", "--label", "--tmpfs", "--cap-drop", "--cap-add", "--sysctl", "--entrypoint"):
        run.add_argument(option)
    run.add_argument("--env", action="append", default=[])
    run.add_argument("image")
    run.add_argument("line", nargs=argparse.REMAINDER)
    inspect = commands.add_parser("inspect")
    inspect.add_argument("--format", choices=_FIELDS, required=True)
    inspect.add_argument("name")
    remove = commands.add_parser("rm")
    remove.add_argument("--force", action="store_true", required=True)
    remove.add_argument("name")
    logs = commands.add_parser("logs")
    logs.add_argument("name")
    return parser


def _start(machines: Machines, args: argparse.Namespace) -> int:
    if args.entrypoint:  # in the network of another
        line = machines.inside(args.network.removeprefix("container:"), args.entrypoint, *args.line)
        return subprocess.run(line, stdin=subprocess.DEVNULL, check=False).returncode
    taken = [each for name in machines.names() for each in machines.about(name)["addresses"]]
    number = next(number for number in range(100, 200) if f"172.18.0.{number}" not in taken)
    machines.start(args.name, *AGENT, *args.line, environment=dict(each.split("=", 1) for each in args.env))
    addresses = [f"172.18.0.{number}/16", f"fd00:172:18::{number}/64"]
    machines.connect(args.name, *addresses[: 2 if os.environ["TEST_FAMILY"] == "dual" else 1])
    return 0


def main(words: list[str]) -> int:
    """Do what the words say; the exit code."""
    machines, args = Machines(Path(os.environ["MACHINES"])), _parser().parse_args(words)
    match args.command:
        case "exec":
            stdin = None if args.interactive else subprocess.DEVNULL
            variables = ["env", f"PYTHONPATH={os.environ['AGENT_PATH']}"]
            return subprocess.run(
                machines.inside(args.name, *variables, *args.line), stdin=stdin, check=False
            ).returncode
        case "run":
            return _start(machines, args)
        case "inspect":
            print(next((each for each in machines.about(args.name)["addresses"] if _FIELDS[args.format] in each), ""))
        case "rm":
            machines.remove(args.name)
        case "logs":
            print((machines.home / f"{args.name}.log").read_text())
    return 0


sys.exit(main(sys.argv[1:]))
