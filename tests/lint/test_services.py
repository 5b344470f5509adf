"""Services that lead nowhere, and those that are none of our business."""

from __future__ import annotations

import pytest

from tests.lint.conftest import Fires


def service(spec: str, namespace: str = "shop") -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: {namespace}}}\nspec: {{{spec}}}\n"


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("selector: {app: web}, ports: [{port: 80, targetPort: http}]", []),
        ("selector: {app: web}, ports: [{port: 80, targetPort: 8080}]", []),
        (
            "selector: {app: web}, ports: [{port: 80}]",
            ["info: no pod behind the service declares the port 80/TCP"],
        ),
        (
            "selector: {app: web}, ports: [{port: 80, targetPort: http, protocol: UDP}]",
            ['warning: no pod behind the service serves a port "http"/UDP'],
        ),
        ("ports: [{port: 80, targetPort: nothing}]", []),  # its endpoints are somebody else's to say
        ("type: ExternalName, externalName: example.com, selector: {app: web}", []),
    ],
)
def test_target_ports(fires: Fires, spec: str, found: list[str]) -> None:
    assert fires("service-target-unserved", service(spec)) == found


def test_where_no_pod_of_the_namespace_is_here_it_is_less_sure(fires: Fires) -> None:
    assert fires("service-selects-nothing", service("selector: {app: x}")) == [
        "warning: no pod of shop has app=x: the service leads nowhere"
    ]
    assert fires("service-selects-nothing", service("selector: {app: x}", "elsewhere"))[0].startswith("info: ")
    assert fires("service-selects-nothing", service("selector: {app: x}"), alone=True) == []
