"""What a cluster refuses in the cluster-scoped network policies, as their definitions do."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from probe.model.clusterpolicy import default_cluster_policy, validate_cluster_policy
from probe.model.fields import UNKNOWN_FIELD


def cnp(spec: Any = None, **metadata: Any) -> dict[str, Any]:
    whole = {"tier": "Admin", "priority": 10, "subject": {"namespaces": {}}, **(spec or {})}
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "p", **metadata},
        "spec": {key: value for key, value in whole.items() if value != "absent"},
    }


def anp(spec: Any = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": "p", **metadata},
        "spec": {"priority": 10, "subject": {"namespaces": {}}, **(spec or {})},
    }


def banp(spec: Any = None, name: str = "default") -> dict[str, Any]:
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "BaselineAdminNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"subject": {"namespaces": {}}, **(spec or {})},
    }


def ingress(make: Any = cnp, **rule: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = make({"ingress": [{"action": "Deny", "from": [{"namespaces": {}}], **rule}]})
    return manifest


def egress(make: Any = cnp, **rule: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = make({"egress": [{"action": "Deny", "to": [{"namespaces": {}}], **rule}]})
    return manifest


def peer(value: Any, make: Any = cnp, **rule: Any) -> dict[str, Any]:
    return egress(make, to=[value], **rule)


def port(value: Any, make: Any = cnp) -> dict[str, Any]:
    return ingress(make, **{"protocols" if make is cnp else "ports": [value]})


def tcp(value: Any) -> dict[str, Any]:
    return port({"tcp": {"destinationPort": value}})


PODS = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}
RULE, PEER, PORT = "spec.ingress[0]", "spec.egress[0].to[0]", "spec.ingress[0].protocols[0]"
TCP, OLD_PORT = f"{PORT}.tcp.destinationPort", "spec.ingress[0].ports[0]"


@pytest.mark.parametrize(
    "manifest",
    [
        cnp(),
        {**cnp(), "status": {"conditions": []}},
        cnp({"tier": "Baseline", "priority": 0}),
        cnp({"priority": 1000, "ingress": [], "egress": []}),
        cnp({"subject": {"pods": PODS}}),
        cnp({"subject": {"pods": {"podSelector": {}}}}),  # v1alpha2: an absent namespaceSelector is the empty one
        *(ingress(action=action, name="n" * 100) for action in ("Accept", "Deny", "Pass")),
        ingress(**{"from": [{"namespaces": {}}, {"pods": PODS}] * 12}),
        peer({"nodes": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}),
        peer({"networks": ["10.0.0.0/8", "10.0.0.1/8", "fd00::/8", "0.0.0.0/0", "::/0"]}),
        peer({"domainNames": ["example.com", "*.example.com", "_dmarc.Example.com.", "a-b.c_d.org"]}, action="Accept"),
        tcp({"number": 65535}),
        tcp({"range": {"start": 1, "end": 65535}}),
        *(port({protocol: {"destinationPort": {"number": 80}}}) for protocol in ("udp", "sctp")),
        port({"destinationNamedPort": "http-alt"}),
        egress(protocols=[{"destinationNamedPort": "http"}]),
        egress(to=[{"networks": ["10.0.0.0/8"]}], protocols=[{"udp": {"destinationPort": {"number": 53}}}]),
        anp(),
        *(ingress(anp, action=action) for action in ("Allow", "Deny", "Pass")),
        anp({"ingress": [{"action": "Deny", "from": [{"namespaces": {}}] * 100}] * 100}),
        port({"portNumber": {"port": 80}}, anp),
        port({"portNumber": {"port": 80, "protocol": "UDP"}}, anp),
        port({"portRange": {"start": 80, "end": 90}}, banp),
        port({"namedPort": "http"}, banp),
        peer({"domainNames": ["example.com"]}, anp, action="Allow"),
        banp(),
        *(ingress(banp, action=action) for action in ("Allow", "Deny")),
    ],
)
def test_valid_policies_are_accepted(manifest: dict[str, Any]) -> None:
    assert [str(error) for error in validate_cluster_policy(manifest)] == []


@pytest.mark.parametrize(
    ("manifest", "path", "message"),
    [
        # the object
        ({**cnp(), "kind": "NetworkPolicy"}, "kind", "Unsupported value"),
        ({**cnp(), "apiVersion": "policy.networking.k8s.io/v1alpha1"}, "apiVersion", "networking.k8s.io/v1alpha2"),
        ({**anp(), "apiVersion": "policy.networking.k8s.io/v1alpha2"}, "apiVersion", "networking.k8s.io/v1alpha1"),
        ({key: value for key, value in cnp().items() if key != "spec"}, "spec", "Required value"),
        ({**cnp(), "spec": None}, "spec", "Required value"),
        ({**cnp(), "spec": []}, "spec", "must be an object"),
        ({**cnp(), "rules": []}, "rules", "unknown field"),
        (cnp(name="Upper"), "metadata.name", "must consist of lower case"),
        (cnp(name=""), "metadata.name", "Required value"),
        (cnp(namespace="a"), "metadata.namespace", "Forbidden: not allowed on this type"),
        (banp(name="other"), "metadata.name", 'must be "default"'),
        # the policy's place
        (cnp({"tier": "absent"}), "spec.tier", "Required value"),
        (cnp({"priority": "absent"}), "spec.priority", "Required value"),
        (cnp({"subject": "absent"}), "spec.subject", "Required value"),
        (cnp({"tier": "admin"}), "spec.tier", 'supported values: "Admin", "Baseline"'),
        (cnp({"priority": -1}), "spec.priority", "must be between 0 and 1000"),
        (anp({"priority": 1001}), "spec.priority", "must be between 0 and 1000"),
        (cnp({"priority": "10"}), "spec.priority", "must be an integer"),
        (anp({"tier": "Admin"}), "spec.tier", "unknown field"),
        (banp({"priority": 1}), "spec.priority", "unknown field"),
        # subjects
        (cnp({"subject": {}}), "spec.subject", "exactly one of namespaces, pods, not none"),
        (cnp({"subject": {"namespaces": {}, "pods": PODS}}), "spec.subject", "not namespaces and pods"),
        (cnp({"subject": {"namespaces": None}}), "spec.subject.namespaces", "must not be null"),
        (cnp({"subject": {"pods": {}}}), "spec.subject.pods.podSelector", "Required value"),
        (anp({"subject": {"pods": {"podSelector": {}}}}), "spec.subject.pods.namespaceSelector", "Required value"),
        (cnp({"subject": {"pods": {**PODS, "labels": {}}}}), "spec.subject.pods.labels", "unknown field"),
        (cnp({"subject": {"namespaces": {"matchLabels": {"a": "b c"}}}}), "spec.subject.namespaces.matchLabels.a",
         "must consist of letters"),
        # rules
        (cnp({"egress": None}), "spec.egress", "must not be null"),
        (cnp({"ingress": [None]}), RULE, "must not be null"),
        (cnp({"ingress": ["x"]}), RULE, "must be an object"),
        (cnp({"ingress": [{"from": [{"namespaces": {}}]}]}), f"{RULE}.action", "Required value"),
        (cnp({"ingress": [{"action": "Deny"}]}), f"{RULE}.from", "Required value"),
        (ingress(action="Allow"), f"{RULE}.action", 'supported values: "Accept", "Deny", "Pass"'),
        (ingress(anp, action="Accept"), f"{RULE}.action", 'supported values: "Allow", "Deny", "Pass"'),
        (ingress(banp, action="Pass"), f"{RULE}.action", 'supported values: "Allow", "Deny"'),
        (ingress(name="n" * 101), f"{RULE}.name", "may not be more than 100"),
        (ingress(**{"from": []}), f"{RULE}.from", "at least 1 item"),
        (ingress(**{"from": [{"namespaces": {}}] * 26}), f"{RULE}.from", "at most 25 items"),
        (ingress(anp, **{"from": [{"namespaces": {}}] * 101}), f"{RULE}.from", "at most 100 items"),
        (ingress(protocols=[]), f"{RULE}.protocols", "at least 1 item"),
        (ingress(ports=[]), f"{RULE}.ports", "unknown field"),
        (ingress(anp, protocols=[]), f"{RULE}.protocols", "unknown field"),
        (ingress(to=[]), f"{RULE}.to", "unknown field"),
        (cnp({"ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}] * 26}), "spec.ingress", "at most 25 items"),
        # peers
        (peer({}), PEER, "exactly one of namespaces, pods, nodes, networks, domainNames, not none"),
        (peer({"namespaces": {}, "nodes": {}}), PEER, "not namespaces and nodes"),
        (peer({"nodes": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}),
         f"{PEER}.nodes.matchExpressions[0].operator", "not a valid selector operator"),
        (peer({"networks": []}), f"{PEER}.networks", "at least 1 item"),
        (peer({"networks": [f"10.0.{n}.0/24" for n in range(26)]}), f"{PEER}.networks", "at most 25 items"),
        (peer({"networks": ["10.0.0.0/8", "10.0.0.0/8"]}), f"{PEER}.networks[1]", "Duplicate value"),
        (peer({"networks": [10]}), f"{PEER}.networks[0]", "must be a string"),
        *(
            (peer({"networks": [text]}), f"{PEER}.networks[0]", "must be a CIDR")
            for text in ("10.0.0.1", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/255.0.0.0", "::ffff:10.0.0.0/104", "x/8")
        ),
        *(
            (peer({"domainNames": [text]}, action="Accept"), f"{PEER}.domainNames[0]", "must be a domain name")
            for text in ("localhost", "a.*.com", "*", "*x.example.com", "-a.example.com", "exa mple.com", "")
        ),
        (peer({"domainNames": ["example.com"]}), f"{PEER}.domainNames", "Forbidden: only for rules that Accept"),
        (peer({"domainNames": ["example.com"]}, anp, action="Pass"), f"{PEER}.domainNames", "rules that Allow"),
        # ports
        (port({}), PORT, "exactly one of tcp, udp, sctp, destinationNamedPort, not none"),
        (port({"tcp": {}}), TCP, "Required value"),
        (port({"tcp": {"destinationPort": {"number": 1}}, "destinationNamedPort": "a"}), PORT, "exactly one of"),
        (tcp({}), TCP, "exactly one of number, range, not none"),
        (tcp({"number": 1, "range": {"start": 1, "end": 2}}), TCP, "not number and range"),
        (tcp({"number": 0}), f"{TCP}.number", "must be between 1 and 65535"),
        (tcp({"number": "http"}), f"{TCP}.number", "must be an integer"),
        (tcp({"range": {"start": 1}}), f"{TCP}.range.end", "Required value"),
        (tcp({"range": {"start": 80, "end": 80}}), f"{TCP}.range", "start must be less than end"),
        (tcp({"range": {"start": 80, "end": 65536}}), f"{TCP}.range.end", "must be between 1 and 65535"),
        (port({"destinationNamedPort": "80"}), f"{PORT}.destinationNamedPort", "at least one letter"),
        (port({"portNumber": {}}, anp), f"{OLD_PORT}.portNumber.port", "Required value"),
        (port({"portNumber": {"port": 80, "protocol": "tcp"}}, anp), f"{OLD_PORT}.portNumber.protocol", "Unsupported"),
        (port({"portRange": {"start": 90, "end": 80}}, anp), f"{OLD_PORT}.portRange", "start must be less than end"),
        (port({"namedPort": "http", "portNumber": {"port": 80}}, anp), OLD_PORT, "exactly one of"),
        (egress(to=[{"networks": ["10.0.0.0/8"]}], protocols=[{"destinationNamedPort": "http"}]), "spec.egress[0]",
         "nodes/networks/domainNames peers have no named ports"),
        (egress(banp, to=[{"pods": PODS}, {"nodes": {}}], ports=[{"namedPort": "http"}]), "spec.egress[0]",
         "nodes/networks peers have no named ports"),
    ],
)  # fmt: skip
def test_what_a_cluster_refuses_has_its_path_and_reason(manifest: dict[str, Any], path: str, message: str) -> None:
    (error,) = validate_cluster_policy(manifest)
    assert error.path == path
    assert message in error.message
    assert (error.reason == UNKNOWN_FIELD) == ("unknown field" in message)


@pytest.mark.parametrize("field", ["nodes", "networks", "domainNames"])
def test_what_ingress_rules_cannot_name(field: str) -> None:
    found = [str(error) for error in validate_cluster_policy(ingress(action="Accept", **{"from": [{field: {}}]}))]
    assert f'spec.ingress[0].from[0].{field}: unknown field "spec.ingress[0].from[0].{field}"' in found


def test_the_baseline_policy_knows_no_domain_names() -> None:
    manifest = peer({"domainNames": ["example.com"]}, banp, action="Allow")
    assert "domainNames: unknown field" in "".join(str(error) for error in validate_cluster_policy(manifest))


def test_all_mistakes_come_at_once() -> None:
    spec = {"tier": "X", "priority": -1, "ingress": [{"action": "Allow", "from": [], "protocols": [{"tcp": {}}]}]}
    assert len(validate_cluster_policy(cnp(spec, name="X"))) == 6


def test_old_ports_are_tcp_unless_they_say_otherwise() -> None:
    ports = [{"portNumber": {"port": 1}}, {"portRange": {"start": 1, "end": 2, "protocol": "UDP"}}, {"namedPort": "a"}]
    given = ingress(anp, ports=ports)
    before = copy.deepcopy(given)
    assert default_cluster_policy(given)["spec"]["ingress"][0]["ports"] == [
        {"portNumber": {"port": 1, "protocol": "TCP"}},
        {"portRange": {"start": 1, "end": 2, "protocol": "UDP"}},
        {"namedPort": "a"},
    ]
    assert given == before
    assert default_cluster_policy(cnp()) == cnp()
