"""The budget: one place, named checks, shares in proportion."""

from __future__ import annotations

import pytest

from roadworthy.errors import UnknownName
from roadworthy.monitoring.budget import SHARES, Budget


def test_a_budget_scales_every_share() -> None:
    """Half the budget is half of each."""
    for check, share in SHARES.items():
        assert Budget(0.5).of(check) == share.per_year / 2


def test_exact_checks_spend_nothing() -> None:
    """Comparing exactly raises no false alarm."""
    assert Budget().of("encoding_parity") == Budget().of("source_parity") == 0.0


def test_an_unknown_check_is_named_with_those_that_exist() -> None:
    """The error tells what could have been meant."""
    with pytest.raises(UnknownName, match="calibration, calibration_error"):
        Budget().of("callibration")
