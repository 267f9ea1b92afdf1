"""Is this person employed? Labels come 60 days late; sex and race are protected, and no inputs."""

from lightgbm import LGBMClassifier

from roadworthy import Features, Model, category, number, outcome
from tables import PROTECTED, TEXTS

employed = Model(
    name="employed",
    history="people",
    unit="id",
    asked_at="asked",
    outcome=outcome("employed", known_at="asked + 60d", window="90d"),
    features=Features(age=number("AGEP"), **{name.lower(): category(name) for name in TEXTS}),
    context=PROTECTED,
    protected=PROTECTED,
    estimator=LGBMClassifier(n_estimators=100, num_leaves=15, min_child_samples=50),
    limits={"auc": ">= 0.85", "calibration_error": "<= 0.05"},
)
