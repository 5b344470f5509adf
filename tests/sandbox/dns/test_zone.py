"""What the name server says, from the objects of a cluster to the bytes of an answer."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from probe.sandbox.dns.addon import read_zone
from probe.sandbox.dns.message import Code, Type, code_of, write_question
from probe.sandbox.dns.server import replier
from probe.sandbox.dns.zone import Zone, ZoneFile
from probe.sandbox.store import Obj, Store

ZONE = Zone(
    "cluster.local",
    {
        "web.shop.svc": {"A": ["10.96.0.20"], "AAAA": ["fd00:10:96::20"]},
        "four.shop.svc": {"A": ["10.96.0.21"]},
        "db.shop.svc": {"A": ["10.244.1.2", "10.244.2.2"]},
        "one.db.shop.svc": {"A": ["10.244.1.2"]},
        "away.shop.svc": {"CNAME": ["example.org"]},
    },
    frozenset({"shop", "empty"}),
)


@pytest.mark.parametrize(
    ("name", "kind", "code", "found"),
    [
        ("web.shop.svc.cluster.local", Type.A, Code.NOERROR, ["10.96.0.20"]),
        ("web.shop.svc.cluster.local", Type.AAAA, Code.NOERROR, ["fd00:10:96::20"]),
        ("web.shop.svc.cluster.local", Type.ANY, Code.NOERROR, ["10.96.0.20", "fd00:10:96::20"]),
        ("four.shop.svc.cluster.local", Type.AAAA, Code.NOERROR, []),
        ("db.shop.svc.cluster.local", Type.A, Code.NOERROR, ["10.244.1.2", "10.244.2.2"]),
        ("one.db.shop.svc.cluster.local", Type.A, Code.NOERROR, ["10.244.1.2"]),
        ("two.db.shop.svc.cluster.local", Type.A, Code.NXDOMAIN, []),
        ("away.shop.svc.cluster.local", Type.A, Code.NOERROR, ["example.org"]),
        ("web.other.svc.cluster.local", Type.A, Code.NXDOMAIN, []),
        ("shop.svc.cluster.local", Type.A, Code.NOERROR, []),
        ("empty.svc.cluster.local", Type.A, Code.NOERROR, []),
        ("none.svc.cluster.local", Type.A, Code.NXDOMAIN, []),
        ("cluster.local", Type.SOA, Code.NOERROR, []),
        ("10-244-1-9.shop.pod.cluster.local", Type.A, Code.NOERROR, ["10.244.1.9"]),
        ("10-244-1-999.shop.pod.cluster.local", Type.A, Code.NXDOMAIN, []),
        ("10-244-1-9.none.pod.cluster.local", Type.A, Code.NXDOMAIN, []),
        ("example.org", Type.A, Code.REFUSED, []),
        ("notcluster.local", Type.A, Code.REFUSED, []),
    ],
)
def test_a_name_is_answered(name: str, kind: Type, code: Code, found: list[str]) -> None:
    answer = ZONE.answer(name, kind)
    assert (answer.code, [data for _, data in answer.records]) == (code, found)


@pytest.fixture
def file(tmp_path: Path) -> ZoneFile:
    ZONE.write(tmp_path)
    return ZoneFile(tmp_path / "zone.json")


def test_an_answer_repeats_the_question_and_has_authority(file: ZoneFile) -> None:
    query = write_question(7, "Web.Shop.svc.cluster.local", Type.A)
    reply = replier(file)(query, 512)
    id, flags, *counts = struct.unpack_from("!6H", reply)
    assert (id, flags, counts) == (7, 0x8500, [1, 1, 0, 0])
    assert reply[12 : len(query)] == query[12:]
    assert reply.endswith(b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x0a\x60\0\x14")


def test_a_no_says_for_how_long(file: ZoneFile) -> None:
    reply = replier(file)(write_question(7, "no.shop.svc.cluster.local", Type.A), 512)
    assert code_of(reply) is Code.NXDOMAIN
    assert struct.unpack_from("!6H", reply)[4] == 1
    assert b"\x07cluster\x05local\0\0\x06\0\x01" in reply


def test_what_does_not_fit_a_datagram_is_cut_and_said_so(tmp_path: Path) -> None:
    many = Zone("cluster.local", {"many.shop.svc": {"A": [f"10.0.{index}.1" for index in range(100)]}})
    many.write(tmp_path)
    reply, query = replier(ZoneFile(tmp_path / "zone.json")), write_question(7, "many.shop.svc.cluster.local", Type.A)
    cut, whole = reply(query, 512), reply(query, None)
    assert struct.unpack_from("!4H", cut)[1:] == (0x8700, 1, 0)
    assert struct.unpack_from("!4H", whole)[1:] == (0x8500, 1, 100)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (b"", None),
        (b"\0\7\x80\0\0\1\0\0\0\0\0\0\0\0\1\0\1", None),
        (b"\0\7\0\0\0\0\0\0\0\0\0\0\1a\0\0\1\0\1", Code.FORMERR),
        (b"\0\7\0\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1", Code.FORMERR),
        (b"\0\7\0\0\0\1\0\0\0\0\0\0\5ab", Code.FORMERR),
        (b"\0\7\x10\0\0\1\0\0\0\0\0\0\0\0\1\0\1", Code.NOTIMP),
        (b"\0\7\0\0\0\1\0\0\0\0\0\0\0\0\1\0\3", Code.REFUSED),
    ],
    ids=["nothing", "an answer", "no question", "a pointer", "cut short", "another operation", "another class"],
)
def test_what_is_no_question_gets_its_due(file: ZoneFile, query: bytes, code: Code | None) -> None:
    reply = replier(file)(query, 512)
    assert (code_of(reply) if reply else None) is code


def test_a_zone_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = ZoneFile(tmp_path / "zone.json")
    assert file.answer("web.shop.svc.cluster.local", Type.A).code is Code.SERVFAIL
    ZONE.write(tmp_path)
    assert file.answer("web.shop.svc.cluster.local", Type.A).code is Code.NOERROR
    Zone("cluster.local", {}).write(tmp_path)
    assert file.answer("web.shop.svc.cluster.local", Type.A).code is Code.NXDOMAIN


def obj(name: str, **more: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": "shop"}, **more}


def test_services_make_names(tmp_path: Path) -> None:
    store = Store()
    store.create("namespaces", {"metadata": {"name": "shop"}})
    store.create("services", obj("web", spec={"clusterIP": "10.96.0.20", "clusterIPs": ["10.96.0.20", "fd00::20"]}))
    store.create("services", obj("away", spec={"type": "ExternalName", "externalName": "example.org"}))
    store.create("services", obj("db", spec={"clusterIP": "None", "clusterIPs": ["None"]}))
    for name, family, endpoints in (
        ("db-4", "IPv4", [("10.244.1.2", "one", True), ("10.244.1.3", None, True), ("10.244.1.4", None, False)]),
        ("db-6", "IPv6", [("fd00::2", None, True)]),
    ):
        piece = obj(
            name,
            addressType=family,
            endpoints=[
                {"addresses": [address], "conditions": {"ready": ready}, **({"hostname": host} if host else {})}
                for address, host, ready in endpoints
            ],
        )
        piece["metadata"]["labels"] = {"kubernetes.io/service-name": "db"}
        store.create("endpointslices", piece)
    zone = read_zone(store)
    assert zone.namespaces == {"shop"}
    assert zone.names == {
        "web.shop.svc": {"A": ["10.96.0.20"], "AAAA": ["fd00::20"]},
        "away.shop.svc": {"CNAME": ["example.org"]},
        "db.shop.svc": {"A": ["10.244.1.2", "10.244.1.3"], "AAAA": ["fd00::2"]},
        "one.db.shop.svc": {"A": ["10.244.1.2"]},
        "10-244-1-3.db.shop.svc": {"A": ["10.244.1.3"]},
        "fd00--2.db.shop.svc": {"AAAA": ["fd00::2"]},
    }
