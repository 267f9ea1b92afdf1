"""Declared features as data: what each kind of feature is told, without anything learned from rows.

Not here: the functions a user calls to declare them (see `declare`) and what computes them (see `encoders`).
The option records are what is stored in an artifact; a `Feature` adds the live inputs and the live function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from roadworthy.features.columns import Kind

#: A float that may be NaN, as JSON can hold it; None where nothing was declared.
Missing: TypeAlias = float | Literal["nan"] | None

Part = Literal["hour", "minute", "weekday", "day_of_year"]


@runtime_checkable
class HasColumn(Protocol):
    """An input that is computed from other tables, such as a join: it knows the name of the column it becomes."""

    @property
    def column(self) -> str:
        """Name of the column that a request carries for it."""
        ...


Input: TypeAlias = str | HasColumn


class Options(msgspec.Struct, frozen=True, tag_field="kind"):
    """What every kind of feature has in common.

    accepts   kinds of column that may be its inputs
    """

    accepts: ClassVar[tuple[Kind, ...]] = ()

    @property
    def says_what_missing_becomes(self) -> bool:
        """Whether its inputs may be null."""
        return True


class _Numeric(Options, frozen=True):
    missing: Missing = None

    @property
    def says_what_missing_becomes(self) -> bool:
        return self.missing is not None


class Number(_Numeric, frozen=True, tag="number"):
    """The number itself."""

    accepts: ClassVar[tuple[Kind, ...]] = ("number", "boolean")


class Ratio(_Numeric, frozen=True, tag="ratio"):
    """The first input divided by the second; `when_zero` where the second is zero."""

    accepts: ClassVar[tuple[Kind, ...]] = ("number", "boolean")
    when_zero: float | Literal["nan"] = 0.0


class TimePart(_Numeric, frozen=True, tag="time_part"):
    """A part of the local time in `timezone`."""

    accepts: ClassVar[tuple[Kind, ...]] = ("timestamp",)
    part: Part = "hour"
    timezone: str = "UTC"


class Custom(_Numeric, frozen=True, tag="function"):
    """What the function named `function` makes of the inputs."""

    accepts: ClassVar[tuple[Kind, ...]] = ("number", "boolean", "timestamp", "string")
    function: str = ""


class _Text(Options, frozen=True):
    min_count: int = 1
    max_size: int | None = None
    clean: str | None = None


class Category(_Text, frozen=True, tag="category"):
    """The number of the text in a vocabulary; `clean` names the function applied to each text before."""

    accepts: ClassVar[tuple[Kind, ...]] = ("string",)
    unknown: Literal["own", "as_missing"] = "own"


class Cross(_Text, frozen=True, tag="cross"):
    """The number of the tuple of texts in a vocabulary."""

    accepts: ClassVar[tuple[Kind, ...]] = ("string",)


class Categories(_Text, frozen=True, tag="categories"):
    """The first `length` texts of a list, each as its number in a vocabulary, perhaps that of another feature."""

    accepts: ClassVar[tuple[Kind, ...]] = ("strings",)
    length: int = 1
    vocabulary_of: str | None = None


AnyOptions: TypeAlias = Number | Ratio | TimePart | Custom | Category | Cross | Categories
TextOptions: TypeAlias = Category | Cross | Categories


@dataclass(frozen=True, slots=True)
class Feature:
    """One declared feature: its options, its live inputs and, where it has one, its live function."""

    options: AnyOptions
    inputs: tuple[Input, ...]
    call: Callable[..., Any] | None = None
    relative_to_now: bool = False
    own_output: bool = False
    sensitive: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns it is computed from, in the order of its inputs."""
        return tuple(column_of(given) for given in self.inputs)

    @property
    def call_name(self) -> str | None:
        """The name under which its function is stored; None where it has none."""
        return (
            self.options.function
            if isinstance(self.options, Custom)
            else getattr(self.options, "clean", None)
        )


def column_of(given: Input) -> str:
    """The name of the column that an input stands for."""
    return given if isinstance(given, str) else given.column


def as_json(value: float | None) -> Missing:
    """A float as JSON can hold it."""
    return "nan" if value is not None and math.isnan(value) else value


def as_float(value: Missing) -> float | None:
    """The float that `as_json` stored."""
    return math.nan if value == "nan" else value
