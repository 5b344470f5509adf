"""What the Kubernetes API refuses in a NetworkPolicy, with the API server's paths and reasons."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from probe.model.fields import UNKNOWN_FIELD
from probe.model.networkpolicy import default_network_policy, validate_network_policy


def policy(spec: Any = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "a", **metadata},
        "spec": {"podSelector": {}} if spec is None else spec,
    }


def errors(manifest: dict[str, Any]) -> list[str]:
    return [str(error) for error in validate_network_policy(manifest)]


def peer(value: Any) -> dict[str, Any]:
    return policy({"podSelector": {}, "ingress": [{"from": [value]}]})


def port(value: Any) -> dict[str, Any]:
    return policy({"podSelector": {}, "egress": [{"ports": [value]}]})


def expression(value: Any) -> dict[str, Any]:
    return policy({"podSelector": {"matchExpressions": [value]}})


PEER = "spec.ingress[0].from[0]"
PORT = "spec.egress[0].ports[0]"
EXPRESSION = "spec.podSelector.matchExpressions[0]"


@pytest.mark.parametrize(
    "manifest",
    [
        policy(),
        policy({}),
        policy({"podSelector": None, "ingress": None, "egress": [], "policyTypes": None}),
        policy({"podSelector": {}, "policyTypes": ["Egress", "Ingress"]}),
        policy({"podSelector": {}, "policyTypes": ["Egress", "Egress"]}),
        policy({"podSelector": {}, "ingress": [{}], "egress": [{"to": None, "ports": []}]}),
        policy(labels={"a.b/c": "D_e.f", "x": ""}, annotations={"Some.Where/Key": "any text\n at all"}),
        peer({"podSelector": {}}),
        peer({"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}),
        peer({"podSelector": {}, "ipBlock": None}),
        peer({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.168.1.0/24"]}}),
        peer({"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}}),
        peer({"ipBlock": {"cidr": "10.0.0.1/32"}}),
        port({}),
        port({"protocol": "SCTP"}),
        port({"port": 65535, "protocol": "UDP"}),
        port({"port": "http-alt", "protocol": "TCP"}),
        port({"port": 80, "endPort": 80}),
        port({"port": None, "endPort": None}),
        expression({"key": "a", "operator": "NotIn", "values": ["b", ""]}),
        expression({"key": "a.b/c", "operator": "DoesNotExist"}),
        expression({"key": "a", "operator": "Exists", "values": []}),
    ],
)
def test_valid_policies_are_accepted(manifest: dict[str, Any]) -> None:
    assert errors(manifest) == []


@pytest.mark.parametrize(
    ("manifest", "path", "message"),
    [
        # peers
        (peer({}), PEER, "Required value: must specify a peer"),
        (peer({"podSelector": None}), PEER, "Required value: must specify a peer"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}), PEER,
         "Forbidden: may not specify both ipBlock and another peer"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/8"}, "namespaceSelector": {}}), PEER, "Forbidden: may not specify both"),
        (peer(5), PEER, "must be an object"),
        (peer({"podselector": {}, "podSelector": {}}), f"{PEER}.podselector", "unknown field"),
        # blocks
        (peer({"ipBlock": {}}), f"{PEER}.ipBlock.cidr", "Required value"),
        (peer({"ipBlock": {"cidr": "10.0.0.1"}}), f"{PEER}.ipBlock.cidr", "must be a valid CIDR value"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/33"}}), f"{PEER}.ipBlock.cidr", "must be a valid CIDR value"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/255.0.0.0"}}), f"{PEER}.ipBlock.cidr", "must be a valid CIDR value"),
        (peer({"ipBlock": {"cidr": "10.00.0.0/8"}}), f"{PEER}.ipBlock.cidr", "must be a valid CIDR value"),
        (peer({"ipBlock": {"cidr": "10.0.0.1/8"}}), f"{PEER}.ipBlock.cidr", 'did you mean "10.0.0.0/8"?'),
        (peer({"ipBlock": {"cidr": "2001:db8:0::/32"}}), f"{PEER}.ipBlock.cidr", "must be in canonical form"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}), f"{PEER}.ipBlock.except[0]",
         "must be a strict subset of `cidr`"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}), f"{PEER}.ipBlock.except[0]",
         "must be a strict subset of `cidr`"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["::/64"]}}), f"{PEER}.ipBlock.except[0]",
         "must be a strict subset of `cidr`"),
        (peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1"]}}), f"{PEER}.ipBlock.except[0]", "valid CIDR"),
        # ports
        (port({"port": 0}), f"{PORT}.port", "must be between 1 and 65535, inclusive"),
        (port({"port": 65536}), f"{PORT}.port", "must be between 1 and 65535, inclusive"),
        (port({"port": True}), f"{PORT}.port", "must be an integer or a string"),
        (port({"port": 80.0}), f"{PORT}.port", "must be an integer or a string"),
        (port({"port": "80"}), f"{PORT}.port", "must contain at least one letter"),
        (port({"port": "a-name-too-long-"}), f"{PORT}.port", "must be no more than 15 characters"),
        (port({"port": "a--b"}), f"{PORT}.port", "consecutive hyphens"),
        (port({"port": "-a"}), f"{PORT}.port", "begin or end with a hyphen"),
        (port({"port": "HTTP"}), f"{PORT}.port", "must contain only"),
        (port({"protocol": "tcp"}), f"{PORT}.protocol",
         'Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"'),
        (port({"port": 80, "endPort": 79}), f"{PORT}.endPort", "must be greater than or equal to `port`"),
        (port({"port": 80, "endPort": 70000}), f"{PORT}.endPort", "must be between 1 and 65535"),
        (port({"port": "http", "endPort": 90}), f"{PORT}.endPort", "when `port` is non-numeric"),
        (port({"endPort": 90}), f"{PORT}.endPort", "when `port` is not specified"),
        # selectors
        (expression({"key": "a", "operator": "In"}), f"{EXPRESSION}.values", "Required value"),
        (expression({"key": "a", "operator": "Exists", "values": ["b"]}), f"{EXPRESSION}.values", "Forbidden"),
        (expression({"key": "a", "operator": "in", "values": ["b"]}), f"{EXPRESSION}.operator", "not a valid selector"),
        (expression({"key": "a"}), f"{EXPRESSION}.operator", "not a valid selector operator"),
        (expression({"operator": "Exists"}), f"{EXPRESSION}.key", "name part must be between 1 and 63"),
        (expression({"key": "/a", "operator": "Exists"}), f"{EXPRESSION}.key", "must be a DNS subdomain"),
        (expression({"key": "a", "operator": "In", "values": ["b c"]}), f"{EXPRESSION}.values[0]", "must consist of"),
        (expression({"key": "a", "operator": "In", "values": [5]}), f"{EXPRESSION}.values[0]", "must be a string"),
        (policy({"podSelector": {"matchLabels": {"a": 5}}}), "spec.podSelector.matchLabels.a", "must be a string"),
        (policy({"podSelector": {"matchLabels": {"a": "b" * 64}}}), "spec.podSelector.matchLabels.a", "63 characters"),
        (policy({"podSelector": {"app": "web"}}), "spec.podSelector.app", 'unknown field "spec.podSelector.app"'),
        # the object
        (policy({"policyTypes": ["ingress"]}), "spec.policyTypes[0]", 'supported values: "Egress", "Ingress"'),
        (policy({"policyTypes": ["Egress"] * 3}), "spec.policyTypes", "may not specify more than two policyTypes"),
        (policy({"ingress": {}}), "spec.ingress", "must be a list"),
        (policy({"ingress": [None]}), "spec.ingress[0]", "must be an object"),
        (policy({"ingress": [{"to": []}]}), "spec.ingress[0].to", "unknown field"),
        (policy({"Ingress": []}), "spec.Ingress", "unknown field"),
        (policy(name="Web"), "metadata.name", "must consist of lower case"),
        (policy(name=""), "metadata.name", "Required value"),
        (policy(name="a..b"), "metadata.name", "must consist of lower case"),
        (policy(namespace="a.b"), "metadata.namespace", "must consist of lower case"),
        (policy(labels={"a": None}), "metadata.labels.a", "must be a string"),
        (policy(nme="x"), "metadata.nme", "unknown field"),
        ({**policy(), "apiVersion": "v1"}, "apiVersion", "must be networking.k8s.io/v1"),
        ({**policy(), "status": {}}, "status", "unknown field"),
        ({**policy(), "spec": []}, "spec", "must be an object"),
    ],
)  # fmt: skip
def test_what_the_api_refuses_has_its_path_and_reason(manifest: dict[str, Any], path: str, message: str) -> None:
    (error,) = validate_network_policy(manifest)
    assert error.path == path
    assert message in error.message
    assert (error.reason == UNKNOWN_FIELD) == ("unknown field" in message)


def test_all_mistakes_come_at_once() -> None:
    spec = {"policyTypes": ["X"], "ingress": [{"from": [{}], "ports": [{"port": 0, "protocol": "x"}]}]}
    assert len(errors(policy(spec, name="X"))) == 5


def test_policy_types_follow_the_sections_when_they_are_absent() -> None:
    for spec, types in (
        ({}, ["Ingress"]),
        ({"ingress": []}, ["Ingress"]),
        ({"egress": []}, ["Ingress"]),
        ({"egress": [{}]}, ["Ingress", "Egress"]),
        ({"policyTypes": [], "egress": [{}]}, ["Ingress", "Egress"]),
        ({"policyTypes": ["Egress"], "ingress": [{}]}, ["Egress"]),
    ):
        assert default_network_policy(policy(spec))["spec"]["policyTypes"] == types


def test_defaults_are_filled_in_without_changing_what_was_given() -> None:
    given = policy({"ingress": [{"ports": [{"port": 80}, {"protocol": "UDP"}], "from": None}, {}], "egress": None})
    before = copy.deepcopy(given)
    assert default_network_policy(given)["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": 80, "protocol": "TCP"}, {"protocol": "UDP"}]}, {}],
    }
    assert given == before


def test_the_seed_policies_are_valid_and_say_all_there_is_to_default() -> None:
    for path in (Path(__file__).parents[2] / "scenarios/policies").glob("*.yaml"):
        manifest = yaml.safe_load(path.read_text("utf-8"))
        assert errors(manifest) == []
        assert default_network_policy(manifest) == manifest
