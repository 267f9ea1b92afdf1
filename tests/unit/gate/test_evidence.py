"""Evidence keeps rows together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate_evidence import healthy


@pytest.mark.parametrize("column", ["candidate", "champion", "baseline", "days"])
def test_a_column_of_another_length_is_refused(column) -> None:
    """Scores of other rows would be compared with these labels."""
    holdout = healthy().holdout
    with pytest.raises(ValueError, match=rf"{column} has shape \(7999,\), labels \(8000,\)"):
        replace(holdout, **{column: getattr(holdout, column)[1:]})


def test_a_slice_of_another_length_is_refused() -> None:
    """Named by its column."""
    with pytest.raises(ValueError, match="carrier"):
        replace(healthy().holdout, slices={"carrier": np.array(["UA"])})


def test_chance_starts_anew_for_every_check() -> None:
    """All checks resample the same days, and another seed other days."""
    draws = [healthy().chance().integers(1_000_000, size=5).tolist() for _ in range(2)]
    assert draws[0] == draws[1]
    assert replace(healthy(), seed=1).chance().integers(1_000_000, size=5).tolist() != draws[0]


def test_the_subject_is_a_reference() -> None:
    """As people type it."""
    assert healthy().subject == "flight-delay@2"
