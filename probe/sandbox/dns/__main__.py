"""The DNS pod's program: ``serve ZONE`` answers from a zone's file, ``ready DOMAIN`` says whether it does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from probe.sandbox.dns.server import is_ready, serve


def main(argv: list[str]) -> int:
    """The exit code."""
    match argv:
        case ["serve", zone]:
            asyncio.run(serve(Path(zone)))
            return 0
        case ["ready", domain]:
            return 0 if is_ready(domain) else 1
        case _:
            sys.stderr.write("usage: python3 -m probe.sandbox.dns serve ZONE | ready DOMAIN\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
