"""A fork server of the test's own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from probe.model.errors import MissingRequirement
from probe.sandbox.requirements import check_host, unshare_command
from probe.sandbox.zygote.protocol import receive, send
from tests.sandbox.processes import descendants, wait_until
from tests.sandbox.zygote.forks import Zygote


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    try:
        check_host()
    except MissingRequirement as missing:
        pytest.skip(str(missing))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(10)
    with ours, theirs:
        command = [*unshare_command(), sys.executable, "-P", "-m", "probe.sandbox.zygote", str(theirs.fileno())]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as process:
            theirs.close()
            wait_until(lambda: len(descendants(process.pid)) == 2)
            (pid,) = descendants(process.pid) - {process.pid}
            send(ours, {"id": 1, "op": "hello?"})
            receive(ours)
            forks = Zygote(ours, pid)
            yield forks
            forks.close()
            ours.close()
