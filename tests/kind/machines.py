"""Machines of a network of their own: processes in network and mount namespaces, joined by a bridge.

They take the place of containers on kind's network, which need an engine. What runs in them is the real thing: `ip`,
`iptables`, CNI plugins, agents. Each is a file of a directory, so that commands in other processes find them too (the
stand-in for `docker`). None outlives `LIFETIME`, whatever becomes of the tests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIFETIME = "600"
"""Seconds."""
SWITCH = "switch"
AGENT = [sys.executable, "-m", "cni_probe_agent"]
_PREPARE = """
mount -t tmpfs none /run
cp -a /etc /run/etc
mount --bind /run/etc /etc
mkdir -p /etc/cni/net.d /run/cni-probe
# IPv6 addresses of nodes that have been up for long are no longer tentative.
for each in /proc/sys/net/ipv6/conf/all /proc/sys/net/ipv6/conf/default; do
    [ ! -e $each ] || echo 0 > $each/accept_dad
done
ip link set lo up
echo made
exec timeout "$@" >&2
"""


@dataclass(frozen=True, slots=True)
class Machines:
    """The machines of which ``home`` has files."""

    home: Path

    def start(self, name: str, *program: str, environment: dict[str, str] | None = None) -> None:
        """Make a machine that is on no network, running a program (default: none)."""
        line = [
            "unshare",
            "--net",
            "--mount",
            "sh",
            "-euc",
            _PREPARE,
            "sh",
            LIFETIME,
            *(program or ("sleep", LIFETIME)),
        ]
        variables = {**os.environ, "PYTHONPATH": str(ROOT / "agent-image"), **(environment or {})}
        log = (self.home / f"{name}.log").open("wb")
        with log:
            process = subprocess.Popen(
                line, env=variables, stdout=subprocess.PIPE, stderr=log, start_new_session=True, cwd="/"
            )
        assert process.stdout is not None
        with process.stdout:
            made = process.stdout.readline()
        assert made == b"made\n", (self.home / f"{name}.log").read_text()
        process.returncode = 0  # it is not waited for here: whoever removes it ends it
        self._write(name, {"pid": process.pid, "addresses": []})

    def connect(self, name: str, *addresses: str) -> None:
        """Put it on the network as its eth0; addresses with prefix lengths."""
        pid = self.about(name)["pid"]
        port = f"port{pid}"
        self.run(SWITCH, "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        self.run(SWITCH, "ip", "link", "set", port, "master", "bridge", "up")
        self.run(name, "ip", "link", "set", "eth0", "up")
        for address in addresses:
            self.run(name, "ip", "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        self._write(name, {"pid": pid, "addresses": [address.partition("/")[0] for address in addresses]})

    def switch(self) -> None:
        """Make what joins the machines."""
        self.start(SWITCH)
        self.run(SWITCH, "ip", "link", "add", "bridge", "up", "type", "bridge")

    def about(self, name: str) -> dict[str, Any]:
        """``pid`` and ``addresses`` of a machine; KeyError when there is none of this name."""
        try:
            found: dict[str, Any] = json.loads((self.home / name).read_text())
        except FileNotFoundError:
            raise KeyError(name) from None
        return found

    def inside(self, name: str, *command: str) -> list[str]:
        """The command line that runs a command in a machine."""
        pid = str(self.about(name)["pid"])
        return ["nsenter", "--target", pid, "--net", "--mount", "--wdns=/", "--", *command]

    def run(self, name: str, *command: str) -> str:
        """Run a command in a machine; its output. It must succeed."""
        done = subprocess.run(self.inside(name, *command), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{name}: {command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def agent(self, name: str, *words: str) -> list[str]:
        """The command line of a command of the agent in a machine."""
        return self.inside(name, "env", f"PYTHONPATH={ROOT / 'agent-image'}", *AGENT, *words)

    def wait_for_agent(self, name: str) -> None:
        """Return when the agent that a machine runs listens; the test's own timeout ends it otherwise."""
        while subprocess.run(self.agent(name, "ready"), capture_output=True, timeout=60, check=False).returncode:
            assert "Traceback" not in (self.home / f"{name}.log").read_text()

    def dial(self, name: str, address: str, port: str, *, code: int = 0) -> str:
        """What the agent's `dial` says in a machine: who answered, and whom it saw."""
        done = subprocess.run(
            self.agent(name, "dial", address, port), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, f"{name}: dial {address} {port}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def remove(self, name: str) -> None:
        """End it, if there is one."""
        with suppress(KeyError):
            pid = self.about(name)["pid"]
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            (self.home / name).unlink()

    def clear(self) -> None:
        """End all."""
        for name in self.names():
            self.remove(name)

    def names(self) -> list[str]:
        """All that there are."""
        return [path.name for path in self.home.iterdir() if not path.suffix]

    def _write(self, name: str, about: dict[str, Any]) -> None:
        (self.home / name).write_text(json.dumps(about))
