"""The command line of the agent: ``python3 -m cni_probe_agent serve | relay | dial | ready``."""

from __future__ import annotations

import os
import sys
from typing import Final

from . import byhand, dns, relay, serve
from .listeners import PortSpec, parse_port

SOCKET_PATH: Final = "/run/cni-probe/agent.sock"
USAGE: Final = """usage: python3 -m cni_probe_agent COMMAND

  serve [--port PORT/PROTOCOL]... [--linger]  be the agent: listen, dial, until SIGTERM;
                                              with --linger go on after it, until SIGKILL
  relay                                       join stdin and stdout to the agent's control socket
  ready                                       exit 0 when the agent answers
  dial ADDRESS PORT/PROTOCOL [--timeout S] [--query NAME]
                                              try one target, print the outcome, exit 0 when it connected;
                                              with --query ask it for a name, as a nameserver

environment: CNI_PROBE_SOCKET (default /run/cni-probe/agent.sock), CNI_PROBE_POD_UID, CNI_PROBE_START
"""


_DIAL_OPTIONS: Final = "dial takes only --timeout SECONDS, more than 0, and --query NAME"


class _Usage(Exception):
    """What is wrong with the command line."""


def main(argv: list[str]) -> int:
    """Run a command (``argv`` without the program's name) and return its exit code; 2: the command line is wrong."""
    path = os.environ.get("CNI_PROBE_SOCKET") or SOCKET_PATH
    try:
        match argv:
            case ["serve", *options]:
                linger = options[-1:] == ["--linger"]
                ports = _ports(options[:-1] if linger else options)
                uid, start = (os.environ.get(f"CNI_PROBE_{name}", "") for name in ("POD_UID", "START"))
                return serve.run(ports, path, uid, start, linger=linger)
            case ["relay"]:
                return relay.run(path)
            case ["ready"]:
                return byhand.ready(path)
            case ["dial", address, port, *options]:
                timeout, query = _dial_options(options)
                return byhand.dial(address, parse_port(port), timeout, query)
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
        raise _Usage("serve takes only --port PORT/PROTOCOL, any number of times, and --linger after these")
    return [parse_port(value) for value in values]


def _dial_options(options: list[str]) -> tuple[float, str]:
    """The timeout in seconds and the name to ask for (empty: none)."""
    timeout, query = 1.5, ""
    for flag, value in zip(options[::2], options[1::2], strict=False):
        match flag:
            case "--timeout" if 0 < float(value) <= 3600:
                timeout = float(value)
            case "--query" if dns.valid_name(value):
                query = value
            case _:
                raise _Usage(_DIAL_OPTIONS)
    if len(options) % 2:
        raise _Usage(_DIAL_OPTIONS)
    return timeout, query


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
