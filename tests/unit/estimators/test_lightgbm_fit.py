"""How LightGBM is fitted so that it can be fitted again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from lightgbm import LGBMClassifier

from roadworthy.errors import DefinitionError
from roadworthy.estimators.lightgbm_fit import LightGBMFormat, canonical, settings
from roadworthy.estimators.protocol import Floats


@dataclass(frozen=True)
class Column:
    """An encoded column."""

    name: str
    kind: Literal["number", "category"]
    size: int = 0


CATEGORY = (Column("carrier", "category", 12),)


def alternating(n: int = 1_200) -> tuple[Floats, Floats]:
    """A category whose even numbers are positive: two cuts by order cannot tell, one cut by set can."""
    X = np.arange(n, dtype=np.float64).reshape(-1, 1) % 12
    return X, (X[:, 0] % 2 == 0).astype(np.float64)


def fitted_text(estimator: Any, columns: tuple[Column, ...] = CATEGORY, seed: int = 0) -> str:
    X, y = alternating()
    return LightGBMFormat().fit(estimator, X, y, columns, seed=seed, threads=1).text.decode()


def test_categories_are_split_as_sets_with_both_reserved_numbers() -> None:
    """One split tells even from odd numbers, 0 (missing) and 1 (unknown) included."""
    X, y = alternating()
    estimator = LGBMClassifier(
        n_estimators=1, num_leaves=2, min_child_samples=1, min_data_per_group=1, cat_smooth=0
    )
    predictor = LightGBMFormat().fit(estimator, X, y, CATEGORY, seed=0, threads=1).predictor()
    p = predictor.predict(np.arange(12, dtype=np.float64).reshape(-1, 1))
    assert len(set(p.tolist())) == 2
    assert (p[::2] > p[1::2]).all()


def test_numbers_are_not_taken_for_categories() -> None:
    """A number column is split by order."""
    text = fitted_text(
        LGBMClassifier(n_estimators=1, num_leaves=2, min_child_samples=1), (Column("hour", "number"),)
    )
    assert "num_cat=0" in text
    assert "[categorical_feature: ]" in text


def test_the_users_parameters_reach_lightgbm_untouched() -> None:
    """What the user set is what LightGBM records."""
    text = fitted_text(
        LGBMClassifier(n_estimators=3, min_data_per_group=17, learning_rate=0.25, random_state=99), seed=5
    )
    for line in ("[min_data_per_group: 17]", "[learning_rate: 0.25]", "[seed: 99]", "[num_iterations: 3]"):
        assert line in text


def test_the_jobs_seed_is_used_where_the_user_gave_none() -> None:
    """Two jobs with different seeds and a random estimator differ; the seed is on record."""

    def estimator() -> LGBMClassifier:
        return LGBMClassifier(n_estimators=3, subsample=0.5, subsample_freq=1)

    assert "[seed: 5]" in fitted_text(estimator(), seed=5)
    assert fitted_text(estimator(), seed=5) != fitted_text(estimator(), seed=6)


@pytest.mark.parametrize("alias", ["seed", "random_seed"])
def test_a_seed_under_another_name_is_the_users_seed(alias: str) -> None:
    """LightGBM knows several names for its seed."""
    assert "random_state" not in settings({alias: 3}, seed=1, threads=2)


def test_training_is_made_repeatable_without_contradicting_the_user() -> None:
    """Column-wise histograms stay the user's choice; asking for chance is refused."""
    assert "force_row_wise" not in settings({"force_col_wise": True}, seed=1, threads=2)
    with pytest.raises(DefinitionError, match="deterministic=False"):
        settings({"deterministic": False}, seed=1, threads=2)


def test_saved_text_ends_with_its_parameters_and_without_the_machines() -> None:
    """Threads, hosts and the pandas trailer go; the model's own parameters stay."""
    text = "tree\n\nparameters:\n[num_leaves: 4]\n[num_threads: 2]\n[machines: a]\n\nend of parameters\n\npandas:null\n"
    assert canonical(text) == b"tree\n\nparameters:\n[num_leaves: 4]\n\nend of parameters\n"
