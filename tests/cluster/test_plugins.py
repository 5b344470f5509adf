"""Network plugins by the DaemonSets that they are installed as."""

from __future__ import annotations

from typing import Any

import pytest

from probe.cluster.plugins import find_plugins, policy_engines


def daemonset(name: str, *containers: dict[str, Any], desired: int = 3) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": list(containers)}}},
        "status": {"desiredNumberScheduled": desired, "numberReady": desired},
    }


def container(text: str) -> dict[str, Any]:
    words = text.split()
    name, _, image = words[0].partition("=")
    return {"name": name, "image": image, "args": words[1:]}


@pytest.mark.parametrize(
    ("name", "containers", "text", "enforces"),
    [
        ("calico-node", "calico-node=docker.io/calico/node:v3.29.1", "calico v3.29.1", True),
        ("cilium", "cilium-agent=quay.io/cilium/cilium:v1.17.0@sha256:ab", "cilium v1.17.0", True),
        ("kindnet", "kindnet-cni=kindest/kindnetd:v20241212-9f82dd49", "kindnet v20241212-9f82dd49", True),
        ("kindnet", "kindnet-cni=kindest/kindnetd:v20240202-8f1494ea", "kindnet v20240202-8f1494ea", False),
        ("kindnet", "kindnet-cni=registry:5000/kindnetd", "kindnet", None),
        ("kube-flannel-ds", "kube-flannel=flannel:v0.26.1", "flannel v0.26.1", False),
        ("kube-flannel-ds", "kube-flannel=flannel:v0.26.1; kube-network-policies=knp:v0.7", "flannel v0.26.1", True),
        ("canal", "kube-flannel=flannel:v0.24; calico-node=calico/node:v3.28.0", "canal v3.28.0", True),
        ("aws-node", "aws-node=cni:v1.19; eks-nodeagent=a:v1 --enable-network-policy=true", "aws-vpc-cni v1.19", True),
        (
            "aws-node",
            "aws-node=cni:v1.19; eks-nodeagent=a:v1 --enable-network-policy=false",
            "aws-vpc-cni v1.19",
            False,
        ),
        ("aws-node", "aws-node=cni:v1.10", "aws-vpc-cni v1.10", False),
        ("kube-router", "kube-router=kube-router:v2 --run-firewall=false", "kube-router v2", False),
        ("kube-router", "kube-router=kube-router:v2 --run-firewall", "kube-router v2", True),
        ("weave-net", "weave=weave-kube:2.8; weave-npc=weave-npc:2.8", "weave-net 2.8", True),
        ("terway-eniip", "terway-init=x:1; terway=terway:v1.9", "terway v1.9", None),
        ("kube-multus-ds", "kube-multus=multus-cni:v4", "multus v4", False),
    ],
)
def test_a_plugin_its_version_and_whether_it_enforces(
    name: str, containers: str, text: str, enforces: bool | None
) -> None:
    """``containers``: ``name=image argument ...; ...``."""
    (plugin,) = find_plugins([daemonset(name, *map(container, containers.split("; ")))])
    assert (str(plugin), plugin.enforces) == (text, enforces)


def test_other_daemonsets_and_those_without_pods_are_no_plugins() -> None:
    others = [daemonset("node-exporter", container("x=x:1")), daemonset("cilium", container("x=x:1"), desired=0)]
    assert find_plugins(others) == ()


def test_two_engines_beside_each_other_are_told() -> None:
    kindnet = daemonset("kindnet", container("kindnet-cni=kindest/kindnetd:v20250101-abc"))
    calico = daemonset("calico-node", container("calico-node=calico/node:v3.29.1"))
    multus = daemonset("multus", container("kube-multus=multus:v4"))
    assert [plugin.name for plugin in policy_engines(find_plugins([kindnet, calico, multus]))] == ["calico", "kindnet"]


def test_a_daemonset_that_says_little_is_no_error() -> None:
    (plugin,) = find_plugins([{"metadata": {"name": "antrea-agent"}}])
    assert str(plugin) == "antrea"
