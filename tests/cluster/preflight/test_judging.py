"""The smaller checks: version, permissions, plugins, image, address families, exec."""

from __future__ import annotations

import json

import pytest

from probe.cluster.nodes import usable
from probe.cluster.permissions import Need, permissions_for
from probe.cluster.preflight.execs import judge_exec
from probe.cluster.preflight.families import judge_families, judge_sctp
from probe.cluster.preflight.finding import Finding, Level
from probe.cluster.preflight.image import full_name, judge_image
from probe.cluster.preflight.look import Answer, Unseen
from probe.cluster.preflight.permissions import judge_permissions
from probe.cluster.preflight.plugins import judge_plugins
from probe.cluster.preflight.version import judge_version
from probe.model.agent_options import AgentOptions
from probe.model.cell import Family, Protocol
from tests.cluster.preflight.objects import demand, node


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("v1.32.0", Level.OK),
        ("v1.29.3-eks-adc7111", Level.OK),
        ("v1.24.17", Level.WARNING),
        ("v1.21.0", Level.PROBLEM),
        ("unknown", Level.WARNING),
    ],
)
def test_versions(version: str, level: Level) -> None:
    assert levels(judge_version(version)) == [level]


def test_each_resource_that_lacks_verbs_is_one_problem_with_the_rule_to_add() -> None:
    asked = permissions_for({Need.RUN})
    denied = tuple(each for each in asked if each.target == "pods/exec" or str(each) == "list nodes")
    nodes, execs = judge_permissions(asked, denied, "somebody")
    assert nodes.message.startswith("the user somebody may not list nodes in all namespaces")
    assert "cni-probe rbac" not in nodes.advice, "said once, at the end"
    assert "`cni-probe rbac` prints all that is needed" in execs.advice
    assert 'rule {apiGroups: [""], resources: ["pods/exec"], verbs: [create, get]}' in execs.advice


def test_a_permission_that_a_run_can_do_without_is_a_warning() -> None:
    asked = permissions_for({Need.RUN})
    (finding,) = judge_permissions(asked, tuple(each for each in asked if str(each) == "get nodes"))
    assert finding.level is Level.WARNING


def test_whoever_may_not_even_ask_has_no_working_credentials() -> None:
    said = 'selfsubjectaccessreviews is forbidden: User "system:anonymous" cannot create resource'
    (finding,) = judge_permissions((), Unseen(said))
    assert finding.level is Level.PROBLEM
    assert "check the credentials" in finding.advice
    (finding,) = judge_permissions((), Unseen("not found"))
    assert finding.level is Level.WARNING


# --- network plugins -----------------------------------------------------------------------------------------------


def daemonset(name: str, image: str, ready: int = 2) -> dict[str, object]:
    return {
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [{"name": name, "image": image}]}}},
        "status": {"desiredNumberScheduled": 2, "numberReady": ready},
    }


CALICO = daemonset("calico-node", "calico/node:v3.29.1")


def test_the_plugin_is_told_as_a_hint() -> None:
    (finding,) = judge_plugins([CALICO], [])
    assert finding.message == "seems to be calico v3.29.1 (kube-system/calico-node)"


def test_two_policy_engines_are_a_warning() -> None:
    kindnet = daemonset("kindnet", "kindest/kindnetd:v20250101-a")
    _, doubt = judge_plugins([CALICO, kindnet], [])
    assert doubt.level is Level.WARNING
    assert "calico v3.29.1 and kindnet v20250101-a" in doubt.message


def test_k3s_has_an_engine_that_no_daemonset_shows() -> None:
    k3s = node("one", nodeInfo={"kubeletVersion": "v1.32.1+k3s1"})
    _, doubt = judge_plugins([CALICO], [k3s])
    assert "k3s' own policy controller" in doubt.message


def test_a_plugin_that_enforces_nothing_is_a_warning() -> None:
    _, doubt = judge_plugins([daemonset("kube-flannel-ds", "flannel:v0.26")], [])
    assert "expect every denial to leak" in doubt.advice


def test_a_plugin_that_is_not_ready_everywhere_is_a_warning() -> None:
    _, doubt = judge_plugins([daemonset("cilium", "cilium:v1.17", ready=1)], [])
    assert "ready on 1 of 2 nodes" in doubt.message


def test_an_unknown_plugin_is_no_reason_to_worry() -> None:
    assert levels(judge_plugins([], [])) == [Level.OK]
    assert levels(judge_plugins(Unseen("forbidden"), [])) == [Level.OK]


# --- image ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.13", "docker.io/library/python:3.13"),
        ("me/agent:1", "docker.io/me/agent:1"),
        ("docker.io/python:3.13", "docker.io/library/python:3.13"),
        ("localhost/agent", "localhost/agent:latest"),
        ("registry:5000/agent:1", "registry:5000/agent:1"),
        ("ghcr.io/a/b@sha256:ab", "ghcr.io/a/b@sha256:ab"),
    ],
)
def test_image_names_are_completed_as_runtimes_do(name: str, full: str) -> None:
    assert full_name(name) == full


def image_levels(images: list[str], policy: str = "IfNotPresent", name: str = "ghcr.io/x/agent:1") -> list[Level]:
    nodes = [node("one", images=[{"names": [each]} for each in images])]
    return levels(judge_image(nodes, usable(nodes), AgentOptions(image=name, pull_policy=policy)))


def test_an_image_that_is_there_is_fine() -> None:
    assert image_levels(["ghcr.io/x/agent:1"]) == [Level.OK]
    assert image_levels(["docker.io/library/agent:1"], name="agent:1") == [Level.OK]


def test_an_image_that_is_not_seen_is_a_warning() -> None:
    """Never a problem: a node may have an image that it does not tell of."""
    assert image_levels([]) == [Level.WARNING]
    assert image_levels([], "Never") == [Level.WARNING]


def test_a_node_that_lists_only_its_largest_images_may_have_it_unseen() -> None:
    assert image_levels([f"big:{index}" for index in range(50)], "Never") == [Level.WARNING]


# --- address families ----------------------------------------------------------------------------------------------

BOTH = {"podCIDRs": ["10.1.0.0/24", "fd00::/64"]}
SERVICE = {"spec": {"clusterIPs": ["10.96.0.1"]}}


def test_families_of_pods_and_services_are_told() -> None:
    (finding,) = judge_families([node("one", spec=BOTH)], SERVICE, demand())
    said = "pods IPv4 and IPv6 (by the nodes' ranges), services IPv4 (the Service kubernetes; others may have more)"
    assert finding.message == said


def test_a_node_with_fewer_families_and_a_scenario_with_more_are_warnings() -> None:
    nodes = [node("one", spec=BOTH), node("two", spec={"podCIDR": "10.1.1.0/24"})]
    assert "two have fewer families" in judge_families(nodes, SERVICE, demand())[1].message
    _, missing = judge_families([nodes[1]], SERVICE, demand(families=(Family.IPV6,)))
    assert missing.message == "scenarios ask for IPv6"


def test_a_cluster_that_does_not_say_is_not_judged() -> None:
    (finding,) = judge_families([node("one")], Unseen("forbidden"), demand(families=(Family.IPV6,)))
    assert finding.message == "pods not told (nodes have no ranges), services not told"


def test_sctp_is_a_hint_where_it_is_used() -> None:
    assert judge_sctp(demand()) == []
    assert levels(judge_sctp(demand(protocol=Protocol.SCTP))) == [Level.WARNING]


# --- exec ----------------------------------------------------------------------------------------------------------


def status(code: int) -> Answer:
    return Answer(code, json.dumps({"kind": "Status", "code": code, "message": f"said {code}"}))


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (status(404), Level.OK),
        (Answer(101), Level.OK),
        (status(403), Level.WARNING),
        (status(503), Level.WARNING),
        (Answer(502, "Bad Gateway"), Level.WARNING),
        (status(400), Level.PROBLEM),
        (Answer(426, "Upgrade Required"), Level.PROBLEM),
        (Answer(404, "<html>not here</html>"), Level.PROBLEM),
        (Answer(200, "<html>log in</html>"), Level.PROBLEM),
        (None, Level.PROBLEM),
    ],
)
def test_an_exec_must_be_answered_by_kubernetes(answer: Answer | None, level: Level) -> None:
    assert levels(judge_exec(answer)) == [level]
