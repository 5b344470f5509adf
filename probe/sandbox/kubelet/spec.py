"""What a kubelet reads from a pod's spec: commands, mounts, privileges, sysctls. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from probe.sandbox.kubelet.environment import environment, expand
from probe.sandbox.kubelet.facts import ConfigError, PodFacts
from probe.sandbox.kubelet.images import default_command
from probe.sandbox.kubelet.volumes import KINDS, READ_ONLY, inside, kind_of
from probe.sandbox.store import Obj
from probe.sandbox.zygote.protocol import ContainerProcess, Mount


def container_process(pod: Obj, container: Mapping[str, Any], facts: PodFacts) -> ContainerProcess:
    """The process to start for a container. Raises ConfigError."""
    if pod["spec"].get("initContainers"):
        raise ConfigError("initContainers: the sandbox runs a pod's containers only")
    env = environment(pod, container, facts, hostname(pod))
    command = container.get("command") or default_command(container["image"])
    argv = [expand(word, env) for word in (*command, *(container.get("args") or ()))]
    security = container.get("securityContext") or {}
    dropped = {name.upper() for name in (security.get("capabilities") or {}).get("drop") or ()}
    return ContainerProcess(
        argv=argv,
        env=env,
        hostname=hostname(pod),
        cwd=container.get("workingDir") or "/",
        mounts=[
            *(Mount(path, target, read_only=True) for path, target in facts.files.items()),
            *(_mount(pod, mount, facts) for mount in container.get("volumeMounts") or ()),
        ],
        drop_capabilities="ALL" in dropped and not security.get("privileged"),
        no_new_privileges=security.get("allowPrivilegeEscalation") is False,
    )


def hostname(pod: Obj) -> str:
    """What the pod's processes call their host; on the node's network it is the node."""
    spec = pod["spec"]
    name = spec.get("nodeName") if spec.get("hostNetwork") else spec.get("hostname")
    return str(name or pod["metadata"]["name"])[:63]


def _mount(pod: Obj, mount: Mapping[str, Any], facts: PodFacts) -> Mount:
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    name = mount["name"]
    kind = kind_of(volumes.get(name, {}))
    if kind is None:
        raise ConfigError(f'volume "{name}": the sandbox has {", ".join(KINDS)} volumes only')
    if mount.get("subPathExpr"):
        raise ConfigError(f'volume "{name}": the sandbox has no subPathExpr')
    target = PurePosixPath(mount["mountPath"])
    if not target.is_absolute() or ".." in target.parts:
        raise ConfigError(f'volume "{name}": mountPath {mount["mountPath"]} is not an absolute path')
    source = f"{facts.volumes}/{name}"
    if path := mount.get("subPath"):
        source = f"{source}/{inside(path)}"
    return Mount(source, str(target), kind in READ_ONLY or bool(mount.get("readOnly")))


def sysctls(pod: Obj) -> dict[str, str]:
    """The pod's namespaced sysctls."""
    listed = (pod["spec"].get("securityContext") or {}).get("sysctls") or ()
    return {sysctl["name"]: str(sysctl["value"]) for sysctl in listed}


def forbidden_sysctl(pod: Obj) -> str:
    """What is wrong with one of the pod's sysctls, in a kubelet's words; empty if nothing is. Only a network namespace
    of the pod's own may be changed: all else is the host's."""
    for name in sysctls(pod):
        if not name.replace("/", ".").startswith("net.") or ".." in name:
            return f'"{name}" not allowlisted'
        if pod["spec"].get("hostNetwork"):
            return f'"{name}" not allowed with host net enabled'
    return ""
