"""Will this flight be cancelled, asked one hour before its scheduled departure? Rare: 2.5 %."""

from lightgbm import LGBMClassifier

from delay import features
from roadworthy import Model, outcome

cancelled = Model(
    name="flight-cancelled",
    history="flights",
    unit="flight",
    asked_at="scheduled - 1h",
    outcome=outcome("cancelled", known_at="settled_at", window="2d", absent="unknown"),
    features=features,
    estimator=LGBMClassifier(n_estimators=100, num_leaves=15, learning_rate=0.05, min_child_samples=100),
    slices=["carrier", "origin"],
    limits={"auc": ">= 0.65", "calibration_error": "<= 0.05", "champion_log_loss": "<= 0.005"},
)
