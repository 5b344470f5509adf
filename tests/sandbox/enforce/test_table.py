"""A difference brings the kernel to exactly the state that a full installation would."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from probe.model.cell import Family, Protocol
from probe.sandbox import linux
from probe.sandbox.enforce.compile import Deny, Options, compile_node
from probe.sandbox.enforce.nft import Nft, NftLibrary
from probe.sandbox.enforce.read import read_policy
from probe.sandbox.enforce.ruleset import TABLE, Ruleset
from probe.sandbox.enforce.table import RESET, Change, Table
from probe.sandbox.enforce.view import Backend, ClusterView, Pod, Service, ServicePort
from tests.sandbox.enforce.objects import Obj, block, expression, labelled, policy, port

STEPS = 120


def test_equal_rulesets_differ_by_nothing() -> None:
    table = Table(compile_node(a_view(random.Random(1)), "node-1"))
    assert table.change(compile_node(a_view(random.Random(1)), "node-1"))[0] == Change((), "")


def two_views() -> tuple[ClusterView, ClusterView]:
    """A server that accepts one kind of clients; without a client, and with one."""
    rule = read_policy(policy("a", labelled(app="0"), ingress=[{"from": [{"podSelector": labelled(app="1")}]}]))
    server = Pod("s", "a", "server", {"app": "0"}, "node-1", {Family.IPV4: "10.0.0.1"})
    client = Pod("c", "a", "client", {"app": "1"}, "node-2", {Family.IPV4: "10.0.0.2"})
    return ClusterView((server,), {"a": {}}, (rule,)), ClusterView((server, client), {"a": {}}, (rule,))


def test_what_is_new_is_prepared_and_the_switch_only_rewrites_what_packets_enter_by() -> None:
    before, after = two_views()
    change, _ = Table(compile_node(before, "node-1")).change(compile_node(after, "node-1"))
    assert any("elements = { 10.0.0.2 }" in line for line in change.prepare[0].splitlines())
    assert {line.split()[4] for line in change.switch.splitlines()} == {"ingress"}
    assert "flush" not in change.prepare[0]
    assert "delete" not in change.prepare[0] + change.switch


def test_what_a_change_leaves_behind_goes_with_the_next_one() -> None:
    before, after = (compile_node(view, "node-1") for view in two_views())
    _, table = Table(before).change(after)
    assert table.leftovers != Ruleset()
    sweep, table = table.change(after)
    assert (sweep.prepare[0].count("delete set"), sweep.prepare[0].count("delete chain"), sweep.switch) == (1, 2, "")
    assert table == Table(after)


def test_leftovers_that_are_wanted_again_are_not_built_again() -> None:
    before, after = (compile_node(view, "node-1") for view in two_views())
    _, table = Table(before).change(after)
    back, table = table.change(before)
    assert not any("add set" in script or "add map" in script for script in back.prepare)
    assert table.current == before


def a_large_view() -> ClusterView:
    """400 pods, each with a policy of its own."""
    pods = tuple(
        Pod(f"{n}", "a", f"p{n}", {"n": f"{n}"}, "node-1", {Family.IPV4: f"10.0.{n >> 8}.{n & 255}"})
        for n in range(400)
    )
    policies = tuple(
        read_policy(policy("a", labelled(n=str(n)), name=f"p{n}", ingress=[{"from": [block(f"10.{n & 255}.0.0/16")]}]))
        for n in range(400)
    )
    return ClusterView(pods, {"a": {}}, policies)


def test_a_large_change_is_prepared_in_pieces() -> None:
    change, _ = Table().change(compile_node(a_large_view(), "node-1"))
    assert len(change.prepare) > 2
    assert max(map(len, change.scripts)) < 50_000


_AS_ANYBODY = """
from probe.sandbox.enforce.compile import compile_node
from probe.sandbox.enforce.nft import NftLibrary
from probe.sandbox.enforce.table import RESET, Table
from tests.sandbox.enforce.test_table import a_large_view

with NftLibrary().open() as nft:
    for script in (RESET, *Table().change(compile_node(a_large_view(), "node-1"))[0].scripts):
        nft.run(script)
"""


@pytest.mark.sandbox
def test_a_large_change_fits_into_the_netlink_socket_of_an_unprivileged_user() -> None:
    """Root may enlarge the socket's buffer beyond the limit, so that only a user namespace shows this."""
    command = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", _AS_ANYBODY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def kernels() -> Iterator[tuple[Nft, Nft, ThreadPoolExecutor]]:
    """Two contexts in two fresh network namespaces, and the one thread that may use them."""
    with ThreadPoolExecutor(1) as thread:
        made = thread.submit(_open_two).result()
        yield (*made, thread)
        for nft in made:
            thread.submit(nft.close).result()


def _open_two() -> tuple[Nft, Nft]:
    library = NftLibrary()
    linux.unshare(linux.CLONE_NEWNET)
    first = library.open()
    linux.unshare(linux.CLONE_NEWNET)
    return first, library.open()


@pytest.mark.sandbox
@pytest.mark.parametrize("seed", range(3))
def test_random_changes_leave_the_same_table_as_a_fresh_start(
    kernels: tuple[Nft, Nft, ThreadPoolExecutor], seed: int
) -> None:
    changed, fresh, thread = kernels
    rng = random.Random(seed)
    table = Table()
    thread.submit(changed.run, RESET).result()
    for step in range(STEPS):
        options = Options(deny=rng.choice(list(Deny)), policies=rng.random() > 0.1)
        wanted = compile_node(a_view(rng), "node-1", options)
        change, table = table.change(wanted)
        thread.submit(_apply, changed, change).result()
        if step % 10 == 9:
            sweep, table = table.change(wanted)
            thread.submit(_apply, changed, sweep).result()
            thread.submit(fresh.run, RESET).result()
            thread.submit(_apply, fresh, Table().change(wanted)[0]).result()
            assert thread.submit(held, changed).result() == thread.submit(held, fresh).result()


def _apply(nft: Nft, change: Change) -> None:
    for script in change.scripts:
        nft.run(script)


def held(nft: Nft) -> dict[tuple[str, str], Any]:
    """What the kernel holds: by kind and name; elements of sets in any order, rules of chains in theirs."""
    found: dict[tuple[str, str], Any] = {}
    for entry in nft.listing(f"list table {TABLE}"):
        ((kind, value),) = entry.items()
        value.pop("handle", None)
        if kind == "rule":
            found.setdefault(("rules", value["chain"]), []).append(value["expr"])
        elif kind in ("set", "map", "chain"):
            elements = sorted(json.dumps(element) for element in value.pop("elem", ()))
            found[kind, value["name"]] = (value, elements)
    return found


def a_view(rng: random.Random) -> ClusterView:
    """Some pods on two nodes with changing labels, addresses and ports, some policies of every shape, some services."""
    pods = tuple(_pod(rng, number) for number in range(rng.randint(0, 12)))
    names = rng.sample(range(8), rng.randint(0, 6))
    policies = tuple(read_policy(_policy(rng, str(name))) for name in names)
    services = tuple(_service(rng, number, pods) for number in range(rng.randint(0, 3)))
    return ClusterView(pods, {"a": {"team": rng.choice("xy")}, "b": {}}, policies, services)


def _pod(rng: random.Random, number: int) -> Pod:
    addresses = {Family.IPV4: f"10.244.1.{number + rng.choice((0, 20))}", Family.IPV6: f"fd00::{number:x}"}
    return Pod(
        uid=f"{number}",
        namespace=rng.choice("ab"),
        name=f"p{number}",
        labels={"app": rng.choice("012")},
        node=rng.choice(("node-1", "node-1", "node-2")),
        addresses=addresses if rng.random() > 0.3 else {Family.IPV4: addresses[Family.IPV4]},
        ports={("http", Protocol.TCP): rng.choice((80, 8080))},
    )


def _policy(rng: random.Random, name: str) -> Obj:
    peers = [
        {"podSelector": labelled(app=rng.choice("012"))},
        {"namespaceSelector": rng.choice(({}, labelled(team="x")))},
        block("10.0.0.0/8", f"10.{rng.randint(0, 2)}.0.0/16"),
        block("fd00::/16"),
    ]
    ports = [port(80), port("http"), port(53, "UDP"), port(7, "TCP", rng.randint(7, 99)), port(protocol="SCTP")]

    def rules(key: str) -> list[Obj]:
        return [
            {key: rng.sample(peers, rng.randint(0, 3)), "ports": rng.sample(ports, rng.randint(0, 3))}
            for _ in range(rng.randint(0, 3))
        ]

    subject = rng.choice(({}, labelled(app="0"), expression("app", "NotIn", "1")))
    types = rng.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
    return policy(rng.choice("ab"), subject, name=name, ingress=rules("from"), egress=rules("to"), types=types)


def _service(rng: random.Random, number: int, pods: tuple[Pod, ...]) -> Service:
    address = f"10.96.0.{number + 1}"
    chosen = rng.sample(pods, rng.randint(0, len(pods)))
    backends = tuple(sorted({Backend(pod.addresses[Family.IPV4], rng.choice((80, 8080))) for pod in chosen}))
    ports = (ServicePort(address, Family.IPV4, rng.choice(list(Protocol)), 80, backends),)
    return Service("a", f"s{number}", {Family.IPV4: address}, ports)
