"""Will this customer buy, asked when the call begins? The last of `NUMBERS` is its duration, which nobody knows yet."""

from lightgbm import LGBMClassifier

from roadworthy import Features, Model, category, number, outcome
from tables import NUMBERS, TEXTS

known = {name: category(name, min_count=20) for name in TEXTS} | {name: number(name) for name in NUMBERS[:-1]}

bought = Model(
    name="bought",
    history="calls",
    unit="call",
    asked_at="called",
    outcome=outcome("bought", known_at="ended", window="2h"),
    features=Features(**known),
    estimator=LGBMClassifier(n_estimators=60, num_leaves=15, learning_rate=0.05, min_child_samples=100),
    limits={"auc": ">= 0.55", "calibration_error": "<= 0.15"},
    checks={"data": "advisory", "sampling": "advisory"},  # calls come in campaigns
)
