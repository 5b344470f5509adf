"""Pod Security admission: the Pod Security Standards that a namespace's labels enforce or warn about.

After the published standards (baseline and restricted); the checks whose fields nobody here can express
(Windows, SELinux types, AppArmor, /proc mounts) are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from probe.sandbox.api.errors import forbidden
from probe.sandbox.api.resources import BY_PLURAL
from probe.sandbox.store import Obj

LEVELS: Final = ("privileged", "baseline", "restricted")

_PREFIX: Final = "pod-security.kubernetes.io"
_BASELINE_CAPABILITIES: Final = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_SAFE_SYSCTLS: Final = frozenset(
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
    ]
)
_SAFE_VOLUMES: Final = frozenset(
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"]
)

Check: TypeAlias = Callable[[dict[str, Any], list[dict[str, Any]]], str | None]
"""Takes a pod's spec and all its containers; returns what is violated."""


def admit_pod(namespace: Obj, pod: Obj) -> list[str]:
    """Warnings for the namespace's ``warn`` level. Raises ApiError 403 when its ``enforce`` level is violated."""
    enforced, version = _level(namespace, "enforce")
    violations = list(_violations(enforced, pod["spec"]))
    if violations:
        why = f'violates PodSecurity "{enforced}:{version}": {", ".join(violations)}'
        raise forbidden(BY_PLURAL["pods"], pod["metadata"]["name"], why)
    level, version = _level(namespace, "warn")
    warned = list(_violations(level, pod["spec"]))
    return [f'would violate PodSecurity "{level}:{version}": {", ".join(warned)}'] if warned else []


def _level(namespace: Obj, mode: str) -> tuple[str, str]:
    labels = namespace["metadata"].get("labels") or {}
    level = labels.get(f"{_PREFIX}/{mode}", "privileged")
    # A level that is misspelt fails closed, as in Kubernetes.
    return level if level in LEVELS else "restricted", labels.get(f"{_PREFIX}/{mode}-version", "latest")


def _violations(level: str, spec: dict[str, Any]) -> Iterator[str]:
    containers = [
        container
        for field in ("initContainers", "containers", "ephemeralContainers")
        for container in spec.get(field, ())
    ]
    checks = {"privileged": (), "baseline": _BASELINE, "restricted": (*_BASELINE, *_RESTRICTED)}[level]
    for check in checks:
        if found := check(spec, containers):
            yield found


def _security(holder: dict[str, Any]) -> dict[str, Any]:
    return holder.get("securityContext") or {}


def _whose(containers: list[dict[str, Any]], bad: Callable[[dict[str, Any]], bool]) -> str:
    names = [f'"{container["name"]}"' for container in containers if bad(container)]
    return f"container{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else ""


def _host_namespaces(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    used = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    return f"host namespaces ({', '.join(used)})" if used else None


def _privileged(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    who = _whose(containers, lambda container: bool(_security(container).get("privileged")))
    return f"privileged ({who} must not set securityContext.privileged=true)" if who else None


def _host_path(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    names = [f'"{volume["name"]}"' for volume in spec.get("volumes", ()) if "hostPath" in volume]
    return f"hostPath volumes (volume{'s' if len(names) > 1 else ''} {', '.join(names)})" if names else None


def _host_ports(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    who = _whose(containers, lambda container: any(port.get("hostPort") for port in container.get("ports", ())))
    return f"hostPort ({who} uses host ports)" if who else None


def _sysctls(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    bad = [item["name"] for item in _security(spec).get("sysctls", ()) if item["name"] not in _SAFE_SYSCTLS]
    return f"forbidden sysctls ({', '.join(bad)})" if bad else None


def _seccomp_unconfined(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    bad = [item for item in (spec, *containers) if _seccomp_type(item) == "Unconfined"]
    return 'seccompProfile (must not set securityContext.seccompProfile.type to "Unconfined")' if bad else None


def _capabilities(allowed: frozenset[str]) -> Check:
    def check(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
        who = _whose(containers, lambda container: bool(_added(container) - allowed))
        added = sorted(set().union(*map(_added, containers)) - allowed) if containers else []
        shown = ", ".join(f'"{name}"' for name in added)
        return (
            f"non-default capabilities ({who} must not include {shown} in securityContext.capabilities.add)"
            if who
            else None
        )

    return check


def _added(container: dict[str, Any]) -> set[str]:
    return set((_security(container).get("capabilities") or {}).get("add") or ())


def _escalation(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    who = _whose(containers, lambda container: _security(container).get("allowPrivilegeEscalation") is not False)
    return (
        f"allowPrivilegeEscalation != false ({who} must set securityContext.allowPrivilegeEscalation=false)"
        if who
        else None
    )


def _drop_all(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    def bad(container: dict[str, Any]) -> bool:
        return "ALL" not in ((_security(container).get("capabilities") or {}).get("drop") or ())

    texts = []
    if who := _whose(containers, bad):
        texts.append(f'{who} must set securityContext.capabilities.drop=["ALL"]')
    extra = sorted(set().union(*map(_added, containers)) - {"NET_BIND_SERVICE"}) if containers else []
    if extra:
        who = _whose(containers, lambda container: bool(_added(container) - {"NET_BIND_SERVICE"}))
        shown = ", ".join(f'"{name}"' for name in extra)
        texts.append(f"{who} must not include {shown} in securityContext.capabilities.add")
    return f"unrestricted capabilities ({'; '.join(texts)})" if texts else None


def _volumes(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    bad = [volume["name"] for volume in spec.get("volumes", ()) if not set(volume) - {"name"} <= _SAFE_VOLUMES]
    shown = ", ".join(f'"{name}"' for name in bad)
    return (
        f"restricted volume types (volume{'s' if len(bad) > 1 else ''} {shown} uses a restricted volume type)"
        if bad
        else None
    )


def _non_root(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    inherited = _security(spec).get("runAsNonRoot")
    who = _whose(containers, lambda container: _security(container).get("runAsNonRoot", inherited) is not True)
    return f"runAsNonRoot != true (pod or {who} must set securityContext.runAsNonRoot=true)" if who else None


def _root_user(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    if _security(spec).get("runAsUser") == 0:
        return "runAsUser=0 (pod must not set runAsUser=0)"
    who = _whose(containers, lambda container: _security(container).get("runAsUser") == 0)
    return f"runAsUser=0 ({who} must not set runAsUser=0)" if who else None


def _seccomp(spec: dict[str, Any], containers: list[dict[str, Any]]) -> str | None:
    inherited = _seccomp_type(spec)
    good = ("RuntimeDefault", "Localhost")
    who = _whose(containers, lambda container: (_seccomp_type(container) or inherited) not in good)
    wanted = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return f"seccompProfile (pod or {who} {wanted})" if who else None


def _seccomp_type(holder: dict[str, Any]) -> str | None:
    kind: str | None = (_security(holder).get("seccompProfile") or {}).get("type")
    return kind


_BASELINE: Final[tuple[Check, ...]] = (
    _host_namespaces,
    _privileged,
    _capabilities(_BASELINE_CAPABILITIES),
    _host_path,
    _host_ports,
    _sysctls,
    _seccomp_unconfined,
)
_RESTRICTED: Final[tuple[Check, ...]] = (_escalation, _drop_all, _volumes, _non_root, _root_user, _seccomp)
