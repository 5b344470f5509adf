"""Pods on their node's network, as the API server takes and refuses them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api.server import NAMESPACES, Client, pod

PODS = f"{NAMESPACES}/default/pods"


def with_ports(*ports: dict[str, Any], **spec: Any) -> dict[str, Any]:
    body = pod(**spec)
    body["spec"]["containers"][0]["ports"] = list(ports)
    return body


async def test_container_ports_become_ports_of_the_node(client: Client) -> None:
    created = await client.post(PODS, with_ports({"containerPort": 80}, hostNetwork=True))
    (port,) = created.body["spec"]["containers"][0]["ports"]
    assert port == {"containerPort": 80, "hostPort": 80, "protocol": "TCP"}


SYSCTL = {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (
            with_ports({"containerPort": 80, "hostPort": 81}, hostNetwork=True),
            "spec.containers[0].ports[0].containerPort",
            "Invalid value: 80: must match `hostPort` when `hostNetwork` is true",
        ),
        (
            with_ports({"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}),
            "spec.containers[0].ports[1].hostPort",
            'Duplicate value: "TCP//80"',
        ),
        (
            pod(hostNetwork=True, securityContext=SYSCTL),
            "spec.securityContext.sysctls[0].name",
            "Invalid value: \"net.ipv4.ip_unprivileged_port_start\": may not be specified when 'hostNetwork' is true",
        ),
    ],
)
async def test_what_does_not_go_together_is_refused(
    client: Client, body: dict[str, Any], field: str, said: str
) -> None:
    refused = await client.post(PODS, body)
    assert refused.code == 422
    assert [(cause["field"], cause["message"]) for cause in refused.body["details"]["causes"]] == [(field, said)]
