"""What people do with kubectl works against the sandbox's API as it does against any cluster's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from tests.kubectl.conftest import Kubectl
from tests.sandbox.api.server import pod, policy, service

pytestmark = pytest.mark.kubectl

# With the protocol: kubectl compares a policy's rules as a whole, so a default would be a difference every time.
POLICY = yaml.safe_dump(policy("deny", ingress=[{"ports": [{"port": 80, "protocol": "TCP"}]}]))


def listing(text: str) -> list[list[str]]:
    """The rows of a table, without its headings."""
    return [line.split() for line in text.splitlines()[1:]]


async def run_pod(kubectl: Kubectl, name: str = "backend") -> None:
    (await kubectl("apply", "-f", "-", stdin=json.dumps(pod(name)))).ok()
    (await kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=20s")).ok()


async def test_get_pods_in_every_form(kubectl: Kubectl) -> None:
    assert (await kubectl("get", "pods", "-A")).err == "No resources found\n"
    await run_pod(kubectl)
    rows = listing((await kubectl("get", "pods", "-A")).ok())
    assert [row[:4] for row in rows] == [["default", "backend", "1/1", "Running"]]
    wide = (await kubectl("get", "po", "-o", "wide")).ok()
    assert wide.split()[:9] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED", "NODE"]
    assert listing(wide)[0][5:7] == ["10.244.0.7", "node-1"]
    whole = yaml.safe_load((await kubectl("get", "pod", "backend", "-o", "yaml")).ok())
    assert (whole["kind"], whole["status"]["podIP"]) == ("Pod", "10.244.0.7")
    assert yaml.safe_load((await kubectl("get", "pods", "-o", "yaml")).ok())["items"][0]["kind"] == "Pod"
    assert (await kubectl("get", "pods", "-l", "app=other")).err == "No resources found in default namespace.\n"
    assert (await kubectl("get", "pods", "-l", "app in (backend)", "-o", "name")).ok() == "pod/backend\n"
    assert (await kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}")).ok() == "backend"


async def test_get_all_kinds(kubectl: Kubectl) -> None:
    await run_pod(kubectl)
    (await kubectl("apply", "-f", "-", stdin=json.dumps(service("backend")))).ok()
    (await kubectl("apply", "-f", "-", stdin=POLICY)).ok()
    assert "service/backend" in (await kubectl("get", "all")).ok()
    kinds = "ns,no,netpol,svc,ep,endpointslices,cm,sa,events,secrets,leases,externalendpoints"
    for kind in kinds.split(","):
        assert (await kubectl("get", kind, "-A")).code == 0, kind
    assert listing((await kubectl("get", "netpol")).ok())[0][:2] == ["deny", "<none>"]
    assert listing((await kubectl("get", "endpoints", "backend")).ok())[0][:2] == ["backend", "10.244.0.7:80"]


async def test_apply_and_apply_again(kubectl: Kubectl) -> None:
    assert (await kubectl("apply", "-f", "-", stdin=POLICY)).ok().endswith("deny created\n")
    assert (await kubectl("apply", "-f", "-", stdin=POLICY)).ok().endswith("deny unchanged\n")
    changed = POLICY.replace("port: 80", "port: 81")
    assert (await kubectl("apply", "-f", "-", stdin=changed)).ok().endswith("deny configured\n")
    assert "81" in (await kubectl("get", "netpol", "deny", "-o", "jsonpath={.spec.ingress}")).ok()
    labelled = yaml.safe_load(changed)
    labelled["metadata"]["labels"] = {"a": "1"}
    (await kubectl("apply", "-f", "-", stdin=yaml.safe_dump(labelled))).ok()
    (await kubectl("apply", "-f", "-", stdin=changed)).ok()
    labels = (await kubectl("get", "netpol", "deny", "-o", "jsonpath={.metadata.labels}")).ok()
    assert labels == "", "what the file no longer has, kubectl's three-way patch takes away"


async def test_apply_server_side(kubectl: Kubectl) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    assert (await kubectl(*apply, stdin=POLICY)).ok().endswith("deny serverside-applied\n")
    assert (await kubectl(*apply, stdin=POLICY)).code == 0
    other = await kubectl(*apply, "--field-manager=other", stdin=POLICY.replace("port: 80", "port: 81"))
    assert other.code == 1
    assert 'conflict with "kubectl"' in other.err
    (
        await kubectl(
            *apply, "--field-manager=other", "--force-conflicts", stdin=POLICY.replace("port: 80", "port: 81")
        )
    ).ok()


async def test_apply_server_side_after_client_side(kubectl: Kubectl) -> None:
    (await kubectl("apply", "-f", "-", stdin=POLICY)).ok()
    changed = POLICY.replace("port: 80", "port: 81")
    assert (await kubectl("apply", "--server-side", "-f", "-", stdin=changed)).code == 0
    assert "81" in (await kubectl("get", "netpol", "deny", "-o", "jsonpath={.spec.ingress}")).ok()


async def test_apply_refuses_a_misspelt_field(kubectl: Kubectl) -> None:
    for mode in ((), ("--server-side",)):
        refused = await kubectl("apply", *mode, "-f", "-", stdin=POLICY.replace("ingress", "ingres"))
        assert refused.code == 1, mode
        assert 'unknown field "spec.ingres"' in refused.err
    assert (await kubectl("apply", "--validate=ignore", "-f", "-", stdin=POLICY.replace("ingress", "ingres"))).code == 0


async def test_apply_explains_an_invalid_policy(kubectl: Kubectl) -> None:
    refused = await kubectl("apply", "-f", "-", stdin=POLICY.replace("port: 80", "port: 80\n      endPort: 8"))
    assert refused.code == 1
    assert "spec.ingress[0].ports[0].endPort" in refused.err
    assert "is invalid" in refused.err


async def test_a_directory_with_many_kinds(kubectl: Kubectl, tmp_path: Path) -> None:
    directory = tmp_path / "manifests"
    directory.mkdir()
    outside = {
        "apiVersion": "sandbox.cni-probe.dev/v1",
        "kind": "ExternalEndpoint",
        "metadata": {"name": "vault"},
        "spec": {"addresses": ["10.0.12.34"], "ports": [{"port": 443, "protocol": "TCP"}]},
    }
    for index, obj in enumerate((pod(), service(), policy(), outside)):
        (directory / f"{index}.yaml").write_text(yaml.safe_dump(obj))
    assert (await kubectl("apply", "-f", str(directory))).ok().count("created") == 4
    assert (await kubectl("apply", "-f", str(directory))).ok().count("unchanged") == 4
    outside["spec"] = {"addresses": ["10.0.12.35"], "ports": [{"port": 443, "protocol": "TCP"}]}
    (directory / "3.yaml").write_text(yaml.safe_dump(outside))
    assert "vault configured" in (await kubectl("apply", "-f", str(directory))).ok()
    assert (await kubectl("delete", "-f", str(directory), "--timeout=20s")).ok().count("deleted") == 4


async def test_diff(kubectl: Kubectl) -> None:
    (await kubectl("apply", "-f", "-", stdin=POLICY)).ok()
    assert (await kubectl("diff", "-f", "-", stdin=POLICY)).code == 0
    changed = await kubectl("diff", "-f", "-", stdin=POLICY.replace("port: 80", "port: 81"))
    assert changed.code == 1
    assert "+    - port: 81" in changed.out


async def test_label_annotate_and_patch(kubectl: Kubectl) -> None:
    await run_pod(kubectl)
    (await kubectl("label", "pod", "backend", "tier=front")).ok()
    (await kubectl("label", "pod", "backend", "app-")).ok()
    (await kubectl("annotate", "pod", "backend", "note=yes")).ok()
    meta = json.loads((await kubectl("get", "pod", "backend", "-o", "json")).ok())["metadata"]
    assert (meta["labels"], meta["annotations"]["note"]) == ({"tier": "front"}, "yes")
    taken = await kubectl("label", "pod", "backend", "tier=back")
    assert "already has a value" in taken.err
    (await kubectl("label", "namespace", "default", "team=x")).ok()
    for kind, patch in (
        ("merge", '{"metadata":{"labels":{"a":"1"}}}'),
        ("strategic", '{"metadata":{"labels":{"b":"2"}}}'),
        ("json", '[{"op":"add","path":"/metadata/labels/c","value":"3"}]'),
    ):
        (await kubectl("patch", "pod", "backend", f"--type={kind}", "-p", patch)).ok()
    labels = json.loads((await kubectl("get", "pod", "backend", "-o", "jsonpath={.metadata.labels}")).ok())
    assert labels == {"tier": "front", "a": "1", "b": "2", "c": "3"}


async def test_exec(kubectl: Kubectl) -> None:
    await run_pod(kubectl)
    assert (await kubectl("exec", "backend", "--", "echo", "hello")).ok() == "hello\n"
    failed = await kubectl("exec", "backend", "-c", "agent", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (failed.code, failed.out) == (3, "out\n")
    assert "err\n" in failed.err
    echoed = await kubectl("exec", "-i", "backend", "--", "sort", stdin="b\na\n")
    assert echoed.ok() == "a\nb\n", "the end of stdin reaches the command"
    big = await kubectl("exec", "backend", "--", "head", "-c", "5000000", "/dev/zero")
    assert len(big.out) == 5_000_000
    assert "container nothing is not valid" in (await kubectl("exec", "backend", "-c", "nothing", "--", "true")).err
    assert 'pods "nobody" not found' in (await kubectl("exec", "nobody", "--", "true")).err


async def test_exec_says_why_a_container_does_not_run(kubectl: Kubectl) -> None:
    await run_pod(kubectl)
    waiting = {"name": "agent", "ready": False, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    store = kubectl.server.store
    changed = store.modify("pods", "default", "backend", lambda obj: obj["status"].update(containerStatuses=[waiting]))
    assert changed is not None
    kubectl.server.runtime.stopped.add(changed["metadata"]["uid"])
    refused = await kubectl("exec", "backend", "--", "true")
    assert refused.code == 1
    assert 'container "agent" in pod "backend" is not running: CrashLoopBackOff' in refused.err


async def test_logs(kubectl: Kubectl) -> None:
    await run_pod(kubectl)
    uid = kubectl.server.store.get("pods", "default", "backend")["metadata"]["uid"]
    log = kubectl.server.runtime.log(uid)
    for index in range(5):
        log.write(f"line {index}")
    assert (await kubectl("logs", "backend")).ok().splitlines() == [f"line {index}" for index in range(5)]
    assert (await kubectl("logs", "backend", "--tail=2")).ok() == "line 3\nline 4\n"
    assert (await kubectl("logs", "backend", "--timestamps", "--tail=1")).ok().startswith("20")
    following = asyncio.create_task(kubectl("logs", "-f", "backend", "--tail=1"))
    log.write("line 5")
    log.end()
    assert (await following).ok().splitlines()[-1] == "line 5"


async def test_delete_and_wait(kubectl: Kubectl) -> None:
    await run_pod(kubectl)
    await run_pod(kubectl, "other")
    waiting = asyncio.create_task(kubectl("wait", "--for=delete", "pod/backend", "--timeout=20s"))
    assert (await kubectl("delete", "pod", "backend")).ok() == 'pod "backend" deleted\n'
    assert (await waiting).code == 0
    assert "NotFound" in (await kubectl("delete", "pod", "backend")).err
    (await kubectl("delete", "pods", "-l", "app=other", "--now")).ok()
    (await kubectl("delete", "pods", "--all", "--grace-period=0", "--force")).out  # noqa: B018
    assert (await kubectl("get", "pods", "-o", "name")).out == ""


async def test_namespaces_come_and_go(kubectl: Kubectl) -> None:
    assert (await kubectl("create", "namespace", "shop")).ok() == "namespace/shop created\n"
    (await kubectl("-n", "shop", "run", "web", "--image=x", "--labels=app=web")).ok()
    (await kubectl("-n", "shop", "wait", "--for=condition=Ready", "pod", "--all", "--timeout=20s")).ok()
    (await kubectl("-n", "shop", "expose", "pod", "web", "--port=80")).ok()
    assert (await kubectl("wait", "--for=jsonpath={.status.phase}=Active", "namespace/shop", "--timeout=20s")).code == 0
    (await kubectl("delete", "namespace", "shop", "--timeout=20s")).ok()
    assert "NotFound" in (await kubectl("get", "namespace", "shop")).err


async def test_create_generators(kubectl: Kubectl) -> None:
    (await kubectl("create", "configmap", "c", "--from-literal=a=b")).ok()
    (await kubectl("create", "secret", "generic", "s", "--from-literal=a=b")).ok()
    (await kubectl("create", "serviceaccount", "sa")).ok()
    (await kubectl("create", "service", "clusterip", "svc", "--tcp=80:8080")).ok()
    assert (await kubectl("get", "cm", "c", "-o", "jsonpath={.data.a}")).ok() == "b"


async def test_replace_and_edit(kubectl: Kubectl) -> None:
    (await kubectl("create", "-f", "-", stdin=POLICY)).ok()
    (await kubectl("replace", "-f", "-", stdin=POLICY.replace("port: 80", "port: 82"))).ok()
    assert "82" in (await kubectl("get", "netpol", "deny", "-o", "jsonpath={.spec.ingress}")).ok()
    assert "AlreadyExists" in (await kubectl("create", "-f", "-", stdin=POLICY)).err


async def test_describe(kubectl: Kubectl) -> None:
    await run_pod(kubectl)
    (await kubectl("apply", "-f", "-", stdin=POLICY)).ok()
    (await kubectl("apply", "-f", "-", stdin=json.dumps(service("backend")))).ok()
    text = (await kubectl("describe", "pod", "backend")).ok()
    assert "Successfully assigned default/backend to node-1" in text
    assert "To Port: 80/TCP" in (await kubectl("describe", "netpol", "deny")).ok()
    assert "10.244.0.7:80" in (await kubectl("describe", "service", "backend")).ok()
    assert "node-1" in (await kubectl("describe", "node", "node-1")).ok()
    assert "Active" in (await kubectl("describe", "namespace", "default")).ok()


async def test_what_the_cluster_serves(kubectl: Kubectl) -> None:
    resources = (await kubectl("api-resources", "-o", "wide")).ok()
    for name in ("pods", "networkpolicies", "externalendpoints", "endpointslices"):
        assert name in resources
    assert "networking.k8s.io/v1" in (await kubectl("api-versions")).ok()
    assert (await kubectl("auth", "can-i", "create", "pods")).ok() == "yes\n"
    assert "*" in (await kubectl("auth", "can-i", "--list")).ok()
    assert "cni-probe" in (await kubectl("auth", "whoami")).ok()
    assert "v1.33.0+cni-probe" in (await kubectl("version")).ok()
    assert (await kubectl("get", "--raw", "/readyz")).ok() == "ok"
    assert "podSelector" in (await kubectl("explain", "networkpolicy.spec")).ok()
    assert "10.96" not in (await kubectl("cluster-info")).ok()


async def test_watching(kubectl: Kubectl) -> None:
    await run_pod(kubectl)
    before = kubectl.server.store.watchers("pods")
    watched = asyncio.create_task(kubectl("get", "pods", "-w", "--request-timeout=3s"))
    async with asyncio.timeout(60):
        while kubectl.server.store.watchers("pods") == before:  # noqa: ASYNC110 - kubectl says nothing
            await asyncio.sleep(0.01)
    (await kubectl("delete", "pod", "backend")).ok()
    rows = listing((await watched).out)
    assert [row[0] for row in rows] == ["backend"] * len(rows)
    assert "Terminating" in [row[2] for row in rows]


async def test_cordon_and_taint(kubectl: Kubectl) -> None:
    (await kubectl("cordon", "node-1")).ok()
    (await kubectl("taint", "node", "node-2", "a=b:NoSchedule")).ok()
    (await kubectl("apply", "-f", "-", stdin=json.dumps(pod()))).ok()
    unschedulable = "jsonpath={.status.conditions[0].reason}=Unschedulable"
    (await kubectl("wait", f"--for={unschedulable}", "pod/backend", "--timeout=20s")).ok()
    message = (await kubectl("get", "pod", "backend", "-o", "jsonpath={.status.conditions[0].message}")).ok()
    assert message.startswith("0/2 nodes are available: ")
    assert "1 node(s) had untolerated taint {a: b}" in message
    (await kubectl("uncordon", "node-1")).ok()
    (await kubectl("wait", "--for=condition=Ready", "pod/backend", "--timeout=20s")).ok()


async def test_top_level_errors_are_clear(kubectl: Kubectl) -> None:
    assert "the server doesn't have a resource type" in (await kubectl("get", "statefulsets")).err
    assert 'networkpolicies.networking.k8s.io "x" not found' in (await kubectl("get", "netpol", "x")).err
