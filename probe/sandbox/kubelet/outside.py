"""External endpoints: hosts outside the cluster with the addresses and ports that ExternalEndpoint objects ask for.

Equal specs share one host. Who comes first has an address; another spec that wants it too is told so in its status,
and gets it when the first is gone. A host's agent is a container like a pod's: restarted, probed, logged.
"""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from probe.sandbox.events import EventRecorder
from probe.sandbox.kubelet.container import Container, ContainerHost
from probe.sandbox.kubelet.facts import PodFacts
from probe.sandbox.kubelet.images import AGENT_COMMAND
from probe.sandbox.kubelet.pod import VOLUMES
from probe.sandbox.net.plan import Address, AddressPlan
from probe.sandbox.net.underlay import OutsideHost, SandboxNetwork
from probe.sandbox.store import Event, Obj, Store
from probe.sandbox.zygote.client import ZygoteClient

RESOURCE = "externalendpoints"
_SOCKET_DIR = "/run/cni-probe"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a host has: addresses and ports (``80/TCP``), in order of the spec."""

    addresses: tuple[Address, ...]
    ports: tuple[str, ...]


class InvalidClaim(Exception):
    """A spec that no host can have."""


def read_claim(spec: Mapping[str, Any], plan: AddressPlan) -> Claim:
    """The claim of an ExternalEndpoint's spec. Raises InvalidClaim."""
    try:
        addresses = tuple(ipaddress.ip_address(address) for address in spec.get("addresses") or ())
    except ValueError as error:
        raise InvalidClaim(str(error)) from error
    if not addresses:
        raise InvalidClaim("spec.addresses is empty")
    refusals = [reason for address in addresses if (reason := plan.refusal(address))]
    if refusals:
        raise InvalidClaim("; ".join(refusals))
    ports = tuple(f"{port['port']}/{port.get('protocol') or 'TCP'}" for port in spec.get("ports") or ())
    return Claim(tuple(dict.fromkeys(addresses)), tuple(sorted(set(ports))))


Outcome: TypeAlias = Claim | str
"""What becomes of an endpoint: a host, or the reason why not."""


def settle(endpoints: Sequence[Obj], plan: AddressPlan) -> dict[str, Outcome]:
    """Who gets which addresses, first come first served: endpoint uid to outcome."""
    taken: dict[Address, tuple[Claim, str]] = {}
    outcomes: dict[str, Outcome] = {}
    for endpoint in endpoints:
        meta = endpoint["metadata"]
        try:
            claim = read_claim(endpoint.get("spec") or {}, plan)
        except InvalidClaim as error:
            outcomes[meta["uid"]] = str(error)
            continue
        conflicts = [
            f"{address} belongs to {holder}, which serves {', '.join(other.ports) or 'nothing'}"
            for address in claim.addresses
            for other, holder in (taken.get(address, (claim, "")),)
            if other != claim
        ]
        if conflicts:
            outcomes[meta["uid"]] = "; ".join(conflicts)
            continue
        outcomes[meta["uid"]] = claim
        for address in claim.addresses:
            taken.setdefault(address, (claim, f"externalendpoint {meta['namespace']}/{meta['name']}"))
    return outcomes


class OutsideHosts:
    """Follows the store's externalendpoints."""

    def __init__(self, store: Store, network: SandboxNetwork, zygote: ZygoteClient) -> None:
        self._store = store
        self._network = network
        self._zygote = zygote
        self._events = EventRecorder(store, "cni-probe-outside", "outside")
        self._endpoints: dict[str, Obj] = {}
        self._hosts: dict[Claim, _Host] = {}

    async def run(self) -> None:
        """For ever."""
        async with self._store.subscribe(RESOURCE) as changes, asyncio.TaskGroup() as group:
            while True:
                for event in await changes.batch():
                    self._note(event)
                await self._reconcile(group)

    def _note(self, event: Event) -> None:
        uid = event.obj["metadata"]["uid"]
        if event.type == "DELETED":
            self._endpoints.pop(uid, None)
        else:
            self._endpoints[uid] = event.obj

    async def _reconcile(self, group: asyncio.TaskGroup) -> None:
        outcomes = settle(list(self._endpoints.values()), self._network.plan)
        wanted = {outcome for outcome in outcomes.values() if isinstance(outcome, Claim)}
        for claim in [claim for claim in self._hosts if claim not in wanted]:
            await self._hosts.pop(claim).end()
        for uid, outcome in outcomes.items():
            if isinstance(outcome, str):
                self._write(uid, {"ready": False, "responder": "", "message": outcome})
            elif outcome in self._hosts:
                self._write(uid, self._hosts[outcome].status)
            else:
                await self._start(outcome, self._endpoints[uid], group)

    async def _start(self, claim: Claim, endpoint: Obj, group: asyncio.TaskGroup) -> None:
        host = _Host(claim, endpoint, await self._network.add_outside_host(claim.addresses))
        self._hosts[claim] = host
        host.begin(self._network, self._zygote, self._events, lambda: self._publish(claim), group)
        self._publish(claim)

    def _publish(self, claim: Claim) -> None:
        host = self._hosts.get(claim)
        if host is None:
            return
        for uid, outcome in settle(list(self._endpoints.values()), self._network.plan).items():
            if outcome == claim:
                self._write(uid, host.status)

    def _write(self, uid: str, status: dict[str, Any]) -> None:
        meta = self._endpoints[uid]["metadata"]

        def change(obj: Obj) -> None:
            if obj["metadata"]["uid"] == uid:
                obj["status"] = dict(status)

        self._store.modify(RESOURCE, meta["namespace"], meta["name"], change)


class _Host:
    """One host outside the cluster and the agent on it."""

    def __init__(self, claim: Claim, endpoint: Obj, host: OutsideHost) -> None:
        self.responder = str(uuid.uuid4())
        self._host = host
        self._pod = _agent_pod(claim, endpoint, self.responder)
        self._network: SandboxNetwork
        self._container: Container
        self._task: asyncio.Task[None]

    def begin(
        self,
        network: SandboxNetwork,
        zygote: ZygoteClient,
        events: EventRecorder,
        publish: Callable[[], None],
        group: asyncio.TaskGroup,
    ) -> None:
        """Start the agent."""
        self._network = network
        (VOLUMES / self.responder / "control").mkdir(parents=True)
        addresses = tuple(map(str, self._host.addresses))
        facts = PodFacts(addresses, addresses, str(VOLUMES / self.responder))
        self._container = Container(
            self._pod["spec"]["containers"][0],
            "Always",
            ContainerHost(zygote, events, lambda: self._pod, lambda: facts, lambda: self._host.netns, publish),
        )
        self._task = group.create_task(self._container.run(), name=f"outside {', '.join(addresses)}")

    @property
    def status(self) -> dict[str, Any]:
        """ExternalEndpoint.status."""
        state = self._container.state
        message = ""
        if not state.ready:
            kind, detail = next(iter(state.state.items()))
            message = f"the host's agent is {kind}: {detail.get('message') or detail.get('reason') or 'not ready yet'}"
        return {"ready": state.ready, "responder": self.responder, "message": message}

    async def end(self) -> None:
        """Take the host away."""
        self._container.kill()
        await asyncio.wait({self._task})
        await self._network.remove_outside_host(self._host)
        shutil.rmtree(VOLUMES / self.responder, ignore_errors=True)


def _agent_pod(claim: Claim, endpoint: Obj, responder: str) -> Obj:
    """What the host's agent would be as a pod; it is never in the store."""
    serve = [word for port in claim.ports for word in ("--port", port)]
    agent = {
        "name": "agent",
        "image": "cni-probe-agent",
        "command": [*AGENT_COMMAND, "serve", *serve],
        "env": [
            {"name": "CNI_PROBE_POD_UID", "value": responder},
            {"name": "CNI_PROBE_SOCKET", "value": f"{_SOCKET_DIR}/agent.sock"},
        ],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "readinessProbe": {"exec": {"command": [*AGENT_COMMAND, "ready"]}, "periodSeconds": 5, "timeoutSeconds": 3},
        "volumeMounts": [{"name": "control", "mountPath": _SOCKET_DIR}],
    }
    return {
        "apiVersion": endpoint.get("apiVersion", "sandbox.cni-probe.dev/v1"),
        "kind": "ExternalEndpoint",
        "metadata": endpoint["metadata"],
        "spec": {"containers": [agent], "volumes": [{"name": "control", "emptyDir": {}}]},
    }
