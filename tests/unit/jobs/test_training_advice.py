"""Small, uneven and suddenly large training sets are spoken about, others are not."""

from __future__ import annotations

from roadworthy.jobs.training_advice import advice


def test_the_published_uneven_split_is_called_uneven_and_the_even_one_is_not() -> None:
    """30 of 100: 2 of 20 held out is luck that measures nothing, 6 of 20 is even."""
    few, uneven = advice((80, 28), (20, 2), None)
    assert few.startswith("Few rows: at most 10,000 labelled ones are few, and these are 100. A clean label")
    assert uneven.endswith("and 10.0% of 20 held-out rows (2, even would be 6)")
    assert advice((80, 24), (20, 6), None) == [few]


def test_ten_thousand_rows_are_few_and_one_more_is_not() -> None:
    """From there on chance shares outcomes out well enough."""
    assert len(advice((8_000, 2_400), (2_000, 600), None)) == 1
    assert advice((8_001, 2_400), (2_000, 600), None) == []
    assert advice((8_001, 4_000), (2_000, 600), None) == []


def test_a_set_more_than_ten_times_as_large_is_said_to_be_another() -> None:
    """Data that grew so at once are of another source."""
    assert advice((100_000, 20_000), (20_000, 4_000), 10_000) == []
    (said,) = advice((100_001, 20_000), (20_000, 4_000), 10_000)
    assert said.startswith(
        "Another set: 100,001 rows are more than 10 times the 10,000 of the version before"
    )
