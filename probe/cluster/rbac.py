"""The manifests that let somebody run cni-probe and do nothing else: printed by ``cni-probe rbac``, part of ``job``."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import yaml

from probe.cluster.api import Json
from probe.cluster.permissions import Need, RoleRule, permissions_for, role_rules
from probe.model.agent_options import SecretRef

_GROUP = "rbac.authorization.k8s.io"
RUNNER_LABELS = {"app.kubernetes.io/name": "cni-probe"}
"""Labels of what lets cni-probe run. Not those of what runs make: ``cni-probe clean`` leaves it alone."""


@dataclass(frozen=True, slots=True)
class LocalRole:
    """Rights in one namespace only, for the same account: a Role and its RoleBinding."""

    namespace: str
    name: str
    rules: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may run what. ``secrets`` are pull secrets to be copied.

    ``results``: name of the ConfigMap in ``namespace`` that the account may write its results to.
    """

    namespace: str = "cni-probe"
    service_account: str = "cni-probe"
    needs: frozenset[Need] = field(default_factory=lambda: frozenset({Need.RUN}))
    secrets: tuple[SecretRef, ...] = ()
    results: str | None = None

    @property
    def rules(self) -> tuple[RoleRule, ...]:
        """The rules of the ClusterRole."""
        needs = self.needs | ({Need.PULL_SECRET} if self.secrets else set())
        return role_rules(permissions_for(needs))

    @property
    def local_roles(self) -> tuple[LocalRole, ...]:
        """What is needed in single namespaces, by name of the object where the API can tell."""
        roles = []
        for space in dict.fromkeys(secret.namespace for secret in self.secrets):
            known = [secret.name for secret in self.secrets if secret.namespace == space]
            rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": known, "verbs": ["get"]}
            roles.append(LocalRole(space, f"{self.service_account}-pull-secrets", (rule,)))
        if self.results:
            # ``create`` cannot be limited to a name: the name is not known when the request is authorized.
            make: Json = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}
            write = make | {"resourceNames": [self.results], "verbs": ["patch"]}
            roles.append(LocalRole(self.namespace, f"{self.service_account}-results", (make, write)))
        return tuple(roles)


def namespace_manifest(name: str) -> Json:
    """The runner's namespace, which enforces PodSecurity ``restricted``: its Job keeps to it."""
    labels = RUNNER_LABELS | {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def access_manifests(access: Access) -> Iterator[Json]:
    """Namespace, ServiceAccount, ClusterRole, roles of single namespaces, and their bindings, in order to apply."""
    account = access.service_account
    yield namespace_manifest(access.namespace)
    yield _object("v1", "ServiceAccount", account, access.namespace)
    cluster_role = _object(f"{_GROUP}/v1", "ClusterRole", _cluster_name(access))
    yield cluster_role | {"rules": [rule.manifest for rule in access.rules]}
    binding = _object(f"{_GROUP}/v1", "ClusterRoleBinding", _cluster_name(access))
    yield binding | _bound("ClusterRole", _cluster_name(access), access)
    for local in access.local_roles:
        yield _object(f"{_GROUP}/v1", "Role", local.name, local.namespace) | {"rules": list(local.rules)}
        role_binding = _object(f"{_GROUP}/v1", "RoleBinding", local.name, local.namespace)
        yield role_binding | _bound("Role", local.name, access)


def _cluster_name(access: Access) -> str:
    """Two installations in different namespaces must not share a ClusterRole: the second would rewrite the first's."""
    name, space = access.service_account, access.namespace
    return name if name == space else f"{space}-{name}"


def _object(api_version: str, kind: str, name: str, namespace: str | None = None) -> Json:
    metadata: Json = {"name": name, "labels": dict(RUNNER_LABELS)}
    if namespace is not None:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _bound(kind: str, name: str, access: Access) -> Json:
    return {
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": access.service_account, "namespace": access.namespace}],
    }


_HEADER = """\
# Apply with: kubectl apply -f -     Take back with: kubectl delete -f -
# The rights hold in all namespaces: a run makes namespaces of its own, and RBAC cannot name these beforehand.
# Whoever may use the account can create pods, and run commands in any pod: bind it to nobody else.
"""


def as_yaml(manifests: Iterable[Json], rules: Sequence[RoleRule]) -> str:
    """Documents for ``kubectl apply -f -``. The ClusterRole's ``rules`` are written with what each is for."""
    out = io.StringIO()
    out.write(_HEADER)
    for manifest in manifests:
        out.write("---\n")
        if manifest["kind"] != "ClusterRole":
            out.write(dump(manifest))
            continue
        out.write(dump({key: value for key, value in manifest.items() if key != "rules"}))
        out.write("rules:\n")
        for rule in rules:
            for line in textwrap.wrap("; ".join(rule.whys), 112):
                out.write(f"  # {line}\n")
            verbs = ", ".join(rule.verbs)
            out.write(f'  - {{apiGroups: ["{rule.group}"], resources: ["{rule.resource}"], verbs: [{verbs}]}}\n')
    return out.getvalue()


def dump(manifest: Json) -> str:
    """One document; texts of several lines as blocks, so that files in ConfigMaps can be read."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes nothing as an alias (kubectl reads them, people don't)."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text and not any(line.endswith((" ", "\t")) for line in text.split("\n")) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
