"""kubectl as a foreign client of a whole sandbox: real pods behind the API, and policies that bite."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from probe.cluster.objects import Owner, agent_pod
from probe.model.agent_options import AgentOptions
from probe.model.fleet import Pod, Port
from probe.sandbox.launch import Sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.kubectl]

Kubectl: TypeAlias = Callable[..., str]
NAMESPACE = "kubectl-test"


@pytest.fixture(scope="module")
def kubectl(sandbox: Sandbox, kubectl_binary: str) -> Kubectl:
    def run(*words: str, stdin: str | None = None, fails: bool | None = False) -> str:
        command = [kubectl_binary, "--kubeconfig", str(sandbox.kubeconfig), *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
        assert fails is None or (done.returncode != 0) == fails, (
            f"kubectl {' '.join(words)}: {done.stdout}{done.stderr}"
        )
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="module", autouse=True)
def shop(kubectl: Kubectl) -> Iterator[None]:
    """A namespace with a client and a server, applied and waited for with kubectl."""
    kubectl("create", "namespace", NAMESPACE)
    owner = Owner("kubectl", "kubectl")
    pods: list[dict[str, Any]] = [
        agent_pod(Pod("shop", name, name, {"app": name}, (Port(80),)), NAMESPACE, None, AgentOptions(), owner)
        for name in ("client", "server")
    ]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    kubectl("wait", "--for=condition=Ready", "pod", "--all", "-n", NAMESPACE, "--timeout=30s")
    yield
    kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=30s")
    assert NAMESPACE not in kubectl("get", "namespaces")


def test_pods_are_listed_with_their_nodes_and_addresses(kubectl: Kubectl) -> None:
    lines = kubectl("get", "pods", "-A", "-o", "wide").splitlines()
    (server,) = [line.split() for line in lines if NAMESPACE in line and "server" in line]
    assert server[3] == "Running"
    assert any(word.startswith("10.244.") for word in server)
    assert any(word.startswith("node-") for word in server)


def test_exec_runs_in_the_pod_and_passes_the_exit_code_on(kubectl: Kubectl) -> None:
    address = kubectl("get", "pod", "client", "-n", NAMESPACE, "-o", "jsonpath={.status.podIP}")
    assert address in kubectl("exec", "-n", NAMESPACE, "client", "--", "cat", "/proc/net/fib_trie")
    done = kubectl("exec", "-n", NAMESPACE, "client", "--", "sh", "-c", "exit 7", fails=True)
    assert "exit code 7" in done
    assert kubectl("exec", "-i", "-n", NAMESPACE, "client", "--", "cat", stdin="to and fro") == "to and fro"


def test_a_policy_that_is_applied_denies_and_one_that_is_deleted_no_longer_does(kubectl: Kubectl) -> None:
    address = kubectl("get", "pod", "server", "-n", NAMESPACE, "-o", "jsonpath={.status.podIP}")
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed", "namespace": NAMESPACE},
        "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]},
    }

    def connects() -> bool:
        dial = ("python3", "-m", "cni_probe_agent", "dial", address, "80/TCP", "--timeout", "0.4")
        return kubectl("exec", "-n", NAMESPACE, "client", "--", *dial, fails=None).startswith("connected")

    assert connects()
    assert "created" in kubectl("apply", "-f", "-", stdin=json.dumps(policy))
    while connects():
        pass  # until the policy is in force; the test's own timeout ends it
    assert "deleted" in kubectl("delete", "networkpolicy", "closed", "-n", NAMESPACE)
    while not connects():
        pass


def test_labels_are_set_and_removed(kubectl: Kubectl) -> None:
    kubectl("label", "pod", "client", "-n", NAMESPACE, "tier=front")
    assert "client" in kubectl("get", "pods", "-n", NAMESPACE, "-l", "tier=front", "-o", "name")
    kubectl("label", "pod", "client", "-n", NAMESPACE, "tier-")
    assert "No resources found" in kubectl("get", "pods", "-n", NAMESPACE, "-l", "tier=front")


def test_logs_and_events_tell_what_happened(kubectl: Kubectl) -> None:
    kubectl("logs", "server", "-n", NAMESPACE)
    assert "Started" in kubectl("describe", "pod", "server", "-n", NAMESPACE)


def test_a_deleted_pod_is_waited_for(kubectl: Kubectl) -> None:
    pod = agent_pod(Pod("shop", "brief", "brief", {}, ()), NAMESPACE, None, AgentOptions(), Owner("kubectl", "kubectl"))
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    kubectl("wait", "--for=condition=Ready", "pod/brief", "-n", NAMESPACE, "--timeout=30s")
    kubectl("delete", "pod", "brief", "-n", NAMESPACE, "--wait=false")
    kubectl("wait", "--for=delete", "pod/brief", "-n", NAMESPACE, "--timeout=30s")


def test_a_pod_written_by_hand_needs_nothing_but_the_agents_image(kubectl: Kubectl) -> None:
    container = {"name": "agent", "image": "cni-probe-agent", "args": ["serve", "--port", "80/TCP"]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "by-hand", "namespace": NAMESPACE},
        "spec": {"containers": [container]},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    kubectl("wait", "--for=condition=Ready", "pod/by-hand", "-n", NAMESPACE, "--timeout=30s")
    address = kubectl("get", "pod", "by-hand", "-n", NAMESPACE, "-o", "jsonpath={.status.podIP}")
    dial = ("python3", "-m", "cni_probe_agent", "dial", address, "80/TCP", "--timeout", "5")
    while not kubectl("exec", "-n", NAMESPACE, "client", "--", *dial, fails=None).startswith("connected"):
        pass  # without a readiness probe a pod is ready before it listens
