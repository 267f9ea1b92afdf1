"""Predictions against outcomes: week by week, gap against its limits, area under the curve, reliability."""

from __future__ import annotations

from typing import Any

from roadworthy.charts import look
from roadworthy.charts.look import Rows, Spec

_HEIGHT = 240


def predicted_and_observed(weeks: Rows, span: tuple[int, int]) -> Spec:
    """Mean prediction as a line in the version's colour, observed rate as points with intervals.

    weeks   at (ms, middle of the week), version, predicted, observed, low, high (of the observed rate, or None),
            and texts week, predicted_text, observed_text, rows
    """
    alt = look.altair()
    rows = look.data(alt, look.named(weeks))
    x, color = look.time(alt, "at", span), look.version(alt, weeks)
    tooltip = look.tips(
        alt,
        week="week",
        name="predicted by",
        predicted_text="predicted",
        observed_text="observed",
        rows="labelled rows",
    )
    rate = look.amount(alt, "observed", "%", zero=True, nice=True)
    layers = [
        _whiskers(alt, weeks, x, "observed-line"),
        alt.Chart(rows)
        .mark_line(strokeWidth=2.5)
        .encode(x=x, y=look.amount(alt, "predicted", "%", zero=True, nice=True), color=color),
        alt.Chart(rows)
        .mark_point(size=55, filled=True, opacity=1.0, style="observed")
        .encode(x=x, y=rate, tooltip=tooltip),
    ]
    return look.finished(
        look.framed(alt, layers, span), _HEIGHT, "Mean prediction and observed rate of each week"
    )


def gap(weeks: Rows, span: tuple[int, int]) -> Spec:
    """Weekly gap (predicted minus observed) with its interval, over the band in which healthy weeks stay.

    weeks   as above, with gap, low, high, least, most (the band, or None), start, end (ms) and gap_text, band_text
    """
    alt = look.altair()
    x, color = look.time(alt, "at", span), look.version(alt, weeks)
    y = look.amount(alt, "gap", "+.0%", nice=True)
    banded = [row for row in weeks if row["least"] is not None]
    tooltip = look.tips(
        alt, week="week", name="version", gap_text="gap", band_text="healthy weeks", rows="labelled rows"
    )
    layers = [_zero(alt), _whiskers(alt, weeks, x, None, color)]
    if banded:
        band = alt.Chart(look.data(alt, banded)).mark_rect(style="healthy")
        layers.insert(
            0, band.encode(x=look.time(alt, "start", span), x2="end", y=_plain(alt, "least"), y2="most")
        )
    points = alt.Chart(look.data(alt, look.named(weeks))).mark_point(size=60, filled=True, opacity=1.0)
    layers.append(points.encode(x=x, y=y, color=color, tooltip=tooltip))
    return look.finished(
        look.framed(alt, layers, span), _HEIGHT, "Weekly gap between prediction and outcome, and its limits"
    )


def ranking(weeks: Rows, promised: Rows, span: tuple[int, int]) -> Spec:
    """Area under the ROC curve by week, against what training measured on held-out rows.

    weeks      as above, with auc, low, high and auc_text
    promised   version, auc, start, end (ms): the held-out area, drawn where the version served
    """
    alt = look.altair()
    x, color = look.time(alt, "at", span), look.version(alt, weeks)
    y = look.amount(alt, "auc", ".2f", zero=False, nice=True, padding=10)
    tooltip = look.tips(alt, week="week", name="version", auc_text="AUC", rows="labelled rows")
    layers = [_whiskers(alt, weeks, x, None, color)]
    if promised:
        rule = alt.Chart(look.data(alt, look.named(promised))).mark_rule(strokeDash=[5, 4], strokeWidth=1.5)
        layers.append(
            rule.encode(x=look.time(alt, "start", span), x2="end", y=_plain(alt, "auc"), color=color)
        )
    points = alt.Chart(look.data(alt, look.named(weeks))).mark_point(size=60, filled=True, opacity=1.0)
    layers.append(points.encode(x=x, y=y, color=color, tooltip=tooltip))
    return look.finished(look.framed(alt, layers, span), _HEIGHT, "Area under the ROC curve of each week")


def reliability(cells: Rows) -> Spec:
    """Observed rate by mean prediction, one point a cell, the diagonal where predictions mean what they say.

    cells   version, predicted, observed, low, high, n, and texts predicted_text, observed_text, rows
    """
    alt = look.altair()
    highest = max(max(row["predicted"], row["high"]) for row in cells)
    top = next(step for step in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if step >= min(highest, 1.0))
    scale = alt.Scale(domain=[0.0, top], clamp=True)
    axis = alt.Axis(format="%", title="predicted", tickCount=5, grid=False)
    x = alt.X("predicted:Q", scale=scale, axis=axis)
    color = look.version(alt, cells)
    tooltip = look.tips(
        alt, name="version", predicted_text="predicted", observed_text="observed", rows="labelled rows"
    )
    ideal = alt.Chart(
        look.data(alt, [{"predicted": 0.0, "observed": 0.0}, {"predicted": top, "observed": top}])
    )
    rows = alt.Chart(look.data(alt, look.named(cells)))
    y = look.amount(alt, "observed", "%", "observed", domain=[0.0, top], clamp=True)
    chart = alt.layer(
        ideal.mark_line(style="reference").encode(x=x, y=y),
        rows.mark_line(strokeWidth=1.5, opacity=0.6).encode(x=x, y=y, color=color),
        rows.mark_rule(strokeWidth=1.5).encode(
            x=x, y=alt.Y("low:Q", scale=alt.Scale(domain=[0.0, top], clamp=True)), y2="high", color=color
        ),
        rows.mark_point(filled=True, opacity=1.0).encode(
            x=x, y=y, color=color, tooltip=tooltip,
            size=alt.Size("n:Q", scale=alt.Scale(range=[25, 160]), legend=None),
        ),
    )  # fmt: skip
    return look.finished(chart, 340, "Observed rate by predicted probability, for each version")


def _whiskers(alt: Any, weeks: Rows, x: Any, style: str | None, color: Any = None) -> Any:
    """Intervals of the weeks that have one."""
    held = look.named([row for row in weeks if row["low"] is not None])
    mark = alt.Chart(look.data(alt, held)).mark_rule(strokeWidth=1.5, **({"style": style} if style else {}))
    made = mark.encode(x=x, y=_plain(alt, "low"), y2="high")
    return made if color is None else made.encode(color=color)


def _plain(alt: Any, name: str) -> Any:
    """A field on the shared vertical axis, without words of its own on it."""
    return alt.Y(f"{name}:Q", title=None)


def _zero(alt: Any) -> Any:
    return alt.Chart(look.data(alt, [{"gap": 0.0}])).mark_rule(style="reference").encode(y=alt.Y("gap:Q"))
