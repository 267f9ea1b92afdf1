"""How every chart looks, light and dark, and the library that draws them.

Not here: any chart. A specification names versions and styles only; the colours come from the theme of the page, so
one specification serves both.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from roadworthy.errors import NotReady

Theme = Literal["light", "dark"]
Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif'

#: Vertical axes of charts over time are equally wide, so that the same day stands in the same place.
AXIS_WIDTH = 46

#: From this length on, months are marked instead of days; the year stands at the first mark and at each January.
_LONG_MS = 75 * 86_400_000
_MONTHS = "utcFormat(datum.value, utcmonth(datum.value) == 0 || datum.index == 0 ? '%b %Y' : '%b')"

_INK = {"light": "#1c2126", "dark": "#e4e8ec"}
_SOFT = {"light": "#5c6670", "dark": "#9aa5b0"}
_LINE = {"light": "#e3e7eb", "dark": "#2c343c"}
_PAPER = {"light": "#ffffff", "dark": "#14181c"}
_ALARM = {"light": "#c2261f", "dark": "#ff7b72"}
_WARNING = {"light": "#c28a1a", "dark": "#e3b341"}
_BAND = {"light": "#8b97a3", "dark": "#7d8994"}

#: One colour a version, told apart in both themes and by people who see fewer colours.
VERSIONS = {
    "light": ["#2f6fb7", "#d9772b", "#2a8a6a", "#8a5bb5", "#b23a6b", "#7a6a3a", "#3a8fa8", "#6b7280"],
    "dark": ["#6aa9ea", "#f0a566", "#5cc9a0", "#b99be6", "#ea8ab0", "#c9b676", "#6cc5dd", "#a3acb6"],
}


def altair() -> Any:
    """The drawing library, loaded when first asked for; NotReady says how to install it."""
    try:
        return importlib.import_module("altair")
    except ImportError as error:
        raise _missing("altair") from error


def converter() -> Any:
    """The package that brings the page's JavaScript; NotReady says how to install it."""
    try:
        return importlib.import_module("vl_convert")
    except ImportError as error:
        raise _missing("vl-convert-python") from error


def config(theme: Theme) -> dict[str, Any]:
    """The Vega-Lite configuration of a theme, JSON-compatible."""
    soft, line = _SOFT[theme], _LINE[theme]
    return {
        "background": None,
        "font": FONT,
        "padding": {"left": 2, "right": 6, "top": 4, "bottom": 2},
        "view": {"stroke": None},
        "range": {"category": VERSIONS[theme]},
        "axis": {
            "labelColor": soft, "titleColor": soft, "labelFontSize": 12, "titleFontSize": 12,
            "titleFontWeight": "normal", "domain": False, "ticks": False, "gridColor": line, "labelPadding": 6,
            "labelLimit": 150,
        },
        "axisX": {"domain": True, "domainColor": line, "ticks": True, "tickColor": line, "labelFlush": True},
        "style": _styles(theme),
    }  # fmt: skip


def time(alt: Any, name: str, span: tuple[int, int]) -> Any:
    """The horizontal axis over event time in UTC, for marks in `framed` charts of the same `span`."""
    long = span[1] - span[0] > _LONG_MS
    expression = _MONTHS if long else "utcFormat(datum.value, '%-d %b')"
    ticks = {"tickCount": {"interval": "month", "step": 1}} if long else {}
    axis = alt.Axis(title=None, grid=False, labelOverlap="greedy", labelExpr=expression, **ticks)
    return alt.X(f"{name}:T", axis=axis, scale=alt.Scale(type="utc", nice=False))


def framed(alt: Any, layers: Sequence[Any], span: tuple[int, int]) -> Any:
    """Layers over one time axis from span[0] to span[1], in milliseconds since 1970.

    An invisible mark carries the domain: on a mark with two ends Vega-Lite reads a domain of times as numbers.
    """
    scale = alt.Scale(type="utc", domain=list(span), nice=False)
    frame = (
        alt.Chart(data(alt, [{"at": span[0]}])).mark_point(opacity=0.0).encode(x=alt.X("at:T", scale=scale))
    )
    return alt.layer(*layers, frame)


def amount(alt: Any, name: str, form: str, title: str | None = None, ticks: int = 5, **scale: Any) -> Any:
    """A vertical axis of numbers; the heading above most charts says of what."""
    axis = alt.Axis(title=title, format=form, minExtent=AXIS_WIDTH, tickCount=ticks)
    return alt.Y(f"{name}:Q", axis=axis, scale=alt.Scale(**scale))


def version(alt: Any, rows: Rows) -> Any:
    """The colour of a version: the same on the whole page, whose legend is text. `rows` carry `version` as a number."""
    names = [f"version {number}" for number in range(1, max(row["version"] for row in rows) + 1)]
    return alt.Color("name:N", scale=alt.Scale(domain=names), legend=None)


def named(rows: Rows) -> list[dict[str, Any]]:
    """The same rows with `name`, as people call the version."""
    return [{**row, "name": f"version {row['version']}"} for row in rows]


def tips(alt: Any, **fields: str) -> list[Any]:
    """What the tooltip lists: field → title; fields are shown as they are, so rows carry finished text."""
    return [alt.Tooltip(f"{name}:N", title=title) for name, title in fields.items()]


def data(alt: Any, rows: Rows) -> Any:
    """Rows that stand in the specification itself."""
    return alt.InlineData(values=list(rows))


def finished(chart: Any, height: int | dict[str, int], description: str) -> Spec:
    """The specification of a chart that is as wide as the page lets it be.

    description   what a person who cannot see it is told
    """
    spec: Spec = chart.properties(width="container", height=height, description=description).to_dict()
    spec.pop("config", None)
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec


def _styles(theme: Theme) -> dict[str, Any]:
    ink, soft, paper = _INK[theme], _SOFT[theme], _PAPER[theme]
    return {
        "observed": {"color": ink},
        "observed-line": {"color": soft},
        "reference": {"color": soft, "strokeDash": [4, 4], "strokeWidth": 1.2},
        "healthy": {"color": _BAND[theme], "opacity": 0.2},
        "alarm": {"color": _ALARM[theme]},
        "warning": {"color": _WARNING[theme]},
        "limit": {"color": _ALARM[theme], "strokeDash": [4, 3], "strokeWidth": 1.2},
        "quiet": {"color": _BAND[theme], "strokeWidth": 1.5},
        "band-label": {"color": paper, "fontSize": 12, "fontWeight": 600},
        "decision": {"color": ink},
    }


def _missing(package: str) -> NotReady:
    return NotReady(
        f"charts need {package}, which is not installed: pip install 'roadworthy[charts]', then try again"
    )
