"""Profiles: what is counted, in which cells, and what comes back out of the counts."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.errors import DefinitionError, TooFewSamples
from roadworthy.features.batch import Batch, Lists, Strings
from roadworthy.profiles.cells import CategoryCells, NoCells, NumberCells, cell_of, labels, learn_cells
from roadworthy.profiles.counting import count_days
from roadworthy.profiles.reference import build_reference
from roadworthy.profiles.scores import SCORE_CELLS, binned_auc, score_cell, score_quantile
from roadworthy.profiles.summary import LabelSummary
from roadworthy.stats.metrics import auc, calibration_error, calibration_gap

RNG = np.random.default_rng(3)
P = RNG.beta(1.5, 6.0, 4_000)
Y = (RNG.random(4_000) < P).astype(np.float64)


def reference_of(p: np.ndarray, y: np.ndarray):  # fixture-like
    """A reference with one input and two days."""
    inputs = Batch({"wind": np.linspace(0.0, 30.0, p.size)}, p.size)
    states = {"wind": np.zeros(p.size, dtype=np.int8)}
    return build_reference(inputs, states, p, y, np.arange(p.size) % 2 + 100)


def test_the_label_summary_gives_what_the_rows_give() -> None:
    """Witness: roadworthy.stats.metrics on the rows; the area to within the score cells."""
    summary = reference_of(P, Y).labels
    assert summary.gap == pytest.approx(calibration_gap(P, Y), abs=1e-9)
    assert summary.calibration_error == pytest.approx(calibration_error(P, Y, bins=15), abs=1e-9)
    assert summary.auc == pytest.approx(auc(P, Y), abs=1e-3)


def test_quantiles_and_mean_of_the_answers_come_out_of_the_cells() -> None:
    """Witness: numpy on the rows."""
    output = reference_of(P, Y).profile.output
    assert output.mean == pytest.approx(P.mean(), abs=1e-9)
    for share in (0.5, 0.99):
        assert output.quantile(share) == pytest.approx(np.quantile(P, share), abs=0.01)


def test_rare_probabilities_have_cells_of_their_own() -> None:
    """A model of a 0.1 % event lives below 0.01; even cells would put all of it into one."""
    cells = np.unique(score_cell(np.array([1e-4, 5e-4, 1e-3, 5e-3])))
    assert cells.size == 4


def test_answers_that_are_no_probability_are_counted_and_overflow_nothing() -> None:
    """A scale that shifts shows in the mean; NaN shows as invalid."""
    p = np.array([0.2, np.nan, np.inf, 1e300, -5.0])
    reference = reference_of(np.full(5, 0.5), np.ones(5))
    inputs, states = Batch({"wind": np.zeros(5)}, 5), {"wind": np.zeros(5, dtype=np.int8)}
    output = count_days(reference.cells, inputs, states, p, np.zeros(5, dtype=np.int64))[0].profile.output
    assert (output.invalid, output.n, output.outside) == (2, 3, 2)
    assert output.mean > 1.0


def test_a_number_beyond_all_reference_values_has_a_cell_of_its_own() -> None:
    """Units that changed put values where none ever were."""
    cells = learn_cells(np.linspace(0.0, 1.0, 1_000))
    assert isinstance(cells, NumberCells)
    where = cell_of(cells, np.array([-0.1, 0.0, 1.0, 1.1, np.nan]))[0]
    assert where.tolist() == [0, 1, cells.size - 2, cells.size - 1]


def test_rare_categories_share_a_cell_and_an_empty_list_is_its_own() -> None:
    """The number of cells is bounded whatever the input holds."""
    texts = [f"N{number}" for number in range(100) for _ in range(100 - number)]
    cells = learn_cells(Strings.of(texts))
    assert isinstance(cells, CategoryCells)
    assert len(cells.values) == 24
    assert cells.values[0] == "N0"
    found = cell_of(cells, Lists.of([["N0", "N99"], [], ["never seen"]]))
    assert found[0].tolist() == [0, 24, 24, 25]
    assert found[1].tolist() == [0, 0, 2, 1]
    assert labels(cells)[-2:] == ["(other)", "(empty)"]


def test_a_timestamp_is_not_compared() -> None:
    """Time moves on by nature; only whether it is missing counts."""
    assert learn_cells(np.arange(5)) == NoCells()


def test_an_input_of_another_kind_is_refused() -> None:
    """Cells of numbers cannot count text."""
    with pytest.raises(DefinitionError, match="own reference"):
        cell_of(learn_cells(np.zeros(3)), Strings.of(["a"]))


def test_immature_and_unknown_labels_are_left_out() -> None:
    """A window is judged when matured: an early label, often of the early kind, would tilt it."""
    reference = reference_of(np.full(4, 0.5), np.ones(4))
    inputs, states = Batch({"wind": np.zeros(4)}, 4), {"wind": np.zeros(4, dtype=np.int8)}
    day = count_days(
        reference.cells,
        inputs,
        states,
        np.full(4, 0.5),
        np.zeros(4, dtype=np.int64),
        np.array([1.0, 0.0, np.nan, 1.0]),
        np.array([True, True, True, False]),
    )[0]
    assert (day.matured, day.labels.n, day.labels.observed) == (3, 2, 1)


def test_a_label_that_is_neither_0_nor_1_is_refused() -> None:
    """Half a delay is no outcome."""
    with pytest.raises(DefinitionError, match="labels must be 0, 1 or NaN"):
        reference_of(np.full(2, 0.5), np.array([0.5, 1.0]))


def test_missing_columns_are_named() -> None:
    """What the reference counted must be there to be compared."""
    reference = reference_of(np.full(2, 0.5), np.ones(2))
    with pytest.raises(DefinitionError, match="wind"):
        count_days(reference.cells, Batch({}, 2), {}, np.full(2, 0.5), np.zeros(2, dtype=np.int64))


def test_a_reference_needs_rows() -> None:
    """Nothing can be compared with nothing."""
    with pytest.raises(TooFewSamples):
        reference_of(np.zeros(0), np.zeros(0))


def test_half_a_year_of_25_inputs_stays_under_a_megabyte() -> None:
    """It travels with every artifact."""
    n, days = 15_000, 150
    rng = np.random.default_rng(5)
    columns = {f"number_{at}": rng.normal(size=n) for at in range(25)}
    states = {name: np.zeros(n, dtype=np.int8) for name in columns}
    p = rng.random(n)
    reference = build_reference(
        Batch(columns, n), states, p, (rng.random(n) < p).astype(float), np.arange(n) % days
    )
    assert len(reference.days) == days
    assert len(reference.to_json()) < 1_000_000


def test_nothing_gives_no_number() -> None:
    """Of no rows there is no mean, no quantile and no area."""
    empty = LabelSummary()
    assert np.isnan(
        [empty.gap, empty.calibration_error, empty.auc, score_quantile([0] * SCORE_CELLS, 0.5)]
    ).all()
    assert np.isnan(binned_auc([0, 3], [0, 0]))
