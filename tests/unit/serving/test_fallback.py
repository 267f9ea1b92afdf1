"""Who answers when a version does not: in which order, for which rows, and that nobody else is touched by it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.automation import Band, Rule, ServingRules
from roadworthy.features.schema import InputSchema
from roadworthy.predictionlog.record import Number, Prediction
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.predicting import Result
from roadworthy.traffic import Route

from .building import Arithmetic, Bench, half, rows, version

RAISES, NAN, FEWER, OUTSIDE = 66.0, 67.0, 68.0, 69.0
BAD = (RAISES, NAN, FEWER, OUTSIDE)


def fragile(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A version that breaks in every way on winds of its own, and says a hundredth of the others."""
    if (values == RAISES).any():
        raise ZeroDivisionError("no such luck")
    said = np.where(values == NAN, np.nan, np.where(values == OUTSIDE, 7.0, values / 100))
    return said[values != FEWER]


def by_wind(wind: Any) -> Any:
    """A rule that knows nothing of one wind and breaks on another."""
    if (wind == OUTSIDE).any():
        raise KeyError("no rule for this")
    return np.where(wind == FEWER, np.nan, 0.75)


def serving(*fallback: Any) -> ServingRules:
    """These fallbacks; `rule` is `by_wind`."""
    rule = Rule("by_wind", ("wind",)) if "rule" in fallback else None
    return ServingRules(fallback=fallback, rule=rule)


def bench(directory: Path, *fallback: Any, standby: Arithmetic | None = None, **more: Any) -> Bench:
    """A fragile champion with these fallbacks, and a standby that works if one is given."""
    champion = version(1, fragile, serving=serving(*fallback), functions={"by_wind": by_wind}, **more)
    if standby is None:
        return Bench(directory, Route(champion=1), champion)
    return Bench(directory, Route(champion=1, standby=2), champion, version(2, standby))


def told(result: Result) -> Any:
    """What a caller learns of an answer, identifiers aside."""
    if isinstance(result, Rejected):
        return result.status, result.kind, str(result)
    return result.outputs, result.versions, result.fallback, result.decisions


def records(made: Bench, role: str) -> dict[str, Prediction]:
    """What was logged in a role, by unit."""
    return {one.unit: one for one in made.log() if one.role == role}


@pytest.mark.parametrize("hashing", ["standby", "champion"])
def test_a_standby_reads_texts_or_their_hashes_as_it_declares_whatever_its_champion_reads(
    hashing: str, tmp_path: Path
) -> None:
    """Else it knows none of the values, and logs a text that it says it hides."""
    versions = [version(1, fragile, serving=serving("standby")), version(2, half)]
    at = ["champion", "standby"].index(hashing)
    scorer = versions[at].scorer
    scorer.schema = InputSchema(scorer.schema.fields, ("flight",))
    versions[at] = replace(versions[at], hash_key=bytes(32))
    made = Bench(tmp_path, Route(champion=1, standby=2), *versions)
    assert made.answer({"wind": RAISES, "flight": "4711"}).versions == [2]
    hidden = "#847ca528a0b63f7d14e96298cd0f9fb2"
    assert list(records(made, "fallback")) == [hidden if hashing == "standby" else "4711"]


@pytest.mark.parametrize("wind", BAD)
def test_in_a_mixed_batch_only_the_failing_request_is_hit(wind: float, tmp_path: Path) -> None:
    """It raises, says NaN, drops a row or says what it cannot: the others get their own answers, not another's."""
    made = bench(tmp_path)
    asked = [rows(1.0, 2.0), rows(wind), rows(3.0), rows(4.0, wind), rows(5.0)]
    results = made.predictor.predict([made.question(*one) for one in asked])
    assert [told(one) for one in results[::2]] == [
        ([0.01, 0.02], [1, 1], [], {}), ([0.03], [1], [], {}), ([0.05], [1], [], {}),
    ]  # fmt: skip
    for failed in results[1::2]:
        assert isinstance(failed, Rejected)
        assert (failed.status, failed.kind) == (500, "model_failed")
    assert len(made.log()) == 7, "every row is in the log, answered or not"


@pytest.mark.parametrize("wind", BAD)
def test_a_constant_answers_what_the_version_did_not(wind: float, tmp_path: Path) -> None:
    """The answer says which rows; the log has the error of the version and the answer of the fallback."""
    made = bench(tmp_path, 0.25)
    results = made.predictor.predict([made.question(*rows(1.0)), made.question(*rows(2.0, wind))])
    first, second = (told(one) for one in results)
    assert first == ([0.01], [1], [], {})
    alone = wind in (NAN, OUTSIDE)  # else the version said nothing to the other row of the request either
    assert second == ([0.02 if alone else 0.25, 0.25], [1, 1], [1] if alone else [0, 1], {})
    failed, answered = records(made, "champion")["f1"], records(made, "fallback")["f1"]
    assert (failed.status, failed.decision, bool(failed.error)) == ("error", "", True)
    assert (answered.status, answered.version, answered.output, answered.propensity) == (
        "ok",
        1,
        Number(0.25),
        1.0,
    )
    assert failed.id != answered.id
    assert (answered.inputs, answered.row, answered.encoded) == (failed.inputs, 1, b"")
    result = results[1]
    assert not isinstance(result, Rejected)
    assert result.ids[1] == answered.id, "an outcome of that id finds the answer that was given"


def test_the_standby_answers_under_its_own_number(tmp_path: Path) -> None:
    """The caller and the log are told which version it was."""
    made = bench(tmp_path, "standby", 0.25, standby=half)
    assert told(made.predictor.predict([made.question(*rows(2.0, NAN))])[0]) == (
        [0.02, 0.67],
        [1, 2],
        [1],
        {},
    )
    answered = records(made, "fallback")["f1"]
    assert (answered.version, answered.output) == (2, Number(0.67))
    assert len(answered.encoded) == 8, "what the standby saw is logged, so parity can be checked"


def test_without_a_standby_the_next_one_answers(tmp_path: Path) -> None:
    """A first release has none."""
    assert bench(tmp_path, "standby", 0.25).answer(*rows(NAN)).outputs == [0.25]


def test_fallbacks_are_asked_in_their_order_each_for_what_is_left(tmp_path: Path) -> None:
    """The standby breaks on all rows, the rule on one request and is silent on another; the constant takes the rest."""
    made = bench(tmp_path, "standby", "rule", 0.25, standby=lambda values: values * np.nan)
    winds = (RAISES, NAN, FEWER, OUTSIDE)
    results = made.predictor.predict([made.question(*rows(wind)) for wind in winds])
    assert [told(one)[0] for one in results] == [[0.75], [0.75], [0.25], [0.25]]
    assert [told(one)[2] for one in results] == [[0]] * 4


def test_a_rule_that_breaks_on_one_request_answers_the_others(tmp_path: Path) -> None:
    """A fallback's failure has no company either."""
    made = bench(tmp_path, "rule")
    results = made.predictor.predict([made.question(*rows(wind)) for wind in (NAN, OUTSIDE, RAISES)])
    assert [isinstance(one, Rejected) for one in results] == [False, True, False]
    assert str(results[1]).startswith("delay@1 could not predict: 1 of 1 outputs are outside 0 to 1")


def test_a_standby_that_reads_other_inputs_answers_whom_it_can_read(tmp_path: Path) -> None:
    """It wants the rain, which one client sends and another does not."""
    champion = version(1, fragile, serving=serving("standby", 0.25))
    made = Bench(tmp_path, Route(champion=1, standby=2), champion, version(2, half, "wind", "rain"))
    with_rain = [{**row, "rain": 1.0} for row in rows(NAN, 2.0)]
    results = made.predictor.predict([made.question(*rows(NAN)), made.question(*with_rain)])
    assert [told(one)[:3] for one in results] == [([0.25], [1], [0]), ([0.67, 0.02], [2, 1], [0])]
    assert records(made, "fallback")["f0"].schema in {one.schema for one in made.served.versions.values()}


def test_a_canary_falls_back_as_it_declares_itself(tmp_path: Path) -> None:
    """The champion's fallbacks are not the canary's."""
    route = Route(champion=1, canary=2, canary_share=0.5, salt="s")
    champion = version(1, fragile, serving=serving(0.25))
    made = Bench(tmp_path, route, champion, version(2, fragile, serving=serving(0.5)))
    predicted = made.answer(*rows(*([NAN] * 12)))
    assert [0.25 if number == 1 else 0.5 for number in predicted.versions] == predicted.outputs
    assert set(predicted.versions) == {1, 2}
    assert predicted.fallback == list(range(12))


def test_bands_decide_about_fallbacks_too(tmp_path: Path) -> None:
    """A constant in a band of `people` leaves what the model cannot answer to people; a standby has its own bands."""
    bands = (Band(0.2, 0.3, "people"), Band(0.6, 0.7, "defer"))
    declared = ServingRules(fallback=("standby", 0.25), bands=bands)
    champion = version(1, fragile, serving=declared)
    made = Bench(tmp_path / "a", Route(champion=1), champion)
    assert made.answer(*rows(NAN, 65.0)).decisions == {0: "people", 1: "defer"}
    (case,) = made.cases.waiting()
    assert (case.unit, case.output, case.version) == ("f0", 0.25, 1)
    made = Bench(tmp_path / "b", Route(champion=1, standby=2), champion, version(2, half))
    assert made.answer(*rows(NAN, 65.0)).decisions == {1: "defer"}


def test_a_failing_shadow_has_no_fallback(tmp_path: Path) -> None:
    """It answers nobody, so nothing is lost."""
    made = Bench(
        tmp_path, Route(champion=1, shadow=2), version(1, half), version(2, fragile, serving=serving(0.25))
    )
    ask = made.predictor.shadow([made.question(*rows(NAN))])
    assert ask is not None
    ask()()
    assert [(one.role, one.status) for one in made.log()] == [("shadow", "error")]


def _benches(directory: Path) -> Mapping[str, Bench]:
    bands = (Band(0.0, 0.05, "defer"), Band(0.75, 0.8, "people"))
    declared = ServingRules(fallback=("standby", "rule"), rule=Rule("by_wind", ("wind",)), bands=bands)
    functions = {"by_wind": by_wind}
    split = Route(champion=1, canary=2, canary_share=0.5, salt="s", standby=3)

    def standby(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(values == NAN, 0.3, np.nan)

    return {
        "alone": Bench(directory / "a", Route(champion=1), version(1, fragile)),
        "with fallbacks": Bench(
            directory / "b", split, version(1, fragile, serving=declared, functions=functions),
            version(2, fragile, serving=serving(0.5)), version(3, standby),
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def benches() -> Iterator[Mapping[str, Bench]]:
    """One without fallbacks, and one with a canary, a standby and a rule."""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("a", "b"):
            (Path(directory) / name).mkdir()
        yield _benches(Path(directory))


WIND = st.sampled_from([*BAD, 1.0, 2.0, 3.0, 50.0])
REQUESTS = st.lists(
    st.lists(st.tuples(WIND, st.sampled_from("abcdefgh")), min_size=1, max_size=5), min_size=1, max_size=8
)


@pytest.mark.parametrize("name", ["alone", "with fallbacks"])
@settings(max_examples=60, deadline=None)
@given(requests=REQUESTS)
def test_requests_answered_together_are_answered_as_each_alone(
    benches: Mapping[str, Bench], name: str, requests: list[list[tuple[float, str]]]
) -> None:
    """Whatever fails beside them, in whichever way: outputs, versions, fallbacks, decisions, words of refusals."""
    made = benches[name]
    questions = [made.question(*({"wind": wind, "flight": unit} for wind, unit in one)) for one in requests]
    together = [told(one) for one in made.predictor.predict(questions)]
    alone = [told(made.predictor.predict([question])[0]) for question in questions]
    assert together == alone
