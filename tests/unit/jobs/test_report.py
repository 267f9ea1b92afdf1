"""The page with the life of a model."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from reported_life import FORCED, REASON, tell
from roadworthy.errors import NotReady, UnknownName
from roadworthy.jobs.days import outcome_rule
from roadworthy.jobs.life import Life, Span, merged, read_life, spans
from roadworthy.jobs.life_drift import drift
from roadworthy.jobs.life_tables import alarms, ledger
from roadworthy.jobs.life_weeks import reliability, totals, weeks
from roadworthy.jobs.life_words import headline
from roadworthy.jobs.report import report
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.outcomes import labelled
from roadworthy.registry.ledger import Entry
from roadworthy.traffic import Route
from small_workspace import MODEL, PROMOTED, TRAFFIC, Small

SECTIONS = [
    "timeline",
    "outcomes",
    "calibration",
    "ranking",
    "volume",
    "drift",
    "alarms",
    "versions",
    "ledger",
]


@pytest.fixture(scope="module")
def told(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A workspace with a life to report, opened."""
    stores = tell(small, tmp_path_factory.mktemp("told") / "workspace").stores()
    yield stores
    stores.engine.dispose()


@pytest.fixture(scope="module")
def life(told: Stores) -> Life:
    """Its life."""
    return read_life(told, MODEL)


@pytest.fixture(scope="module")
def page(told: Stores) -> str:
    """Its page."""
    return report(told, MODEL).read_text(encoding="utf-8")


def markup(page: str) -> str:
    """The page without the text of its scripts."""
    return re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", page, flags=re.DOTALL)


def test_the_page_has_every_section_in_the_order_of_the_reading(page: str) -> None:
    """State, what served, how well, what changed, who decided."""
    assert re.findall(r'<section id="(\w+)"', page) == SECTIONS
    assert '<p class="empty">' not in markup(page)


def test_the_page_names_no_address_that_a_browser_would_load(page: str) -> None:
    """No script, style, picture or font of elsewhere; and the page forbids itself to try."""
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", markup(page))
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []
    assert "default-src 'none'" in page
    assert len(page) < 2_000_000


def test_a_reason_is_shown_as_it_was_written_and_never_run(page: str) -> None:
    """What people write into the ledger cannot become part of the page, in the tables or in the charts' data."""
    assert page.count("</script>") == page.count("<script") == 3
    assert "late already: &#34;ship it&#34; &lt;/script&gt;" in page
    assert REASON.replace("<", "\\u003c").replace('"', '\\"') in page


def test_the_headline_says_what_serves_since_when_and_that_it_did_before(life: Life) -> None:
    """After a rollback the version is not news."""
    assert headline(life).startswith(
        "Version 2 has been serving since 19 Apr 2013 00:05 (first on 1 Apr 2013)."
    )


def test_the_timeline_knows_every_role_of_every_version(life: Life) -> None:
    """A version that was forced in and taken back has its five minutes."""
    roles = [(span.role, span.version, span.start) for span in life.spans]
    assert roles == [
        ("champion", 1, TRAFFIC),
        ("shadow", 2, PROMOTED - timedelta(days=6)),
        ("canary", 2, PROMOTED - timedelta(days=3)),
        ("champion", 2, PROMOTED),
        ("champion", 3, FORCED),
        ("champion", 2, FORCED + timedelta(minutes=5)),
    ]


def test_a_decision_in_real_time_stands_beside_its_neighbours_of_the_replay(life: Life) -> None:
    """One command that was not told the virtual time does not stretch the axis by years."""
    gate = next(entry for entry in life.entries if entry.action == "gate" and entry.version == 3)
    assert gate.event_time > life.end
    assert life.times[gate.seq] == FORCED
    assert [row.kind for row in ledger(life) if row.version == 3 and row.action == "gate"] == [
        "gate not passed"
    ]


def test_an_alarm_of_a_version_that_left_is_over(life: Life) -> None:
    """No verdict will ever close it; the reader is not told that it is open now."""
    [row] = [row for row in alarms(life) if row.check == "calibration" and row.version == 1]
    assert (row.is_open, row.unjudged, row.closed) == (False, True, "1 Apr 2013")


def test_labelled_rows_are_those_of_the_log_on_days_that_matured(told: Stores, life: Life) -> None:
    """The kept day statistics say what a join of the log with its outcomes says."""
    [first, _] = totals(life)
    row = told.versions.get(MODEL, 1)
    joined = labelled(told.log(), MODEL, outcome_rule(told.scorer(row)), life.end, versions=[1])
    days = pa.array(sorted(day.day for day in life.ripe(1)))
    kept = pc.is_in(pc.divide(joined.column("event_time").cast("int64"), 86_400_000_000), days)
    labels = joined.filter(kept).column("label").drop_null()
    assert first.n == len(labels)
    assert first.observed == pytest.approx(pc.mean(labels).as_py())


def test_weeks_and_cells_add_to_all_labelled_rows(life: Life) -> None:
    """Nothing is shown twice or lost on the way to the charts, but for cells too small to say anything."""
    for found in totals(life):
        assert sum(each.week.n for each in weeks(life) if each.version == found.version) == found.n
        cells = [cell for cell in reliability(life) if cell.version == found.version]
        assert 0.8 * found.n < sum(cell.n for cell in cells) <= found.n
        assert all(cell.low <= cell.observed <= cell.high for cell in cells)


def test_volume_counts_every_prediction_of_the_log_once(told: Stores, life: Life) -> None:
    """Days on which the route changed are there too, although monitors skip them."""
    assert sum(row.n for row in life.answered) == told.log().predictions(MODEL, columns=["version"]).num_rows


def test_drift_is_sorted_by_what_moved_most(life: Life) -> None:
    """What was reported on the most days comes first."""
    moved = drift(life)
    assert {each.name for each in moved} >= {"wind", "origin", "(predictions)"}
    assert [each.reported for each in moved] == sorted((each.reported for each in moved), reverse=True)


def test_a_canary_that_grows_is_one_band(life: Life) -> None:
    """The timeline shows who answered, not each step of the share."""
    t = [datetime(2013, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    routes = [Route(champion=1, canary=2, canary_share=share) for share in (0.1, 0.5)] + [Route(champion=2)]
    flips = [
        Entry(seq=at, at=when, event_time=when, actor="a", action="x", reason="r", route=route)
        for at, (when, route) in enumerate(zip(t, routes, strict=True))
    ]
    found = spans(flips)
    assert [span.share for span in found if span.role == "canary"] == [0.1, 0.5]
    assert Span(2, "canary", t[0], t[2], 0.1) in merged(found)
    assert Span(1, "champion", t[0], t[2]) in found


def test_a_version_that_never_served_has_a_page_that_says_so(own_stores: Stores) -> None:
    """The first thing after training may be to look."""
    page = report(own_stores, MODEL).read_text(encoding="utf-8")
    assert "Nothing serves yet: no version was promoted." in page
    assert "No day was judged yet." in page


def test_a_model_without_versions_is_an_unknown_name(small_stores: Stores) -> None:
    """The sentence says what to do."""
    with pytest.raises(UnknownName, match="train one first"):
        report(small_stores, "nothing")


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_without_the_extra_the_error_names_it(
    own_stores: Stores, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """Charts are optional to install; nothing is written without them."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NotReady, match=re.escape("pip install 'roadworthy[charts]'")):
        report(own_stores, MODEL)
    assert not list(Path(own_stores.settings.reports).glob("*.html"))
