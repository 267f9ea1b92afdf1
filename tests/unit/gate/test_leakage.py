"""What proves that a model was told too much, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gate_evidence import healthy
from roadworthy.gate import leakage
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.leakage_facts import Carried, Followed, KnownLater, Leakage, Replayed, Units
from roadworthy.verdict import Verdict

LATER = KnownLater(
    column="departures_mean_late_2h", declared="scheduled", otherwise="landed_at", says="the outcome 'late'",
    certain=True, rows=1_000, changed=400,
)  # fmt: skip

REPLAYED = Replayed(
    column="weather_latest_wind", declared="observed_at", rows=1_000, differing=300, lag="1h", remaining=0
)


def facts(**changed: Any) -> Evidence:
    """A healthy candidate with other facts about leakage."""
    found = healthy().leakage
    assert found is not None
    return replace(healthy(), leakage=replace(found, **changed))


def part(evidence: Evidence, name: str) -> Verdict:
    """One of the four verdicts."""
    return next(found for found in leakage.CHECK.judge(evidence) if found.subject.split()[1] == name)


def carried(**changed: Any) -> Evidence:
    """An input of the history itself that is there in every row of it."""
    own = {"column": "duration", "trained": 2_000, "there": 2_000, "usual": 0, "served": 500, "sent": 500}
    return facts(own=(Carried(**(own | changed)),), served=500)


def test_a_join_that_reads_an_outcome_before_it_is_known_is_refused() -> None:
    """The outcome's own known_at says so: nothing can be known before."""
    found = part(facts(later=(LATER,)), "known_at")
    assert found.ruling == "fail"
    assert found.measured == 0.4
    assert "departures_mean_late_2h" in found.reason
    assert "known_at='landed_at'" in found.reason


def test_a_join_that_is_told_the_same_by_both_declarations_passes() -> None:
    """Where no row changes, nothing was told too early."""
    assert part(facts(later=(replace(LATER, changed=3),)), "known_at").ruling == "pass"


def test_a_lag_that_the_champion_kept_and_the_candidate_dropped_is_decided_by_what_is_served() -> None:
    """Without requests nobody knows which is true; requests that carry fresh values say that the candidate is right."""
    dropped = replace(LATER, column=REPLAYED.column, says="version 1", certain=False)
    undecided = part(facts(later=(dropped,), replayed=()), "known_at")
    assert undecided.ruling == "insufficient"
    assert "version 1" in undecided.reason
    fresh = replace(REPLAYED, differing=2, remaining=2, lag="")
    assert part(facts(later=(dropped,), replayed=(fresh,)), "known_at").ruling == "pass"
    assert part(facts(later=(dropped,), replayed=(REPLAYED,)), "known_at").ruling == "fail"


def test_values_that_were_served_later_than_the_join_says_are_refused_with_the_lag_to_declare() -> None:
    """An hour later the join gives what was carried: that hour is missing from known_at."""
    found = part(facts(replayed=(REPLAYED,)), "known_at")
    assert found.ruling == "fail"
    assert "1h later" in found.reason


def test_values_that_differ_for_another_reason_are_no_leakage() -> None:
    """A caller that sends other values sends them at any delay; other checks speak of that."""
    assert part(facts(replayed=(replace(REPLAYED, lag="1h", remaining=290),)), "known_at").ruling == "pass"


def test_an_input_that_served_requests_lack_is_refused() -> None:
    """It is there in all of the history and in nothing that is served: it was filled in afterwards."""
    found = part(carried(sent=0), "served")
    assert found.ruling == "fail"
    assert "duration is there in 100.0% of the history and in 0.0% of the served requests" in found.reason


def test_an_input_that_is_filled_with_one_value_when_served_is_refused() -> None:
    """Callers must send something, and send a placeholder."""
    assert part(carried(constant=True, usual=12), "served").ruling == "fail"
    assert part(carried(constant=True, usual=1_900), "served").ruling == "pass"


def test_an_input_that_nobody_sends_yet_has_not_been_shown_to_be_known() -> None:
    """That is too little evidence, which is never a pass."""
    found = part(carried(sent=0, unsent="requests do not carry it"), "served")
    assert found.ruling == "insufficient"
    assert "context" in found.reason


def test_an_input_too_rare_to_miss_is_not_missed() -> None:
    """Of 500 requests ten would have it: none by chance."""
    assert part(carried(there=40, sent=0), "served").ruling == "pass"


def test_a_new_model_has_no_requests_to_compare_with() -> None:
    """That was looked at, so it passes and says that it does not apply."""
    found = part(facts(served=0), "served")
    assert found.ruling == "pass"
    assert found.reason.startswith("does not apply: no version of it has answered yet")


def test_an_input_made_from_the_time_of_the_outcome_is_refused() -> None:
    """`settled_at + 1h` in nine rows of ten."""
    late = Followed(column="filed_at", unit="", rows=1_000, fixed=900, offset=3_600.0)
    found = part(facts(timed=1_000, followed=(late,)), "outcome_time")
    assert found.ruling == "fail"
    assert "filed_at lies exactly 3600 s after the outcome became known in 0.9000 of the rows" in found.reason


def test_a_unit_that_is_asked_about_once_must_not_stand_on_both_sides() -> None:
    """Customers who come again do so in training as well; trips that are made once do not."""
    once = Units(questions=10_000, trained=10_000, held_out=1_000, shared=100)
    assert part(facts(units=once), "units").ruling == "fail"
    again = replace(once, trained=4_000, shared=900)
    assert part(facts(units=again), "units").ruling == "pass"


def test_what_could_not_be_found_out_is_no_pass() -> None:
    """A version from before times were kept says so, in the part that needs them."""
    found = part(facts(unknown={"known_at": "train it again"}), "known_at")
    assert found.ruling == "insufficient"
    assert "train it again" in found.reason
    assert part(replace(healthy(), leakage=Leakage()), "units").ruling == "insufficient"


def test_units_of_no_training_rows_are_too_few_to_compare_with() -> None:
    """Where nobody is in the training rows, nobody can be there twice: that shows nothing."""
    units = Units(questions=0, trained=0, held_out=8_000, shared=0)
    assert part(facts(units=units), "units").ruling == "insufficient"


def test_what_joins_were_told_is_said_as_a_share_of_rows() -> None:
    """The sentence of the pass, as a person reads it."""
    assert part(healthy(), "known_at").reason == (
        "0 of the rows were told something that is known later <= limit 0.01, by 4 joined inputs; what "
        "served requests carried was compared in 1 of them (n=8,000)"
    )
