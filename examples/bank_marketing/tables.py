"""Calls of a Portuguese bank, 2008 to 2010 (Moro, Cortez, Rita 2014): $BANK_MARKETING names bank-full.csv(.gz)."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from roadworthy import table

TEXTS = ["job", "marital", "education", "default", "housing", "loan", "contact", "poutcome"]
NUMBERS = ["age", "balance", "campaign", "pdays", "previous", "duration"]
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def load():
    """Rows are ordered by date and give day and month: a month below the one before begins another year."""
    raw = csv.read_csv(os.environ["BANK_MARKETING"])
    month = np.array([MONTHS.index(name) for name in raw["month"].to_pylist()])
    months = (2008 - 1970 + np.cumsum(np.diff(month, prepend=month[0]) < 0)) * 12 + month
    days = months.astype("datetime64[M]").astype("datetime64[D]") + raw["day"].to_numpy() - 1
    called = days.astype("datetime64[us]") + np.timedelta64(10, "h")  # no time of day is given
    times = {"called": called, "ended": called + raw["duration"].to_numpy() * np.timedelta64(1, "s")}
    rows = {name: raw[name] for name in TEXTS + NUMBERS} | {"bought": pc.equal(raw["y"], "yes")}
    rows["call"] = [f"C{number:05d}" for number in range(len(raw))]
    return pa.table(rows | {name: pa.array(at, pa.timestamp("us", "UTC")) for name, at in times.items()})


columns = dict.fromkeys(["call", *TEXTS], "string") | dict.fromkeys(NUMBERS, "float") | {"bought": "bool"}
calls = table("calls", key="call", columns=columns | {"called": "timestamp", "ended": "timestamp"}, load=load)
