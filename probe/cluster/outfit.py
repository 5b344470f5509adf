"""What every namespace and pod of a run is equipped with: options, copied pull secrets, the agent's code.

What has to be read from the cluster is read once, before anything is created.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from probe.cluster import objects
from probe.cluster.agent_code import agent_zipapp
from probe.cluster.api import Api, ApiError, Json
from probe.cluster.objects import PULL_SECRET_TYPE, Owner
from probe.model.actions import CreatePod
from probe.model.agent_options import AgentOptions, NamespaceOptions, SecretRef
from probe.model.errors import ClusterError
from probe.model.fleet import Namespace
from probe.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Outfit:
    """Options with what they refer to. ``privileged`` are the logical names of namespaces with hostNetwork pods.

    ``secrets`` are the data of the pull secrets by name, ``code`` is the agent's code where the image lacks it.
    """

    agent: AgentOptions = field(default_factory=AgentOptions)
    namespaces: NamespaceOptions = field(default_factory=NamespaceOptions)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    code: bytes | None = None
    privileged: frozenset[str] = frozenset()

    def for_scenario(self, scenario: Scenario) -> Outfit:
        """The outfit of one scenario's namespaces."""
        return replace(self, privileged=frozenset(host_network_namespaces(scenario)))

    def namespace(self, name: str, namespace: Namespace, owner: Owner) -> Json:
        """The Namespace that is called ``name`` in the cluster."""
        privileged = namespace.name in self.privileged
        return objects.namespace(name, namespace.name, namespace.labels, owner, self.namespaces, privileged=privileged)

    def supplies(self, name: str, owner: Owner) -> Iterator[tuple[str, Json]]:
        """Path and body of each object that must be in the namespace before its first pod."""
        base = f"/api/v1/namespaces/{name}"
        for secret, data in self.secrets.items():
            yield f"{base}/secrets", objects.pull_secret(secret, data, name, owner)
        if self.code is not None:
            yield f"{base}/configmaps", objects.code_configmap(self.code, name, owner)


async def prepare_outfit(api: Api, agent: AgentOptions, namespaces: NamespaceOptions) -> Outfit:
    """Read what the options refer to. Raises ClusterError for a pull secret that is missing, forbidden or no such."""
    secrets = {secret.name: await _pull_secret(api, secret) for secret in agent.pull_secrets}
    return Outfit(agent, namespaces, secrets, agent_zipapp() if agent.from_configmap else None)


async def _pull_secret(api: Api, ref: SecretRef) -> Mapping[str, str]:
    try:
        secret = await api.get(f"/api/v1/namespaces/{ref.namespace}/secrets/{ref.name}")
    except ApiError as error:
        if error.code == 404:
            raise ClusterError(f"the image pull secret {ref} does not exist") from None
        grant = f"; it takes `get` on secrets in the namespace {ref.namespace}" if error.code == 403 else ""
        raise ClusterError(f"the image pull secret {ref} cannot be read: {error.message}{grant}") from None
    if secret.get("type") != PULL_SECRET_TYPE:
        raise ClusterError(
            f"the secret {ref} is of type {secret.get('type', 'Opaque')}, not {PULL_SECRET_TYPE}: make one with "
            f"`kubectl create secret docker-registry {ref.name} -n {ref.namespace} ...`"
        )
    data: dict[str, str] = secret.get("data") or {}
    return data


def host_network_namespaces(scenario: Scenario) -> Iterator[str]:
    """Logical names of the namespaces that ever have a pod on the host's network."""
    created = (action for step in scenario.steps for action in step.actions)
    later = [action.pod for action in created if isinstance(action, CreatePod)]
    for pod in (*scenario.fleet.pods, *later):
        if pod.host_network:
            yield pod.namespace
