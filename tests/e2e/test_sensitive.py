"""A worker whose model has a sensitive unit and a sensitive input: what is sent to it is kept as hashes alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from lightgbm import LGBMClassifier

from processes import Server, Starter, Version, plan_of, wait_until
from roadworthy.features.batch import Batch
from roadworthy.features.declare import Features, category, number
from roadworthy.features.hiding import hide_batch
from roadworthy.features.schema import Field, InputSchema
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.predictionlog.outcomes import OutcomeRule, labelled
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.roll import roll
from roadworthy.registry.artifact import publish
from roadworthy.sensitive import hashed_text, key_path, make_key, read_key
from roadworthy.traffic import Route
from roadworthy.training.fit import train
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe

CARD, SHOP = "4711-0815-SECRET", "NOBODYS-BUSINESS"
RULE = OutcomeRule(name="fraud", window=timedelta(days=1), absent="negative")
SENSITIVE = ("card", "shop")


def trained(directory: Path, key: bytes, sensitive: bool) -> Version:
    """A tiny version on cards and shops, sensitive ones or not."""
    schema = InputSchema((Field("card", "string"), Field("shop", "string"), Field("amount", "number")))
    chance = np.random.default_rng(3)
    rows = [{"card": f"c{at % 7}", "shop": f"s{at % 3}", "amount": float(at % 11)} for at in range(300)]
    batch = Batch.from_rows(rows, schema)
    recipe = Recipe(
        model="payments",
        unit="card",
        features=Features(
            card=category("card", sensitive=sensitive),
            shop=category("shop", sensitive=sensitive),
            amount=number("amount"),
        ),
        outcome={"name": "fraud"},
        estimator=LGBMClassifier(n_estimators=2, num_leaves=3, n_jobs=1, verbose=-1),
        threads=1,
    )
    hidden = hide_batch(batch, SENSITIVE, key) if sensitive else batch
    pack(train(recipe, schema, hidden, (chance.random(300) > 0.5).astype(float)), directory / "draft")
    return Version(*publish(directory / "draft", directory / "store"))


class Home:
    """A workspace with a key, and one worker in it."""

    def __init__(self, root: Path) -> None:
        self.root, self.node = root, NodeDirectory(root / "nodes" / "n")
        self.node.create()
        make_key(key_path(root))
        self.key = read_key(key_path(root))

    def hashed(self, text: str) -> str:
        """As the log names it."""
        return hashed_text(text, self.key)

    def log(self) -> PredictionLog:
        """Everything that was written, rolled."""
        roll(journals_in([self.node.journals]), self.root / "log")
        return PredictionLog(self.root / "log", [self.node.journals])

    def labels(self) -> dict[tuple[int, str], float | None]:
        """Version and unit → label, two days later."""
        later = datetime.now(UTC) + timedelta(days=2)
        rows = labelled(self.log(), "payments", RULE, later, columns=["version", "unit"]).to_pylist()
        return {(row["version"], row["unit"]): row["label"] for row in rows}

    def holds(self, text: str) -> list[str]:
        """Files that hold a text as it is, and records that do, however they are written down."""
        files = [path for path in self.root.rglob("*") if path.is_file()]
        found = [str(path) for path in files if text.encode() in path.read_bytes()]
        for path in journals_in([self.node.journals]):
            contents = read_journal(path)
            found += [repr(one) for one in (*contents.predictions, *contents.outcomes) if text in repr(one)]
        tables = self.log().predictions("payments"), self.log().outcomes("payments")
        return found + [str(row) for table in tables for row in table.to_pylist() if text in str(row)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A workspace that nobody wrote anything into."""
    return Home(tmp_path / "workspace")


def serving(start: Starter, home: Home, route: Route, *versions: Version) -> Server:
    """A worker with these versions."""
    home.node.write_plan(plan_of(1, route, *versions, model="payments"))
    server = start.worker(home.node)
    wait_until(server.ready, "readiness")
    return server


def fraud(unit: str) -> dict[str, object]:
    """A request that says of a card that it was fraud."""
    now = datetime.now(UTC).isoformat()
    one = {"id": "o1", "model": "payments", "name": "fraud", "value": True, "event_time": now, "unit": unit}
    return {"outcomes": [one]}


def test_what_is_sent_about_a_sensitive_unit_finds_its_prediction_and_is_kept_as_a_hash_alone(
    start: Starter, home: Home, tmp_path: Path
) -> None:
    """A prediction, its outcome, and what another system said about the same card: nowhere the card itself."""
    server = serving(start, home, Route(champion=1), trained(tmp_path, home.key, sensitive=True))
    row = {"card": CARD, "shop": SHOP, "amount": 3}
    assert server.predict(row, model="payments").status == 200
    assert server.ask("POST", "/v1/outcomes", fraud(CARD)).content == {"accepted": 1}
    inputs = {"card": CARD, "shop": SHOP, "amount": 3}
    told = {"model": "payments", "version": 9, "unit": CARD, "inputs": inputs, "output": 0.5}
    assert server.ask("POST", "/v1/log", {"predictions": [told]}).content == {"accepted": 1}
    server.stop()
    card, shop = home.hashed(CARD), home.hashed(SHOP)
    found = home.log().predictions("payments").sort_by("version").to_pylist()
    assert [(row["version"], row["role"], row["unit"], row["in_card"], row["in_shop"]) for row in found] == [
        (1, "champion", card, card, shop),
        (9, "shadow", card, card, shop),
    ]
    assert home.labels()[1, card] == 1.0
    assert home.holds(CARD) == home.holds(SHOP) == []


def test_while_an_older_version_logs_units_as_they_come_an_outcome_finds_the_predictions_of_both(
    start: Starter, home: Home, tmp_path: Path
) -> None:
    """Else every label of the champion would turn to no the moment its successor became a shadow."""
    versions = [trained(tmp_path / str(hidden), home.key, sensitive=hidden) for hidden in (False, True)]
    server = serving(start, home, Route(champion=1, shadow=2), *versions)
    assert server.predict({"card": CARD, "shop": SHOP, "amount": 3}, model="payments").status == 200
    assert server.ask("POST", "/v1/outcomes", fraud(CARD)).content == {"accepted": 1}
    server.stop()
    assert home.labels() == {(1, CARD): 1.0, (2, home.hashed(CARD)): 1.0}
