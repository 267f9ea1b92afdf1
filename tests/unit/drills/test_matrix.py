"""The matrix: which cells there are, what must be, what each guard was good for, and how it is shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from roadworthy.drills import wording
from roadworthy.drills.catalogue import FAULTS, faults
from roadworthy.drills.cell import gate_catches
from roadworthy.drills.clean import Clean, Rate
from roadworthy.drills.matrix import Matrix, curves, failed, healthy_in, wanted
from roadworthy.drills.page import columns, lines, render
from roadworthy.drills.result import Catch, Cell, Control
from roadworthy.errors import RoadworthyError, UnknownName
from roadworthy.gate.decision import decide
from roadworthy.gate.report import GateReport
from roadworthy.jobs.ingest import ingest_file
from roadworthy.settings import Settings
from roadworthy.verdict import Ruling, Verdict
from small_workspace import MODEL, define


def cell(fault: str = "P3", catches: tuple[Catch, ...] = (), **more: Any) -> Cell:
    """A cell of the gate at moderate severity."""
    given = {"due": "gate", "severity": 0.5, "seed": 0, "moderate": True} | more
    return Cell(fault=fault, name="name", title="something is wrong", catches=catches, **given)


def catch(guard: str, stage: Any = "gate", **more: Any) -> Catch:
    """A guard that noticed."""
    return Catch(stage=stage, guard=guard, how="refused", sentence=f"{guard} said so & <why>", **more)


def matrix(*cells: Cell) -> Matrix:
    """A matrix of these cells."""
    at = datetime(2013, 7, 1, tzinfo=UTC)
    return Matrix(model="m", control=Control(), rows=1000, live_from=at, live_until=at, cells=cells)


LIVE = catch("volume", "live", rows=120, seconds=86_400.0)


def test_every_fault_has_a_place_and_a_file_of_its_own() -> None:
    """Keys are unique, severities possible, guards named, sentences there."""
    assert len({fault.key for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert re.fullmatch(r"[PSDCE]\d+", fault.id), fault.key
        assert 0.0 <= fault.moderate <= 1.0, fault.key
        assert fault.guards, fault.key
        assert fault.title, fault.key
        assert len(fault.happened) > 20, fault.key


def test_a_fault_is_chosen_with_all_its_kinds_or_alone() -> None:
    """`P3` is every way in which training breaks."""
    assert len(faults(["P3"])) > 1
    assert [fault.key for fault in faults(["P3:diverged"])] == ["P3:diverged"]
    with pytest.raises(UnknownName, match=r"no drill is called X9; there are P1.*P3"):
        faults(["X9"])


def test_the_cells_are_faults_by_severities_by_seeds_and_once_without_guards() -> None:
    """Two severities, three seeds, and each fault once with its guards off."""
    cells = wanted(faults(["S1", "S2"]), [None, 0.1], [4, 5, 6], ablation=True)
    assert len(cells) == 2 * 2 * 3 + 2
    assert sum(each.unguarded for each in cells) == 2
    assert len(wanted(faults(["S1"]), [None, 0.35, 0.35], [0])) == 1, "0.35 is its moderate severity"
    once = wanted(faults(["P3:diverged", "P3:label-noise"]), [None, 0.1], [0])
    assert [(each.fault, each.severity) for each in once] == [
        ("P3:label-noise", None), ("P3:label-noise", 0.1), ("P3:diverged", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (cell(catches=(catch("limits"),)), False),
        (cell(), True),
        (cell(moderate=False), False),
        (cell(catches=(LIVE,)), True),
        (cell(due="live", catches=(catch("limits"),)), False),
        (cell(off=("limits",)), False),
        (cell(off=("limits",), catches=(catch("champion"),)), True),
        (cell(skipped="it has no list"), False),
        (cell(error="no server"), True),
    ],
)
def test_what_must_be(given: Cell, wrong: bool) -> None:
    """Moderate faults are caught in time, mild ones may be missed, and without guards nothing may be noticed."""
    assert failed(given) is wrong


def test_a_guard_that_is_never_first_nor_alone_shows() -> None:
    """It could be removed, and the matrix says so."""
    held = matrix(
        cell("P3", (catch("limits"), catch("champion"))),
        cell("P4", (catch("goldens"),)),
        cell("P5", (catch("goldens"), catch("limits")), off=("champion",)),
    )
    assert [msgspec.structs.astuple(use) for use in held.guards()] == [
        ("goldens", 1, 1, 1),
        ("limits", 1, 0, 1),
        ("champion", 0, 0, 1),
    ]


def test_a_curve_says_how_much_is_caught_as_a_fault_grows() -> None:
    """Two seeds at two severities."""
    held = [
        cell("S1", (LIVE,), severity=severity, moderate=False, due="live", seed=seed)
        if severity > 0.5 or seed
        else cell("S1", severity=severity, moderate=False, due="live")
        for severity in (0.2, 0.8)
        for seed in (0, 1)
    ]
    assert curves(matrix(*held))[0].points == ((0.2, 0.5, 120.0), (0.8, 1.0, 120.0))


def test_a_curve_counts_rows_of_what_was_caught_in_time_only() -> None:
    """A fault of the gate that only traffic showed is not caught, after however few rows."""
    held = [cell("P7", (LIVE,), severity=severity, moderate=False) for severity in (0.2, 0.8)]
    assert curves(matrix(*held))[0].points == ((0.2, 0.0, None), (0.8, 0.0, None))


def test_many_seeds_say_once_what_is_true_of_a_fault() -> None:
    """Which faults do not apply, and which guards a list lacks, whatever the number of drills."""
    cells = [
        *(cell("P1", skipped="it has no list", seed=seed) for seed in range(3)),
        *(
            cell("P3", (catch("limits"),), seed=seed, without=(name,))
            for seed, name in enumerate(("cost", "slices"))
        ),
    ]
    told = wording.summary(matrix(*cells))
    assert "1 does not apply to this model: P1" in told
    assert "P3: cost, slices noticed too, which its list of guards lacks" in told
    assert render(matrix(*cells)).count("it has no list") == 1


def test_a_line_says_when_and_what_in_plain_words() -> None:
    """After how many rows and how much virtual time; a fault caught by the gate harmed nobody."""
    live = wording.line(cell("S2", (LIVE, catch("missing", "live")), due="live", harmed=0.125))
    assert live[3:8] == ("caught", "live", "volume (+1)", "120 rows, 1 d", "12.5%")
    assert wording.line(cell("P3", (catch("limits"),)))[6:8] == ("before traffic", "0.0%")
    assert wording.line(cell())[3] == "missed ✗"


def test_the_sum_names_everything_that_is_not_as_it_must_be() -> None:
    """A missed fault and an incomplete list of guards."""
    told = wording.summary(
        matrix(
            cell("P3", (catch("limits"),), without=("cost",)),
            cell("P5"),
            cell("P6", (catch("slices"),), off=("limits",)),
        )
    )
    assert "P3: cost noticed too, which its list of guards lacks" in told
    assert told[0] == "1 of 2 drills of moderate severity were caught at or before their stage"
    assert any("P5 at 0.5, seed 0: missed; it must be caught at the gate" in sentence for sentence in told)
    assert "with their guards off, 0 of 1 were missed; all must be" in told
    assert any("slices noticed: add them to its list" in sentence for sentence in told)


def test_what_was_only_held_for_want_of_evidence_is_told_apart() -> None:
    """Nobody refused it: a gate that waits would have waited for more days of a healthy candidate, too."""
    held = cell("P8", (msgspec.structs.replace(catch("champion"), how="held"),))
    assert wording.outcome(held) == "caught, only held"
    told = wording.summary(matrix(held, cell("P3", (catch("limits"),))))
    assert "1 of the caught was only held, for want of evidence, and refused by no guard: P8" in told


def test_what_the_gate_refuses_comes_before_what_it_waits_for() -> None:
    """The first guard is the first that says that something is wrong."""
    verdicts = [
        Verdict(check=name, subject=f"m@3{part}", ruling=cast(Ruling, ruling), n=10, reason=name)
        for name, part, ruling in (
            ("cost", "", "fail"), ("champion", "", "insufficient"), ("slices", " a", "fail"), ("limits", "", "fail"),
        )
    ]  # fmt: skip
    report = SimpleNamespace(
        subject="m@3", verdicts=verdicts, decision=decide(verdicts, {"champion", "slices", "limits"})
    )
    found = gate_catches(cast(GateReport, report), Control(gate=(("slices", "a"),)))
    assert [(each.guard, each.how) for each in found] == [
        ("limits", "refused"), ("champion", "held"), ("cost", "warning"),
    ]  # fmt: skip


def test_a_guard_of_two_stages_is_first_where_it_was_first() -> None:
    """`calibration` watches at the gate and live: each has a column, and a mark of its own drills."""
    held = matrix(
        cell("P3", (catch("limits"), catch("calibration"))),
        cell("P3", (catch("calibration", "live", rows=9),), seed=1, due="live"),
    )
    shown = columns(held.cells)
    (line,) = lines(held, shown)
    marks = {(mark.column.stage, mark.column.guard): (mark.seen, mark.first) for mark in line.marks if mark}
    assert marks == {
        ("gate", "limits"): (0.5, 0.5), ("gate", "calibration"): (0.5, 0.0), ("live", "calibration"): (0.5, 0.5),
    }  # fmt: skip


def test_the_page_says_what_guards_say_without_a_fault() -> None:
    """At each stage, in one sentence that ends."""
    control = Control(data=(("2-latest", "$.left"),), gate=(("slices", "carrier=UA"),))
    page = render(msgspec.structs.replace(matrix(cell()), control=control))
    assert "ingest 2-latest $.left as data come in, slices carrier=UA at the gate.</li>" in page


def test_the_page_shows_marks_and_escapes_what_guards_said() -> None:
    """Every fault a line, every guard a column by stage, no script, nothing loaded."""
    held = matrix(
        cell("P3", (catch("limits"), catch("champion"))), cell("S2", (LIVE,), due="live", harmed=0.4)
    )
    rate = Rate.counted(1, 200)
    clean = Clean(refused=rate, held=rate, alarmed=rate, warned=rate, budgeted=0.03)
    page = render(held, clean)
    assert [(each.stage, each.guard) for each in columns(held.cells)] == [
        ("gate", "limits"), ("gate", "champion"), ("live", "volume"),
    ]  # fmt: skip
    assert page.count("<circle r=") == 3
    assert "said so &amp; &lt;why&gt;" in page
    row = page[page.index("<strong>S2</strong>") :]
    assert row.index(">caught") < row.index("40.0%") < row.index("<circle r="), (
        "what became of it is seen first"
    )
    assert "<script" not in page
    assert "http" not in page
    assert "1 of 200" in page


def test_a_deployment_that_cannot_be_made_takes_no_finished_drills_with_it(tmp_path: Path) -> None:
    """Too few rows end in an error, not in the loss of what was drilled before."""
    small = define(tmp_path)
    settings = Settings(small.root)
    ingest_file(settings, small.definition)
    before = tmp_path / "drills" / f"{MODEL}-{'a' * 16}"
    before.mkdir(parents=True)
    with pytest.raises(RoadworthyError):
        healthy_in(settings, small.definition, tmp_path / "drills", rows=20)
    assert list((tmp_path / "drills").iterdir()) == [before]
