"""Will this flight arrive more than 15 minutes late, asked one hour before its scheduled departure?"""

from lightgbm import LGBMClassifier

from functions import plane_age
from roadworthy import (
    Features,
    Model,
    categories,
    category,
    cross,
    function,
    hour,
    minute,
    number,
    outcome,
    ratio,
    source,
    weekday,
)

LOCAL = "America/New_York"

weather = source("weather", key="origin", known_at="observed_at + 1h", max_age="6h")
departures = source("departures", key="origin", known_at="left_at")
aircraft = source("departures", name="aircraft", key="tailnum", known_at="left_at", max_age="30d")
planes = source("planes", key="tailnum", known_at="always")

features = Features(
    carrier=category("carrier"),
    tail=category("tailnum", min_count=20, max_size=5_000),
    origin=category("origin"),
    dest=category("dest", min_count=20),
    route=cross("origin", "dest", min_count=50),
    hour=hour("scheduled", timezone=LOCAL),
    minute=minute("scheduled", timezone=LOCAL),
    weekday=weekday("scheduled", timezone=LOCAL),
    distance=number("distance"),
    age=function(plane_age, "scheduled", planes.latest("built"), missing=-1.0),
    temperature=number(weather.latest("temp"), missing=float("nan")),
    wind=number(weather.latest("wind_speed"), missing=-1.0),
    rain=number(weather.latest("precip"), missing=-1.0),
    visibility=number(weather.latest("visib"), missing=-1.0),
    pressure=number(weather.latest("pressure"), missing=float("nan")),
    queue=ratio(departures.count("late", over="2h"), departures.count(over="2h"), when_zero=-1.0),
    busy=number(departures.count(over="2h")),
    been=categories(aircraft.last("dest", n=5), length=5, vocabulary_of="dest"),
)

delay = Model(
    name="flight-delay",
    history="flights",
    unit="flight",
    asked_at="scheduled - 1h",
    outcome=outcome("late", known_at="landed_at", window="2d", absent="unknown"),
    features=features,
    estimator=LGBMClassifier(n_estimators=200, num_leaves=31, learning_rate=0.05, min_child_samples=50),
    slices=["carrier", "origin"],
    limits={"auc": ">= 0.62", "calibration_error": "<= 0.10", "champion_log_loss": "<= 0.01"},
)
