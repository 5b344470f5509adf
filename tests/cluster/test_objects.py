"""What a run creates: agent pods and namespaces, with the options that clusters ask for."""

from __future__ import annotations

from probe.cluster.objects import Owner, agent_pod, namespace
from probe.model.agent_options import AgentOptions, NamespaceOptions, SecretRef
from probe.model.fleet import Pod, Port
from probe.model.toleration import parse_toleration

OWNER = Owner("abc123", "shop")
WEB = Pod("shop", "web", "web", {"app": "web"}, (Port(80), Port(8080, name="alt")))
ON_HOST = Pod("shop", "host", "host", {}, (Port(8080),), host_network=True)


def test_a_pod_keeps_to_the_restricted_standard() -> None:
    spec = agent_pod(WEB, "cp-shop", "node-1", AgentOptions(), OWNER)["spec"]
    container = spec["containers"][0]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["command"][:4] == ["python3", "-m", "cni_probe_agent", "serve"]
    assert spec["nodeSelector"] == {"kubernetes.io/hostname": "node-1"}
    assert not spec.keys() & {"tolerations", "priorityClassName", "runtimeClassName", "imagePullSecrets"}


def test_the_options_are_where_kubernetes_looks_for_them() -> None:
    options = AgentOptions(
        image="registry.example.com/agent:1",
        pull_policy="Always",
        pull_secrets=(SecretRef("ci", "registry"),),
        tolerations=(parse_toleration("dedicated=probe:NoSchedule"),),
        node_selector={"pool": "probes"},
        priority_class="low",
        runtime_class="gvisor",
        limits={"memory": "64Mi"},
        labels={"team": "net", "app": "not this"},
        annotations={"example.com/note": "x"},
    )
    pod = agent_pod(WEB, "cp-shop", "node-1", options, OWNER)
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert (container["image"], container["imagePullPolicy"]) == ("registry.example.com/agent:1", "Always")
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["tolerations"] == [{"key": "dedicated", "operator": "Equal", "value": "probe", "effect": "NoSchedule"}]
    assert spec["nodeSelector"] == {"pool": "probes", "kubernetes.io/hostname": "node-1"}
    assert (spec["priorityClassName"], spec["runtimeClassName"]) == ("low", "gvisor")
    assert container["resources"] == {"requests": {"cpu": "5m", "memory": "24Mi"}, "limits": {"memory": "64Mi"}}
    assert pod["metadata"]["labels"]["team"] == "net"
    assert pod["metadata"]["labels"]["app"] == "web", "the scenario's labels win"
    assert pod["metadata"]["annotations"]["example.com/note"] == "x"


def test_meshes_are_kept_out_unless_they_are_to_be_left_alone() -> None:
    metadata = agent_pod(WEB, "cp-shop", None, AgentOptions(), OWNER)["metadata"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
    assert metadata["annotations"] == {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"}
    metadata = agent_pod(WEB, "cp-shop", None, AgentOptions(mesh_injection=True), OWNER)["metadata"]
    assert "sidecar.istio.io/inject" not in metadata["labels"]
    assert "annotations" not in metadata


def test_code_from_a_configmap_is_mounted_read_only_and_run() -> None:
    options = AgentOptions(image="python:3.13-alpine", from_configmap=True)
    spec = agent_pod(WEB, "cp-shop", None, options, OWNER)["spec"]
    container = spec["containers"][0]
    assert container["command"][:3] == ["python3", "/opt/cni-probe/agent.pyz", "serve"]
    assert {"name": "code", "mountPath": "/opt/cni-probe", "readOnly": True} in container["volumeMounts"]
    assert {"name": "code", "configMap": {"name": "cni-probe-agent"}} in spec["volumes"]


def test_a_pod_on_the_network_of_its_node_sets_no_sysctl_there() -> None:
    spec = agent_pod(ON_HOST, "cp-shop", "node-1", AgentOptions(), OWNER)["spec"]
    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert "sysctls" not in spec["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_namespace_admits_what_its_pods_need_and_nothing_more() -> None:
    labels = namespace("cp-shop", "shop", {}, OWNER)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"] == "latest"
    open_labels = namespace("cp-shop", "shop", {}, OWNER, privileged=True)["metadata"]["labels"]
    assert open_labels["pod-security.kubernetes.io/enforce"] == "privileged"


def test_the_scenario_and_the_run_have_the_last_word_on_a_namespace() -> None:
    options = NamespaceOptions({"team": "net", "stage": "mine"}, {"note": "x"})
    metadata = namespace("cp-shop", "shop", {"stage": "production"}, OWNER, options)["metadata"]
    assert metadata["labels"]["team"] == "net"
    assert metadata["labels"]["stage"] == "production"
    assert metadata["labels"]["cni-probe.dev/run"] == "abc123"
    assert metadata["annotations"] == {"note": "x"}
