"""The model as somebody writes it by hand: the encoding of bench/serve_definition.py over dicts, and LightGBM's call.

Every peer uses this file. It needs numpy and lightgbm only, and Python 3.9.
"""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

LOCAL = ZoneInfo("America/New_York")
NAN = float("nan")


class Encoder:
    """Rows as dicts to the matrix that the trees were trained on."""

    def __init__(self, features_json):
        fitted = json.loads(features_json)["vocabularies"]

        def numbered(name):
            return {text: float(number) for number, text in enumerate(fitted[name], 2)} | {None: 0.0}

        self.carriers, self.tails, self.origins = numbered("carrier"), numbered("tail"), numbered("origin")
        self.destinations, self.routes = numbered("dest"), numbered("route")

    def encode(self, rows):
        """A float64 array of shape (rows, 21)."""
        return np.array([self.one(row) for row in rows], dtype=np.float64)

    def one(self, row):
        """One row: 21 numbers."""
        origin, dest = row["origin"], row["dest"]
        scheduled = row["scheduled"]
        if isinstance(scheduled, str):
            scheduled = datetime.fromisoformat(scheduled.replace("Z", "+00:00"))
        local = scheduled.astimezone(LOCAL)
        left, destinations = row["left"], self.destinations
        been = [destinations.get(text, 1.0) for text in row["been"][:5]]
        route = None if origin is None or dest is None else f"{origin}\x1f{dest}"
        return [
            self.carriers.get(row["carrier"], 1.0),
            self.tails.get(row["tailnum"], 1.0),
            self.origins.get(origin, 1.0),
            destinations.get(dest, 1.0),
            self.routes.get(route, 1.0),
            local.hour,
            local.minute,
            local.weekday(),
            row["distance"],
            or_else(row["temp"], NAN),
            or_else(row["wind_speed"], -1.0),
            or_else(row["precip"], -1.0),
            or_else(row["visib"], -1.0),
            or_else(row["pressure"], NAN),
            row["left_late"] / left if left else -1.0,
            left,
            *been,
            *([0.0] * (5 - len(been))),
        ]


def or_else(value, missing):
    """A number, or what stands for none."""
    return missing if value is None else value


class Served:
    """What a peer holds: the encoder and the trees, from the directory that the measurement wrote."""

    def __init__(self, directory):
        import lightgbm

        with open(f"{directory}/features.json", "rb") as file:
            self.encoder = Encoder(file.read())
        self.booster = lightgbm.Booster(model_file=f"{directory}/model.txt")

    def predict(self, rows):
        """Probabilities, one a row; one thread, since one row never earns a second."""
        return self.booster.predict(self.encoder.encode(rows), num_threads=1).tolist()
