"""The network without any policy, and endpoints outside of a cluster: scripts/kind on machines that are namespaces."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.kind.conftest import PLUGINS, Lab
from tests.kind.machines import AGENT
from tests.kind.plugins import attach

pytestmark = pytest.mark.sandbox

PODS = {"a": "node-1", "b": "node-1", "c": "node-2"}


@pytest.fixture(scope="module")
def pods(lab: Lab) -> dict[str, list[str]]:
    """Pods with agents on a network that scripts/kind/cni-none has made, and their addresses."""
    if not (PLUGINS / "ptp").exists() or shutil.which("iptables") is None:
        pytest.skip(f"no CNI plugins in {PLUGINS}, or no iptables: scripts/setup-image installs them")
    lab.script("cni-none", lab.family)
    found = {}
    for pod, node in PODS.items():
        lab.machines.start(
            pod, *AGENT, "serve", "--port", "80/TCP", "--port", "80/UDP", environment={"CNI_PROBE_POD_UID": pod}
        )
        found[pod] = attach(lab.machines, node, pod)
        lab.machines.wait_for_agent(pod)
    return found


def test_pods_get_an_address_of_each_family_out_of_their_nodes_range(lab: Lab, pods: dict[str, list[str]]) -> None:
    families = [":" in address for address in pods["c"]]
    assert families == ([False, True] if lab.family == "dual" else [False])
    assert pods["c"][0].startswith("10.244.2.")


@pytest.mark.parametrize("port", ["80/TCP", "80/UDP"])
@pytest.mark.parametrize(("source", "destination"), [("a", "b"), ("a", "c"), ("c", "a")])
def test_pods_reach_each_other_with_their_own_addresses(
    lab: Lab, pods: dict[str, list[str]], source: str, destination: str, port: str
) -> None:
    for own, other in zip(pods[source], pods[destination], strict=True):
        said = lab.machines.dial(source, other, port)
        assert re.search(rf"responder {destination}, which saw \[?{re.escape(own)}\]?:", said)


def test_what_leaves_the_cluster_has_the_nodes_address(lab: Lab, pods: dict[str, list[str]]) -> None:
    arguments = lab.script("external", "image").stdout.split()
    assert arguments == [
        "--external", "edge=10.1.0.1", "--external", "exfiltration=203.0.113.66",
        "--external", "internet=203.0.113.10", "--external", "vault=10.0.12.34",
    ]  # fmt: skip
    for port in ("443/TCP", "80/TCP", "443/UDP"):
        said = lab.machines.dial("c", "10.0.12.34", port)
        assert "responder external-vault, which saw 172.18.0.3:" in said
    lab.machines.dial("c", "10.0.12.34", "81/TCP", code=1)


@pytest.mark.parametrize("lab", ["dual"], indirect=True)  # nothing of it depends on the families
def test_all_of_it_can_be_done_again(lab: Lab, pods: dict[str, list[str]]) -> None:
    rules = lab.machines.run("node-1", "iptables-save", "-t", "nat")
    assert rules.count("-j MASQUERADE") == 1
    lab.script("cni-none", lab.family)
    assert lab.machines.run("node-1", "iptables-save", "-t", "nat").count("-j MASQUERADE") == 1
    lab.script("external", "image")
    assert "external-vault" in lab.machines.dial("a", "10.0.12.34", "443/TCP")


def test_an_endpoint_may_have_an_ipv6_address_where_the_network_has_them(
    lab: Lab, pods: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    scenario = tmp_path_factory.mktemp("scenarios") / "six.yaml"
    scenario.write_text(OUTSIDE.format(address="2001:db8::7", port="80/TCP"))
    done = lab.script("external", "image", str(scenario), code=0 if lab.family == "dual" else 1)
    if lab.family == "dual":
        assert done.stdout.split() == ["--external", "site=2001:db8::7"]
        said = lab.machines.dial("c", "2001:db8::7", "80/TCP")
        assert "responder external-site, which saw [fd00:172:18::3]:" in said
    else:
        assert "kind's network has no address of the family of 2001:db8::7" in done.stderr


@pytest.mark.parametrize("lab", ["dual"], indirect=True)  # nothing of it depends on the families
def test_failures_on_the_way_end_the_script(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("scenarios")
    assert "there is no cluster lab" in lab.script("external", "image", code=1, TEST_NODES="").stderr
    assert "gone" in lab.script("external", "image", code=1, TEST_NODES="node-1 gone").stderr
    assert "no such file" in lab.script("external", "image", str(home / "missing.yaml"), code=2).stderr.lower()
    (home / "one.yaml").write_text(OUTSIDE.format(address="192.0.2.7", port="80/TCP"))
    (home / "two.yaml").write_text(OUTSIDE.format(address="192.0.2.8", port="80/TCP").replace("outside", "two"))
    assert "external/site has other addresses" in lab.script("external", "image", str(home), code=1).stderr
    assert "gone" in lab.script("cni-none", lab.family, code=1, TEST_NODES="node-1 gone").stderr


OUTSIDE = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {{name: outside}}
spec:
  fleet:
    namespaces: {{shop: {{pods: {{web: {{ports: [80/TCP]}}}}}}}}
    external: {{site: {{addresses: ["{address}"], ports: [{port}]}}}}
  steps:
    - {{name: open, expect: allow}}
"""
