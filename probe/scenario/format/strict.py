"""What all parts of a document have in common: they are strict, and read on where an item of a list is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator, model_validator

T = TypeVar("T")


class Dropped:
    """Stands in a list for an item that was wrong, so that the others keep their indices."""


DROPPED: Final = Dropped()


def kept(items: Sequence[T]) -> Iterator[tuple[int, T]]:
    """The items that were not dropped, with their indices in the file."""
    return ((index, item) for index, item in enumerate(items) if not isinstance(item, Dropped))


def _let_dropped_pass(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, Dropped) else handler(value)


Item: TypeAlias = Annotated[T, WrapValidator(_let_dropped_pass)]


class Strict(BaseModel):
    """Unknown keys are errors, values are never converted, and a key with nothing behind it counts as absent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_absent(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict):
            return value
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: item for key, item in value.items() if item is not None or key not in known}
