"""What a kubelet reads from a pod's spec: images, environment, volumes, privileges. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from probe.sandbox.store import Obj
from probe.sandbox.zygote.protocol import ContainerProcess, Mount

RUNNABLE = ("cni-probe-agent", "cni-probe-dns")
DEFAULT_COMMAND = ("python3", "-m", "cni_probe_agent")
"""The agent image's entry point."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_.][-A-Za-z0-9_.]*)\))")


class ConfigError(Exception):
    """The container's configuration asks for what the sandbox does not have (CreateContainerConfigError)."""


def is_runnable(image: str) -> bool:
    """Whether the sandbox has the image: any registry, tag or digest of ours."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[0] in RUNNABLE


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What a running pod's environment may ask for (the downward API) beside its metadata."""

    addresses: tuple[str, ...]
    node_addresses: tuple[str, ...]
    volumes: str  # the directory that holds the pod's volumes, one directory each
    environment: Mapping[str, str] = field(default_factory=dict)  # what every container of the cluster has
    files: Mapping[str, str] = field(default_factory=dict)  # file of ours (a path) to where containers see it


def container_process(pod: Obj, container: Mapping[str, Any], facts: PodFacts) -> ContainerProcess:
    """The process to start for a container. Raises ConfigError."""
    if pod["spec"].get("initContainers"):
        raise ConfigError("initContainers: the sandbox runs a pod's containers only")
    env = environment(pod, container, facts)
    command = container.get("command") or list(DEFAULT_COMMAND)
    argv = [_expand(word, env) for word in (*command, *(container.get("args") or ()))]
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
    if "emptyDir" not in volumes.get(name, {}):
        raise ConfigError(f'volume "{name}": the sandbox has emptyDir volumes only')
    if mount.get("subPath") or mount.get("subPathExpr"):
        raise ConfigError(f'volume "{name}": the sandbox has no subPath')
    target = PurePosixPath(mount["mountPath"])
    if not target.is_absolute() or ".." in target.parts:
        raise ConfigError(f'volume "{name}": mountPath {mount["mountPath"]} is not an absolute path')
    return Mount(f"{facts.volumes}/{name}", str(target), bool(mount.get("readOnly")))


def environment(pod: Obj, container: Mapping[str, Any], facts: PodFacts) -> dict[str, str]:
    """A container's whole environment; nothing of the sandbox's own gets in. Raises ConfigError."""
    if container.get("envFrom"):
        raise ConfigError("envFrom: the sandbox has no ConfigMaps and Secrets")
    env = {"PATH": DEFAULT_PATH, "HOME": "/", "HOSTNAME": hostname(pod), **facts.environment}
    for entry in container.get("env") or ():
        source = entry.get("valueFrom")
        env[entry["name"]] = _value_from(pod, source, facts) if source else _expand(entry.get("value") or "", env)
    return env


def _value_from(pod: Obj, source: Mapping[str, Any], facts: PodFacts) -> str:
    path = (source.get("fieldRef") or {}).get("fieldPath")
    if path is None:
        raise ConfigError(f"env valueFrom {', '.join(source)}: the sandbox knows fieldRef only")
    meta, spec = pod["metadata"], pod["spec"]
    fields = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": facts.addresses[0],
        "status.podIPs": ",".join(facts.addresses),
        "status.hostIP": facts.node_addresses[0],
        "status.hostIPs": ",".join(facts.node_addresses),
    }
    if path in fields:
        return str(fields[path])
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
    if keyed is None:
        raise ConfigError(f"env fieldRef {path}: no such field")
    return str((meta.get(keyed[1]) or {}).get(keyed[2], ""))


def _expand(text: str, env: Mapping[str, str]) -> str:
    """``$(NAME)`` as core/v1 Container.command has it: unknown names stay, ``$$`` is a dollar sign."""
    return _REFERENCE.sub(lambda match: env.get(match[1], match[0]) if match[1] else "$", text)


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
