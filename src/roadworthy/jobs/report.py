"""Writes one page with the life of a model, which loads nothing: what served, how well, what changed, who decided.

Not here: reading the stores (life), numbers (life_weeks, life_drift), charts (life_pictures), tables (life_tables).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from roadworthy.charts.look import config
from roadworthy.charts.script import bundle
from roadworthy.charts.timeline import SHAPES
from roadworthy.durable import write_whole
from roadworthy.jobs import life_tables as tables
from roadworthy.jobs import life_words as words
from roadworthy.jobs.life import Life, read_life
from roadworthy.jobs.life_drift import drift
from roadworthy.jobs.life_pictures import pictures
from roadworthy.jobs.life_weeks import reliability, totals, weeks
from roadworthy.jobs.stores import Stores

#: Inputs that get a picture; the rest stand in the table.
DRAWN = 6

_TEMPLATES = Environment(
    loader=PackageLoader("roadworthy.jobs"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["day_date"] = words.day_date


def report(stores: Stores, model: str) -> Path:
    """Write `reports/<model>.html` and return its path; an older one is replaced whole.

    raises   UnknownName for a model without versions, NotReady without the extra `charts`
    """
    life = read_life(stores, model)
    script = bundle(stores.settings.root / "cache")
    page = render(life, script, stores.clock.now(), stores.settings.namespace)
    path = stores.settings.reports / f"{model}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.encode())
    return path


def render(life: Life, script: str, now: datetime, namespace: str) -> str:
    """The page as text, to be written as UTF-8.

    script   the JavaScript that draws the charts
    """
    moved = drift(life)
    judged = weeks(life)
    cells = reliability(life)
    entries = tables.ledger(life)
    drawn = pictures(life, judged, cells, moved[:DRAWN])
    return _TEMPLATES.get_template("report.html").render(
        life=life,
        words=words,
        now=now,
        namespace=namespace,
        tiles=tables.tiles(life, judged),
        weeks=judged,
        beyond=[each for each in judged if each.beyond],
        totals=totals(life),
        moved=moved,
        drawn_inputs=min(len(moved), DRAWN),
        alarms=tables.alarms(life),
        versions=tables.versions(life),
        ledger=entries,
        charts=drawn,
        legend=[
            (glyph, kind) for kind, (_, glyph) in SHAPES.items() if kind in {row.kind for row in entries}
        ],
        specs=_in_script({"specs": drawn, "light": config("light"), "dark": config("dark")}),
        script=Markup(script),  # noqa: S704  # our own bundle; `bundle` escapes what could end the element
    )


def _in_script(value: Any) -> Markup:
    """JSON that may stand in a script element: nothing in it can end the element."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704
