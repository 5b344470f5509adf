"""The names of a cluster: written to a file by the sandbox, read from it by the server. Standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any, Final

from probe.sandbox.dns.message import Answer, Code, Type

FILE: Final = "zone.json"

Records = Mapping[str, Sequence[str]]
"""Type (A, AAAA, CNAME) to data."""


@dataclass(frozen=True)
class Zone:
    """All names below ``domain``, relative to it (``web.shop.svc``), and the namespaces there are."""

    domain: str
    names: Mapping[str, Records]
    namespaces: frozenset[str] = frozenset()
    serial: int = 1
    _above: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        above = {"", "svc", "pod", *(f"{name}.{kind}" for name in self.namespaces for kind in ("svc", "pod"))}
        for name in self.names:
            labels = name.split(".")
            above.update(".".join(labels[index:]) for index in range(1, len(labels)))
        object.__setattr__(self, "_above", frozenset(above))

    def answer(self, name: str, kind: int) -> Answer:
        """What there is to say to a question: REFUSED outside the domain, NXDOMAIN for a name that there is not."""
        if name != self.domain and not name.endswith(f".{self.domain}"):
            return Answer(Code.REFUSED)
        relative = name[: -len(self.domain)].rstrip(".")
        records = self.names.get(relative) or self._pod(relative)
        if records is None:
            code = Code.NOERROR if relative in self._above else Code.NXDOMAIN
            return Answer(code, zone=self.domain, serial=self.serial)
        found = [(Type[it], data) for it, listed in records.items() for data in listed if _wanted(kind, Type[it])]
        return Answer(Code.NOERROR, found, self.domain, self.serial)

    def _pod(self, name: str) -> Records | None:
        """``10-244-1-2.shop.pod``: an address spelt as a name, for clients that want one for everything."""
        match name.split("."):
            case [dashed, namespace, "pod"] if namespace in self.namespaces:
                try:
                    return {"A": [str(IPv4Address(dashed.replace("-", ".")))]}
                except AddressValueError:
                    return None
        return None

    def write(self, directory: Path) -> None:
        """Put the file into a directory, whole or not at all."""
        content: dict[str, Any] = {
            "domain": self.domain,
            "names": self.names,
            "namespaces": sorted(self.namespaces),
            "serial": self.serial,
        }
        fresh = directory / f".{FILE}"
        fresh.write_text(json.dumps(content))
        os.replace(fresh, directory / FILE)

    @classmethod
    def read(cls, path: Path) -> Zone:
        """The zone in a file. Raises OSError."""
        content = json.loads(path.read_text())
        return cls(content["domain"], content["names"], frozenset(content["namespaces"]), content["serial"])


def _wanted(asked: int, kind: Type) -> bool:
    return kind in (asked, Type.CNAME) or asked == Type.ANY


class ZoneFile:
    """A zone that is read again whenever its file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: tuple[int, int] | None = None
        self._zone: Zone | None = None

    def answer(self, name: str, kind: int) -> Answer:
        """As `Zone.answer`; SERVFAIL as long as there is no file."""
        try:
            status = self._path.stat()
            if self._state != (state := (status.st_ino, status.st_mtime_ns)):
                self._zone, self._state = Zone.read(self._path), state
        except FileNotFoundError:
            return Answer(Code.SERVFAIL)
        assert self._zone is not None
        return self._zone.answer(name, kind)
