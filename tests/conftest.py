"""Settings for every test: property tests at a modest count here, at full count under `make proof`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

PROOF = bool(os.environ.get("ROADWORTHY_PROOF"))

settings.register_profile(
    "quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "proof", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("proof" if PROOF else "quick")
