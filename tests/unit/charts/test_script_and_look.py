"""What every page with charts shares: the script that draws them, and the two themes."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from roadworthy.charts import daily, look, outcomes, timeline
from roadworthy.charts.script import bundle

SPAN = (1_372_636_800_000, 1_388_534_400_000)
WEEK = {
    "at": SPAN[0], "start": SPAN[0], "end": SPAN[1], "version": 2, "week": "w", "rows": "9", "predicted": 0.2,
    "observed": 0.3, "low": 0.1, "high": 0.4, "gap": -0.1, "least": -0.2, "most": 0.2, "auc": 0.7,
}  # fmt: skip


class Converter:
    """Stands in for the package that makes the script, and counts how often it was asked."""

    __version__ = "9"

    def __init__(self) -> None:
        self.asked = 0

    def javascript_bundle(self, vl_version: str) -> str:
        """A script that would end its own element."""
        self.asked += 1
        return f'"{vl_version} </script>"'


def test_the_script_is_made_once_and_cannot_end_its_element(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second page takes it from the directory."""
    converter = Converter()
    monkeypatch.setattr("roadworthy.charts.script.converter", lambda: converter)
    first, second = bundle(tmp_path / "cache"), bundle(tmp_path / "cache")
    assert first == second
    assert "</script" not in first
    assert converter.asked == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_both_themes_style_the_same_things() -> None:
    """No chart looks right in one theme and unstyled in the other."""

    def names(value: object) -> object:
        return {key: names(each) for key, each in value.items()} if isinstance(value, dict) else None

    assert names(look.config("light")) == names(look.config("dark"))


def test_no_specification_names_a_colour_and_every_style_it_names_exists() -> None:
    """One specification serves both themes, because colours are the theme's."""
    told = {"what": "", "period": "", "why": "", "who": "", "when": "", "role": ""}
    lasts = told | {"start": SPAN[0], "end": SPAN[1]}
    band = lasts | {"lane": "champion", "version": 2, "lasting": True}
    alarm = lasts | {"lane": "volume", "severity": "alarm"}
    decision = told | {"lane": "decisions", "at": SPAN[0], "kind": "promote"}
    lanes = ["champion", "decisions", "volume"]
    cell = WEEK | {"n": 40}
    day = {"at": SPAN[0], "times": 2.0, "beyond": True, "day": "", "measured": "", "limit": ""}
    specs = [
        timeline.timeline([band], [decision], [alarm, alarm | {"severity": "warning"}], lanes, SPAN),
        outcomes.predicted_and_observed([WEEK], SPAN),
        outcomes.gap([WEEK], SPAN),
        outcomes.ranking([WEEK], [WEEK], SPAN),
        outcomes.reliability([cell]),
        daily.volume([WEEK | {"bottom": 0, "top": 9, "day": "", "role": "", "count": "9"}], SPAN),
        daily.distance([day], SPAN, 2.0),
    ]
    text = json.dumps(specs)
    assert not re.search(r"#[0-9a-fA-F]{3,6}\b", text)
    assert set(re.findall(r'"style": "([\w-]+)"', text)) == set(look.config("light")["style"])


def test_marks_that_fall_together_stand_side_by_side_within_the_axis() -> None:
    """Four decisions of one minute at the end of the axis are four marks to see, in their order."""
    mark = {"lane": "decisions", "kind": "promote", "when": "", "who": "", "why": ""}
    rows = [mark | {"at": SPAN[1] - 60_000 + at, "what": str(at)} for at in range(4)]
    spec = timeline.timeline([], rows, [], ["decisions"], SPAN)
    [layer] = [layer for layer in spec["layer"] if "shape" in layer["encoding"]]
    drawn = spec["datasets"][layer["data"]["name"]]
    places = [row["at"] for row in drawn]
    assert [row["what"] for row in drawn] == ["0", "1", "2", "3"]
    assert all(later - earlier > 0.01 * (SPAN[1] - SPAN[0]) for earlier, later in itertools.pairwise(places))
    assert places[-1] < SPAN[1]
