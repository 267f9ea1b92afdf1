"""The page for blind rating as one HTML file: rows, two answers each, and a button that saves what was chosen.

Not here: which answer is whose; the page does not know it, nor does whoever reads its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from roadworthy.gate.page import TEMPLATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One row.

    name     what it is called in the answers
    values   what is known of it, as text
    a, b     the two probabilities
    """

    name: str
    asked_at: datetime
    values: Mapping[str, str]
    a: float
    b: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that the page shows.

    look       name of the page, kept in the answers
    reference  the version that is looked at
    outcome    name of the outcome whose probability is given
    """

    look: str
    reference: str
    outcome: str
    cards: tuple[Card, ...]


def render(page: Page) -> str:
    """The whole page as text, to be written as UTF-8."""
    return TEMPLATES.get_template("look.html").render(page=page, model=page.reference.partition("@")[0])
