"""Trains a model on history as it was known, and registers the version with all that is needed to explain it later."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import roadworthy
from roadworthy.automation import RuleOf
from roadworthy.clock import as_duration, as_instant, micros
from roadworthy.data.fingerprint import fingerprint
from roadworthy.data.manifest import manifest
from roadworthy.data.split import day_number
from roadworthy.data.tables import unit_texts
from roadworthy.durable import publish as publish_file
from roadworthy.errors import TooFewSamples
from roadworthy.estimators.accepted import format_for
from roadworthy.features.arrow import batch_from_arrow, schema_from_arrow
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.schema import InputSchema, Role
from roadworthy.gate.catalogue import checks_as
from roadworthy.jobs.answers import answered
from roadworthy.jobs.declared_joins import DETAIL, declared_times
from roadworthy.jobs.gate_data import DAYS_FILE, KeptDays, count_questions
from roadworthy.jobs.gate_reproducible import TWICE_FILE
from roadworthy.jobs.gate_vocabulary import ENTRIES_FILE, write_entries
from roadworthy.jobs.hiding import hide_questions
from roadworthy.jobs.outcome_times import OUTCOME_KNOWN_AT
from roadworthy.jobs.questions import Questions, load_questions
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.training_advice import advice_on
from roadworthy.model import Definition, Model, load_definition
from roadworthy.profiles.reference import build_reference
from roadworthy.registry.artifact import publish
from roadworthy.registry.versions import Measured, RunRecord
from roadworthy.stats.resampling import metric_intervals
from roadworthy.training.fit import train as fit
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe, Trained
from roadworthy.training.sampling import as_asked, odds_factor
from roadworthy.training.shuffled import shuffled_twins
from roadworthy.training.twice import Twice, train_twice

Progress = Callable[[str, int, int], None]
Repaired = Callable[[Questions, Trained], Mapping[str, Any]]

HOLDOUT = timedelta(days=28)
SEED = 20_130_101

#: What in a run record names the features that were left out.
WITHOUT = "without"

#: Columns of the held-out rows beside those of the question: what shuffled twins say, and the share kept.
SHUFFLED, KEPT = "gate:shuffled", "gate:kept"


class TrainedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What training gave.

    known       whether exactly this version was registered before: same rows, same artifact, same digest
    redeclared  what of a version registered before is declared otherwise now, and counts so from now on
    advice      what a person should know of a small, unevenly split or suddenly large training set
    metrics     on the held-out rows, which are later than every training row
    baseline    the same metrics of the trivial predictor that always answers the base rate
    """

    reference: str
    model: str
    version: int
    digest: str
    known: bool
    rows: int
    holdout_rows: int
    metrics: Mapping[str, Measured]
    baseline: Mapping[str, Measured]
    redeclared: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        lines = [
            f"{self.reference} {'is the version registered before' if self.known else 'is registered'}: "
            f"trained on {self.rows:,} rows, held out {self.holdout_rows:,} later rows (digest {self.digest[:12]})"
        ]
        if self.redeclared:
            lines.append(f"Changed since, and counts from now on: {', '.join(self.redeclared)}")
        for name, found in self.metrics.items():
            trivial = self.baseline.get(name)
            beside = f"   baseline {trivial.value:.4f}" if trivial else ""
            lines.append(f"  {name:<18}{found.value:8.4f}  [{found.low:.4f}, {found.high:.4f}]{beside}")
        return [*lines, *self.advice, f"Next: roadworthy gate {self.reference}"]


@dataclass(frozen=True)
class _Training:
    """What was trained, on which questions until when; `rows` are the inputs of `learn`."""

    model: Model
    trained: Trained
    learn: Questions
    rows: Batch
    later: Questions
    end: datetime
    cut: datetime
    seed: int


def train(
    stores: Stores,
    path: str | Path,
    *,
    model: str | None = None,
    until: datetime | str | None = None,
    since: datetime | str | None = None,
    holdout: timedelta | str = HOLDOUT,
    seed: int = SEED,
    progress: Progress = lambda step, done, total: None,
    repaired: Repaired | None = None,
    without: Collection[str] = (),
) -> TrainedVersion:
    """Fit on questions asked before `until - holdout` with labels known by then; measure on those after.

    until     nothing asked or known from this instant on is used; now by default
    since     questions asked before it are not used
    holdout   how long the last stretch is; like the times it may be text, as on the command line
    repaired  set rows that training never touched to the unknown entry's value; told what came of it before that is
              registered, says what the run record keeps of it, or raises
    without   features that are left out, as `Model.without` does; the run record names them
    raises    UnsupportedEstimator and DefinitionError before anything is read, TooFewSamples without enough rows
    """
    definition = load_definition(path)
    whole = definition.model(model)
    chosen = whole.without(without) if without else whole
    format_for(chosen.estimator)
    checks_as(chosen.checks)
    end = stores.clock.now() if until is None else as_instant(until)
    start = None if since is None else as_instant(since)
    cut = end - as_duration(holdout)
    progress("join history as known", 0, 1)
    # held-out rows hold what is left out as well: other versions read it
    questions = hide_questions(stores, whole, load_questions(stores.settings.tables, whole, start, end))
    progress("join history as known", 1, 1)
    learn = questions.before(micros(cut))
    later = questions.take(
        (questions.asked_at >= micros(cut)) & ~np.isnan(questions.labels_as_of(micros(end)))
    )
    if np.isnan(learn.label).all() or later.n == 0:
        also = "" if start is None else "--since, "
        raise TooFewSamples(
            f"{chosen.name}: {learn.n:,} rows before {cut:%Y-%m-%d} to train on and {later.n:,} labelled ones until "
            f"{end:%Y-%m-%d} to measure on; ingest more history, or choose another {also}--until or --holdout"
        )
    schema = question_schema(chosen, learn.table)
    rows = batch_from_arrow(learn.table, schema)
    odds = None if learn.kept is None else odds_factor(learn.kept, learn.label)
    trained = fit(
        replace(recipe_of(chosen, seed), odds=odds, repair=repaired is not None), schema, rows, learn.label,
        days=day_number(learn.asked_at), on_progress=lambda done, total: progress("fit", done, total),
    )  # fmt: skip
    noted = {WITHOUT: sorted(without)} if without else {}
    noted |= {} if repaired is None else repaired(learn, trained)
    counted = count_questions(stores.settings.tables, chosen, questions, learn, later, end)
    made = _Training(chosen, trained, learn, rows, later, end, cut, seed)
    return _register(stores, definition, made, noted, counted)


def question_schema(model: Model, table: pa.Table) -> InputSchema:
    """Kinds and roles of the columns that a request of this model has."""
    roles: dict[str, Role] = dict.fromkeys(model.input_columns(), "input")
    roles |= {name: "context" for name in model.context if name not in roles}
    roles.setdefault(model.unit, "unit")
    nullable = {name for name in roles if table.column(name).null_count}
    return schema_from_arrow(table.schema, roles, nullable)


def recipe_of(model: Model, seed: int = SEED) -> Recipe:
    """What training is told about a model."""
    known_at = str(model.outcome.known_at)
    window = model.outcome.window.total_seconds()
    outcome: dict[str, Any] = {"name": model.outcome.name, "known_at": known_at, "window_seconds": window}
    outcome |= {"absent": model.outcome.absent, "attribute": model.outcome.attribute}
    return Recipe(
        model=model.name, unit=model.unit, features=model.features, estimator=model.estimator,
        context=tuple(model.context), asked_at=model.asked_at, outcome=outcome, seed=seed,
        serving=model.serving(), rule=model.rule(),
        heuristic=model.heuristic.function if isinstance(model.heuristic, RuleOf) else None,
    )  # fmt: skip


def holdout_path(stores: Stores, digest: str) -> Path:
    """Where the held-out rows of a version lie: the questions with `label` and `asked_at`."""
    return stores.settings.evidence / digest / "holdout.parquet"


def manifest_path(stores: Stores, digest: str) -> Path:
    """Where the keys of a version's training rows lie."""
    return stores.settings.evidence / digest / "trained-on.parquet"


def training_fingerprint(learn: Questions) -> str:
    """What stands in a run record for its training rows and their labels."""
    return fingerprint(learn.table.append_column("label", pa.array(learn.label)))


def weights_path(stores: Stores, digest: str) -> Path:
    """Where it stands what training did to every row of a version's arrays."""
    return stores.settings.evidence / digest / "weights.json"


def _register(
    stores: Stores, definition: Definition, made: _Training, noted: Mapping[str, Any], days: KeptDays
) -> TrainedVersion:
    model, trained, learn, later = made.model, made.trained, made.learn, made.later
    scored = trained.scorer.score(batch_from_arrow(later.table, trained.scorer.schema))
    metrics, baseline = _measure(made, scored.output)
    with tempfile.TemporaryDirectory(prefix="roadworthy-draft-") as room:
        draft = pack(trained, Path(room) / "draft", profiles=_reference(made))
        digest, directory = publish(draft.directory, stores.settings.artifacts)
    keys = manifest(unit_texts(learn.table.column(model.unit)))
    now = stores.clock.now()
    known = any(row.digest == digest for row in stores.versions.all(model.name))
    _keep_evidence(
        stores, digest,
        {
            holdout_path(stores, digest).name: lambda path: pq.write_table(
                _held_out(made, scored.encoded), path, compression="zstd"
            ),
            manifest_path(stores, digest).name: keys.write,
            weights_path(stores, digest).name: lambda path: path.write_bytes(msgspec.json.encode(trained.weights)),
            TWICE_FILE: lambda path: path.write_bytes(msgspec.json.encode(_twice(made))),
            DAYS_FILE: lambda path: path.write_bytes(msgspec.json.encode(days)),
            ENTRIES_FILE: lambda path: write_entries(path, trained.scorer.features, made.rows),
        },
    )  # fmt: skip
    declared = _declared(model)
    run = RunRecord(
        parameters=_plain(model.estimator.get_params()),
        metrics=metrics,
        data_fingerprint=training_fingerprint(learn),
        manifest_digest=keys.digest,
        source_digest=definition.source_digest,
        build=f"roadworthy {roadworthy.__version__}",
        libraries=trained.scorer.model.libraries,
        seed=made.seed,
        as_of=made.end,
        trained_from=_instant_of(learn, 0),
        trained_until=made.cut,
        rows=trained.labelled,
        details={
            "definition": str(definition.path),
            "baseline_rate": trained.base_rate,
            "baseline": msgspec.to_builtins(baseline),
            **declared,
            "questions": learn.n,
            "holdout_rows": later.n,
            **noted,
        },
    )
    version = stores.versions.register(
        model.name, digest, str(directory), run, now,
        event_time=made.end, above=_served_elsewhere(stores, model.name),
    )  # fmt: skip
    redeclared = stores.versions.redeclare(
        model.name, version, declared, actor="train", at=now, event_time=made.end
    )
    return TrainedVersion(
        reference=f"{model.name}@{version}", model=model.name, version=version, digest=digest, known=known,
        rows=trained.labelled, holdout_rows=later.n, metrics=metrics, baseline=baseline,
        redeclared=redeclared, advice=advice_on(stores, stores.versions.get(model.name, version)),
    )  # fmt: skip


def _held_out(made: _Training, encoded: Floats) -> pa.Table:
    """The held-out rows as they are kept: what was asked, what became of it, and what the gate wants besides."""
    later = made.later
    twins = shuffled_twins(made.trained, made.learn.label, encoded, np.random.default_rng(made.seed))
    said = pa.FixedSizeListArray.from_arrays(pa.array(twins.T.ravel()), len(twins))
    table = later.table.append_column("label", pa.array(later.label))
    table = table.append_column(OUTCOME_KNOWN_AT, pa.array(later.label_known_at, pa.timestamp("us", "UTC")))
    table = table.append_column(SHUFFLED, said)
    return table if later.kept is None else table.append_column(KEPT, pa.array(later.kept))


def _declared(model: Model) -> dict[str, Any]:
    """What of the definition is no part of the artifact, and counts as it is declared last."""
    judging: dict[str, Any] = msgspec.to_builtins(model.judging())
    return {
        "limits": dict(model.limits),
        "slices": list(model.slices),
        "checks": dict(model.checks),
        "owners": list(model.owners),
        "budgets": dict(model.budgets),
        "protected": list(model.protected),
        DETAIL: declared_times(model),
        **judging,
    }


def _served_elsewhere(stores: Stores, model: str) -> int:
    """The highest version in the log of a model that has none of its own yet: its numbers are not given again."""
    if stores.versions.all(model):
        return 0
    return max((each.version for each in answered(stores, model)), default=0)


def _reference(made: _Training) -> bytes:
    learn, rows, unseen = made.learn, made.rows, made.trained.out_of_fold
    assert unseen is not None, "training was asked for out-of-fold predictions"
    if learn.kept is not None:
        shown = as_asked(learn.kept, np.random.default_rng(made.seed))
        learn, rows, unseen = learn.take(shown), rows.take(np.flatnonzero(shown)), unseen[shown]
    scorer = made.trained.scorer
    inputs, states = rows.select(scorer.schema.names("input")), scorer.features.states(rows)
    return build_reference(inputs, states, unseen, learn.label, day_number(learn.asked_at)).to_json()


def _twice(made: _Training) -> Twice:
    schema = question_schema(made.model, made.learn.table)
    return train_twice(made.trained.recipe, schema, made.rows, made.learn.label)


def _measure(made: _Training, scores: Floats) -> tuple[dict[str, Measured], dict[str, Measured]]:
    trivial = np.full(made.later.n, made.trained.base_rate)
    return _intervals(scores, made.later, made.seed), _intervals(trivial, made.later, made.seed)


def _intervals(p: Floats, later: Questions, seed: int) -> dict[str, Measured]:
    found = metric_intervals(
        p, later.label, day_number(later.asked_at), np.random.default_rng(seed),
        weights=None if later.kept is None else 1.0 / later.kept,
    )  # fmt: skip
    return {str(name): Measured(each.value, each.low, each.high, later.n) for name, each in found.items()}


def _keep_evidence(stores: Stores, digest: str, files: Mapping[str, Callable[[Path], object]]) -> None:
    """What the gate will look at, whole or not at all; of a version known before only what is lacking is written.

    files   name of a file → what writes it at a path
    """
    home = holdout_path(stores, digest).parent
    if home.exists():  # an older Roadworthy may have kept less
        for name, write in files.items():
            if not (home / name).exists():
                publish_file(home / name, write)
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".incoming-") as room:
        draft = Path(room) / "evidence"
        draft.mkdir()
        for name, write in files.items():
            write(draft / name)
        try:
            draft.rename(home)
        except OSError:
            if not home.exists():  # else another training of the same version was faster
                raise


def _instant_of(questions: Questions, row: int) -> datetime:
    found: datetime = questions.table.column("asked_at")[row].as_py()
    return found


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Estimator parameters as JSON can hold them; anything else by its text."""
    return {
        name: value if isinstance(value, str | int | float | bool | None) else repr(value)
        for name, value in parameters.items()
    }
