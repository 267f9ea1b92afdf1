"""The life of a model as bands over event time: what served, what people and guards decided, what alarmed."""

from __future__ import annotations

from typing import Any

from roadworthy.charts import look
from roadworthy.charts.look import Rows, Spec

#: Part of the axis below which a band is too short to be written on.
_ROOM_FOR_TEXT = 0.09

#: Part of the axis that a mark takes.
_MARK = 0.018

#: Part of the axis below which a band would not be seen and is drawn as a mark.
_TOO_SHORT = 0.004

#: What a decision looks like, and the character that stands for it in a legend.
SHAPES = {
    "shadow": ("square", "■"),
    "canary": ("circle", "●"),
    "promote": ("triangle-up", "▲"),
    "rollback": ("triangle-down", "▼"),
    "gate not passed": ("cross", "✚"),
    "override": ("diamond", "◆"),
}

_LANE = 26


def timeline(bands: Rows, decisions: Rows, alarms: Rows, lanes: list[str], span: tuple[int, int]) -> Spec:
    """Bands of versions, marks of decisions and bars of alarms, one lane each.

    bands       lane, start, end (ms), version, role, period, lasting (bool): who answered
    decisions   lane, at (ms), kind (of SHAPES), what, when, who, why
    alarms      lane, start, end (ms), severity ("alarm" or "warning"), what, period, why
    lanes       from top to bottom
    span        domain of the time axis, ms
    """
    alt = look.altair()
    layers = [
        *_bands(alt, bands, lanes, span),
        *_alarms(alt, alarms, lanes, span),
        *_decisions(alt, _side_by_side(decisions, span), lanes, span),
    ]
    chart = look.framed(alt, layers, span)
    return look.finished(
        chart, _LANE * len(lanes), "Which version answered when, decisions and alarms, over event time"
    )


def _lane(alt: Any, lanes: list[str]) -> Any:
    scale = alt.Scale(domain=lanes, paddingInner=0.25, paddingOuter=0.15)
    return alt.Y("lane:N", sort=lanes, title=None, scale=scale, axis=alt.Axis(minExtent=130))


def _bands(alt: Any, rows: Rows, lanes: list[str], span: tuple[int, int]) -> list[Any]:
    if not rows:
        return []
    room = (span[1] - span[0]) * _ROOM_FOR_TEXT
    y, color = _lane(alt, lanes), look.version(alt, rows)
    tooltip = look.tips(alt, name="version", role="role", period="period")
    whole = alt.Chart(look.data(alt, look.named(rows)))
    brief = (span[1] - span[0]) * _TOO_SHORT
    short = alt.Chart(
        look.data(
            alt, [row for row in look.named(rows) if row["end"] - row["start"] < brief and not row["lasting"]]
        )
    )
    wide = alt.Chart(look.data(alt, [row for row in look.named(rows) if row["end"] - row["start"] > room]))
    return [
        whole.mark_bar(cornerRadius=3).encode(
            x=look.time(alt, "start", span), x2="end", y=y, color=color, tooltip=tooltip
        ),
        short.mark_tick(thickness=4, bandSize=_LANE * 0.75, opacity=1.0).encode(
            x=look.time(alt, "start", span), y=y, color=color, tooltip=tooltip
        ),
        wide.mark_text(align="left", dx=8, style="band-label").encode(
            x=look.time(alt, "start", span), y=y, text="name:N"
        ),
    ]


def _alarms(alt: Any, rows: Rows, lanes: list[str], span: tuple[int, int]) -> list[Any]:
    layers = []
    for severity in ("warning", "alarm"):
        found = [row for row in rows if row["severity"] == severity]
        if not found:
            continue
        chart = alt.Chart(look.data(alt, found))
        y, x = _lane(alt, lanes), look.time(alt, "start", span)
        tooltip = look.tips(alt, what="what", severity="severity", period="period", why="why")
        layers.append(
            chart.mark_bar(cornerRadius=2, height=9, opacity=0.75, style=severity).encode(
                x=x, x2="end", y=y, tooltip=tooltip
            )
        )
        tick = chart.mark_tick(thickness=3, bandSize=9, opacity=1.0, style=severity)
        layers.append(tick.encode(x=x, y=y, tooltip=tooltip))
    return layers


def _decisions(alt: Any, rows: Rows, lanes: list[str], span: tuple[int, int]) -> list[Any]:
    if not rows:
        return []
    kinds = [kind for kind in SHAPES if any(row["kind"] == kind for row in rows)]
    scale = alt.Scale(domain=kinds, range=[SHAPES[kind][0] for kind in kinds])
    return [
        alt.Chart(look.data(alt, rows))
        .mark_point(size=110, filled=True, opacity=1.0, style="decision")
        .encode(
            x=look.time(alt, "at", span),
            y=_lane(alt, lanes),
            shape=alt.Shape("kind:N", scale=scale, legend=None),
            tooltip=look.tips(alt, what="decision", when="when", who="by", why="reason"),
        )
    ]


def _side_by_side(rows: Rows, span: tuple[int, int]) -> Rows:
    """The marks with `at` moved so that none hides another; the tooltip keeps the true time."""
    room = round((span[1] - span[0]) * _MARK)
    placed: list[int] = []
    for row in sorted(rows, key=lambda row: int(row["at"])):
        placed.append(max(row["at"], placed[-1] + room) if placed else row["at"])
    for back, at in enumerate(reversed(placed)):
        placed[len(placed) - 1 - back] = min(at, span[1] - round(room * (back + 0.5)))
    ordered = sorted(rows, key=lambda row: int(row["at"]))
    return [{**row, "at": at} for row, at in zip(ordered, placed, strict=True)]
