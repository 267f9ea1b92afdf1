"""Day by day: how many predictions were answered, and how far inputs are from what the version was trained on."""

from __future__ import annotations

from roadworthy.charts import look
from roadworthy.charts.look import Rows, Spec


def volume(days: Rows, span: tuple[int, int]) -> Spec:
    """Answers a day, versions stacked.

    days   start, end (ms), version, bottom, top (stacked counts), and texts day, role, count
    """
    alt = look.altair()
    chart = (
        alt.Chart(look.data(alt, look.named(days)))
        .mark_rect()
        .encode(
            x=look.time(alt, "start", span),
            x2="end",
            y=look.amount(alt, "top", ",d", zero=True),
            y2="bottom",
            color=look.version(alt, days),
            tooltip=look.tips(alt, day="day", name="version", role="role", count="predictions"),
        )
    )
    return look.finished(look.framed(alt, [chart], span), 170, "Predictions answered on each day")


def distance(days: Rows, span: tuple[int, int], top: float) -> Spec:
    """Distance of one input as a multiple of its threshold; above 1 it is reported.

    days   at (ms), times (the multiple), beyond (bool: it was reported), and texts day, measured, limit
    top    end of the vertical axis, the same for all inputs
    """
    alt = look.altair()
    chart = alt.Chart(look.data(alt, days))
    x = look.time(alt, "at", span)
    y = look.amount(alt, "times", "~g", ticks=3, domain=[0.0, top])
    tooltip = look.tips(alt, day="window ends", measured="distance", limit="threshold")
    layers = [
        chart.mark_line(style="quiet", interpolate="linear").encode(x=x, y=y),
        alt.Chart(look.data(alt, [{"times": 1.0}])).mark_rule(style="limit").encode(y=alt.Y("times:Q")),
        chart.mark_point(size=30, opacity=0.0).encode(x=x, y=y, tooltip=tooltip),
    ]
    beyond = [row for row in days if row["beyond"]]
    if beyond:
        points = alt.Chart(look.data(alt, beyond)).mark_point(
            size=14, filled=True, opacity=1.0, style="warning"
        )
        layers.append(points.encode(x=x, y=y, tooltip=tooltip))
    return look.finished(
        look.framed(alt, layers, span), 110, "Distance of an input from its reference, in thresholds, by day"
    )
