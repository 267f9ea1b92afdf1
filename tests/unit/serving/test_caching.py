"""The cache of frequent predictions: what is kept, for how long, and that nobody gets another version's answer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.serving.caching import Cache
from roadworthy.serving.scoring import said
from roadworthy.traffic import Route
from tests.unit.serving.test_predicting import Bench, half, rows, version


def test_an_output_is_forgotten_when_its_time_is_over() -> None:
    """And kept until then."""
    now = [0.0]
    cache = Cache(10, 5.0, lambda: now[0])
    cache.put([b"a"], [0.5])
    now[0] = 5.0
    assert cache.get([b"a"]) == [0.5]
    now[0] = 5.1
    assert cache.get([b"a"]) == [None]


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 5))
def test_the_rows_asked_last_are_the_ones_kept(asked: list[int], size: int) -> None:
    """Bounded whatever comes, and the least recently used go first."""
    cache = Cache(size, 60.0, lambda: 0.0)
    recent: list[int] = []
    for number in asked:
        key = b"%d" % number
        assert cache.get([key]) == ([float(number)] if number in recent else [None])
        cache.put([key], [float(number)])
        recent = [*(one for one in recent if one != number), number][-size:]
        assert len(cache) == len(recent)


def test_a_known_row_is_not_scored_again_and_logged_all_the_same(tmp_path: Path) -> None:
    """Three equal rows and a new one: two calls of the model, four records, two hits counted."""
    scored: list[int] = []

    def counting(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        scored.append(len(values))
        return values / 100

    loaded = dataclasses.replace(version(1, counting), cache=Cache(10, 60.0))
    bench = Bench(tmp_path, Route(champion=1), loaded)
    assert bench.answer(*rows(3.0)).outputs == [0.03]
    assert bench.answer(*rows(3.0, 4.0, 3.0)).outputs == [0.03, 0.04, 0.03]
    assert scored == [1, 1]
    assert [(record.status, record.version) for record in bench.log()] == [("ok", 1)] * 4
    series = bench.telemetry.samples()["roadworthy_cache_hit_rows_total"]
    assert series == {'model="delay",version="1"': 2}


def test_each_version_has_its_own_answers(tmp_path: Path) -> None:
    """The same row, another version: nothing is shared."""
    one = dataclasses.replace(version(1, half), cache=Cache(10, 60.0))
    two = dataclasses.replace(version(2, lambda values: values / 10), cache=Cache(10, 60.0))
    assert Bench(tmp_path / "one", Route(champion=1), one).answer(*rows(3.0)).outputs == [0.03]
    assert Bench(tmp_path / "two", Route(champion=2), two).answer(*rows(3.0)).outputs == [0.3]


def test_a_model_that_drops_a_row_poisons_no_cache(tmp_path: Path) -> None:
    """A wrong shape is an error, and the next call is scored again."""
    broken = dataclasses.replace(version(1, lambda values: values[:1]), cache=Cache(10, 60.0))
    assert "shape" in said(broken, [(1.0, "a"), (2.0, "b")]).error
    assert broken.cache is not None
    assert len(broken.cache) == 0
