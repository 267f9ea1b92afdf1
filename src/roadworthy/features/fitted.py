"""Fitted features: everything needed to turn rows into what the model sees, as data plus the user's functions.

Not here: how they were learned (see `fitting`). The same object encodes a training table and a request.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.errors import CorruptArtifact, DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.features.columns import Floats
from roadworthy.features.declarations import (
    AnyOptions,
    Categories,
    Category,
    Cross,
    Custom,
    Number,
    Ratio,
    TimePart,
)
from roadworthy.features.functions import resolve
from roadworthy.features.numeric import CustomEncoder, NumberEncoder, RatioEncoder, TimePartEncoder
from roadworthy.features.plain import Plain
from roadworthy.features.reading import Reading
from roadworthy.features.schema import InputSchema
from roadworthy.features.textual import CategoriesEncoder, CategoryEncoder, CrossEncoder
from roadworthy.features.vocabulary import Vocabulary

FEATURES_FORMAT = 1


class EncodedColumn(msgspec.Struct, frozen=True):
    """One column of the encoded matrix.

    size      for a category: how many numbers there are, the two reserved ones included; 0 for a number
    feature   the feature that it belongs to
    """

    name: str
    kind: Literal["number", "category"]
    size: int
    feature: str


class FeatureRecord(msgspec.Struct, frozen=True):
    """A declared feature as it is stored: its inputs by column name, its function by name."""

    name: str
    columns: tuple[str, ...]
    options: AnyOptions
    relative_to_now: bool = False
    own_output: bool = False


class FeaturesRecord(msgspec.Struct, frozen=True):
    """Fitted features as they are stored; `vocabularies` holds the entries by feature."""

    format: int
    input_schema: InputSchema
    features: tuple[FeatureRecord, ...]
    vocabularies: dict[str, tuple[str, ...]]


class Encoder(Protocol):
    """Fills the columns of one feature."""

    def write(self, reading: Reading, matrix: Floats) -> None:
        """Fill the feature's columns of a matrix of shape (n, width)."""
        ...

    def few(self, plain: Plain) -> list[Sequence[float]]:
        """What `write` would fill them with for a few plain rows, column by column."""
        ...

    def states(self, reading: Reading) -> npt.NDArray[np.int8]:
        """0 present, 1 missing, 2 unknown; shape (n,)."""
        ...


class FittedFeatures:
    """Turns rows into the matrix a model sees, the same for one row and for millions.

    columns   the columns of the matrix, in order
    width     how many they are
    schema    the inputs it needs; nullable where every feature that uses an input says what missing becomes
    records   the declared features, in order, with their flags
    """

    def __init__(self, record: FeaturesRecord, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._record = record
        self.schema = record.input_schema
        self.records = record.features
        self._vocabularies = {name: Vocabulary(entries) for name, entries in record.vocabularies.items()}
        columns: list[EncodedColumn] = []
        self._encoders: dict[str, Encoder] = {}
        self._textual: dict[str, CategoryEncoder | CrossEncoder | CategoriesEncoder] = {}
        for feature in record.features:
            encoder = _encoder(feature, len(columns), self._vocabularies, functions)
            if isinstance(encoder, CategoryEncoder | CrossEncoder | CategoriesEncoder):
                self._textual[feature.name] = encoder
            self._encoders[feature.name] = encoder
            vocabulary = _vocabulary(feature, self._vocabularies)
            for name in column_names(feature.name, feature.options):
                kind: Literal["number", "category"] = "number" if vocabulary is None else "category"
                size = 0 if vocabulary is None else vocabulary.size
                columns.append(EncodedColumn(name, kind, size, feature.name))
        self.columns = tuple(columns)
        self.width = len(columns)
        self._needed = frozenset(self.schema.names())
        self._few = [encoder.few for encoder in self._encoders.values()]

    @property
    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """The vocabulary of every feature that learned one."""
        return MappingProxyType(self._vocabularies)

    def entries(self, feature: str) -> tuple[str, ...]:
        """What has a number of its own in a feature of text, by its own vocabulary or the one that it shares."""
        vocabulary = _vocabulary(
            next(each for each in self.records if each.name == feature), self._vocabularies
        )
        return () if vocabulary is None else vocabulary.entries

    def encode(self, batch: Batch) -> Floats:
        """The matrix of shape (n, width), float64, C-contiguous; row i depends on row i of the batch only."""
        reading = self._reading(batch)
        matrix = np.empty((batch.n, self.width), dtype=np.float64)
        with np.errstate(all="ignore"):  # zero denominators and NaN have a declared encoding
            for encoder in self._encoders.values():
                encoder.write(reading, matrix)
        return matrix

    def encode_one(self, feature: str, batch: Batch) -> Floats:
        """The columns of one feature alone, shape (n, its columns), as they stand in what `encode` makes."""
        own = [place for place, column in enumerate(self.columns) if column.feature == feature]
        matrix = np.empty((batch.n, self.width), dtype=np.float64)
        with np.errstate(all="ignore"):
            self._encoders[feature].write(self._reading(batch), matrix)
        return matrix[:, own]

    def encode_few(self, plain: Plain) -> Floats:
        """The matrix that `encode` makes of the same rows, bit for bit, without a NumPy call for every feature."""
        columns: list[Sequence[float]] = []
        for encoder in self._few:
            columns += encoder(plain)
        # packing is twice as quick as `np.array` of lists
        numbers = struct.pack(f"{self.width * plain.n}d", *chain.from_iterable(columns))
        return np.frombuffer(numbers).reshape(self.width, plain.n).T.copy()

    def states(self, batch: Batch) -> dict[str, npt.NDArray[np.int8]]:
        """For every feature and row: 0 present, 1 missing, 2 unknown to the vocabulary; shape (n,) each."""
        reading = self._reading(batch)
        with np.errstate(all="ignore"):
            return {name: encoder.states(reading) for name, encoder in self._encoders.items()}

    def clean(self, batch: Batch) -> Batch:
        """What is looked up in the vocabularies: one column for every feature of text, named by the feature."""
        reading = self._reading(batch)
        return Batch({name: encoder.cleaned(reading) for name, encoder in self._textual.items()}, batch.n)

    def to_json(self) -> bytes:
        """Canonical JSON: sorted keys, exact floats; the same fit gives the same bytes."""
        return msgspec.json.encode(self._record, order="sorted")

    @classmethod
    def from_json(cls, text: bytes, functions: Mapping[str, Callable[..., Any]]) -> FittedFeatures:
        """The features that `to_json` wrote, with the user's functions by name.

        raises   CorruptArtifact when the text is not that; UnknownName when a function is not given
        """
        try:
            record = msgspec.json.decode(text, type=FeaturesRecord)
        except msgspec.DecodeError as error:
            raise CorruptArtifact(
                f"fitted features cannot be read: {error}: restore them from a copy"
            ) from None
        if record.format != FEATURES_FORMAT:
            raise CorruptArtifact(
                f"fitted features have format {record.format}, this build reads format {FEATURES_FORMAT}: "
                "use the build that wrote them, or train again"
            )
        return cls(record, functions)

    def _reading(self, batch: Batch) -> Reading:
        if not self._needed <= batch.columns.keys():
            absent = ", ".join(name for name in self.schema.names() if name not in batch.columns)
            raise DefinitionError(f"the batch lacks the inputs {absent}: make it with the features' schema")
        return Reading(batch.columns, batch.n)


def column_names(name: str, options: AnyOptions) -> tuple[str, ...]:
    """Names of the encoded columns of a feature: its own, or numbered from 0 for categories."""
    if isinstance(options, Categories):
        return tuple(f"{name}_{number}" for number in range(options.length))
    return (name,)


def _vocabulary(feature: FeatureRecord, vocabularies: Mapping[str, Vocabulary]) -> Vocabulary | None:
    shared = feature.options.vocabulary_of if isinstance(feature.options, Categories) else None
    return vocabularies.get(shared or feature.name)


def _encoder(
    feature: FeatureRecord,
    at: int,
    vocabularies: Mapping[str, Vocabulary],
    functions: Mapping[str, Callable[..., Any]],
) -> Encoder:
    options, columns = feature.options, feature.columns
    if isinstance(options, Number):
        return NumberEncoder(columns, options, at)
    if isinstance(options, Ratio):
        return RatioEncoder(columns, options, at)
    if isinstance(options, TimePart):
        return TimePartEncoder(columns, options, at)
    if isinstance(options, Custom):
        return CustomEncoder(columns, options, at, resolve(options.function, functions))
    vocabulary = _vocabulary(feature, vocabularies)
    if vocabulary is None:
        raise CorruptArtifact(
            f"fitted features have no vocabulary for {feature.name}: restore them from a copy"
        )
    if isinstance(options, Cross):
        return CrossEncoder(columns, at, vocabulary)
    clean = None if options.clean is None else resolve(options.clean, functions)
    if isinstance(options, Category):
        return CategoryEncoder(columns, options, at, vocabulary, clean)
    return CategoriesEncoder(columns, options, at, vocabulary, clean)
