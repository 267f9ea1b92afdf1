"""Follows the thread: from a prediction to its version, run and training rows; from a unit to what was trained on it.

Not here: why a prediction came out as it did. Everything said is read from stores and checked against digests.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import instant
from roadworthy.data.manifest import read_manifest
from roadworthy.errors import RoadworthyError, UnknownName
from roadworthy.jobs.answers import answered
from roadworthy.jobs.days import ANSWERING, DAY, inputs_of
from roadworthy.jobs.hiding import workspace_key
from roadworthy.jobs.history import gate_ruling, require_model, training_period
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import manifest_path
from roadworthy.registry.artifact import read_model
from roadworthy.registry.versions import VersionRow
from roadworthy.sensitive import hashed_text

COLUMNS = (
    "id",
    "event_time",
    "logged_at",
    "unit",
    "version",
    "role",
    "plan",
    "status",
    "error",
    "output",
    "node",
)


class TracedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version comes from.

    trained_at   when it was registered, by the real clock
    period       of its training rows
    as_of        the instant up to which history was known to it
    fingerprint, manifest_digest, source_digest   of training table, training keys and definition
    rows         number of training rows
    gate         what the gate said last
    """

    reference: str
    version: int
    digest: str
    trained_at: datetime
    period: str
    as_of: datetime | None
    fingerprint: str
    manifest_digest: str
    source_digest: str
    build: str
    rows: int
    gate: str
    barred: str


class TracedFeature(msgspec.Struct, frozen=True, kw_only=True):
    """A feature of which the model saw no value of the request.

    state    missing, or unknown to the vocabulary
    inputs   what the request carried for it, by name
    """

    feature: str
    state: Literal["missing", "unknown"]
    inputs: dict[str, Any]

    def __str__(self) -> str:
        held = ", ".join(f"{name}={value!r}" for name, value in self.inputs.items() if value is not None)
        names = ", ".join(self.inputs)
        inside = held if self.state == "unknown" else names
        return self.feature if inside == self.feature else f"{self.feature} ({inside})"


class PredictionTrace(msgspec.Struct, frozen=True, kw_only=True):
    """Everything behind one prediction.

    output            what the model said; None where it said nothing
    plan              number of the plan that routed it
    version           None when the log names a version that is not registered here
    trained_on_unit   whether rows of this unit were among the training rows; None where that was not recorded
    unseen            features whose inputs were missing or unknown; None where the version cannot be loaded to say
    """

    id: str
    model: str
    event_time: datetime
    unit: str
    role: str
    status: str
    error: str
    output: float | None
    plan: int
    node: str
    answered_by: str
    version: TracedVersion | None
    trained_on_unit: bool | None
    unseen: tuple[TracedFeature, ...] | None = None

    def sentences(self) -> list[str]:
        """The trace for a person, from the answer back to the rows."""
        said = f"said {self.output:.4f}" if self.output is not None else "said nothing"
        lines = [
            f"Prediction {self.id}",
            f"  {self.answered_by} {said} about {self.unit!r} at {self.event_time:%Y-%m-%d %H:%M:%S} UTC, "
            f"as {self.role} under plan {self.plan} on node {self.node or 'unknown'}"
            + (f"; {self.error}" if self.error else ""),
        ]
        lines += self._about_inputs()
        if self.version is None:
            return [
                *lines,
                f"  {self.answered_by} is not registered here, so nothing is known of its training",
            ]
        return [*lines, *version_lines(self.version), f"  {self._about_unit()}"]

    def _about_inputs(self) -> list[str]:
        if self.unseen is None:
            return []
        if not self.unseen:
            return ["  every input was there, and known to the vocabularies"]
        said = {"missing": "missing", "unknown": "unknown to its vocabulary"}
        of_state = {state: [str(one) for one in self.unseen if one.state == state] for state in said}
        return [f"  {said[state]}: {'; '.join(found)}" for state, found in of_state.items() if found]

    def _about_unit(self) -> str:
        if self.trained_on_unit is None:
            return "Its training keys were not recorded, so nobody knows whether rows of this unit were there"
        subject = "rows of" if self.trained_on_unit else "no row of"
        return f"{subject} unit {self.unit!r} {'were' if self.trained_on_unit else 'was'} among its training rows"


class RowTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of a unit in the history went into.

    key           the unit
    versions      trained on rows of it
    without       versions that were not trained on it
    unrecorded    versions whose training keys were not recorded
    answers       answers that reached somebody, by version that was trained on it
    affected      their sum
    """

    model: str
    key: str
    versions: tuple[TracedVersion, ...]
    without: tuple[int, ...]
    unrecorded: tuple[int, ...]
    answers: dict[int, int]
    affected: int

    def sentences(self) -> list[str]:
        """The trace for a person, from the rows forward to the answers."""
        references = ", ".join(version.reference for version in self.versions)
        lines = [f"rows of unit {self.key!r} are among the training rows of {references}"]
        for version in self.versions:
            lines.append(f"{version.reference} gave {self.answers.get(version.version, 0):,} answers")
            lines += version_lines(version)
        if self.without:
            lines.append(
                f"Not trained on it: {', '.join(f'{self.model}@{version}' for version in self.without)}"
            )
        if self.unrecorded:
            names = ", ".join(f"{self.model}@{version}" for version in self.unrecorded)
            lines.append(f"Not known, because training keys were not recorded: {names}")
        return [*lines, f"Affected in all: {self.affected:,} answers"]


Trace: TypeAlias = PredictionTrace | RowTrace


def trace(stores: Stores, what: str) -> Trace:
    """Trace the identifier of a prediction, or `MODEL:UNIT` of rows of history.

    Where there is only one model, `UNIT` alone is understood too; a unit may hold colons itself.

    raises   UnknownName when there is nothing of that name, CorruptArtifact when recorded training keys were changed
    """
    models = sorted({row.model for row in stores.versions.all()})
    model, separator, key = what.partition(":")
    if separator and (model in models or len(models) != 1):
        return _trace_row(stores, require_model(stores, model), key)
    if len(models) != 1 or is_identifier(what):
        return _trace_prediction(stores, what)
    return _trace_row(stores, models[0], what)


def _trace_prediction(stores: Stores, identifier: str) -> PredictionTrace:
    around = instant_of(identifier)
    models = sorted({row.model for row in stores.versions.all()})
    for model in models:
        # The identifier carries the milliseconds of its event; a day on either side allows for clocks of another build,
        # and keeps this to three days of the log instead of all of it.
        found = stores.log().predictions(
            model, namespace=stores.settings.namespace, start=around - DAY, end=around + DAY, columns=COLUMNS
        )
        match = found.filter(pc.equal(found.column("id"), identifier))
        if match.num_rows:
            return _prediction(stores, model, match.to_pylist()[0])
    raise UnknownName(
        f"no prediction {identifier} of {', '.join(models) or 'any model'} in namespace {stores.settings.namespace} "
        f"within a day of {around:%Y-%m-%d %H:%M} UTC, which is when the identifier says it was made"
    )


def instant_of(identifier: str) -> datetime:
    """When a prediction was made, by its identifier; UnknownName for text that is no identifier of a prediction.

    >>> instant_of("013e23e1-ca00-7000-95cd-04804c220031").isoformat()
    '2013-04-19T20:00:00+00:00'
    """
    if not is_identifier(identifier):
        raise UnknownName(
            f"{identifier!r} is neither the identifier of a prediction (a UUIDv7, as answers and `roadworthy log` "
            "show it) nor MODEL:UNIT of rows of history"
        )
    return instant((UUID(identifier).int >> 80) * 1_000)


def is_identifier(text: str) -> bool:
    """Whether text is written as the identifier of a prediction.

    >>> is_identifier("013e23e1-ca00-7000-95cd-04804c220031"), is_identifier("T00005")
    (True, False)
    """
    try:
        parsed = UUID(text)
    except ValueError:
        return False
    return parsed.version == 7 and str(parsed) == text


def _prediction(stores: Stores, model: str, row: dict[str, Any]) -> PredictionTrace:
    registered = {version.version: version for version in stores.versions.all(model)}
    version = registered.get(row["version"])
    on_unit = None if version is None else _trained_on(stores, version, [row["unit"]])
    return PredictionTrace(
        id=row["id"], model=model, event_time=row["event_time"], unit=row["unit"], role=row["role"],
        status=row["status"], error=row["error"], output=row["output"], plan=row["plan"], node=row["node"],
        answered_by=f"{model}@{row['version']}", version=None if version is None else traced(stores, version),
        trained_on_unit=on_unit, unseen=None if version is None else _unseen(stores, version, row),
    )  # fmt: skip


def _unseen(stores: Stores, version: VersionRow, row: dict[str, Any]) -> tuple[TracedFeature, ...] | None:
    """Features whose inputs were missing or unknown, as the version that answered reads the logged inputs."""
    moment = row["event_time"]
    try:
        scorer = stores.scorer(version)
        found = stores.log().predictions(
            version.model, namespace=stores.settings.namespace, versions=[version.version], roles=[row["role"]],
            start=moment, end=moment + timedelta(microseconds=1),
        )  # fmt: skip
        logged = found.filter(pc.equal(found.column("id"), row["id"]))
        states = scorer.features.states(inputs_of(scorer, logged))
    except (RoadworthyError, OSError):
        return None
    carried = logged.to_pylist()[0]
    return tuple(
        TracedFeature(
            feature=record.name,
            state="missing" if states[record.name][0] == 1 else "unknown",
            inputs={name: carried[f"in_{name}"] for name in record.columns},
        )
        for record in scorer.features.records
        if states[record.name][0]
    )


def _trace_row(stores: Stores, model: str, key: str) -> RowTrace:
    rows = stores.versions.all(model)
    among = {row.version: _trained_on(stores, row, names_kept(stores, row, key)) for row in rows}
    trained = [row for row in rows if among[row.version]]
    if not trained:
        checked = [version for version, known in among.items() if known is not None]
        raise UnknownName(
            f"rows of unit {key!r} are among the training rows of no version of {model} ({len(checked)} looked at, "
            "whose keys were recorded), and not the identifier of a prediction: write the unit as it stands in the "
            "history's unit column, or a UUIDv7 as answers and `roadworthy log` show it"
        )
    answers = answers_by(stores, model, [row.version for row in trained])
    return RowTrace(
        model=model, key=key, versions=tuple(traced(stores, row) for row in trained),
        without=tuple(version for version, known in among.items() if known is False),
        unrecorded=tuple(version for version, known in among.items() if known is None),
        answers=answers, affected=sum(answers.values()),
    )  # fmt: skip


def answers_by(stores: Stores, model: str, versions: list[int]) -> dict[int, int]:
    """Answers that reached somebody, by version; at most, as a rule or a constant in its place counts as well."""
    counted: Counter[int] = Counter()
    for each in answered(stores, model):
        counted[each.version] += each.n if each.role in (*ANSWERING, "fallback") else 0
    return {version: counted[version] for version in versions}


def names_kept(stores: Stores, row: VersionRow, key: str) -> list[str]:
    """What a key may be called among the training keys of a version, which are hashes where its unit is sensitive.

    None at all where that cannot be told, because the version's artifact is lost or damaged.
    """
    hides = hides_units(stores, row)
    if hides is None:
        return []
    return [key, hashed_text(key, workspace_key(stores))] if hides else [key]


def hides_units(stores: Stores, row: VersionRow) -> bool | None:
    """Whether a version knows its units by their hashes; None where its artifact is lost or damaged."""
    try:
        model = read_model(stores.settings.artifacts / row.digest)
    except RoadworthyError:
        return None
    return model.unit in model.input_schema.get("sensitive", ())


def _trained_on(stores: Stores, row: VersionRow, names: list[str]) -> bool | None:
    """Whether a version was trained on a key of one of these names; None where that cannot be told."""
    if not row.run.manifest_digest or not names:
        return None
    keys = read_manifest(manifest_path(stores, row.digest), row.run.manifest_digest)
    return bool(keys.contains(pa.array(names, pa.string())).any())


def traced(stores: Stores, row: VersionRow) -> TracedVersion:
    run = row.run
    return TracedVersion(
        reference=row.reference, version=row.version, digest=row.digest, trained_at=row.registered_at,
        period=training_period(row), as_of=run.as_of, fingerprint=run.data_fingerprint,
        manifest_digest=run.manifest_digest, source_digest=run.source_digest, build=run.build, rows=run.rows,
        gate=gate_ruling(stores, row), barred=row.barred_reason,
    )  # fmt: skip


def version_lines(version: TracedVersion) -> list[str]:
    held_out = f"; later ones until {version.as_of:%Y-%m-%d} were held out" if version.as_of else ""
    lines = [
        f"  {version.reference} is artifact {version.digest[:16]}, registered {version.trained_at:%Y-%m-%d %H:%M} UTC",
        f"  trained on {version.rows:,} rows asked {version.period or 'at unrecorded times'}{held_out}",
        f"  table {version.fingerprint or 'not recorded'}, keys {version.manifest_digest[:16] or 'not recorded'}, "
        f"definition {version.source_digest[:16] or 'not recorded'}, {version.build or 'build not recorded'}",
        f"  gate: {version.gate}",
    ]
    return [*lines, f"  barred: {version.barred}"] if version.barred else lines
