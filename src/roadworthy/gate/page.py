"""A gate report as one HTML file that needs nothing else: no network, no script, light and dark.

Not here: the words (`wording`) and the markup (`templates/gate.html`); this file turns numbers into coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from roadworthy.gate import arranging, wording
from roadworthy.gate.check import number
from roadworthy.gate.report import GateReport

#: Side of a square picture and its inner margin, in the picture's own units.
SIZE, MARGIN = 320.0, 36.0

TEMPLATES = Environment(
    loader=PackageLoader("roadworthy.gate"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(report: GateReport) -> str:
    """The whole page as text, to be written as UTF-8."""
    evidence = {verdict.check: verdict.evidence for verdict in reversed(report.verdicts) if verdict.evidence}
    calibration = evidence.get("calibration", {})
    rows = evidence.get("champion_rows", {})
    return TEMPLATES.get_template("gate.html").render(
        report=report,
        wording=wording,
        number=number,
        blocking=arranging.reasons(report.decision.blocking),
        sections=arranging.sections(report),
        absent=arranging.not_applying(report),
        absent_names=arranging.absent_names(report),
        advisory=arranging.reasons(report.decision.advisory),
        reliability=reliability(calibration.get("tenths", [])),
        histogram=histogram(calibration.get("histogram", {})),
        moved_slices=rows.get("slices", []),
        moved_rows=rows.get("rows", []),
        size=SIZE,
        margin=MARGIN,
    )


def reliability(tenths: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Points and whiskers of the reliability picture; both axes run from 0 to the largest value drawn."""
    if not tenths:
        return None
    tops = [value for tenth in tenths for value in (tenth["score"], tenth["rate"], tenth["high"] or 0.0)]
    top = next(step for step in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if step >= min(max(tops), 1.0))

    def x(value: float) -> float:
        return round(MARGIN + (SIZE - 2 * MARGIN) * value / top, 1)

    def y(value: float) -> float:
        return round(SIZE - MARGIN - (SIZE - 2 * MARGIN) * value / top, 1)

    points = [
        {
            "x": x(tenth["score"]),
            "y": y(tenth["rate"]),
            "low": None if tenth["low"] is None else y(tenth["low"]),
            "high": None if tenth["high"] is None else y(tenth["high"]),
            "title": f"mean score {tenth['score']:.3f}, observed {tenth['rate']:.3f}, n={tenth['n']:,}",
        }
        for tenth in tenths
    ]
    ticks = [
        {"text": f"{value:.3g}", "x": x(value), "y": y(value)}
        for value in (0.0, top / 4, top / 2, 3 * top / 4, top)
    ]
    return {"points": points, "ticks": ticks}


def histogram(counts: Mapping[str, Sequence[int]]) -> dict[str, Any] | None:
    """Bars of the candidate's scores and the outline of the champion's; heights are shares of rows."""
    if not counts.get("candidate"):
        return None
    shares = {name: [count / max(sum(values), 1) for count in values] for name, values in counts.items()}
    top = max(max(values) for values in shares.values())
    bins = len(shares["candidate"])
    width, height = SIZE - 2 * MARGIN, SIZE - 2 * MARGIN

    def y(share: float) -> float:
        return round(SIZE - MARGIN - height * share / top, 1)

    bars = [
        {
            "x": round(MARGIN + width * index / bins, 1),
            "y": y(share),
            "height": round(SIZE - MARGIN - y(share), 1),
            "width": round(width / bins - 0.6, 1),
            "title": f"{share:.1%} of rows score {index / bins:.3f} to {(index + 1) / bins:.3f}",
        }
        for index, share in enumerate(shares["candidate"])
        if share > 0
    ]
    outline = ""
    for index, share in enumerate(shares.get("champion", [])):
        left, right = MARGIN + width * index / bins, MARGIN + width * (index + 1) / bins
        outline += f"{left:.1f},{y(share)} {right:.1f},{y(share)} "
    ticks = [
        {"text": f"{value:g}", "x": round(MARGIN + width * value, 1)} for value in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    return {"bars": bars, "outline": outline.strip(), "ticks": ticks, "top": f"{top:.0%}"}
