"""The gate refuses rows that are lacking, there twice, labelled unlike before or of another period; not weekends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_evidence import days_of_rows
from roadworthy.gate import data
from roadworthy.gate.arranging import applies
from roadworthy.gate.data_facts import DataFacts, EarlierSet, Source
from roadworthy.gate.evidence import Evidence
from roadworthy.verdict import Verdict


def judged(facts: DataFacts) -> dict[str, Verdict]:
    """The verdicts by part."""
    verdicts = data.CHECK.judge(Evidence(model="flight-delay", version=2, data=facts))
    return {each.subject.removeprefix("flight-delay@2 "): each for each in verdicts}


def changed(name: str, days: slice, to: float) -> DataFacts:
    """The healthy days, some of which have another count."""
    facts = days_of_rows()
    counts = getattr(facts, name).copy()
    counts[days] = to
    return replace(facts, **{name: counts})


def failing(facts: DataFacts) -> list[str]:
    """Parts that do not pass."""
    return [part for part, verdict in judged(facts).items() if verdict.ruling != "pass"]


def test_weekends_a_holiday_and_growth_are_no_fault() -> None:
    """A weekday is compared with itself, and days with those around them."""
    facts = days_of_rows()
    grown = replace(facts, rows=facts.rows * np.exp(np.arange(facts.rows.size) / 60))
    assert failing(facts) == failing(grown) == []


def test_two_lacking_days_in_four_weeks_fail_and_are_named() -> None:
    """One is listed: a closed day is no fault."""
    one = judged(changed("rows", slice(190, 191), 0.0))["volume"]
    assert one.ruling == "pass"
    assert "2013-07-20 has no rows, usual are 891" in one.reason
    two = judged(changed("rows", slice(189, 191), 0.0))["volume"]
    assert two.ruling == "fail"
    assert "of rows lacking in the last 28 days > limit 0.06; 2013-07-19 has no rows" in two.reason


def test_days_with_less_than_half_of_their_rows_are_lacking_the_rest() -> None:
    """Partitions that broke off."""
    assert failing(changed("rows", slice(180, 186), 200.0)) == ["volume"]
    assert failing(changed("rows", slice(180, 186), 560.0)) == []


def test_rows_that_have_not_come_yet_are_said_and_not_lacking() -> None:
    """The days after the last one that has any."""
    facts = changed("rows", slice(195, 200), 0.0)
    volume = judged(facts)["volume"]
    assert volume.ruling == "pass"
    assert "none of the last 5 days has any yet" in volume.reason


def test_a_partition_that_came_twice_fails() -> None:
    """Its rows equal others but for their key; what is equal on every day is the nature of such rows."""
    facts = days_of_rows()
    assert failing(changed("repeated", slice(181, 183), 900.0)) == ["repeats"]
    assert "most on 2013-07-1" in judged(changed("repeated", slice(181, 183), 900.0))["repeats"].reason
    assert failing(replace(facts, repeated=np.floor(facts.rows * 0.3))) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("positive", "0.0% with the outcome"), ("labelled", "0.0% with a label")],
)
def test_a_week_whose_labels_were_lost_fails(name: str, said: str) -> None:
    """Nobody with the outcome, or nobody with a label."""
    facts = replace(changed(name, slice(185, 192), 0.0), sources=(), declared=())
    if name == "labelled":
        facts = replace(facts, positive=np.minimum(facts.positive, facts.labelled))
    labels = judged(facts)["labels"]
    assert labels.ruling == "fail"
    assert said in labels.reason


def test_a_week_beyond_the_range_of_all_before_by_less_than_thrice_passes() -> None:
    """Storms and holidays are beyond what was; broken labels are far beyond."""
    facts = days_of_rows()
    rates = facts.positive / facts.labelled
    highest = float(rates.max())
    storm = facts.positive.copy()
    storm[186:193] = np.floor(facts.labelled[186:193] * highest)
    assert failing(replace(facts, positive=storm, sources=(), declared=())) == []


def test_labels_whose_time_has_not_passed_are_not_judged() -> None:
    """The last two days of the healthy candidate."""
    assert failing(changed("labelled", slice(198, 200), 0.0)) == []


def test_a_source_whose_odds_changed_alone_fails_and_is_named() -> None:
    """A cohort with wrong labels: as much as everybody's is drift, more is its own."""
    facts = days_of_rows()
    front, back = facts.sources
    wrong = front.positive.copy()
    wrong[172:] = np.floor(front.labelled[172:] * 0.8)
    broken = replace(facts, sources=(replace(front, positive=wrong), back), positive=wrong + back.positive)
    sources = judged(broken)["sources"]
    assert sources.ruling == "fail"
    assert sources.reason.startswith("odds of the outcome where desk=front changed at least ")
    assert ": 76.5% in the last 28 days, 25.2% before" in sources.reason


def test_a_change_that_all_sources_share_is_no_source_gone_wrong() -> None:
    """The outcome became more frequent for everybody."""
    facts = days_of_rows()

    def risen(source: Source) -> Source:
        positive = source.positive.copy()
        positive[172:] = np.floor(source.labelled[172:] * 0.7)
        return replace(source, positive=positive)

    sources = tuple(map(risen, facts.sources))
    drifted = replace(facts, sources=sources, positive=sources[0].positive + sources[1].positive)
    assert judged(drifted)["sources"].ruling == "pass"


def test_without_context_there_are_no_sources_and_without_rows_nothing_is_said_of_one() -> None:
    """That was looked at."""
    facts = replace(days_of_rows(), sources=(), declared=())
    assert judged(facts)["sources"].reason.startswith(
        "does not apply: no context column with few values is declared"
    )
    few = Source(column="desk", value="front", labelled=np.ones(200), positive=np.zeros(200))
    assert (
        "does not apply: no value of desk has 100"
        in judged(replace(facts, sources=(few,), declared=("desk",)))["sources"].reason
    )


def test_the_rows_of_an_earlier_version_for_another_period_fail() -> None:
    """A retraining that was to see a month more and saw nothing new; a second training on the same day may."""
    facts = days_of_rows()
    (before,) = facts.earlier
    same = judged(replace(facts, earlier=(replace(before, fingerprint=facts.fingerprint),)))["set"]
    assert same.ruling == "fail"
    assert "exactly those of version 1 until 2013-06-01: nothing came in between" in same.reason
    again = EarlierSet(version=1, fingerprint=facts.fingerprint, since=facts.since, until=facts.until)
    assert failing(replace(facts, earlier=(again,))) == []


def test_a_column_of_another_kind_fails_and_new_ones_are_said() -> None:
    """The same name for something else; another definition has other columns."""
    facts = days_of_rows()
    assert failing(replace(facts, columns={**facts.columns, "carrier": "float"})) == ["set"]
    added = judged(replace(facts, columns={"carrier": "string", "wind": "float"}))["set"]
    assert added.ruling == "pass"
    assert "new columns are wind; gone are scheduled" in added.reason


def test_a_side_of_the_split_without_outcomes_measures_nothing() -> None:
    """Two of twenty are luck."""
    facts = replace(days_of_rows(), training=(80.0, 28.0), held_out=(20.0, 2.0))
    split = judged(facts)["split"]
    assert split.ruling == "insufficient"
    assert split.reason == (
        "28 of 80 training rows (35.0%) and 2 of 20 held-out rows (10.0%) have the outcome; "
        "the rarer side has 2 < limit 5 (n=100)"
    )


def test_labels_of_too_few_days_are_not_complete_yet() -> None:
    """A long outcome window."""
    facts = replace(days_of_rows(), ripe=np.zeros(200))
    assert judged(facts)["labels"].ruling == "insufficient"
    assert judged(facts)["volume"].ruling == "pass"


def test_every_count_has_every_day() -> None:
    """A count of other days would be of other rows."""
    with pytest.raises(ValueError, match="positive has 3 days, rows 200"):
        replace(days_of_rows(), positive=np.zeros(3))


def test_the_last_days_are_those_with_labels() -> None:
    """An outcome that takes weeks: the week before labels end is judged among four weeks, not among half a year."""
    facts = changed("positive", slice(130, 137), 0.0)
    late = replace(facts, ripe=(np.arange(200) < 137).astype(np.float64), sources=(), declared=())
    labels = judged(late)["labels"]
    assert labels.ruling == "fail"
    assert "in the last 28 days > limit 0.06" in labels.reason


def test_repeats_are_shares_of_the_days_that_have_come() -> None:
    """Three weeks without a row at the end hide no partition that came twice before them."""
    facts = changed("repeated", slice(165, 168), 900.0)
    counts = ("rows", "labelled", "positive", "repeated")
    waiting = {name: np.where(np.arange(200) < 178, getattr(facts, name), 0.0) for name in counts}
    repeats = judged(replace(facts, **waiting))["repeats"]
    assert "in the last 28 days > limit 0.06" in repeats.reason
    assert repeats.measured < 0.2


def test_of_a_handful_of_rows_a_day_nothing_is_said_to_be_as_usual() -> None:
    """No day and no week could be compared: that was looked at, and is no pass of a share that nobody counted."""
    facts = days_of_rows()
    counts = {name: np.floor(getattr(facts, name) / 200) for name in ("rows", "labelled", "positive")}
    found = judged(replace(facts, **counts, sources=(), declared=()))
    assert not applies(found["volume"])
    assert not applies(found["labels"])
    assert "no day and no week has 50 labelled rows" in found["labels"].reason
    assert applies(found["repeats"])


def test_the_first_version_has_no_earlier_rows_to_be_mistaken_for() -> None:
    """Nothing was compared, and nothing is said to have passed."""
    assert not applies(judged(replace(days_of_rows(), earlier=()))["set"])
