"""/etc/resolv.conf, as a pod's DNS policy has it."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.kubelet.cluster import ClusterFacts
from probe.sandbox.kubelet.resolver import resolv_conf

CLUSTER = ClusterFacts("10.96.0.1", ("10.96.0.10", "fd00:10:96::a"), "cluster.local", lambda *_, **__: "")
FIRST = """\
search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
nameserver fd00:10:96::a
options ndots:5
"""


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({}, FIRST),
        ({"dnsPolicy": "ClusterFirst"}, FIRST),
        ({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, None),
        ({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}, FIRST),
        ({"dnsPolicy": "Default"}, None),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {
                    "nameservers": ["192.0.2.1"],
                    "searches": ["example.org"],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
                },
            },
            "search example.org\nnameserver 192.0.2.1\noptions ndots:2 edns0\n",
        ),
        (
            {"dnsConfig": {"nameservers": ["192.0.2.1", "10.96.0.10"], "options": [{"name": "ndots", "value": "1"}]}},
            FIRST.replace("ndots:5", "ndots:1").replace("options", "nameserver 192.0.2.1\noptions"),
        ),
    ],
    ids=str,
)
def test_a_policy_makes_a_file_or_leaves_the_nodes(spec: dict[str, Any], text: str | None) -> None:
    assert resolv_conf({"metadata": {"namespace": "shop"}, "spec": spec}, CLUSTER) == text
