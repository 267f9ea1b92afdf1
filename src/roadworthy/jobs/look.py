"""Writes the page on which people compare candidate and champion without knowing which is which.

Not here: which of two answers is whose, and the names of rows (looks); what people said (ratings).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from roadworthy.durable import write_whole
from roadworthy.errors import Refused
from roadworthy.gate.evidence import Holdout
from roadworthy.gate.look_page import Card, Page, render
from roadworthy.jobs.gate import compared_rows
from roadworthy.jobs.looks import Look, hashed, keys, names, page_path, remember
from roadworthy.jobs.stores import Stores
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer

#: Rows on a page, unless told otherwise: half an hour of a person's attention.
ROWS = 30


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What writing a page gave."""

    reference: str
    against: int
    rows: int
    page: Path

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        return [
            f"{self.rows} rows on which {self.reference} and version {self.against} differ most: {self.page}",
            "Whoever rates them opens the page, chooses an answer for each row and saves the ratings as a file. Then: "
            f"roadworthy look {self.reference} --ratings FILE",
        ]


def write_look(
    stores: Stores, reference: str, *, seed: str, rows: int = ROWS, against: int | None = None
) -> Looked:
    """Write the page for a version; an older page is replaced, and ratings of it are still understood.

    seed      text nobody can guess, new for every page
    rows      how many rows, those with the largest difference between the two answers
    against   the version to compare with; the champion by default
    raises    Refused where there is no other version to compare with, or it cannot be scored on these rows;
              TooFewSamples where each of them was forgotten
    """
    row = stores.versions.resolve(reference)
    other = _other(stores, row, against)
    table, holdout, scorer = compared_rows(stores, row, other)
    look = Look(
        id=hashed(seed, "look", row.reference)[:12], seed=seed, model=row.model, version=row.version,
        against=other.version, at=stores.clock.now(),
    )  # fmt: skip
    cards = _cards(look, table, holdout, scorer, rows)
    text = render(
        Page(
            look=look.id,
            reference=row.reference,
            outcome=str(scorer.model.outcome.get("name", "")),
            cards=cards,
        )
    )
    remember(stores, row, look)
    path = page_path(stores, row)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return Looked(reference=row.reference, against=other.version, rows=len(cards), page=path)


def _other(stores: Stores, row: VersionRow, against: int | None) -> VersionRow:
    champion = stores.plans.route(row.model)[1].champion
    number = champion if against is None else against
    if number is None:
        raise Refused(f"no version of {row.model} answers yet; name one to compare with: --against 1")
    if number == row.version:
        raise Refused(
            f"{row.reference} would be compared with itself; name another version: --against, or look at a candidate"
        )
    return stores.versions.get(row.model, number)


def _cards(look: Look, table: pa.Table, holdout: Holdout, scorer: Scorer, rows: int) -> tuple[Card, ...]:
    """The rows that differ most, in an order that tells nothing."""
    if holdout.champion is None:
        raise Refused(f"version {look.against} cannot be compared on these rows: {holdout.unscored}")
    order = np.argsort(-np.abs(holdout.candidate - holdout.champion), kind="stable")[:rows]
    found = table.take(order)
    shown = [name for name in scorer.schema.names() if _is_shown(scorer, name)]
    cards = {}
    for at, name, values in zip(
        order, names(look, *keys(found, scorer.unit)), found.to_pylist(), strict=True
    ):
        pair = float(holdout.candidate[at]), float(holdout.champion[at])
        first, second = pair if look.candidate_first(name) else pair[::-1]
        cards[name] = Card(
            name=name, asked_at=values["asked_at"], values={key: shown_value(values[key]) for key in shown},
            a=first, b=second,
        )  # fmt: skip
    return tuple(cards[name] for name in sorted(cards))


def _is_shown(scorer: Scorer, name: str) -> bool:
    """Inputs and context, but no hash of something sensitive, and no unit: it could be looked up what became of it."""
    return name not in scorer.schema.sensitive and name != scorer.unit


def shown_value(value: Any) -> str:
    """A raw value as a person reads it.

    >>> shown_value(None), shown_value(3.14159265), shown_value(["JFK", None]), shown_value(True)
    ('missing', '3.14159', 'JFK, missing', 'yes')
    """
    match value:
        case None:
            return "missing"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case list():
            return ", ".join(map(shown_value, value)) or "none"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
    return str(value)
