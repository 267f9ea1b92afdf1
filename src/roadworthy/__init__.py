"""Roadworthy runs machine-learning models in production and keeps them fit to be there.

Names are imported when first used, so that `import roadworthy` and the command line stay quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadworthy.automation import band as band
    from roadworthy.automation import rule as rule
    from roadworthy.clock import parse_instant as instant  # noqa: F401  # the public name
    from roadworthy.data.schema import table as table
    from roadworthy.data.sources import source as source
    from roadworthy.features.declare import Features as Features
    from roadworthy.features.declare import categories as categories
    from roadworthy.features.declare import category as category
    from roadworthy.features.declare import cross as cross
    from roadworthy.features.declare import day_of_year as day_of_year
    from roadworthy.features.declare import function as function
    from roadworthy.features.declare import hour as hour
    from roadworthy.features.declare import minute as minute
    from roadworthy.features.declare import number as number
    from roadworthy.features.declare import ratio as ratio
    from roadworthy.features.declare import weekday as weekday
    from roadworthy.jobs.workspace import Workspace as Workspace
    from roadworthy.jobs.workspace import open_workspace as open  # noqa: A004, F401  # roadworthy.open() is the public name
    from roadworthy.model import Model as Model
    from roadworthy.model import outcome as outcome

__version__ = "0.1.0"

_HOMES = {
    **dict.fromkeys(
        (
            "Features",
            "categories",
            "category",
            "cross",
            "day_of_year",
            "function",
            "hour",
            "minute",
            "number",
            "ratio",
            "weekday",
        ),
        "roadworthy.features.declare",
    ),
    "band": "roadworthy.automation",
    "rule": "roadworthy.automation",
    "instant": "roadworthy.clock",
    "source": "roadworthy.data.sources",
    "table": "roadworthy.data.schema",
    "Model": "roadworthy.model",
    "outcome": "roadworthy.model",
    "Workspace": "roadworthy.jobs.workspace",
    "open": "roadworthy.jobs.workspace",
}
_RENAMED = {"open": "open_workspace", "instant": "parse_instant"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'roadworthy' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
