"""D6: negatives that are thinned for training and not corrected are refused before any traffic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.drills import d06_sampling_difference as d06
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.result import Cell

Drilled = Callable[..., Cell]


def test_thinned_negatives_are_caught_before_any_traffic(drilled: Drilled) -> None:
    """At moderate severity, on a town of two hundred rows a week."""
    cell = drilled(d06.FAULT)
    assert cell.outcome == "caught", cell
    assert cell.first is not None
    assert cell.first.stage in ("data", "gate")
    assert cell.harmed == 0.0


def test_with_all_its_guards_off_it_is_missed(drilled: Drilled) -> None:
    """Nothing else looks at the odds."""
    assert drilled(d06.FAULT, off=d06.FAULT.guards).outcome == "missed"


def test_later_rows_and_rows_with_the_outcome_stay(broken: Deployment) -> None:
    """What the gate judges on is whole, as traffic is."""
    d06.FAULT.inject(broken, 1.0, np.random.default_rng(1))
    cut = broken.timeline.live_from - broken.timeline.holdout
    before = {file.stem: pq.read_table(file) for file in (broken.settings.tables / "trips").glob("*.parquet")}
    for _, batch, file in broken.incoming:
        after = pq.read_table(file)
        assert batch not in before
        late = after.column("late").to_pylist()
        early = [leaves < cut for leaves in after.column("leaves").to_pylist()]
        kept = [said for said, sooner in zip(late, early, strict=True) if sooner]
        if len(kept) > 100:
            assert np.mean([said is not False for said in kept]) > 0.8
    assert isinstance(after, pa.Table)
