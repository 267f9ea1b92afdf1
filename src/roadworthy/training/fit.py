"""Training: rows in, a version in memory out. Reads no clock, database or file; the same rows give the same version.

Not here: where rows come from (jobs) and how the version is written (pack).
"""

from __future__ import annotations

from importlib import metadata

import msgspec
import numpy as np
from msgspec import UNSET

from roadworthy.errors import DefinitionError
from roadworthy.estimators.accepted import format_for
from roadworthy.estimators.corrected import corrected, correcting
from roadworthy.estimators.protocol import Format
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.fitted import FittedFeatures
from roadworthy.features.functions import Snapshot, load_snapshot, snapshot
from roadworthy.features.schema import Field, InputSchema
from roadworthy.registry.artifact import ArtifactModel
from roadworthy.scorer import Scorer
from roadworthy.training.baseline import Baseline
from roadworthy.training.fallback import check_rule
from roadworthy.training.outoffold import FOLDS, folds_by_day, out_of_fold, shares_of
from roadworthy.training.recipe import Days, OnProgress, Recipe, Trained
from roadworthy.training.weights import finished

#: Outputs are probabilities.
CLAMP = (0.0, 1.0)


def train(
    recipe: Recipe,
    schema: InputSchema,
    rows: Batch,
    y: Floats,
    *,
    days: Days | None = None,
    folds: int = FOLDS,
    on_progress: OnProgress | None = None,
) -> Trained:
    """Fit features and estimator on `rows`, and the estimator again for every fold when `days` are given.

    schema   the columns of `rows` with their roles; the version's own schema is narrowed to what it uses
    y        0.0 and 1.0, shape (n,); NaN where the outcome is not known: such rows teach the features their
             vocabulary and the reference what traffic looks like, and are left out when the estimator is fitted
    days     day number of every row, for out-of-fold predictions; None = none are made
    raises   UnsupportedEstimator, DefinitionError and SchemaError before the estimator is fitted;
             TooFewSamples when rows, days or classes do not suffice
    """
    form = format_for(recipe.estimator)
    _check(recipe, schema, rows, y, days)
    fold_of = None if days is None else folds_by_day(days, folds)
    parts = 1 if fold_of is None else 1 + len(np.unique(fold_of))
    own = [f for f in (recipe.rule, recipe.heuristic) if f is not None]
    source = snapshot([*recipe.features.functions.values(), *own])
    functions = load_snapshot(source.source) if source.source else {}
    features = recipe.features.with_functions(functions).fit(rows, schema)
    if recipe.serving.rule is not None:
        check_rule(recipe.serving.rule, functions, rows, CLAMP)
    encoded = features.encode(rows)
    known = ~np.isnan(y)
    reports = shares_of(on_progress, parts)
    fitted = form.fit(
        recipe.estimator,
        encoded[known],
        y[known],
        features.columns,
        seed=recipe.seed,
        threads=recipe.threads,
        on_progress=reports[0],
    )
    fitted, weights = finished(fitted, encoded[known], features.columns, repair=recipe.repair)
    model = _model(recipe, schema, features, form, source)
    scorer = Scorer(model, features, correcting(fitted.predictor(), recipe.odds), functions=functions)
    unseen = None
    if fold_of is not None:
        unseen = out_of_fold(
            recipe,
            features.columns,
            encoded,
            y,
            fold_of,
            on_progress=reports[1:],
        )
    return Trained(
        recipe=recipe,
        scorer=scorer,
        fitted=fitted,
        snapshot=source,
        encoded=encoded,
        out_of_fold=unseen if unseen is None or recipe.odds is None else corrected(unseen, recipe.odds),
        base_rate=Baseline.fit(y[known], recipe.odds).rate,
        labelled=int(known.sum()),
        weights=weights,
    )


def served_schema(
    features: FittedFeatures, schema: InputSchema, unit: str, context: tuple[str, ...]
) -> InputSchema:
    """The columns a request carries: the features' inputs as fitted, then context, then the unit.

    A column that is an input already keeps that role: it is logged with the inputs.
    """
    inputs = features.schema.names()
    fields = list(features.schema.fields)
    for name in dict.fromkeys([*context, unit]):
        field = schema.field(name)
        if name in inputs:
            continue
        if field is None:
            raise DefinitionError(f"the rows have no column {name}, which the model names as context or unit")
        fields.append(
            Field(name, field.kind, field.nullable, "context")
            if name != unit
            else Field(name, field.kind, False, "unit")
        )
    return InputSchema(tuple(fields), features.schema.sensitive)


def _model(
    recipe: Recipe, schema: InputSchema, features: FittedFeatures, form: Format, source: Snapshot
) -> ArtifactModel:
    served = served_schema(features, schema, recipe.unit, tuple(recipe.context))
    return ArtifactModel(
        model=recipe.model,
        unit=recipe.unit,
        asked_at=recipe.asked_at,
        outcome=dict(recipe.outcome),
        context=tuple(recipe.context),
        input_schema=msgspec.to_builtins(served),
        columns=tuple(column.name for column in features.columns),
        estimator_format=form.name,
        tolerance=form.tolerance,
        clamp=CLAMP,
        libraries={name: metadata.version(name) for name in ("numpy", "roadworthy", *form.distributions)},
        functions_digest=source.digest if source.source else "",
        serving=recipe.serving,
        prior_odds=UNSET if recipe.odds is None else recipe.odds,
    )


def _check(recipe: Recipe, schema: InputSchema, rows: Batch, y: Floats, days: Days | None) -> None:
    for what, values in (("labels", y), ("days", days)):
        if values is not None and np.shape(values) != (rows.n,):
            raise DefinitionError(
                f"{recipe.model}: {rows.n:,} training rows have {what} of shape {np.shape(values)}: give one a row"
            )
    for name in (recipe.unit, *recipe.context):
        if schema.field(name) is None:
            raise DefinitionError(
                f"{recipe.model}: the rows have no column {name}, which the model names as context or unit"
            )
