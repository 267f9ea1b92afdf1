"""docs/benchmarks.md: what build/bench/serve.json says, as tables and a picture, between two marks of the page.

`python -m bench.serve_page` writes it again without measuring. The rest of the page is left alone. Not here: figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.results import ROOT
from bench.serve_figures import ROADWORTHY as OWN
from bench.serve_picture import draw

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "benchmarks-serve.svg"
CEILING = "raw ASGI echo"
FIGURES = ROOT / "build" / "bench" / "serve.json"
BEGIN, END = "<!-- bench-serve: written by `make bench-serve` -->", "<!-- end of bench-serve -->"
HEAD = """# Benchmarks

Every figure here is printed by a command of this repository and can be repeated. Each command also writes
`build/bench/NAME.json` with all figures, versions and aims.

"""


def write_page() -> list[Path]:
    """Write picture and page from the newest figures; returns what was written."""
    content = msgspec.json.decode(FIGURES.read_bytes())
    PICTURE.write_text(draw(content["figures"]))
    page = PAGE.read_text() if PAGE.exists() else HEAD + f"{BEGIN}\n{END}\n"
    if BEGIN not in page:
        page += f"\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{section(content)}\n{END}{after}")
    return [PAGE, PICTURE]


def section(content: dict[str, Any]) -> str:
    """The text between the marks."""
    figures, versions = content["figures"], content["versions"]
    setting, servers = figures["setting"], figures["servers"]
    parts = [
        "## Serving",
        f"`make bench-serve` on {setting['cores']} cores ({setting['processor']}), {setting['memory_gigabytes']} GB, "
        f"{setting['system']}, Python {versions['python']}, LightGBM {versions['lightgbm']}, uvicorn "
        f"{versions['uvicorn']}. One LightGBM model of 200 trees and 21 encoded columns, one row a request, one "
        "process a server where nothing else is said. Client and servers share the cores. Before it is timed, every "
        "server answers 50 rows as the model does in process (to 1e-9).",
        *[f"**Note: {remark}.**" for remark in figures["remarks"] if "busy" in remark],
        f"![Requests a second and latency]({PICTURE.name})",
        "### Closed loop",
        f"wrk; the best of {setting['rounds']} rounds of {setting['seconds']} s. In brackets the share of the raw echo "
        "measured right before each round (median), which a busy machine changes less than the rate. CPU is that of "
        "all processes of the server.",
        _closed(servers),
        "### Open loop",
        "Requests are due at fixed times; latency in milliseconds counts from when a request was due. Our own client "
        f"(asyncio, uvloop) reaches {figures['client']['rate']:,.0f} req/s bare against the echo. "
        "A rate beyond a server is its last.",
        _open(servers),
        "### The bare call",
        _table(
            ("one row, in process", "p50 µs", "p99 µs"),
            [
                (name, f"{cost['p50_us']:.0f}", f"{cost['p99_us']:.0f}")
                for name, cost in figures["in_process"].items()
            ],
        ),
        *_overload(servers),
        *_rest(figures),
        "### Aims",
        _table(
            ("aim", "goal", "measured", "met"),
            [
                (aim["aim"], aim["goal"], aim["measured"], "yes" if aim["met"] else "**no**")
                for aim in content["aims"]
            ],
        ),
        *_unmeasured(figures),
        "Peers are configured as `bench/peers/*_app.py` says, from the versions locked beside them; they run "
        "`Booster.predict` after the same encoding written by hand, and log nothing.",
    ]
    return "\n\n".join(parts) + "\n"


def _closed(servers: dict[str, Any]) -> str:
    columns = (
        "server",
        "1",
        "16",
        "64 connections",
        "p50 at 1",
        "p99 at 64, ms",
        "p99.9",
        "CPU µs",
        "PSS MB",
        "first answer s",
    )
    return _table(columns, [_closed_row(name, found) for name, found in servers.items()])


def _closed_row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    cells = [found["closed"][key] for key in ("1", "16", "64")]
    first, last = cells[0]["best"], cells[2]["best"]
    shares = [f" ({cell['share']:.0%})" if name != CEILING else "" for cell in cells]
    ready = found["ready_seconds"]
    return (
        name,
        *(f"{cell['rate']:,.0f}{share}" for cell, share in zip(cells, shares, strict=True)),
        f"{first['p50']:.2f}",
        f"{last['p99']:.1f}",
        f"{last['p999']:.1f}",
        f"{last['cpu']:.0f}",
        f"{found['pss_megabytes']:.0f}",
        f"{ready:.1f}" if ready else "",
    )


def _open(servers: dict[str, Any]) -> str:
    rates = sorted({int(rate) for found in servers.values() for rate in found["open"]})
    rows = []
    for name, found in servers.items():
        cells = []
        for rate in rates:
            seen = found["open"].get(str(rate))
            cells.append(
                "" if seen is None else f"{seen['p50']:.2f} / {seen['p99']:.1f} / {seen['p999']:.1f}"
            )
        if any(cells):
            rows.append((name, *cells))
    return _table(("p50 / p99 / p99.9, ms", *(f"{rate:,} req/s" for rate in rates)), rows)


def _overload(servers: dict[str, Any]) -> list[str]:
    found = next((server["overload"] for server in servers.values() if server["overload"]), None)
    if found is None:
        return []
    rows = [
        (
            name,
            f"{seen['due']:,}",
            f"{seen['statuses'].get('200', 0):,}",
            ", ".join(f"{n:,} × {status}" for status, n in seen["statuses"].items() if status != "200"),
            f"{seen['unsent']:,}",
            f"{seen['sent_p50']:.1f} / {seen['sent_p99']:.1f}" if seen["sent_p99"] > 0 else "none kept",
        )
        for name, seen in found.items()
    ]
    return [
        "### Overload",
        "900 clients ask at a share of the rate of 64 connections, for five seconds; one that still waits when its "
        "next request is due does not send it. With a deadline, clients say that they wait 50 ms.",
        _table(
            ("of what it can do", "due", "answered", "refused", "not sent", "accepted p50 / p99, ms"), rows
        ),
    ]


def _rest(figures: dict[str, Any]) -> list[str]:
    lines = []
    for connections, cost in (figures["logging_cost"] or {}).items():
        lines.append(
            f"- Logging (making records and writing them, durability `process`), {connections} connections: "
            f"{cost['microseconds']:.1f} µs of a worker's processor time a request, {cost['processor']:.1%} of it."
        )
    own = figures["servers"].get(OWN)
    if own:
        best = own["closed"]["64"]["best"]
        lines.append(
            "- The supervisor, which rolls the log into Parquet beside the worker: "
            f"{best['cpu'] - best['cpu_worker']:.1f} µs a request at 64 connections."
        )
    memory = figures["memory"]
    if memory:
        lines.append(
            f"- Memory over {memory['predictions'][-1]:,} predictions: the worker's PSS {memory['worker'][0]:.1f} → "
            f"{memory['worker'][-1]:.1f} MB; with the supervisor {memory['everything'][0]:.1f} → "
            f"{memory['everything'][-1]:.1f} MB."
        )
    return ["### Cost", "\n".join(lines)] if lines else []


def _unmeasured(figures: dict[str, Any]) -> list[str]:
    lines = [f"- {name}: {reason}" for name, reason in figures["not_measured"].items()]
    lines += [f"- {remark}" for remark in figures["remarks"] if "busy" not in remark]
    return ["Not measured, or noted:", "\n".join(lines)] if lines else []


def _milliseconds(value: float) -> str:
    return "–" if value < 0 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    write_page()
