"""A container's environment variables: stated, from the pod itself, from ConfigMaps and Secrets. Pure functions."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from probe.sandbox.kubelet.facts import ConfigError, Lookup, PodFacts, metadata_field
from probe.sandbox.store import Obj

_DIRECTORIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_PYTHON = f"{sys.base_prefix}/bin"
DEFAULT_PATH: Final = ":".join((*(() if _PYTHON in _DIRECTORIES else (_PYTHON,)), *_DIRECTORIES))
"""As images have it. All of them have Python: the one that the sandbox runs on."""

_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_.][-A-Za-z0-9_.]*)\))")
_KEY_REFERENCES: Final = {
    "configMapKeyRef": ("configmaps", "configmap", "ConfigMap"),
    "secretKeyRef": ("secrets", "secret", "Secret"),
}


def environment(pod: Obj, container: Mapping[str, Any], facts: PodFacts, hostname: str) -> dict[str, str]:
    """A container's whole environment; nothing of the sandbox's own gets in. Raises ConfigError."""
    env = {"PATH": DEFAULT_PATH, "HOME": "/", "HOSTNAME": hostname, **facts.environment}
    for source in container.get("envFrom") or ():
        env |= _all_from(source, facts.lookup)
    for entry in container.get("env") or ():
        source = entry.get("valueFrom")
        value = _value_from(pod, source, facts) if source else expand(entry.get("value") or "", env)
        if value is not None:
            env[entry["name"]] = value
    return env


def expand(text: str, env: Mapping[str, str]) -> str:
    """``$(NAME)`` as core/v1 Container.command has it: unknown names stay, ``$$`` is a dollar sign."""
    return _REFERENCE.sub(lambda match: env.get(match[1], match[0]) if match[1] else "$", text)


def data_of(obj: Obj, resource: str) -> dict[str, bytes]:
    """What a ConfigMap or Secret holds."""
    encoded = obj.get("data" if resource == "secrets" else "binaryData") or {}
    plain = {} if resource == "secrets" else obj.get("data") or {}
    return {
        **{key: value.encode() for key, value in plain.items()},
        **{key: base64.b64decode(value) for key, value in encoded.items()},
    }


def _all_from(source: Mapping[str, Any], lookup: Lookup) -> dict[str, str]:
    for kind, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
        if (reference := source.get(kind)) is None:
            continue
        obj = lookup(resource, reference["name"])
        if obj is None:
            if reference.get("optional"):
                return {}
            raise ConfigError(f'{resource.removesuffix("s")} "{reference["name"]}" not found')
        prefix = source.get("prefix") or ""
        found = {f"{prefix}{key}": value for key, value in data_of(obj, resource).items()}
        return {name: value.decode(errors="replace") for name, value in found.items() if _NAME.fullmatch(name)}
    raise ConfigError(f"envFrom {', '.join(source)}: the sandbox knows configMapRef and secretRef only")


def _value_from(pod: Obj, source: Mapping[str, Any], facts: PodFacts) -> str | None:
    """None for an optional value that is not there."""
    for kind, (resource, word, name) in _KEY_REFERENCES.items():
        if reference := source.get(kind):
            obj = facts.lookup(resource, reference["name"])
            if obj is None:
                if reference.get("optional"):
                    return None
                raise ConfigError(f'{word} "{reference["name"]}" not found')
            value = data_of(obj, resource).get(reference["key"])
            if value is None and not reference.get("optional"):
                where = f"{pod['metadata']['namespace']}/{reference['name']}"
                raise ConfigError(f"couldn't find key {reference['key']} in {name} {where}")
            return None if value is None else value.decode(errors="replace")
    path = (source.get("fieldRef") or {}).get("fieldPath")
    if path is None:
        raise ConfigError(f"env valueFrom {', '.join(source)}: the sandbox knows no such source")
    return _field(pod, path, facts)


def _field(pod: Obj, path: str, facts: PodFacts) -> str:
    spec = pod["spec"]
    fields = {
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": facts.addresses[0],
        "status.podIPs": ",".join(facts.addresses),
        "status.hostIP": facts.node_addresses[0],
        "status.hostIPs": ",".join(facts.node_addresses),
    }
    if path in fields:
        return str(fields[path])
    whole = path in ("metadata.labels", "metadata.annotations")
    if whole or (value := metadata_field(pod, path)) is None:
        raise ConfigError(f"env fieldRef {path}: no such field")
    return value
