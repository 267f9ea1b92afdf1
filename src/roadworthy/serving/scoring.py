"""What a version says to rows, looked at before anybody trusts it, and the rows of many requests kept apart.

Not here: which version is asked (predicting) and the prediction log (recording). Safe to run off the event loop.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from roadworthy.automation import decision_for
from roadworthy.scorer import Scored
from roadworthy.serving.table import Loaded
from roadworthy.traffic import Role

logger = logging.getLogger("roadworthy.worker")

#: Rows scored in one call; a larger share is scored in pieces.
MAX_BATCH_ROWS = 4_096

_LITTLE_ENDIAN = np.dtype("<f8")


@dataclass(slots=True)
class Said:
    """What a version said to rows, or why it said nothing.

    encoded   little-endian float64, row after row; b"" where nothing was encoded
    outputs   one number a row; None where the model said nothing
    error     why it said nothing to any row; "" when it did
    wrong     place of a row → what is wrong with its number
    hits      rows whose output came from the cache
    """

    encoded: bytes
    outputs: list[float] | None
    error: str = ""
    wrong: dict[int, str] = field(default_factory=dict)
    hits: int = 0


@dataclass(slots=True)
class Share:
    """Rows that one version is asked, from any number of requests; all lists have one entry a row.

    owners   number of the request in its batch
    places   number of the row in its request
    rows     the values, in the order of the version's schema
    said     what the version said
    decisions   place in this share → what its caller is told to do, where that is not just to use the output
    """

    role: Role
    version: int
    propensity: float
    owners: list[int]
    places: list[int]
    rows: list[tuple[Any, ...]]
    said: Said = field(default_factory=lambda: Said(b"", None, "it was not asked"))
    decisions: dict[int, str] = field(default_factory=dict)

    def of(self, owner: int) -> Share:
        """The rows of one request."""
        chosen = [at for at, one in enumerate(self.owners) if one == owner]
        return self.at(chosen)

    def at(self, chosen: Sequence[int]) -> Share:
        """The rows at these places, not asked yet."""
        return Share(
            self.role,
            self.version,
            self.propensity,
            [self.owners[at] for at in chosen],
            [self.places[at] for at in chosen],
            [self.rows[at] for at in chosen],
        )

    def keep(self, places: Sequence[int]) -> Share:
        """The rows at these places with what was said to them."""
        share, said = self.at(places), self.said
        width = len(said.encoded) // len(self.rows)
        share.said = Said(
            b"".join(said.encoded[at * width : (at + 1) * width] for at in places),
            None if said.outputs is None else [said.outputs[at] for at in places],
            said.error,
            {place: said.wrong[at] for place, at in enumerate(places) if at in said.wrong},
        )
        share.decisions = {
            place: self.decisions[at] for place, at in enumerate(places) if at in self.decisions
        }
        return share


def ask(loaded: Loaded, share: Share, *, rule: bool = False) -> list[Share]:
    """Let a version answer a share; where it breaks on the rows of several requests, each of them is asked alone.

    So a row on which a model raises, or which makes it return too few numbers, fails only its own request.

    rule   ask the fallback rule of the version instead
    """
    share.said = said(loaded, share.rows, rule=rule)
    parts = [share]
    if share.said.error and share.owners[0] != share.owners[-1]:
        parts = [share.of(owner) for owner in dict.fromkeys(share.owners)]
        for part in parts:
            part.said = said(loaded, part.rows, rule=rule)
    for part in parts:
        decide(loaded, part)
    return parts


def said(loaded: Loaded, rows: Sequence[tuple[Any, ...]], *, rule: bool = False) -> Said:
    """What the version says to these rows, or its fallback rule; exceptions and wrong shapes become an error."""
    try:
        scored, hits = (_ruled(loaded, rows), 0) if rule else _scored(loaded, rows)
        encoded = np.ascontiguousarray(scored.encoded, dtype=_LITTLE_ENDIAN)
        output = np.asarray(scored.output, dtype=np.float64)
    except Exception as error:
        logger.exception("%s@%d raised", loaded.prepared.model, loaded.prepared.version)
        return Said(b"", None, f"it raised {type(error).__name__}")
    if output.shape != (len(rows),) or encoded.shape[:1] != output.shape:
        return Said(b"", None, f"it gave an output of shape {output.shape} for {len(rows)} rows")
    outputs: list[float] = output.tolist()
    return Said(encoded.tobytes(), outputs, wrong=_wrong(outputs, loaded.clamp), hits=hits)


def _ruled(loaded: Loaded, rows: Sequence[tuple[Any, ...]]) -> Scored:
    return Scored(np.empty((len(rows), 0)), loaded.scorer.rule(rows))


def _scored(loaded: Loaded, rows: Sequence[tuple[Any, ...]]) -> tuple[Scored, int]:
    """Encoded rows and outputs, and how many of these the cache knew."""
    if len(rows) <= MAX_BATCH_ROWS:
        return _piece(loaded, rows)
    firsts = range(0, len(rows), MAX_BATCH_ROWS)
    pieces = [_piece(loaded, rows[first : first + MAX_BATCH_ROWS]) for first in firsts]
    encoded = np.concatenate([scored.encoded for scored, _ in pieces])
    output = np.concatenate([np.asarray(scored.output) for scored, _ in pieces])
    return Scored(encoded, output), sum(hits for _, hits in pieces)


def _piece(loaded: Loaded, rows: Sequence[tuple[Any, ...]]) -> tuple[Scored, int]:
    if loaded.cache is None:
        return loaded.scorer.score_rows(rows), 0
    encoded = loaded.scorer.encode_rows(rows)
    keys = [row.tobytes() for row in encoded]
    known = loaded.cache.get(keys)
    unknown = [at for at, output in enumerate(known) if output is None]
    if unknown:
        said = np.asarray(loaded.scorer.predictor.predict(encoded[unknown]), dtype=np.float64)
        if said.shape != (len(unknown),):
            return Scored(encoded, said), 0
        loaded.cache.put([keys[at] for at in unknown], said.tolist())
        for at, output in zip(unknown, said.tolist(), strict=True):
            known[at] = output
    return Scored(encoded, np.array(known, dtype=np.float64)), len(rows) - len(unknown)


def _wrong(outputs: Sequence[float], clamp: tuple[float, float]) -> dict[int, str]:
    """The rows whose number cannot be an answer, and why."""
    low, high = clamp
    total = sum(outputs)  # NaN if one of them is
    if total == total and low <= min(outputs, default=low) and max(outputs, default=high) <= high:
        return {}
    return {
        at: f"outside {low:g} to {high:g}" if math.isfinite(value) else "not a finite number"
        for at, value in enumerate(outputs)
        if not low <= value <= high
    }


def decide(loaded: Loaded, share: Share) -> None:
    """Note the rows whose output lies in a band that the version does not decide alone; a shadow decides nothing."""
    bands = loaded.scorer.model.serving.bands
    if not bands or share.role == "shadow":
        return
    for at, output in enumerate(share.said.outputs or ()):
        decision = decision_for(bands, output)
        if decision is not None and at not in share.said.wrong:
            share.decisions[at] = decision
