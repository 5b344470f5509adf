"""Faults in what label selectors select."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from probe.sandbox.enforce.selectors import Operator, Requirement, Selector
from probe.sandbox.enforce.view import ClusterView
from probe.sandbox.faults.fault import Effect, Fault, with_selectors


class _Requirements(Fault):
    """Changes each requirement of each selector."""

    def change(self, requirement: Requirement) -> Iterable[Requirement]:
        """What counts in its place."""
        raise NotImplementedError

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(selector: Selector) -> Selector:
            return Selector(tuple(each for old in selector.requirements for each in self.change(old)))

        return with_selectors(view, changed)


class NotInNeedsTheKey(_Requirements):
    """``NotIn`` does not hold for labels without the key."""

    name, effect = "notin-needs-the-key", Effect.BOTH

    def change(self, requirement: Requirement) -> Iterable[Requirement]:
        if requirement.operator is Operator.NOT_IN:
            yield Requirement(requirement.key, Operator.EXISTS)
        yield requirement


class DoesNotExistIgnored(_Requirements):
    """``DoesNotExist`` is not looked at."""

    name, effect = "does-not-exist-ignored", Effect.BOTH

    def change(self, requirement: Requirement) -> Iterable[Requirement]:
        return [] if requirement.operator is Operator.DOES_NOT_EXIST else [requirement]


class ExistsIgnored(_Requirements):
    """``Exists`` is not looked at."""

    name, effect = "exists-ignored", Effect.BOTH

    def change(self, requirement: Requirement) -> Iterable[Requirement]:
        return [] if requirement.operator is Operator.EXISTS else [requirement]


class FirstValueOnly(_Requirements):
    """Of the values of ``In`` and ``NotIn`` only the first counts."""

    name, effect = "first-value-only", Effect.BOTH

    def change(self, requirement: Requirement) -> Iterable[Requirement]:
        return [replace(requirement, values=requirement.values[:1])]


class EmptyValueAsAbsent(_Requirements):
    """A label whose value is ``""`` is taken for one that is not there, and ``""`` asked for matches labels without the
    key."""

    name, effect = "empty-value-as-absent", Effect.BOTH

    def change(self, requirement: Requirement) -> Iterable[Requirement]:
        if requirement.operator is Operator.IN and requirement.values == ("",):
            return [Requirement(requirement.key, Operator.DOES_NOT_EXIST)]
        return [requirement]


class FirstExpressionOnly(Fault):
    """Of the requirements of a selector only the first counts."""

    name: ClassVar[str] = "first-expression-only"
    effect = Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_selectors(view, lambda selector: Selector(selector.requirements[:1]))


class ExpressionsIgnored(Fault):
    """``matchExpressions`` are not looked at: only labels that must be equal count."""

    name, effect = "expressions-ignored", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(selector: Selector) -> Selector:
            equal = (it for it in selector.requirements if it.operator is Operator.IN and len(it.values) == 1)
            return Selector(tuple(equal))

        return with_selectors(view, changed)


FAULTS: tuple[type[Fault], ...] = (
    NotInNeedsTheKey,
    DoesNotExistIgnored,
    ExistsIgnored,
    FirstValueOnly,
    EmptyValueAsAbsent,
    FirstExpressionOnly,
    ExpressionsIgnored,
)
