"""Functions that read the clock are found by their source."""

from __future__ import annotations

import pytest

from roadworthy.features.clockreading import clock_readers

HEAD = """
import time
import datetime as dt
import numpy as np
from datetime import datetime, date
from time import time as now
"""


@pytest.mark.parametrize(
    "body",
    [
        "time.time() - x", "dt.datetime.now()", "datetime.utcnow()", "date.today()", "now()", "time.monotonic()",
        "np.datetime64('now') - x",
    ],
)  # fmt: skip
def test_every_way_to_ask_the_time_is_found(body: str) -> None:
    """By module, by another name, by NumPy."""
    assert clock_readers(f"{HEAD}def f(x):\n    return {body}\n".encode()) == {"f"}


@pytest.mark.parametrize(
    "body", ["np.datetime64('2013-01-01') - x", "x.time()", "datetime.fromtimestamp(0)", "time.sleep(0)"]
)
def test_times_that_are_no_clock_are_not(body: str) -> None:
    """A fixed time, and a method of something else."""
    assert not clock_readers(f"{HEAD}def f(x):\n    return {body}\n".encode())


def test_whoever_asks_somebody_who_asks_the_time_reads_the_clock() -> None:
    """Through other functions, however many, and through the time at which the module was imported."""
    body = """
NOW = time.time() * 1e6
START = 0.0
def first(x): return time.time()
def second(x): return first(x) - x
def third(x): return second(x) * 2
def since(x): return (NOW - x) / 7
def apart(x): return x - START
"""
    assert clock_readers(f"{HEAD}{body}".encode()) == {"first", "second", "third", "since"}
