"""Selectors that select nothing: when it is sure, when it may be somebody else's, and when nothing can be said."""

from __future__ import annotations

import pytest

from tests.lint.conftest import Fires, cluster_policy, policy

INGRESS_FROM = "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{%s}]}]"


def peer(text: str) -> str:
    return policy(INGRESS_FROM % text)


# --- subjects ------------------------------------------------------------------------------------------------------


def test_without_any_pod_nothing_is_said_of_selectors(fires: Fires) -> None:
    text = policy("{podSelector: {matchLabels: {app: nobody}}, ingress: [{from: [{podSelector: {}}]}]}")
    for rule in ("selects-nothing", "peer-matches-nothing", "no-pods-in-namespace", "label-near-miss"):
        assert fires(rule, text, alone=True) == []


def test_a_namespace_without_pods_is_said_once(fires: Fires) -> None:
    text = policy("{podSelector: {matchLabels: {app: web}}}", namespace="legacy")
    assert fires("selects-nothing", text) == []
    assert fires("no-pods-in-namespace", text) == ["info: the namespace legacy has no pod here"]


def test_a_namespace_that_is_spelt_almost_as_one_with_pods_is_a_warning(fires: Fires) -> None:
    text = policy("{podSelector: {}}", namespace="monitorng")
    assert fires("no-pods-in-namespace", text) == ["warning: the namespace monitorng has no pod here"]


def test_a_cluster_scoped_subject(fires: Fires) -> None:
    assert fires("selects-nothing", cluster_policy("p", subject="{namespaces: {matchLabels: {team: sales}}}")) == [
        "warning: no pod of a namespace with team=sales is here: the policy does nothing"
    ]
    assert fires("selects-nothing", cluster_policy("p", subject="{namespaces: {matchLabels: {team: retail}}}")) == []


def test_where_the_labels_of_a_namespace_are_not_known_it_is_less_sure(fires: Fires) -> None:
    extra = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: unheard-of}\n"
    text = cluster_policy("p", subject="{namespaces: {matchLabels: {team: sales}}}") + extra
    assert fires("selects-nothing", text)[0].startswith("info: ")
    found = fires("peer-matches-nothing", peer("namespaceSelector: {matchLabels: {team: sales}}") + extra)
    assert found == ["info: no namespace here has team=sales"]


# --- peers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}",
        "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, "
        "podSelector: {matchLabels: {k8s-app: kube-dns}}",
        "namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}",
        "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}",
        "podSelector: {matchLabels: {app: api}}",
        "ipBlock: {cidr: 192.0.2.0/24}",
    ],
)
def test_what_every_cluster_has_is_in_nobodys_manifests(fires: Fires, text: str) -> None:
    assert fires("peer-matches-nothing", peer(text)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("podSelector: {matchLabels: {app: nobody}}", "warning: no pod of shop has app=nobody"),
        ("namespaceSelector: {matchLabels: {team: sales}}", "warning: no namespace here has team=sales"),
        (
            "namespaceSelector: {matchLabels: {team: platform}}, podSelector: {matchLabels: {app: nobody}}",
            "warning: no pod of monitoring has app=nobody",
        ),
        (
            "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}",
            "info: no namespace here is called ingress-nginx",
        ),
        (
            "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitring}}",
            "warning: no namespace here is called monitring",
        ),
    ],
)
def test_a_peer_that_means_nobody(fires: Fires, text: str, said: str) -> None:
    assert fires("peer-matches-nothing", peer(text)) == [said]


def test_a_namespace_that_is_here_without_pods_may_get_some(fires: Fires) -> None:
    extra = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: new, labels: {team: new}}\n"
    found = fires("peer-matches-nothing", peer("namespaceSelector: {matchLabels: {team: new}}") + extra)
    assert found == ["info: there is no pod here in new"]


def test_one_finding_for_one_mistake(fires: Fires) -> None:
    both = "podSelector: {matchLabels: {app: api}}, namespaceSelector: {matchLabels: {team: platform}}"
    assert fires("peer-matches-nothing", peer(both)) == []
    assert len(fires("and-instead-of-or", peer(both))) == 1


def test_nodes_are_compared_where_they_are_known(fires: Fires) -> None:
    text = cluster_policy("p", egress="[{action: Accept, to: [{nodes: {matchLabels: {role: db}}}]}]")
    node = "---\napiVersion: v1\nkind: Node\nmetadata: {name: node-1, labels: {role: web}}\n"
    assert fires("peer-matches-nothing", text) == []
    assert fires("peer-matches-nothing", text + node) == ["warning: no node has role=db"]


# --- spelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("{matchLabels: {App: web}}", "warning: no pod has the label App"),
        ("{matchExpressions: [{key: app, operator: In, values: [web, Api]}]}", "warning: no pod has the label app=Api"),
        ("{matchExpressions: [{key: aPP, operator: Exists}]}", "warning: no pod has the label aPP"),
        ("{matchLabels: {app: web}}", None),
        ("{matchLabels: {app: cache}}", None),  # like nothing
        ("{matchExpressions: [{key: App, operator: DoesNotExist}]}", None),  # asks for its absence
        ("{matchExpressions: [{key: app, operator: NotIn, values: [Web]}]}", None),
    ],
)
def test_labels_that_are_almost_those_in_use(fires: Fires, selector: str, found: str | None) -> None:
    assert fires("label-near-miss", policy(f"{{podSelector: {selector}}}")) == ([found] if found else [])


def test_labels_of_namespaces_and_of_services(fires: Fires) -> None:
    text = peer("namespaceSelector: {matchLabels: {team: platfrom}}")
    assert fires("label-near-miss", text) == ["warning: no namespace has the label team=platfrom"]
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\nspec: {selector: {app: WEB}}\n"
    assert fires("label-near-miss", service) == ["warning: no pod has the label app=WEB"]
