"""What the runner of GitHub Actions takes for commands in a log (actions/runner, ActionCommandManager)."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"::(?P<name>[\w-]+)(?: [^:]*)?::(?P<data>.*)")
_OLD = re.compile(r"##\[(?P<name>[\w-]+)[^\]]*\](?P<data>.*)")


def taken(log: str) -> list[str]:
    """The lines that are taken for commands, in order, but those that pause and resume. Fails if it ends in a pause."""
    found, token = [], ""
    for line in log.splitlines():
        command = _COMMAND.match(line.strip()) or _OLD.search(line)
        if command is None:
            continue
        if token:
            token = "" if command["name"] == token else token
        elif command["name"] == "stop-commands":
            token = command["data"]
        else:
            found.append(line)
    assert not token, "commands are still stopped at the end"
    return found
