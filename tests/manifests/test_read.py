"""What is read of manifests that were written for a cluster, and every mistake that matters, with its place."""

from __future__ import annotations

import json

import pytest

from probe.manifests import ManifestSet
from probe.model.errors import ManifestError
from tests.manifests.conftest import Read

SHOP = """\
# The shop: a web tier, an api and a database.
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {team: retail}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers:
        - name: nginx
          image: nginx:1.27
          ports: [{name: http, containerPort: 8080}]
          volumeMounts: [{name: conf, mountPath: /etc/nginx}]
      volumes: [{name: conf, configMap: {name: web, defaultMode: 0644}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {debug: on, 5: five, started: 2026-01-01}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{ports: [{port: http}]}]
"""


def said(found: ManifestSet) -> list[str]:
    return [str(problem) for problem in (*found.unreadable, *found.invalid)]


def test_a_file_as_people_write_them(read: Read) -> None:
    found = read(SHOP)
    assert said(found) == []
    assert found.warnings == ()
    assert [str(each) for each in found.objects] == [
        "Namespace shop",
        "Deployment web in namespace shop",
        "Service web in namespace shop",
        "NetworkPolicy web in namespace shop",
    ]
    assert found.left_out == "1 object of other kinds left out (ConfigMap 1)"
    assert found.snapshot.namespaces == {"shop": {"team": "retail", "kubernetes.io/metadata.name": "shop"}}
    assert [pod.workload for pod in found.snapshot.pods] == ["Deployment/web"]
    policy = found.find("NetworkPolicy", "shop", "web")
    assert policy is not None
    assert str(policy.place.child("spec", "ingress", 0, "ports", 0, "port").location) == "all.yaml:39:29"
    assert found.pods["shop/web"].kind.name == "Deployment"


def test_what_yaml_readers_take_differently_matters_only_where_it_is_read(read: Read) -> None:
    text = SHOP.replace("{team: retail}", "{team: on}")
    assert said(read(text.replace("containerPort: 8080", "containerPort: 08080"))) == [
        'all.yaml:6:18: metadata.labels.team: on is a boolean to YAML 1.1 readers (write "on" in quotes, or true)',
        "all.yaml:20:47: spec.template.spec.containers[0].ports[0].containerPort: 08080 is read as octal, decimal or "
        'text by different YAML readers (write 8080, or "08080")',
    ]


def test_an_object_with_a_mistake_is_no_part_of_the_snapshot(read: Read) -> None:
    found = read(SHOP.replace("port: http}]}]", "port: HTTP}]}]"))
    assert found.snapshot.policies == ()
    assert [each.sound for each in found.objects] == [True, True, True, False]
    with pytest.raises(ManifestError) as caught:
        found.require_sound()
    assert caught.value.problems == found.invalid
    assert caught.value.exit_code == 2


MISTAKES = """\
apiVersion: v1
kind: Pod
metadata: {name: Web, namespace: shop, labels: {version: 1.0, app: [web]}}
spec:
  hostNetwork: "yes"
  containers:
    - ports: [{containerPort: "80"}, {protocol: tcp, containerPort: 80}, {name: http}]
---
apiVersion: v1
kind: Service
metadata: {namespace: shop}
spec: {type: Clusterip, selector: [app], ports: [{port: 80, targetPort: 99999}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, polcyTypes: [Ingress], ingress: [{from: [{}]}]}
"""


def test_every_mistake_is_told_with_its_place(read: Read) -> None:
    assert said(read(MISTAKES)) == [
        'all.yaml:3:18: metadata.name: Invalid value: "Web": must consist of lower case letters, digits, '
        "'-' and '.', and begin and end with a letter or digit",
        "all.yaml:3:58: metadata.labels.version: Invalid type: must be a string (write it in quotes)",
        "all.yaml:3:68: metadata.labels.app: Invalid type: must be a string",
        "all.yaml:5:16: spec.hostNetwork: Invalid type: must be true or false",
        "all.yaml:7:31: spec.containers[0].ports[0].containerPort: Invalid type: must be a port number",
        'all.yaml:7:49: spec.containers[0].ports[1].protocol: Invalid value: "tcp": must be one of TCP, UDP, SCTP',
        "all.yaml:7:74: spec.containers[0].ports[2].containerPort: Required value: must be a port number",
        "all.yaml:11:11: metadata.name: Required value: name or generateName is required",
        'all.yaml:12:14: spec.type: Invalid value: "Clusterip": must be one of ClusterIP, NodePort, LoadBalancer, '
        "ExternalName",
        "all.yaml:12:35: spec.selector: Invalid type: must be an object",
        "all.yaml:12:73: spec.ports[0].targetPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
        'all.yaml:17:25: spec.polcyTypes: unknown field "spec.polcyTypes" (did you mean "policyTypes"?)',
        "all.yaml:17:66: spec.ingress[0].from[0]: Required value: must specify a peer",
    ]


def test_an_object_written_twice_is_an_error_that_names_both_places(read: Read) -> None:
    found = read(files={"a.yaml": SHOP, "b/c.yaml": "# again\n" + SHOP.partition("---\n")[0]})
    assert said(found) == [
        "dir/b/c.yaml:3:1: document: Namespace shop is written twice (the other one is at dir/a.yaml:2:1)"
    ]


def test_a_file_that_is_named_twice_is_read_once(read: Read) -> None:
    read(files={"a.yaml": SHOP})
    from probe.manifests import read_manifests

    assert said(read_manifests(["dir", "dir/a.yaml", "dir"])) == []


def test_without_a_namespace_it_is_default_or_the_one_that_is_given(read: Read) -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
    assert [pod.id for pod in read(text).snapshot.pods] == ["default/web"]
    found = read(text, namespace="shop")
    assert [pod.id for pod in found.snapshot.pods] == ["shop/web"]
    assert found.snapshot.namespaces == {"shop": {"kubernetes.io/metadata.name": "shop"}}
    assert found.inferred == {"shop"}


def test_a_namespace_that_is_defined_is_not_inferred_and_its_name_label_is_the_servers(read: Read) -> None:
    text = SHOP.replace("{team: retail}", "{kubernetes.io/metadata.name: other}")
    found = read(text)
    assert found.inferred == frozenset()
    assert found.snapshot.namespaces == {"shop": {"kubernetes.io/metadata.name": "shop"}}


# --- lists ---------------------------------------------------------------------------------------------------------


def test_lists_of_kubectl_and_of_the_api(read: Read) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": "shop"}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [pod]}
    bare = {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "two", "namespace": "shop"}}]}
    found = read(files={"a.json": json.dumps(listed, indent="\t"), "b.json": json.dumps(bare)})
    assert said(found) == []
    assert [pod.id for pod in found.snapshot.pods] == ["shop/one", "shop/two"]
    assert str(found.objects[0].place.child("metadata", "name").location) == "dir/a.json:9:13"


@pytest.mark.parametrize("items", ["", " []", " null"])
def test_a_list_of_nothing_is_fine(read: Read, items: str) -> None:
    assert said(read(f"apiVersion: v1\nkind: List\nitems:{items}\n")) == []


def test_items_that_are_none_are_told(read: Read) -> None:
    assert said(read("apiVersion: v1\nkind: List\nitems: [5, {metadata: {}}]\n")) == [
        "all.yaml:3:9: items[0]: a manifest must be a mapping with apiVersion and kind",
        "all.yaml:3:12: items[1]: a manifest must have apiVersion and kind",
    ]


# --- kinds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "kind", "message"),
    [
        ("v1", "NetworkPolicy", "apiVersion: NetworkPolicy is of networking.k8s.io, not of v1"),
        ("v1", "Deployment", "apiVersion: Deployment is of apps, not of v1"),
        ("networking.k8s.io/v1", "NetworkPolcy", '(did you mean "NetworkPolicy"?)'),
        ("extensions/v1beta1", "NetworkPolicy", "must be networking.k8s.io/v1"),
    ],
)
def test_an_object_that_was_meant_to_be_of_a_kind_that_is_read_is_not_skipped(
    read: Read, version: str, kind: str, message: str
) -> None:
    (problem,) = said(read(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n"))
    assert message in problem


def test_others_kinds_of_the_same_name_are_left_out(read: Read) -> None:
    text = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\nspec: {template: 5}\n"
    found = read(text)
    assert said(found) == []
    assert found.left_out == "1 object of other kinds left out (Service.serving.knative.dev 1)"


def test_policies_of_network_plugins_are_warned_of_since_they_decide_too(read: Read) -> None:
    text = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: x}\n"
    assert [str(problem) for problem in read(text + "---\n" + text).warnings] == [
        "all.yaml:2:7: kind: CiliumNetworkPolicy.cilium.io is not evaluated: what it allows or denies is not considered"
    ]


# --- keys that are written twice -----------------------------------------------------------------------------------


def test_outside_of_policies_the_last_of_two_keys_counts_with_a_warning(read: Read) -> None:
    found = read("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {a: b, c: d}\n  labels: {a: x}\n")
    assert said(found) == []
    assert found.snapshot.pods[0].labels == {"a": "x"}
    (warning,) = found.warnings
    assert str(warning) == 'all.yaml:6:3: metadata.labels: duplicate key "labels" (first written in line 5)'


def test_in_a_policy_nobody_guesses_which_one_was_meant(read: Read) -> None:
    found = read(SHOP + "  podSelector: {}\n")
    assert said(found) == ['all.yaml:40:3: spec.podSelector: duplicate key "podSelector" (first written in line 38)']
    assert found.snapshot.policies == ()


def test_two_objects_run_together_are_an_error_since_one_of_them_is_lost(read: Read) -> None:
    text = SHOP.replace("spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}\n---\n", "")
    problems = said(read(text))
    assert len(problems) == 2
    assert "is there a --- missing between two objects?" in problems[0]


# --- what older servers wrote --------------------------------------------------------------------------------------


def test_the_status_that_servers_once_wrote_into_policies_is_no_mistake(read: Read) -> None:
    found = read(SHOP + "status: {}\n")
    assert said(found) == []
    assert "status" not in found.snapshot.policies[0]


# --- cluster-scoped policies ---------------------------------------------------------------------------------------

ADMIN = """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: no-metadata}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{networks: [169.254.169.254/32]}]}]
status: {conditions: []}
"""


def test_cluster_scoped_policies_are_validated_as_their_definitions_do(read: Read) -> None:
    found = read(ADMIN)
    assert said(found) == []
    assert [str(each) for each in found.objects] == ["ClusterNetworkPolicy no-metadata"]
    assert "namespace" not in found.snapshot.policies[0]["metadata"]
    assert said(read(ADMIN.replace("Admin", "Top"))) == [
        'all.yaml:5:9: spec.tier: Unsupported value: "Top": supported values: "Admin", "Baseline"'
    ]
