"""What policies may see of traffic to a service, and the answer where all of it agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from probe.model.cell import Protocol
from probe.model.fleet import Port
from probe.model.snapshot import (
    NAME_LABEL,
    NodeState,
    PodState,
    ServicePort,
    ServiceState,
    Snapshot,
    TrafficPolicy,
)
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle
from probe.policy.sentence import service_sentence
from probe.policy.services import SOME_NODE, SOMEBODY, Call, Entry, ServiceDecision, judge, target_port
from probe.policy.universe import AddressRange

CLIENT = "192.0.2.1"
WEB = {"app": "web"}
NODES = (NodeState("n1", addresses=("10.0.0.1",)), NodeState("n2", addresses=("10.0.0.2",)))


def web(name: str = "web", port: Port | None = None, **others: Any) -> PodState:
    ports = (port or Port(8080, name="http"),)
    return PodState("shop", name, WEB, ports, others.pop("addresses", ("10.1.0.1",)), **others)


def client(**others: Any) -> PodState:
    return PodState("shop", "client", {"app": "client"}, (), ("10.1.0.9",), **others)


def service(target: int | str = "http", **others: Any) -> ServiceState:
    port = ServicePort(80, Protocol.TCP, target, others.pop("node_port", None))
    return replace(ServiceState("shop", "web", WEB, (port,)), **others)


LOCAL = service(node_port=30080, node_ports=True, external_traffic_policy=TrafficPolicy.LOCAL)
CLUSTER = service(node_port=30080, node_ports=True)


def policy(app: str, **spec: Any) -> Mapping[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{app}-policy", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": app}}, **spec},
    }


def into_web(*peers: Mapping[str, Any], port: int | str = 8080) -> Mapping[str, Any]:
    return policy("web", policyTypes=["Ingress"], ingress=[{"from": list(peers), "ports": [{"port": port}]}])


def out_of_client(*rules: Mapping[str, Any]) -> Mapping[str, Any]:
    return policy("client", policyTypes=["Egress"], egress=list(rules))


def pods(app: str) -> Mapping[str, Any]:
    return {"podSelector": {"matchLabels": {"app": app}}}


def block(cidr: str) -> Mapping[str, Any]:
    return {"ipBlock": {"cidr": cidr}}


def ask(
    source: str,
    of: ServiceState,
    *members: PodState,
    policies: Sequence[Mapping[str, Any]] = (),
    nodes: tuple[NodeState, ...] = NODES,
    entry: Entry = Entry.CLUSTER_IP,
) -> ServiceDecision:
    state = Snapshot({"shop": {NAME_LABEL: "shop"}}, members, nodes, (of,), tuple(policies))
    oracle = Oracle(state, (AddressRange.of(CLIENT), SOME_NODE, SOMEBODY))
    return judge(oracle, state, Call(source, of, of.ports[0], entry))


def seen(found: ServiceDecision) -> list[tuple[str, str, int]]:
    return [(view.decision.source, view.decision.destination, view.decision.port) for view in found.views]


# --- cluster addresses ---------------------------------------------------------------------------------------------


def test_policies_see_the_pod_and_the_target_port_behind_a_cluster_address() -> None:
    found = ask("shop/client", service(), web(), client(), policies=[into_web(pods("client"))])
    assert seen(found) == [("shop/client", "shop/web", 8080)]
    assert found.answer is Answer.ALLOW


def test_a_policy_for_the_services_own_port_does_not_allow_it() -> None:
    found = ask("shop/client", service(), web(), client(), policies=[into_web(pods("client"), port=80)])
    assert found.answer is Answer.DENY


def test_a_named_target_port_is_each_pods_own() -> None:
    other = web("other", Port(9090, name="http"))
    found = ask("shop/client", service(), web(), other, client(), policies=[into_web(pods("client"), port="http")])
    assert seen(found) == [("shop/client", "shop/web", 8080), ("shop/client", "shop/other", 9090)]
    assert found.answer is Answer.ALLOW


def test_where_pods_differ_the_answer_depends_on_the_choice() -> None:
    other = web("other", Port(9090, name="http"))
    found = ask("shop/client", service(), web(), other, client(), policies=[into_web(pods("client"), port=8080)])
    assert (found.answer, found.why) == (Answer.UNDEFINED, "it depends on which pod the service chooses")
    assert [view.answer for view in found.views] == [Answer.ALLOW, Answer.DENY]


def test_pods_without_the_name_are_no_endpoints() -> None:
    found = ask("shop/client", service(), web(), web("mute", Port(8080)), client())
    assert seen(found) == [("shop/client", "shop/web", 8080)]
    assert found.left_out == ("shop/mute",)


def test_the_name_must_be_of_the_services_protocol() -> None:
    assert target_port(ServicePort(53, Protocol.TCP, "dns"), web(port=Port(53, Protocol.UDP, "dns"))) is None
    assert target_port(ServicePort(53, Protocol.UDP, "dns"), web(port=Port(53, Protocol.UDP, "dns"))) == 53


def test_no_target_port_means_the_services_own_number() -> None:
    assert target_port(ServicePort(80), web()) == 80


def test_without_endpoints_there_is_no_answer() -> None:
    found = ask("shop/client", service(), client())
    assert (found.answer, found.why) == (Answer.UNDEFINED, "no pod is selected by the service")
    found = ask("shop/client", service("https"), web(), client())
    assert (found.answer, found.why) == (Answer.UNDEFINED, "no pod serves https")


def test_pods_of_other_namespaces_are_no_endpoints() -> None:
    found = ask("shop/client", service(), replace(web(), namespace="other"), client())
    assert found.views == ()


def test_local_for_clients_in_the_cluster_means_the_pods_of_the_clients_node() -> None:
    near, far = web(node="n1"), web("other", Port(9090, name="http"), node="n2")
    own = service(internal_traffic_policy=TrafficPolicy.LOCAL)
    found = ask("shop/client", own, near, far, client(node="n1"), policies=[into_web(pods("client"), port=8080)])
    assert (seen(found), found.answer) == ([("shop/client", "shop/web", 8080)], Answer.ALLOW)
    found = ask("shop/client", own, far, client(node="n1"))
    assert (found.answer, found.why) == (
        Answer.UNDEFINED,
        "internalTrafficPolicy is Local, and no pod of the service is on the client's node",
    )
    found = ask("shop/client", own, near, far, client())  # somewhere
    assert [pod for _, pod, _ in seen(found)] == ["shop/web", "shop/other"]


def test_a_client_outside_may_be_seen_as_any_node_behind_a_cluster_address() -> None:
    found = ask(CLIENT, service(), web(node="n1"), policies=[into_web(block(f"{CLIENT}/32"))])
    assert seen(found) == [(CLIENT, "shop/web", 8080), ("node:n1", "shop/web", 8080), ("node:n2", "shop/web", 8080)]
    assert found.answer is Answer.UNDEFINED


# --- a pod through its own service ---------------------------------------------------------------------------------


def test_a_pod_through_its_own_service_is_left_open() -> None:
    found = ask("shop/web", service(), web(), policies=[into_web(pods("client"))])
    assert found.answer is Answer.UNDEFINED
    assert "to itself through its service" in found.why


def test_a_pod_through_its_own_service_passes_where_policies_allow_it_anyway() -> None:
    assert ask("shop/web", service(), web(), policies=[into_web(pods("web"))]).answer is Answer.ALLOW
    assert ask("shop/web", service(), web()).answer is Answer.ALLOW


def test_a_service_may_lead_a_pod_to_itself_or_to_another() -> None:
    found = ask("shop/web", service(), web(), web("other"), policies=[into_web(pods("client"))])
    assert [view.answer for view in found.views] == [Answer.UNDEFINED, Answer.DENY]
    assert found.answer is Answer.UNDEFINED


def test_a_workload_through_its_own_service_is_another_of_its_pods_or_the_same() -> None:
    found = ask("shop/web", service(), web(workload="Deployment/web"), policies=[into_web(pods("client"))])
    assert [view.answer for view in found.views] == [Answer.DENY, Answer.UNDEFINED]
    assert found.answer is Answer.UNDEFINED


# --- headless, and without a selector ------------------------------------------------------------------------------


def test_a_headless_service_translates_nothing() -> None:
    found = ask("shop/client", service(headless=True), web(), client(), policies=[into_web(pods("client"))])
    assert seen(found) == [("shop/client", "shop/web", 80)]
    assert found.answer is Answer.DENY


def test_a_pod_finds_itself_by_its_own_address_behind_a_headless_service() -> None:
    found = ask("shop/web", service(headless=True), web(), policies=[into_web(pods("client"))])
    assert found.answer is Answer.ALLOW


def test_without_a_selector_the_clients_own_policies_may_still_deny_all() -> None:
    unselective = service(8080, selector={})
    nothing = ask("shop/client", unselective, client(), policies=[out_of_client()])
    assert nothing.answer is Answer.DENY
    some = ask("shop/client", unselective, client(), policies=[out_of_client({"to": [block("203.0.113.0/24")]})])
    assert (some.answer, some.why) == (
        Answer.UNDEFINED,
        "the service has no selector, so that its endpoints are not known",
    )
    assert ask("shop/client", unselective, client()).answer is Answer.UNDEFINED


def test_without_a_selector_a_named_target_port_is_not_known() -> None:
    found = ask("shop/client", service("http", selector={}), client(), policies=[out_of_client()])
    assert (found.answer, found.views) == (Answer.UNDEFINED, ())


# --- node ports ----------------------------------------------------------------------------------------------------


def test_local_keeps_the_address_of_a_client_outside() -> None:
    found = ask(CLIENT, LOCAL, web(node="n1"), policies=[into_web(block(f"{CLIENT}/32"))], entry=Entry.NODE_PORT)
    assert seen(found) == [(CLIENT, "shop/web", 8080)]
    assert found.answer is Answer.ALLOW


def test_cluster_may_show_a_node_instead_of_the_client() -> None:
    allowed = [into_web(block(f"{CLIENT}/32"))]
    found = ask(CLIENT, CLUSTER, web(node="n1"), policies=allowed, entry=Entry.NODE_PORT)
    assert [view.answer for view in found.views] == [Answer.ALLOW, Answer.ALLOW, Answer.DENY]
    assert (found.answer, found.why) == (
        Answer.UNDEFINED,
        "it depends on what the policies see, before or after translation",
    )


def test_cluster_is_allowed_where_client_and_all_nodes_are() -> None:
    allowed = [into_web(block(f"{CLIENT}/32"), block("10.0.0.0/30"))]
    assert ask(CLIENT, CLUSTER, web(node="n1"), policies=allowed, entry=Entry.NODE_PORT).answer is Answer.ALLOW


def test_cluster_is_denied_only_where_no_node_is_the_pods_own() -> None:
    denied = [into_web(pods("client"))]
    found = ask(CLIENT, CLUSTER, web(node="n3"), policies=denied, entry=Entry.NODE_PORT)
    assert found.answer is Answer.DENY
    found = ask(CLIENT, CLUSTER, web(node="n1"), policies=denied, entry=Entry.NODE_PORT)
    assert found.answer is Answer.UNDEFINED


def test_of_nodes_that_are_not_known_each_may_be_the_pods_own() -> None:
    denied = [into_web(pods("client"))]
    found = ask(CLIENT, CLUSTER, web(), policies=denied, nodes=(), entry=Entry.NODE_PORT)
    assert [view.answer for view in found.views] == [Answer.DENY, Answer.UNDEFINED]
    assert found.answer is Answer.UNDEFINED
    found = ask(CLIENT, CLUSTER, web(), policies=[into_web()], nodes=(), entry=Entry.NODE_PORT)
    assert found.answer is Answer.ALLOW


def test_a_selector_of_pods_means_no_node() -> None:
    found = ask(CLIENT, CLUSTER, web(), policies=[into_web({"namespaceSelector": {}})], nodes=(), entry=Entry.NODE_PORT)
    assert found.answer is Answer.UNDEFINED
    assert all("nothing is known" not in view.why for view in found.views)


def test_a_client_in_the_cluster_may_be_denied_the_node_that_it_calls() -> None:
    to_pods = out_of_client({"to": [pods("web")]})
    found = ask("shop/client", LOCAL, web(node="n1"), client(node="n2"), policies=[to_pods], entry=Entry.NODE_PORT)
    assert found.answer is Answer.UNDEFINED
    to_both = out_of_client({"to": [pods("web"), block("10.0.0.0/30")]})
    found = ask("shop/client", LOCAL, web(node="n1"), client(node="n2"), policies=[to_both], entry=Entry.NODE_PORT)
    assert found.answer is Answer.ALLOW


def test_a_client_in_the_cluster_may_be_seen_as_its_node_even_under_local() -> None:
    allowed = [into_web(pods("client"))]
    found = ask("shop/client", LOCAL, web(node="n1"), client(node="n2"), policies=allowed, entry=Entry.NODE_PORT)
    assert ("node:n2", "shop/web", 8080) in seen(found)
    assert ("node:n1", "shop/web", 8080) not in seen(found)
    assert found.answer is Answer.UNDEFINED


def test_a_client_that_may_go_nowhere_is_denied_whatever_is_seen() -> None:
    found = ask(
        "shop/client", LOCAL, web(node="n1"), client(node="n3"), policies=[out_of_client()], entry=Entry.NODE_PORT
    )
    assert found.answer is Answer.DENY


def test_a_node_port_that_is_not_known_leaves_a_restricted_client_without_answer() -> None:
    unnumbered = replace(LOCAL, ports=(ServicePort(80, Protocol.TCP, "http"),))
    rule = out_of_client({"ports": [{"port": 80}, {"port": 8080}]})
    found = ask("shop/client", unnumbered, web(), client(), policies=[rule], entry=Entry.NODE_PORT)
    assert (found.answer, found.why) == (Answer.UNDEFINED, "the service's node port is not known")
    assert ask("shop/client", unnumbered, web(), client(), entry=Entry.NODE_PORT).answer is Answer.ALLOW


# --- in words ------------------------------------------------------------------------------------------------------


def test_a_sentence_says_what_policies_see_and_how_many_pods_more() -> None:
    allowed = [into_web(pods("client"))]
    found = ask("shop/client", service(), web(), web("other"), web("third"), client(), policies=allowed)
    assert service_sentence(found) == (
        "shop/client to service shop/web (cluster-ip) on 80/TCP is allowed: policies see shop/client to shop/web on "
        "8080/TCP (and 2 pods more, alike), and shop/web-policy ingress[0] allows ingress of shop/web"
    )


def test_a_sentence_says_why_there_is_no_answer() -> None:
    found = ask("shop/client", service(), client())
    assert service_sentence(found) == (
        "shop/client to service shop/web (cluster-ip) on 80/TCP is undefined: no pod is selected by the service"
    )
