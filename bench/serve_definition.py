"""The model that `make bench-serve` serves everywhere: made flights, 17 features in 21 encoded columns, 200 trees.

It has the shape of examples/flights without its custom function: four texts and a cross of two, parts of a local time,
numbers that may be missing, a ratio, a list of five. Not here: anything about quality; the figures are made up.
"""

import numpy as np
import pyarrow as pa
from lightgbm import LGBMClassifier

from roadworthy import (
    Features,
    Model,
    categories,
    category,
    cross,
    hour,
    minute,
    number,
    outcome,
    ratio,
    table,
    weekday,
)

ROWS, DAYS = 20_000, 60
HOUR = 3_600_000_000
START = 1_704_067_200_000_000  # 2024-01-01
TIMES = pa.timestamp("us", "UTC")
LOCAL = "America/New_York"


def load_flights():
    """Made flights of sixty days, the same at every run."""
    chance = np.random.default_rng(7)
    carriers = np.array(["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS"])
    origins = np.array(["EWR", "JFK", "LGA"])
    destinations = np.array([f"{a}{b}X" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJ"])
    tails = np.array([f"N{n:05d}" for n in range(800)])
    scheduled = START + np.sort(chance.integers(0, DAYS * 24 * 4, ROWS)) * (HOUR // 4)
    carrier = chance.integers(0, len(carriers), ROWS)
    origin = chance.integers(0, len(origins), ROWS)
    dest = chance.integers(0, len(destinations), ROWS)
    tail = chance.integers(0, len(tails), ROWS)
    wind, rain = chance.gamma(3.0, 3.5, ROWS), chance.gamma(0.3, 0.1, ROWS)
    left = chance.integers(0, 60, ROWS)
    queue = chance.binomial(left, chance.beta(1.5, 6.0, ROWS))
    hours = (scheduled // HOUR) % 24
    score = (
        0.08 * hours
        + 0.05 * wind
        + 3.0 * rain
        + 4.0 * queue / np.maximum(left, 1)
        + 0.1 * (carrier % 5)
        - 4.0
    )
    late = chance.random(ROWS) < 1.0 / (1.0 + np.exp(-score))
    been = [
        destinations[chance.integers(0, len(destinations), n)].tolist() for n in chance.integers(0, 7, ROWS)
    ]

    def with_gaps(values, share):
        return pa.array(values, mask=chance.random(ROWS) < share)

    return pa.table(
        {
            "flight": [f"2024-{n:06d} {carriers[c]}{n % 4000}" for n, c in enumerate(carrier.tolist())],
            "carrier": carriers[carrier],
            "tailnum": with_gaps(tails[tail], 0.03),
            "origin": origins[origin],
            "dest": destinations[dest],
            "scheduled": pa.array(scheduled, TIMES),
            "distance": chance.integers(90, 2_600, ROWS).astype(float),
            "temp": with_gaps(np.round(chance.normal(50.0, 18.0, ROWS), 2), 0.01),
            "wind_speed": with_gaps(np.round(wind, 4), 0.01),
            "precip": with_gaps(np.round(rain, 2), 0.01),
            "visib": with_gaps(np.round(chance.beta(6.0, 1.0, ROWS) * 10.0, 2), 0.01),
            "pressure": with_gaps(np.round(chance.normal(1017.0, 7.0, ROWS), 1), 0.1),
            "left_late": queue.astype(float),
            "left": left.astype(float),
            "been": pa.array(been, pa.list_(pa.string())),
            "late": late,
            "landed_at": pa.array(scheduled + chance.integers(2, 12, ROWS) * (HOUR // 2), TIMES),
        }
    )


flights = table(
    "flights",
    key="flight",
    columns={
        "flight": "string",
        "carrier": "string(2)",
        "tailnum": "string?",
        "origin": "string(3)",
        "dest": "string(3)",
        "scheduled": "timestamp",
        "distance": "float > 0",
        "temp": "float?",
        "wind_speed": "float? >= 0",
        "precip": "float? >= 0",
        "visib": "float? >= 0",
        "pressure": "float?",
        "left_late": "float >= 0",
        "left": "float >= 0",
        "been": "strings",
        "late": "bool",
        "landed_at": "timestamp",
    },
    load=load_flights,
)

delay = Model(
    name="bench-delay",
    history="flights",
    unit="flight",
    asked_at="scheduled - 1h",
    outcome=outcome("late", known_at="landed_at", window="1d", absent="unknown"),
    features=Features(
        carrier=category("carrier"),
        tail=category("tailnum", min_count=10, max_size=5_000),
        origin=category("origin"),
        dest=category("dest", min_count=20),
        route=cross("origin", "dest", min_count=50),
        hour=hour("scheduled", timezone=LOCAL),
        minute=minute("scheduled", timezone=LOCAL),
        weekday=weekday("scheduled", timezone=LOCAL),
        distance=number("distance"),
        temperature=number("temp", missing=float("nan")),
        wind=number("wind_speed", missing=-1.0),
        rain=number("precip", missing=-1.0),
        visibility=number("visib", missing=-1.0),
        pressure=number("pressure", missing=float("nan")),
        queue=ratio("left_late", "left", when_zero=-1.0),
        busy=number("left"),
        been=categories("been", length=5, vocabulary_of="dest"),
    ),
    estimator=LGBMClassifier(
        n_estimators=200, num_leaves=31, learning_rate=0.05, min_child_samples=50, n_jobs=2
    ),
    slices=["carrier"],
    limits={"auc": ">= 0.5"},
)
