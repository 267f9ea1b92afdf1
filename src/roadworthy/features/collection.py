"""The features of one model together, in the order in which they become columns.

Not here: how one feature is declared (see `declare`) or what is learned from data (see `fitting`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from msgspec import structs

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.features.declarations import Categories, Category, Feature, Input, column_of
from roadworthy.features.fitted import FittedFeatures, column_names
from roadworthy.features.fitting import fit
from roadworthy.features.functions import resolve
from roadworthy.features.schema import InputSchema


class Features:
    """Named features; checked together when they are declared.

    >>> from roadworthy.features.declare import category, ratio
    >>> features = Features(carrier=category("carrier"), queue=ratio("late", "departures", when_zero=-1.0))
    >>> features.inputs
    ('carrier', 'late', 'departures')
    """

    def __init__(self, **features: Feature) -> None:
        if not features:
            raise DefinitionError(
                "Features() has no features: declare at least one, such as carrier=category('carrier')"
            )
        for name, feature in features.items():
            if not isinstance(feature, Feature):
                raise DefinitionError(
                    f"feature {name} is {feature!r}: declare it with number, category, cross, categories, ratio, "
                    "function or a part of a time"
                )
            if not name.isidentifier():
                raise DefinitionError(f"feature {name!r} is not a name: use letters, digits and underscores")
        self._features = dict(features)
        self._inputs = self._checked_inputs()
        self._functions = self._checked_functions()
        self._check_vocabularies()
        self._check_columns()

    @property
    def features(self) -> Mapping[str, Feature]:
        """The declared features by name, in order."""
        return MappingProxyType(self._features)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Every input once, in order of first use: column names, and joins as they were declared."""
        return tuple(self._inputs.values())

    @property
    def input_columns(self) -> tuple[str, ...]:
        """The name of the column of every input, in the order of `inputs`."""
        return tuple(self._inputs)

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Columns whose texts are hashed before anything sees them, in the order of `inputs`."""
        hidden = {
            column
            for feature in self._features.values()
            if feature.sensitive
            for column in feature.column_names
        }
        return tuple(column for column in self._inputs if column in hidden)

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The user's own functions by name, cleaning included; what a snapshot must hold."""
        return MappingProxyType(self._functions)

    def with_functions(self, functions: Mapping[str, Callable[..., Any]]) -> Features:
        """The same features, computed by the functions of that name in `functions`; UnknownName if one lacks."""
        changed = {}
        for name, feature in self._features.items():
            call = feature.call_name
            changed[name] = feature if call is None else replace(feature, call=resolve(call, functions))
        return Features(**changed)

    def without(self, names: Collection[str]) -> Features:
        """The features but these; whoever shared the vocabulary of one of them gets one of its own, made alike.

        raises   DefinitionError for a name that no feature has, and where none would be left
        """
        unknown = sorted(set(names) - set(self._features))
        if unknown or not set(self._features) - set(names):
            what = f"there is no feature {', '.join(unknown)}" if unknown else "no feature would be left"
            raise DefinitionError(
                f"without {', '.join(names)}: {what}; features are {', '.join(self._features)}"
            )
        kept = {}
        for name, feature in self._features.items():
            shared = feature.options.vocabulary_of if isinstance(feature.options, Categories) else None
            if name not in names:
                kept[name] = (
                    feature if shared not in names else _own_vocabulary(feature, self._features[str(shared)])
                )
        return Features(**kept)

    def fit(self, batch: Batch, schema: InputSchema) -> FittedFeatures:
        """Learn vocabularies from `batch` and test functions on it.

        schema   kinds of the batch's columns; the batch may hold more than the features use
        raises   DefinitionError for inputs that are absent or of the wrong kind, or functions that are not row-wise;
                 SchemaError for nulls where a feature does not say what missing becomes; TooFewSamples without rows
        """
        return fit(self._features, batch, schema)

    def _checked_inputs(self) -> dict[str, Input]:
        inputs: dict[str, Input] = {}
        for name, feature in self._features.items():
            for given in feature.inputs:
                column = column_of(given)
                if inputs.setdefault(column, given) != given:
                    raise DefinitionError(
                        f"feature {name}: the column {column!r} stands for two different inputs, {inputs[column]!r} "
                        f"and {given!r}: give one of them another name"
                    )
        return inputs

    def _checked_functions(self) -> dict[str, Callable[..., Any]]:
        functions: dict[str, Callable[..., Any]] = {}
        for name, feature in self._features.items():
            call = feature.call_name
            if call is None or feature.call is None or call.startswith("str."):
                continue
            if functions.setdefault(call, feature.call) is not feature.call:
                raise DefinitionError(
                    f"feature {name}: two different functions are called {call}: rename one of them"
                )
        return functions

    def _check_vocabularies(self) -> None:
        for name, feature in self._features.items():
            shared = feature.options.vocabulary_of if isinstance(feature.options, Categories) else None
            if shared is None:
                continue
            other = self._features.get(shared)
            if other is None:
                raise DefinitionError(
                    f"feature {name}: vocabulary_of={shared!r} is not one of these features"
                )
            own = isinstance(other.options, Category) or (
                isinstance(other.options, Categories) and other.options.vocabulary_of is None
            )
            if not own:
                raise DefinitionError(
                    f"feature {name}: {shared!r} has no vocabulary of its own: name a category or categories feature"
                )

    def _check_columns(self) -> None:
        owners: dict[str, str] = {}
        for name, feature in self._features.items():
            for column in column_names(name, feature.options):
                if column in owners:
                    raise DefinitionError(
                        f"features {owners[column]} and {name} would both make a column {column}: rename one of them"
                    )
                owners[column] = name


def _own_vocabulary(feature: Feature, source: Feature) -> Feature:
    """A feature that used the vocabulary of another, with one of its own that is limited as that one was."""
    given = source.options
    assert isinstance(feature.options, Categories), "only these share"
    assert isinstance(given, Category | Categories), "only these are shared"
    own = structs.replace(
        feature.options, vocabulary_of=None, min_count=given.min_count, max_size=given.max_size
    )
    return replace(feature, options=own)
