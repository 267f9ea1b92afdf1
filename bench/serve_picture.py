"""The picture of serving: requests a second as bars, p99 at fixed rates as lines, as SVG.

Not here: figures and page.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import vl_convert

from bench.serve_environments import version
from roadworthy.charts.look import VERSIONS, config

OWN, PEER, CEILING = VERSIONS["light"][0], "#9aa5b0", "#d5dae0"
BARS = 64

#: Whose latency is drawn; that of the others stands in the table.
SHOWN, GRANIAN = ("Roadworthy", "FastAPI", "KServe", "raw"), version("granian", "granian")


def draw(figures: dict[str, Any]) -> str:
    """The SVG."""
    chart = alt.hconcat(_rates(figures["servers"]), _latencies(figures["servers"]), spacing=60)
    look = {
        **config("light"),
        "background": "white",
        "padding": 16,
        "title": {"anchor": "start", "fontSize": 14},
    }
    svg: str = vl_convert.vegalite_to_svg({**chart.to_dict(), "config": look})
    return svg


def _rates(servers: dict[str, Any]) -> Any:
    rows = [
        {
            "server": name,
            "rate": found["closed"][str(BARS)]["rate"],
            "text": f"{found['closed'][str(BARS)]['rate']:,.0f}",
            "kind": found["kind"],
        }
        for name, found in servers.items()
    ]
    order = [row["server"] for row in sorted(rows, key=lambda row: -row["rate"])]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("server:N", sort=order, axis=alt.Axis(title=None, grid=False, labelLimit=260)),
        x=alt.X("rate:Q", axis=None),
    )
    colour = alt.Color(
        "kind:N",
        legend=None,
        scale=alt.Scale(domain=["roadworthy", "peer", "echo"], range=[OWN, PEER, CEILING]),
    )
    bars = base.mark_bar(height=16).encode(color=colour)
    texts = base.mark_text(align="left", dx=4, fontSize=12).encode(text="text:N")
    return (bars + texts).properties(
        width=300, height=26 * len(rows), title=f"Requests a second, {BARS} connections"
    )


def _latencies(servers: dict[str, Any]) -> Any:
    rows = [
        {"server": name, "rate": int(rate), "p99": seen["p99"], "kind": found["kind"]}
        for name, found in servers.items()
        for rate, seen in found["open"].items()
        if seen["p99"] > 0 and name.startswith(SHOWN) and not name.endswith(("workers", GRANIAN))
    ]
    furthest = {row["server"]: row for row in sorted(rows, key=lambda row: row["rate"])}
    axis = alt.Axis(title="requests due a second", values=[500, 1_000, 2_000, 4_000], format=",")
    x = alt.X("rate:Q", scale=alt.Scale(type="log", domain=[450, 4_500], nice=False), axis=axis)
    ticks = alt.Axis(title="ms", values=[0.1, 1, 10, 100, 1_000, 10_000], format="~g")
    y = alt.Y("p99:Q", scale=alt.Scale(type="log"), axis=ticks)
    domain = ["roadworthy", "peer", "echo"]
    colour = alt.Color("kind:N", legend=None, scale=alt.Scale(domain=domain, range=[OWN, PEER, "#b4bdc7"]))
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y, color=colour)
    lines = base.mark_line(strokeWidth=2).encode(detail="server:N")
    points = base.mark_point(filled=True, size=36, opacity=1.0)
    ends = alt.Chart(alt.InlineData(values=list(furthest.values()))).mark_text(
        align="left", dx=7, fontSize=11
    )
    names = ends.encode(x=x, y=y, text="server:N", color=colour)
    return (lines + points + names).properties(
        width=320, height=26 * max(8, len(servers)), title="p99 from when a request was due, by rate"
    )
