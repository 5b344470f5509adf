"""Node ports as the API server hands them out, keeps them and takes them back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api.server import SERVICES, Client, Reply, service


def node_port(name: str = "web", *ports: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return service(name, **{"type": "NodePort", "ports": list(ports) or [{"port": 80}], **spec})


def numbers(reply: Reply) -> list[int | None]:
    assert reply.code in (200, 201), reply.body
    return [port.get("nodePort") for port in reply.body["spec"]["ports"]]


def cause(reply: Reply) -> tuple[int, str, str]:
    first = reply.body["details"]["causes"][0]
    return reply.code, first["field"], first["message"]


async def test_a_node_port_service_gets_numbers_of_its_own(client: Client) -> None:
    created = await client.post(SERVICES, node_port())
    assert created.body["spec"]["externalTrafficPolicy"] == "Cluster"
    (one,) = numbers(created)
    (other,) = numbers(await client.post(SERVICES, node_port("other")))
    assert one != other
    assert one in range(30000, 32768)
    assert other in range(30000, 32768)
    (balanced,) = numbers(await client.post(SERVICES, node_port("balanced", type="LoadBalancer")))
    assert balanced in range(30000, 32768)


async def test_ports_of_one_number_share_their_node_port(client: Client) -> None:
    dns = [{"name": name, "port": 53, "protocol": name.upper()} for name in ("udp", "tcp")]
    one, other = numbers(await client.post(SERVICES, node_port("dns", *dns)))
    assert one == other
    asked = [{**dns[0]}, {**dns[1], "nodePort": 30053}]
    assert numbers(await client.post(SERVICES, node_port("asked", *asked))) == [30053, 30053]


async def test_a_number_asked_for_is_honoured_once(client: Client) -> None:
    assert numbers(await client.post(SERVICES, node_port("a", {"port": 80, "nodePort": 30080}))) == [30080]
    refused = await client.post(SERVICES, node_port("b", {"port": 80, "nodePort": 30080}))
    assert refused.body["message"] == (
        'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated'
    )
    # Whatever the protocol:
    assert (await client.post(SERVICES, node_port("b", {"port": 80, "protocol": "UDP", "nodePort": 30080}))).code == 422
    await client.delete(f"{SERVICES}/a")
    assert numbers(await client.post(SERVICES, node_port("b", {"port": 80, "nodePort": 30080}))) == [30080]


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        (
            {"ports": [{"port": 80, "nodePort": 80}]},
            "spec.ports[0].nodePort",
            "Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
        (
            {"type": "ClusterIP", "ports": [{"port": 80, "nodePort": 30080}]},
            "spec.ports[0].nodePort",
            "Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
        (
            {"ports": [{"name": name, "port": int(name[1:]), "nodePort": 30080} for name in ("p80", "p81")]},
            "spec.ports[1].nodePort",
            "Duplicate value: 30080",
        ),
        (
            {"externalTrafficPolicy": "Here"},
            "spec.externalTrafficPolicy",
            'Unsupported value: "Here": supported values: "Cluster", "Local"',
        ),
        (
            {"type": "ClusterIP", "externalTrafficPolicy": "Local"},
            "spec.externalTrafficPolicy",
            'Invalid value: "Local": may only be set for externally-accessible services',
        ),
        ({"clusterIP": "None"}, "spec.clusterIPs[0]", "Invalid value: \"None\": may not be set to 'None' for NodePort"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_field(
    client: Client, spec: dict[str, Any], field: str, message: str
) -> None:
    code, found, said = cause(await client.post(SERVICES, node_port(**spec)))
    assert (code, found) == (422, field)
    assert said.startswith(message)


async def test_an_update_keeps_what_it_leaves_out(client: Client) -> None:
    (number,) = numbers(await client.post(SERVICES, node_port()))
    assert numbers(await client.put(f"{SERVICES}/web", node_port())) == [number]
    both = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    kept, new = numbers(await client.put(f"{SERVICES}/web", node_port("web", *both)))
    assert kept == number
    assert new not in (None, number)
    moved = {"spec": {"ports": [{"port": 80, "nodePort": 30099}]}}
    assert numbers(await client.patch(f"{SERVICES}/web", moved)) == [30099]
    await client.post(SERVICES, node_port("other", {"port": 80, "nodePort": 30100}))
    refused = await client.patch(f"{SERVICES}/web", {"spec": {"ports": [{"port": 80, "nodePort": 30100}]}})
    assert cause(refused)[0] == 422


async def test_the_type_may_change_and_numbers_come_and_go(client: Client) -> None:
    await client.post(SERVICES, service())
    (number,) = numbers(await client.patch(f"{SERVICES}/web", {"spec": {"type": "NodePort"}}))
    assert number in range(30000, 32768)
    back = await client.patch(f"{SERVICES}/web", {"spec": {"type": "ClusterIP"}})
    assert numbers(back) == [None]
    assert "externalTrafficPolicy" not in back.body["spec"]


async def test_a_service_that_is_applied_keeps_its_numbers(client: Client) -> None:
    first = numbers(await client.apply(f"{SERVICES}/web", node_port()))
    assert numbers(await client.apply(f"{SERVICES}/web", node_port())) == first
