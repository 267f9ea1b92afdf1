"""What every measurement leaves behind: figures, versions, and aims that were met or not."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("roadworthy", "numpy", "pyarrow", "duckdb", "lightgbm", "scikit-learn", "uvicorn", "sqlalchemy")


class Aim(msgspec.Struct, frozen=True):
    """What was wanted, and what came out."""

    aim: str
    goal: str
    measured: str
    met: bool


def publish(name: str, figures: Mapping[str, Any], aims: Sequence[Aim]) -> None:
    """Print the table and write `build/bench/NAME.json`."""
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("aim", "goal", "measured", "met"):
        table.add_column(column)
    for aim in aims:
        table.add_row(aim.aim, aim.goal, aim.measured, "yes" if aim.met else "no")
    console.print(table)
    versions = {package: version(package) for package in PACKAGES} | {"python": platform.python_version()}
    path = ROOT / "build" / "bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = msgspec.json.encode({"name": name, "figures": figures, "aims": aims, "versions": versions})
    path.write_bytes(msgspec.json.format(content, indent=2) + b"\n")
    console.print(f"written: {path.relative_to(ROOT)}")
