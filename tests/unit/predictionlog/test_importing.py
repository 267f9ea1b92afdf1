"""What the columns of a table of old predictions become in the log."""

from __future__ import annotations

import pyarrow as pa
import pytest

from roadworthy.errors import SchemaError
from roadworthy.predictionlog.importing import Meaning, shaped

MEANING = Meaning(model="fraud", namespace="default", unit="customer", time="asked", output="score")


def table(*scores: float | None) -> pa.Table:
    """Predictions with these outputs."""
    n = len(scores)
    return pa.table(
        {
            "customer": [f"c{number}" for number in range(n)],
            "asked": pa.array(range(n), pa.timestamp("us", "UTC")),
            "score": pa.array(scores, pa.float64()),
        }
    )


def test_an_output_that_is_no_probability_is_refused_with_its_column_and_rows() -> None:
    """Whoever names the wrong column learns it at the import, not from what a monitor makes of it."""
    with pytest.raises(SchemaError) as refused:
        shaped(table(0.4, 120.5, None, -0.1), MEANING, "old.csv")
    (fault,) = refused.value.faults
    assert str(fault) == "score: expected a probability, 0 to 1, got 120.5 (2 rows, first row 1)"
    assert refused.value.consequence == "Nothing was imported."


def test_zero_one_and_no_answer_at_all_are_outputs() -> None:
    """A model may be certain, or may have failed."""
    assert shaped(table(0.0, 1.0, None, float("nan")), MEANING, "old.csv")[0].num_rows == 4
