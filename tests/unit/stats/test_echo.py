"""Echoes: what repeats earlier answers is found, and what merely moves slowly is not."""

from __future__ import annotations

import numpy as np

from roadworthy.stats.echo import Echo, strongest_echo

N, GROUPS = 4_000, 60


def _world() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Moments of a month, groups, weather that changes slowly, and answers that depend on both."""
    chance = np.random.default_rng(3)
    moments = np.sort(chance.integers(0, 28 * 86_400_000_000, N))
    groups = chance.integers(0, GROUPS, N)
    weather = np.cumsum(chance.normal(0, 0.1, N))
    answers = 1 / (1 + np.exp(-(weather - weather.mean()) / weather.std() - groups / GROUPS))
    return moments, groups, weather, answers


def _moving(values: np.ndarray, groups: np.ndarray, weight: float) -> np.ndarray:
    """What was known before each row of its group's exponentially weighted mean."""
    mean, found = np.full(GROUPS, 0.5), np.empty(N)
    for row, group in enumerate(groups):
        found[row] = mean[group]
        mean[group] += weight * (values[row] - mean[group])
    return found


def test_an_input_that_changes_slowly_is_not_taken_for_an_echo() -> None:
    """Answers follow the weather, and the next weather is like the last: the row before explains it."""
    moments, groups, weather, answers = _world()
    late = (np.random.default_rng(4).random(N) < answers).astype(np.float64)
    columns = {"weather": weather, "late_rate": _moving(late, groups, 0.1)}
    found = strongest_echo(columns, answers, moments, {"group": groups})
    assert max(echo.share for echo in found.values()) < 0.2
    assert not any(echo.follows for echo in found.values())


def test_a_moving_mean_of_the_groups_answers_is_found() -> None:
    """A price made of the last answers: among the rows of its group, and nowhere else."""
    moments, groups, weather, answers = _world()
    price = 3.0 * _moving(answers, groups, 0.2)
    found = strongest_echo({"weather": weather, "price": price}, answers, moments, {"group": groups})
    assert found["price"].follows
    assert (found["price"].how, found["price"].group) == ("last", "group")
    assert 2.0 < found["price"].slope < 3.5
    elsewhere = strongest_echo({"price": price}, answers, moments, {"other": np.arange(N) % 50})
    assert not elsewhere["price"].follows


def test_an_input_that_copies_answers_is_found_without_a_group() -> None:
    """Copies of earlier answers meet them to nine digits; copies of later ones are no echo."""
    moments, _, _, answers = _world()
    shuffled = np.random.default_rng(5).permutation(N // 2)
    copied = np.concatenate([np.full(N // 2, np.nan), answers[shuffled]])
    assert strongest_echo({"score": copied}, answers, moments, {})["score"] == Echo(
        "copy", "", 1.0, 1.0, N // 2
    )
    early = np.concatenate([answers[N // 2 :][shuffled], np.full(N // 2, np.nan)])
    assert strongest_echo({"score": early}, answers, moments, {})["score"].share == 0.0


def test_few_rows_and_few_values_say_nothing() -> None:
    """A flag meets answers of 0 and 1 by chance; 100 rows show no relation."""
    moments, groups, weather, answers = _world()
    flag = (weather > 0).astype(np.float64)
    assert "flag" not in strongest_echo({"flag": flag}, np.round(answers), moments, {})
    few = slice(0, 100)
    assert strongest_echo({"weather": weather[few]}, answers[few], moments[few], {"group": groups[few]}) == {}


def test_rows_of_one_moment_do_not_see_each_other() -> None:
    """A batch is answered at once: its own answers were not known when it was asked."""
    _, _, _, answers = _world()
    together = np.repeat(np.arange(N // 1_000), 1_000) * 86_400_000_000
    beside = np.concatenate([[0.5], answers[:-1]])
    found = strongest_echo({"beside": beside}, answers, together, {"all": np.zeros(N, dtype=np.int64)})
    assert not found["beside"].follows


def test_a_few_copies_are_more_than_a_loose_relation() -> None:
    """One row in twenty repeats an answer to the last digit: that is no chance, whatever else the column follows."""
    moments, groups, weather, answers = _world()
    some = np.random.default_rng(6).random(N) < 0.05
    mixed = np.where(some, np.roll(answers, 1), weather)
    found = strongest_echo({"mixed": mixed}, answers, moments, {"group": groups})["mixed"]
    assert (found.how, found.follows) == ("copy", True)
    assert 0.04 < found.share < 0.06


def test_answers_of_few_digits_are_met_by_chance() -> None:
    """Shares in whole percents meet answers in whole percents everywhere."""
    moments, groups, _, answers = _world()
    percents = np.round(np.random.default_rng(7).random(N), 2)
    assert not strongest_echo({"share": percents}, np.round(answers, 2), moments, {"g": groups})[
        "share"
    ].follows
