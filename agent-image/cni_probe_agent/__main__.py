"""The command line of the agent: ``python3 -m cni_probe_agent serve | relay | dial | ready``."""

from __future__ import annotations

import os
import sys
from typing import Final

from . import byhand, relay, serve
from .listeners import PortSpec, parse_port

SOCKET_PATH: Final = "/run/cni-probe/agent.sock"
USAGE: Final = """usage: python3 -m cni_probe_agent COMMAND

  serve [--port PORT/PROTOCOL]...             be the agent: listen, dial, until SIGTERM
  relay                                       join stdin and stdout to the agent's control socket
  ready                                       exit 0 when the agent answers
  dial ADDRESS PORT/PROTOCOL [--timeout S]    try one target, print the outcome, exit 0 when it connected

environment: CNI_PROBE_SOCKET (default /run/cni-probe/agent.sock), CNI_PROBE_POD_UID
"""


class _Usage(Exception):
    """What is wrong with the command line."""


def main(argv: list[str]) -> int:
    """Run a command (``argv`` without the program's name) and return its exit code; 2: the command line is wrong."""
    path = os.environ.get("CNI_PROBE_SOCKET") or SOCKET_PATH
    try:
        match argv:
            case ["serve", *options]:
                return serve.run(_ports(options), path, os.environ.get("CNI_PROBE_POD_UID", ""))
            case ["relay"]:
                return relay.run(path)
            case ["ready"]:
                return byhand.ready(path)
            case ["dial", address, port, *options]:
                return byhand.dial(address, parse_port(port), _timeout(options))
            case ["-h" | "--help" | "help", *_]:
                print(USAGE, end="")
                return 0
            case _:
                raise _Usage(f"cannot make sense of: {' '.join(argv) or '(nothing)'}")
    except (_Usage, ValueError) as error:
        print(f"{error}\n\n{USAGE}", end="", file=sys.stderr)
        return 2


def _ports(options: list[str]) -> list[PortSpec]:
    flags, values = options[::2], options[1::2]
    if set(flags) - {"--port"} or len(flags) != len(values):
        raise _Usage("serve takes only --port PORT/PROTOCOL, any number of times")
    return [parse_port(value) for value in values]


def _timeout(options: list[str]) -> float:
    match options:
        case []:
            return 1.5
        case ["--timeout", seconds] if 0 < float(seconds) <= 3600:
            return float(seconds)
        case _:
            raise _Usage("dial takes only --timeout SECONDS, more than 0")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
