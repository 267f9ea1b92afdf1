"""A version in memory: rows in, what the model saw and what it says out; and the proof that it still says the same.

Not here: reading requests, choosing a version, writing the log. Training makes a `Scorer` of what it has just
fitted, serving loads one from an artifact; they are the same code, so what was evaluated is what answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from roadworthy.errors import CorruptArtifact, Refused, UnknownName
from roadworthy.estimators.corrected import correcting
from roadworthy.estimators.formats import load_predictor
from roadworthy.estimators.protocol import Predictor
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.fitted import FittedFeatures
from roadworthy.features.functions import call, load_snapshot, resolve
from roadworthy.features.plain import FEW_ROWS, Plain, batch_of
from roadworthy.features.schema import InputSchema
from roadworthy.predictionlog.record import LogField, LogSchema
from roadworthy.registry.artifact import (
    ESTIMATOR_DIRECTORY,
    FEATURES_FILE,
    FUNCTIONS_FILE,
    GOLDENS_FILE,
    ArtifactModel,
    read_model,
    verify,
)

GOLDENS_FORMAT = 1

Stage = Literal["cleaned", "encoded", "prediction"]
Special = Literal["nan", "inf", "-inf"]

#: A float as JSON can hold it.
JsonFloat: TypeAlias = float | Special


#: How the refusal of a version begins whose golden requests go another way here.
COMPUTES_ANOTHER = "this node computes another"


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One golden request and everything that became of it.

    name        what is special about it, such as `missing wind`
    request     the row, JSON-compatible, with every column of the input schema
    cleaned     feature → text (or list of texts) as it was looked up; None where missing
    encoded     encoded column → value
    prediction  what the model said
    """

    name: str
    request: Mapping[str, Any]
    cleaned: Mapping[str, Any]
    encoded: Mapping[str, JsonFloat]
    prediction: JsonFloat


class Goldens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`goldens.json`."""

    goldens: tuple[Golden, ...]
    format: int = GOLDENS_FORMAT


@dataclass(frozen=True, slots=True)
class Scored:
    """What a version makes of a batch.

    encoded   float64 of shape (n, width): what the model saw
    output    float64 of shape (n,): the probability of the positive class; NaN and infinity are for the caller to judge
    """

    encoded: Floats
    output: Floats


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a golden request went another way than when the version was trained; later stages follow from it.

    golden   name of the golden request
    stage    the first stage that differs
    column   feature (cleaned) or encoded column that differs; "" for the prediction
    """

    golden: str
    stage: Stage
    column: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        where = f"{self.stage} {self.column}".rstrip()
        return f"golden request {self.golden!r}: {where} was {self.expected!r} when trained, is {self.got!r} here"


class Scorer:
    """Features and estimator of one version.

    model       identity and schema as trained
    schema      the columns of a request: inputs, context and unit
    features    fitted features
    predictor   fitted estimator
    goldens     golden requests; empty while they are being made
    """

    def __init__(
        self,
        model: ArtifactModel,
        features: FittedFeatures,
        predictor: Predictor,
        goldens: Sequence[Golden] = (),
        functions: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
    ) -> None:
        self.model, self.features, self.predictor, self.goldens = model, features, predictor, tuple(goldens)
        self.schema = msgspec.convert(model.input_schema, InputSchema)
        self._kinds = {field.name: field.kind for field in self.schema.fields}
        declared = model.serving.rule
        self._rule = None if declared is None else resolve(declared.function, functions)
        names = tuple(column.name for column in features.columns)
        if names != model.columns or len(names) != predictor.width:
            raise CorruptArtifact(
                f"the parts of this version of {model.model} do not fit together: model.json names "
                f"{len(model.columns)} columns, the features make {len(names)}, the estimator takes {predictor.width}; "
                "train and register it again"
            )

    @classmethod
    def load(cls, directory: Path, digest: str) -> Scorer:
        """The version in `directory`, once its content is what `digest` says.

        raises CorruptArtifact naming the file that differs; UnsupportedEstimator for a format or library that is
               missing here; whatever the user's functions raise when they are imported
        """
        verify(directory, digest)
        return cls.read(directory)

    @classmethod
    def read(cls, directory: Path) -> Scorer:
        """The version in `directory`, whatever its digest: for drafts, which have none yet."""
        model = read_model(directory)
        functions = load_snapshot(_bytes(directory / FUNCTIONS_FILE)) if model.functions_digest else {}
        features = FittedFeatures.from_json(_bytes(directory / FEATURES_FILE), functions)
        odds = None if model.prior_odds is msgspec.UNSET else model.prior_odds
        predictor = correcting(load_predictor(model.estimator_format, directory / ESTIMATOR_DIRECTORY), odds)
        return cls(model, features, predictor, _read_goldens(directory / GOLDENS_FILE), functions)

    @property
    def unit(self) -> str:
        """Name of the column whose values decide traffic and experiments."""
        return self.model.unit

    @property
    def log_schema(self) -> LogSchema:
        """How the rows of this version are logged."""
        fields = tuple(LogField(field.name, field.kind, field.role) for field in self.schema.fields)
        return LogSchema(self.model.model, fields, self.model.columns)

    def score(self, batch: Batch) -> Scored:
        """Encode and predict; row i of the result depends on row i of the batch only."""
        encoded = self.features.encode(batch)
        return Scored(encoded, self.predictor.predict(encoded))

    def score_rows(self, rows: Sequence[Sequence[Any]]) -> Scored:
        """`score` of checked rows, a plain value for every field of `schema` in its order each; the same bits."""
        encoded = self.encode_rows(rows)
        return Scored(encoded, self.predictor.predict(encoded))

    def encode_rows(self, rows: Sequence[Sequence[Any]]) -> Floats:
        """What the model sees of checked rows, shape (n, width)."""
        if len(rows) > FEW_ROWS:
            return self.features.encode(batch_of(rows, self.schema))
        columns = dict(zip(self._kinds, zip(*rows, strict=True), strict=False))
        return self.features.encode_few(Plain(columns, self._kinds, len(rows)))

    def rule(self, rows: Sequence[Sequence[Any]]) -> Floats:
        """What the declared fallback rule says to checked rows; UnknownName where the version declares none."""
        declared = self.model.serving.rule
        if declared is None or self._rule is None:
            raise UnknownName(f"this version of {self.model.model} declares no fallback rule")
        plain = Plain(dict(zip(self._kinds, zip(*rows, strict=True), strict=False)), self._kinds, len(rows))
        with np.errstate(all="ignore"):
            return call(declared.function, self._rule, [plain.array(name) for name in declared.inputs])

    def replay(self, requests: Mapping[str, Mapping[str, Any]]) -> list[Golden]:
        """What becomes of these requests (by name), stage by stage, all in one batch."""
        batch = Batch.from_rows(list(requests.values()), self.schema)
        scored = self.score(batch)
        cleaned = self.features.clean(batch).rows()
        return [
            Golden(
                name,
                request,
                cleaned[row],
                dict(zip(self.model.columns, map(as_json, scored.encoded[row].tolist()), strict=True)),
                as_json(float(scored.output[row])),
            )
            for row, (name, request) in enumerate(requests.items())
        ]

    def check_goldens(self, tolerance: float | None = None) -> list[Difference]:
        """Replay every golden request, alone, and say where it went another way; an empty list is what is hoped for.

        tolerance   largest difference of predictions to accept; None = the format's own, 0.0 for exact ones.
                    Cleaned and encoded values are always compared exactly, NaN equal to NaN
        """
        accepted = self.predictor.tolerance if tolerance is None else tolerance
        found: list[Difference] = []
        for golden in self.goldens:
            (again,) = self.replay({golden.name: golden.request})
            found += differences(golden, again, accepted)
        return found

    def require_goldens(self, tolerance: float | None = None) -> None:
        """Refused with the first differences unless every golden request goes as it went when trained."""
        found = self.check_goldens(tolerance)
        if found:
            listed = "\n  ".join(str(one) for one in found[:10])
            raise Refused(
                f"{COMPUTES_ANOTHER} {self.model.model} than was trained: {len(found)} differences in "
                f"{len(self.goldens)} golden requests\n  {listed}\n"
                f"Trained with {_listed(self.model.libraries)}; install the same here, or train again here."
            )


def differences(expected: Golden, got: Golden, tolerance: float) -> list[Difference]:
    """Every value that differs in the first stage that differs."""
    for stage, was, now in (
        ("cleaned", expected.cleaned, got.cleaned),
        ("encoded", expected.encoded, got.encoded),
    ):
        found = [
            Difference(expected.name, stage, column, was.get(column), now.get(column))  # type: ignore[arg-type]  # literals above
            for column in [*was, *(column for column in now if column not in was)]
            if column not in was or column not in now or was[column] != now[column]
        ]
        if found:
            return found
    if _near(expected.prediction, got.prediction, tolerance):
        return []
    return [Difference(expected.name, "prediction", "", expected.prediction, got.prediction)]


def as_json(value: float) -> JsonFloat:
    """A float as JSON can hold it.

    >>> as_json(0.5), as_json(math.nan)
    (0.5, 'nan')
    """
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _near(a: JsonFloat, b: JsonFloat, tolerance: float) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return bool(np.abs(a - b) <= tolerance)


def _read_goldens(path: Path) -> tuple[Golden, ...]:
    if not path.exists():
        return ()
    try:
        return msgspec.json.decode(_bytes(path), type=Goldens).goldens
    except msgspec.DecodeError as error:
        raise CorruptArtifact(
            f"{path} cannot be read as golden requests: {error}. Restore it from a copy"
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorruptArtifact(
            f"{path} cannot be read ({error.strerror}): restore the directory from a copy"
        ) from error


def _listed(libraries: Mapping[str, str]) -> str:
    return (
        ", ".join(f"{name} {version}" for name, version in sorted(libraries.items())) or "unknown libraries"
    )
