"""What a container runtime does with a CNI configuration (the specification's "Network Configuration Lists")."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from tests.kind.conftest import PLUGINS
from tests.kind.machines import Machines

CONFIGURATION = "/etc/cni/net.d/10-none.conflist"


def attach(machines: Machines, node: str, pod: str) -> list[str]:
    """Give a machine the interface eth0 of a pod of a node, with the real plugins; its addresses."""
    configuration = json.loads(machines.run(node, "cat", CONFIGURATION))
    result: dict[str, Any] = {}
    for plugin in configuration["plugins"]:
        head = {"cniVersion": configuration["cniVersion"], "name": configuration["name"]}
        config = {**plugin, **head, **({"prevResult": result} if result else {})}
        if config.pop("capabilities", {}).get("portMappings"):
            config["runtimeConfig"] = {"portMappings": []}
        result = _add(machines.inside(node, str(PLUGINS / plugin["type"])), machines.about(pod)["pid"], pod, config)
    return [each["address"].partition("/")[0] for each in result["ips"]]


def _add(line: list[str], pid: int, pod: str, config: dict[str, Any]) -> dict[str, Any]:
    variables = {
        **os.environ,
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": pod,
        "CNI_NETNS": f"/proc/{pid}/ns/net",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": str(PLUGINS),
    }
    done = subprocess.run(
        line, env=variables, input=json.dumps(config), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found
