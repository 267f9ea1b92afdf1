"""A retraining that learned nothing: the flights model with leaves so large that no tree ever splits.

This is how it happens in life: a parameter was changed, training ended without an error, and the model says the base
rate to everybody.
"""

from dataclasses import replace

from lightgbm import LGBMClassifier

import delay

unlearned = replace(delay.delay, estimator=LGBMClassifier(n_estimators=200, min_child_samples=10_000_000))
