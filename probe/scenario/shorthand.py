"""The short spellings of the scenario format: ``80/TCP``, ``1.5s``, one string where a list may stand.

A ``Shorthand`` turns a short spelling into the long one before pydantic validates it, and tells the JSON Schema
about it, so that there is one type for both and one error for a value that is neither.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from probe.model import durations
from probe.model.cell import Computed, Expectation, Family, Fate, Protocol
from probe.model.fleet import Spread
from probe.model.syntax import port_number_error
from probe.scenario.suggest import near_miss, suggest
from probe.scenario.ways import pattern_mistake


@dataclass(frozen=True, slots=True, eq=False)
class Shorthand:
    """Annotates a type: ``expand`` runs before its validation, ``schemas`` are the JSON Schemas of short spellings."""

    expand: Callable[[Any], Any]
    schemas: tuple[dict[str, Any], ...] = ()
    instead: bool = False  # the short spellings are all there is, as the schema sees it

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        short = copy.deepcopy(list(self.schemas))  # pydantic writes into what it is given
        branches = short if self.instead else [*short, handler(schema)]
        return branches[0] if len(branches) == 1 else {"anyOf": branches}


def mistake(message: str, hint: str = "") -> PydanticCustomError:
    """An error that reaches the user in exactly these words."""
    return PydanticCustomError("mistake", "{message}", {"message": message, "hint": hint})


def one_or_list(value: Any) -> Any:
    """A single string (or number) as a list of one."""
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def one_or_some(value: Any) -> Any:
    """As ``one_or_list``, but an empty list is a mistake: does it mean nothing or anything?"""
    if value == []:
        raise mistake("is an empty list", "leave the key out if nothing is meant to be restricted")
    return one_or_list(value)


def nothing_is_empty(value: Any) -> Any:
    """``name:`` with nothing behind it as an empty mapping."""
    return {} if value is None else value


def expand_pod(value: Any) -> Any:
    """Ports alone (``80/TCP``, ``[80/TCP, 53/UDP]``) as a pod that serves them; nothing as a pod without ports."""
    value = one_or_list(value)
    return {"ports": value} if isinstance(value, list) else nothing_is_empty(value)


def expand_port(value: Any) -> Any:
    """``80`` and ``80/TCP`` as mappings."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return value
    number, slash, protocol = str(value).partition("/")
    if not re.fullmatch(r"[0-9]+", number):
        raise mistake(f'"{value}" is not a port', "write 80/TCP, 80, or {port: 80, protocol: TCP, name: http}")
    return {"port": int(number), "protocol": protocol} if slash else {"port": int(number)}


def check_port_number(value: Any) -> Any:
    """A number, and one that a port can have."""
    if isinstance(value, int) and not isinstance(value, bool):
        error = port_number_error(value)
        if error:
            raise mistake(f"port {value} {error}")
    return value


def port_pattern(value: Any) -> Any:
    """A port in a rule, as text; the protocol must be spelt as Kubernetes does."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        _, slash, protocol = value.rpartition("/")
        if slash and protocol.upper() in Protocol.__members__ and protocol != protocol.upper():
            raise mistake(f'"{value}" is not a port', f'write "{value.removesuffix(protocol)}{protocol.upper()}"')
    return value


def way_pattern(value: Any) -> Any:
    """A path, a way, or a glob of these, that means at least one."""
    wrong = pattern_mistake(value) if isinstance(value, str) else None
    if wrong:
        raise mistake(*wrong)
    return value


def expand_placement(value: Any) -> Any:
    """A word of ``Spread`` as a mapping. Another word is not taken for the name of a group."""
    if not isinstance(value, str):
        return value
    if value not in list(Spread):
        raise mistake(*_placement_mistake(value))
    return {"spread": value}


def spread(value: Any) -> Any:
    """The words of Spread."""
    if isinstance(value, str) and value not in list(Spread):
        raise mistake(*_placement_mistake(value))
    return Spread(value) if isinstance(value, str) else value


def _placement_mistake(word: str) -> tuple[str, str]:
    near = near_miss(word, Spread)
    hint = f'did you mean "{near}"?' if near else f"{', '.join(Spread)}; or {{group: NAME}} for a group of nodes"
    return f'"{word}" is not a known placement', hint


def protocol(value: Any) -> Any:
    """``TCP``, ``UDP`` or ``SCTP``."""
    return _member(Protocol, value, "protocol")


def family(value: Any) -> Any:
    """``IPv4`` or ``IPv6``."""
    return _member(Family, value, "address family")


def expectation(value: Any) -> Any:
    """The words of Expectation."""
    if value in [*Computed]:
        return Computed(value)
    return _member(Expectation, value, "expectation")


def race_expectation(value: Any) -> Any:
    """``allow`` or ``deny``."""
    found = _member(Expectation, value, "expectation")
    if isinstance(found, Expectation) and found not in (Expectation.ALLOW, Expectation.DENY):
        raise mistake(f'"{value}" cannot be raced for', "write allow or deny")
    return found


def fate(value: Any) -> Any:
    """The words of Fate."""
    return _member(Fate, value, "fate of a connection")


def one_mapping_or_list(value: Any) -> Any:
    """A single mapping as a list of one."""
    return [value] if isinstance(value, dict) else value


def all_or_list(value: Any) -> Any:
    """``true`` as a list of one mapping that restricts nothing, ``false`` as none."""
    if isinstance(value, bool):
        return [{}] if value else []
    if value == []:
        raise mistake("is an empty list", "write true for all, or leave the key out")
    return one_mapping_or_list(value)


def duration_or_none(value: Any) -> Any:
    """As ``duration``, but it may be nothing: ``0``."""
    nothing = (isinstance(value, int | float) and not isinstance(value, bool) and value == 0) or value == "0s"
    return 0.0 if nothing else duration(value)


def duration(value: Any) -> Any:
    """Seconds: a number, or ``1.5s``, ``500ms``, ``2m``."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return value
    try:
        return durations.duration(value)
    except durations.NoDuration as error:
        raise mistake(str(error), error.hint) from None


def manifest_source(value: Any) -> Any:
    """A path or glob, or a manifest written in place."""
    if isinstance(value, dict) or (isinstance(value, str) and value):
        return value
    raise mistake("must be the path of a manifest, a glob, or a manifest")


def _member(kind: type[Protocol] | type[Family] | type[Expectation] | type[Fate], value: Any, what: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return kind(value)
    except ValueError:
        raise mistake(f'"{value}" is not a known {what}', suggest(value, list(kind))) from None
