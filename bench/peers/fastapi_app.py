"""Hand-written FastAPI: typed rows, the handler on the event loop, since a call this short is not worth a thread."""

import os
from datetime import datetime

from fastapi import FastAPI
from pydantic import BaseModel

from bench.peers.encode import Served

app = FastAPI()
served = Served(os.environ["BENCH_SHARED"])


class Row(BaseModel):
    """What a client sends."""

    carrier: str | None
    tailnum: str | None
    origin: str | None
    dest: str | None
    scheduled: datetime
    distance: float
    temp: float | None
    wind_speed: float | None
    precip: float | None
    visib: float | None
    pressure: float | None
    left_late: float
    left: float
    been: list[str]
    flight: str


class Body(BaseModel):
    """One request."""

    instances: list[Row]


class Answer(BaseModel):
    """Its answer."""

    predictions: list[float]


@app.post("/predict")
async def predict(body: Body) -> Answer:
    """Encode and predict."""
    return Answer(predictions=served.predict([row.model_dump() for row in body.instances]))
