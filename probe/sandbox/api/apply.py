"""Server-side apply, and the ownership of fields (managedFields) that it rests on.

Ownership is kept from an object's first server-side apply on. Fields that were there before belong to the manager
``before-first-apply``, as Kubernetes has it for objects without managedFields; so objects nobody applies stay small.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from probe.sandbox.api.errors import ApiError
from probe.sandbox.api.fieldset import (
    Path,
    PathSet,
    from_fields_v1,
    item_step,
    lookup,
    paths,
    remove,
    shown,
    to_fields_v1,
)
from probe.sandbox.api.schema import AnyShape, Fields, ListOf, MapOf, Shape, child
from probe.sandbox.store import Obj, clone, timestamp

APPLY: Final = "Apply"
UPDATE: Final = "Update"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_BEFORE: Final = "before-first-apply"
_UNOWNED_METADATA: Final = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "managedFields"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "generateName"}
)


@dataclass(frozen=True, slots=True)
class Manager:
    """Who owns fields: a name, how it writes, and through which subresource."""

    name: str
    operation: str
    subresource: str = ""


Owners: TypeAlias = dict[Manager, PathSet]


def apply(
    shape: Shape,
    live: Obj | None,
    config: Obj,
    manager: Manager,
    *,
    force: bool,
    complete: Callable[[Obj], None],
) -> Obj:
    """The object after ``manager`` applied ``config``. ``complete`` sets defaults in place.

    Fields that the manager applied before and now leaves out are removed unless somebody else owns them.
    Raises ApiError 409 when another manager owns a field that would change, unless ``force``.
    """
    wanted = _owned_paths(shape, config, manager.subresource)
    owners = read_owners(shape, live) if live is not None else {}
    merged: Obj = _merge(shape, live or {}, config)
    previous = owners.get(manager, frozenset())
    others = {other: owned for other, owned in owners.items() if other != manager}
    # An item goes before its fields: without its key it could not be found any more.
    for path in sorted(previous - wanted, key=len):
        if not any(_reaches(owned, path) for owned in others.values()):
            remove(merged, path)
    complete(merged)
    if live is not None:
        lost = _conflicts(live, merged, wanted, others)
        if lost and not force and not _owned_by_last_applied(shape, live, manager, lost):
            raise _conflict(lost, config["apiVersion"])
        others = {other: owned - lost.get(other, frozenset()) for other, owned in others.items()}
    write_owners(merged, live, {**others, manager: wanted})
    return merged


def track_update(shape: Shape, live: Obj, new: Obj, manager: Manager) -> None:
    """Note, in place, that ``manager`` changed what differs from ``live``; nothing when ownership is not kept."""
    theirs = new["metadata"].get("managedFields")
    if theirs in ([], [{}]):
        del new["metadata"]["managedFields"]
        return
    if theirs is None and "managedFields" in live["metadata"]:
        new["metadata"]["managedFields"] = live["metadata"]["managedFields"]
    if "managedFields" not in new["metadata"]:
        return
    owners = read_owners(shape, new)
    before, after = _owned_paths(shape, live, manager.subresource), _owned_paths(shape, new, manager.subresource)
    changed = frozenset(path for path in after if path not in before or lookup(live, path) != lookup(new, path))
    # Items of keyed lists contain what is tracked below them; only their coming and going is a change of theirs.
    changed = frozenset(path for path in changed if path not in before or not path[-1].startswith("k:"))
    gone = before - after
    if not changed and not gone:
        return
    left = {owner: owned - changed - gone for owner, owned in owners.items()}
    left[manager] = (owners.get(manager, frozenset()) - gone) | changed
    write_owners(new, live, left)


def read_owners(shape: Shape, obj: Obj) -> Owners:
    """Who owns what; everything is ``before-first-apply``'s when nothing is recorded."""
    entries = obj["metadata"].get("managedFields")
    if not entries:
        return {Manager(_BEFORE, UPDATE): _owned_paths(shape, obj, "")}
    return {
        Manager(entry["manager"], entry["operation"], entry.get("subresource", "")): frozenset(
            from_fields_v1(entry.get("fieldsV1") or {})
        )
        for entry in entries
    }


def write_owners(obj: Obj, live: Obj | None, owners: Mapping[Manager, PathSet]) -> None:
    """Set managedFields in place; an entry that did not change keeps its time."""
    known = {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): entry
        for entry in (live or {"metadata": {}})["metadata"].get("managedFields", ())
    }
    entries = []
    for owner, owned in owners.items():
        if not owned:
            continue
        entry: dict[str, Any] = {
            "manager": owner.name,
            "operation": owner.operation,
            "apiVersion": obj["apiVersion"],
            "time": timestamp(),
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(owned),
        }
        if owner.subresource:
            entry["subresource"] = owner.subresource
        old = known.get((owner.name, owner.operation, owner.subresource))
        entries.append(old if old is not None and old.get("fieldsV1") == entry["fieldsV1"] else entry)
    obj["metadata"]["managedFields"] = entries


def _owned_paths(shape: Shape, obj: Obj, subresource: str) -> PathSet:
    """What can be owned of an object: not its identity; status only through its subresource, and nothing else there."""
    meta = {name: value for name, value in obj.get("metadata", {}).items() if name not in _UNOWNED_METADATA}
    content = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "metadata", "status")}
    if subresource == "status":
        content = {"status": obj.get("status", {})}
    elif meta:
        content["metadata"] = meta
    return frozenset(paths(shape, content)) - {()}


def _merge(shape: Shape, live: Any, config: Any) -> Any:
    granular = isinstance(shape, AnyShape) or (isinstance(shape, Fields | MapOf) and not shape.atomic)
    if isinstance(config, dict) and isinstance(live, dict) and granular:
        merged = clone(live)
        for name, value in config.items():
            merged[name] = _merge(child(shape, name), live.get(name), value)
        return merged
    if isinstance(shape, ListOf) and shape.keys is not None and isinstance(config, list) and isinstance(live, list):
        return _merge_list(shape, live, config)
    return clone(config)


def _merge_list(shape: ListOf, live: list[Any], config: list[Any]) -> list[Any]:
    if not shape.keys:
        return [*live, *(item for item in config if item not in live)]
    theirs = {item_step(shape, item): item for item in config}
    merged = [_merge(shape.item, item, theirs.pop(item_step(shape, item), {})) for item in live]
    return [*merged, *map(clone, theirs.values())]


def _reaches(owned: Iterable[Path], path: Path) -> bool:
    return any(other[: len(path)] == path for other in owned)


def _conflicts(live: Obj, merged: Obj, wanted: PathSet, others: Owners) -> Owners:
    changed = {path for path in wanted if path[-1].startswith("f:") and lookup(live, path) != lookup(merged, path)}
    lost = {other: frozenset(changed & owned) for other, owned in others.items()}
    return {other: owned for other, owned in lost.items() if owned}


def _owned_by_last_applied(shape: Shape, live: Obj, manager: Manager, lost: Owners) -> bool:
    """Whether kubectl may take over what kubectl itself applied client-side before (its annotation says what)."""
    annotation = live["metadata"].get("annotations", {}).get(LAST_APPLIED)
    if manager.name != "kubectl" or not annotation:
        return False
    try:
        before = _owned_paths(shape, json.loads(annotation), "")
    except ValueError:
        return False
    annotated = ("f:metadata", "f:annotations", f"f:{LAST_APPLIED}")
    return all(other.operation == UPDATE and owned <= before | {annotated} for other, owned in lost.items())


def _conflict(lost: Owners, version: str) -> ApiError:
    count = sum(map(len, lost.values()))
    texts, causes = [], []
    for owner, owned in lost.items():
        fields = sorted(map(shown, owned))
        who = f'"{owner.name}" using {version}'
        if len(fields) == 1:
            texts.append(f"conflict with {who}: {fields[0]}")
        else:
            texts.append("\n- ".join([f"conflicts with {who}:", *fields]))
        causes += [{"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": f} for f in fields]
    plural = "" if count == 1 else "s"
    message = f"Apply failed with {count} conflict{plural}: " + "\n".join(texts)
    return ApiError(409, "Conflict", message, {"causes": causes})
