"""Fitting: what features learn from rows, and what about the rows or the functions they refuse.

Not here: encoding (see `fitted`). Every fault of a kind is found before anything is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from roadworthy.errors import DefinitionError, Fault, SchemaError, TooFewSamples
from roadworthy.features.batch import Batch
from roadworthy.features.columns import missing_rows
from roadworthy.features.declarations import Categories, Category, Cross, Custom, Feature
from roadworthy.features.fitted import FEATURES_FORMAT, FeatureRecord, FeaturesRecord, FittedFeatures
from roadworthy.features.functions import call, check_row_wise
from roadworthy.features.reading import Reading
from roadworthy.features.schema import Field, InputSchema
from roadworthy.features.textual import crossed
from roadworthy.features.vocabulary import Clean, learn


def fit(features: Mapping[str, Feature], batch: Batch, schema: InputSchema) -> FittedFeatures:
    """What `Features.fit` does; see there."""
    _check_inputs(features, batch, schema)
    if batch.n == 0:
        raise TooFewSamples(
            "features cannot be fitted on 0 rows: check the dates and filters of the training rows"
        )
    _check_nulls(features, batch)
    reading = Reading(batch.columns, batch.n)
    with np.errstate(
        all="ignore"
    ):  # NaN and infinity from a function are looked at, and refused with more detail
        for name, feature in features.items():
            _check_function(name, feature, reading)
    record = FeaturesRecord(
        format=FEATURES_FORMAT,
        input_schema=_inputs_of(features, schema),
        features=tuple(
            FeatureRecord(
                name, feature.column_names, feature.options, feature.relative_to_now, feature.own_output
            )
            for name, feature in features.items()
        ),
        vocabularies={
            name: entries
            for name, feature in features.items()
            if (entries := _learned(name, feature, reading)) is not None
        },
    )
    functions: dict[str, Callable[..., Any]] = {}
    for feature in features.values():
        if feature.call_name is not None and feature.call is not None:
            functions[feature.call_name] = feature.call
    return FittedFeatures(record, functions)


def _check_inputs(features: Mapping[str, Feature], batch: Batch, schema: InputSchema) -> None:
    wrong = []
    for name, feature in features.items():
        for column in feature.column_names:
            field = schema.field(column)
            if field is None or column not in batch.columns:
                wrong.append(f"feature {name} uses the column {column}, which the rows do not have")
            elif field.kind not in feature.options.accepts:
                accepted = " or ".join(feature.options.accepts)
                kind = type(feature.options).__name__.lower()
                wrong.append(
                    f"feature {name} ({kind}) uses {column}, which is {field.kind}; it accepts {accepted}"
                )
    if wrong:
        raise DefinitionError("; ".join(wrong))


def _check_nulls(features: Mapping[str, Feature], batch: Batch) -> None:
    faults = []
    for name, feature in features.items():
        if feature.options.says_what_missing_becomes:
            continue
        for column in feature.column_names:
            rows = np.flatnonzero(missing_rows(batch.columns[column]))
            if rows.size:
                expected = f"a value, because feature {name} does not say what missing becomes"
                faults.append(Fault(f"$.{column}", expected, "null", int(rows.size), int(rows[0])))
    if faults:
        raise SchemaError(
            f"the rows to fit on ({batch.n:,} rows)", faults, "Declare missing=..., or leave these rows out."
        )


def _inputs_of(features: Mapping[str, Feature], schema: InputSchema) -> InputSchema:
    nullable: dict[str, bool] = {}
    for feature in features.values():
        for column in feature.column_names:
            nullable[column] = nullable.get(column, True) and feature.options.says_what_missing_becomes
    fields = []
    for column, may_be_null in nullable.items():
        field = schema.field(column)
        assert field is not None, "the columns were checked before"
        fields.append(Field(column, field.kind, may_be_null and field.kind != "strings", "input"))
    hidden = {column for feature in features.values() if feature.sensitive for column in feature.column_names}
    return InputSchema(tuple(fields), tuple(field.name for field in fields if field.name in hidden))


def _learned(name: str, feature: Feature, reading: Reading) -> tuple[str, ...] | None:
    """The entries of the feature's own vocabulary; None where it has none."""
    options = feature.options
    if isinstance(options, Cross):
        texts = crossed([reading.strings(column) for column in feature.column_names])
    elif isinstance(options, Category):
        texts = reading.strings(feature.column_names[0])
    elif isinstance(options, Categories):
        texts = reading.lists(feature.column_names[0]).values
    else:
        return None
    if feature.call is not None:
        texts = texts.mapped(_checked_clean(name, feature.call))
    if isinstance(options, Categories) and options.vocabulary_of is not None:
        return None
    return learn(texts, min_count=options.min_count, max_size=options.max_size).entries


def _checked_clean(name: str, clean: Callable[..., Any]) -> Clean:
    def checked(text: str) -> str | None:
        result = clean(text)
        again = clean(text)
        if result is not None and not isinstance(result, str):
            raise DefinitionError(
                f"feature {name}: clean({text!r}) returned {type(result).__name__}: return a text, or None for missing"
            )
        if result != again:
            raise DefinitionError(
                f"feature {name}: clean({text!r}) returned {result!r} and then {again!r}: the same text must "
                "always become the same"
            )
        return result

    return checked


def _check_function(name: str, feature: Feature, reading: Reading) -> None:
    options = feature.options
    if not isinstance(options, Custom) or feature.call is None:
        return
    present = np.flatnonzero(~reading.missing(*feature.column_names))
    if present.size == 0:
        raise TooFewSamples(
            f"feature {name}: no row has all inputs of function {options.function}, so it cannot be tested"
        )
    arrays = [reading.array(column) for column in feature.column_names]
    if present.size < reading.n:
        arrays = [array[present] for array in arrays]
    check_row_wise(feature.call, arrays, name=options.function)
    values = call(options.function, feature.call, arrays)
    infinite = np.flatnonzero(np.isinf(values))
    undeclared = np.flatnonzero(np.isnan(values)) if options.missing is None else np.empty(0, dtype=np.int64)
    for rows, what, advice in (
        (infinite, "infinite", "return finite numbers"),
        (undeclared, "NaN", "declare missing=..., or return numbers"),
    ):
        if rows.size:
            raise DefinitionError(
                f"feature {name}: function {options.function} returned {what} in {rows.size:,} of {len(values):,} "
                f"rows, first in row {present[rows[0]]}: {advice}"
            )
