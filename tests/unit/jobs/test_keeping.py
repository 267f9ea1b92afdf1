"""By hand: small files become few, and days that are not kept go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roadworthy.clock import ReplayClock
from roadworthy.errors import DefinitionError
from roadworthy.jobs.keeping import compact_log, retain_log
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.retain import KEEP_FILE, kept_days
from small_workspace import MODEL


def at(stores: Stores, now: datetime) -> Stores:
    """The same workspace at another time."""
    return Stores(stores.settings, stores.engine, ReplayClock(now))


def test_compacting_a_log_of_one_file_a_day_changes_nothing(own_stores: Stores) -> None:
    """There is nothing to merge in a partition with one file, and it is said."""
    before = own_stores.log().predictions(MODEL)
    assert compact_log(own_stores).sentence.startswith("nothing to merge")
    assert own_stores.log().predictions(MODEL).equals(before)


def test_what_is_kept_is_said_once_and_done_again(own_stores: Stores) -> None:
    """The workspace remembers the days, the ledger who said them."""
    stores = at(own_stores, datetime(2013, 4, 10, tzinfo=UTC))
    kept = stores.log().predictions(MODEL, start=datetime(2013, 3, 11, tzinfo=UTC))
    done = retain_log(stores, "30d", actor="anna", reason="enough")
    assert done.rows > 0
    assert stores.log().predictions(MODEL).equals(kept)
    assert kept_days(stores.settings.root / KEEP_FILE) == timedelta(days=30)
    (entry,) = stores.ledger.entries(action="retain")
    assert (entry.actor, entry.details["rows"]) == ("anna", done.rows)
    assert retain_log(stores, actor="anna").rows == 0


def test_once_is_once_and_all_is_for_ever(own_stores: Stores) -> None:
    """Neither leaves a setting that drops anything later."""
    stores = at(own_stores, datetime(2013, 4, 10, tzinfo=UTC))
    keep: Path = stores.settings.root / KEEP_FILE
    retain_log(stores, "30d", once=True, actor="anna")
    assert not keep.exists()
    retain_log(stores, "90d", actor="anna")
    assert retain_log(stores, "all", actor="anna").sentence == "the log is kept for ever"
    assert not keep.exists()


def test_how_long_must_be_said_in_days(own_stores: Stores) -> None:
    """And at least once."""
    for text in ("3 weeks", "0d", "-1d", "d"):
        with pytest.raises(DefinitionError, match="such as 90d"):
            retain_log(own_stores, text, actor="anna")
    with pytest.raises(DefinitionError, match="say how long"):
        retain_log(own_stores, actor="anna")


def test_a_log_that_is_kept_too_short_for_outcomes_is_said_so(own_stores: Stores) -> None:
    """Days that go before their outcomes are complete are never judged by them."""
    stores = at(own_stores, datetime(2013, 3, 2, tzinfo=UTC))
    assert retain_log(stores, "1d", actor="anna").sentence.endswith(
        f"1 days are kept; too short to judge predictions by their outcomes: {MODEL} (complete after 3 days)"
    )
    assert retain_log(stores, "3d", actor="anna").sentence.endswith("3 days are kept")


def test_a_damaged_version_does_not_hide_what_was_dropped(own_stores: Stores) -> None:
    """The rows are gone and the ledger says so: whoever asked is told, though how late outcomes come is not known."""
    stores = at(own_stores, datetime(2013, 4, 10, tzinfo=UTC))
    for row in stores.versions.all(MODEL):
        (stores.settings.artifacts / row.digest / "model.json").unlink()
    done = retain_log(stores, "1d", actor="anna")
    assert done.rows > 0
    assert done.sentence.endswith("1 days are kept")
