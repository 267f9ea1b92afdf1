"""The ML Test Score of one model: 28 tests, each with the evidence in the workspace or what would supply it.

Breck, Cai, Nielsen, Salib, Sculley (2017), The ML Test Score: A Rubric for ML Production Readiness and Technical Debt
Reduction, IEEE Big Data. A test that is done by hand, with its result written down, gives half a point, one that runs
by itself a full one. A section is the sum of its seven tests; the score is the smallest of the four sections.

Not here: the tests. Nothing counts that was not found; a person's word counts as done by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from roadworthy.errors import DefinitionError, UnknownName
from roadworthy.jobs import scorecard_data, scorecard_infrastructure, scorecard_model, scorecard_monitoring
from roadworthy.jobs.scorecard_found import ATTESTED, Found, Rehearsal, find
from roadworthy.jobs.scorecard_test import HALF, Evidence, Test
from roadworthy.jobs.stores import Stores

SECTIONS: Mapping[str, tuple[Test, ...]] = {
    "Features and data": scorecard_data.TESTS,
    "Model development": scorecard_model.TESTS,
    "Infrastructure": scorecard_infrastructure.TESTS,
    "Monitoring": scorecard_monitoring.TESTS,
}

#: What the paper says of a score: up to and including this many points.
MEANING: Sequence[tuple[float, str]] = (
    (0.0, "more of a research project than a productionized system"),
    (
        1.0,
        "not totally untested, but it is worth considering the possibility of serious holes in reliability",
    ),
    (2.0, "there has been a first pass at basic productionization, but additional investment may be needed"),
    (3.0, "reasonably tested, but it is possible that more of those tests and procedures may be automated"),
    (5.0, "strong levels of automated testing and monitoring, appropriate for mission-critical systems"),
    (7.0, "exceptional levels of automated testing and monitoring"),
)


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """One test and what was found for it; see `scorecard_test.Evidence`."""

    key: str
    title: str
    points: float
    found: tuple[str, ...]
    missing: str
    command: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One of the four sections; its points are those of its tests together."""

    name: str
    points: float
    tests: tuple[Scored, ...]


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """The score of one model by one of its versions.

    answers   whether that version is the champion; else it is the newest
    score     the smallest of the sections, from 0 to 7
    meaning   what the paper says of such a score
    """

    reference: str
    answers: bool
    score: float
    meaning: str
    sections: tuple[Section, ...]


def scorecard(stores: Stores, model: str, rehearsal: Rehearsal | None = None) -> Scorecard:
    """Score a model by what its workspace shows; reads and changes nothing.

    rehearsal   what drills on it gave, see `read_rehearsal`
    """
    return scored(find(stores, model, rehearsal))


def scored(found: Found) -> Scorecard:
    """Score facts; pure."""
    sections = tuple(_section(name, tests, found) for name, tests in SECTIONS.items())
    score = min(section.points for section in sections)
    return Scorecard(
        reference=found.reference,
        answers=found.answers,
        score=score,
        meaning=meaning(score),
        sections=sections,
    )


def meaning(score: float) -> str:
    """What the paper says of a score.

    >>> meaning(0.0)
    'more of a research project than a productionized system'
    >>> meaning(2.5)[:17]
    'reasonably tested'
    """
    return next(words for most, words in MEANING if score <= most)


def attest(stores: Stores, model: str, key: str, *, actor: str, reason: str) -> None:
    """Keep a person's word that something was tested by hand; it is worth half a point where nothing else was found.

    raises   UnknownName for a test that is none, Refused without a reason
    """
    known = [test.key for tests in SECTIONS.values() for test in tests]
    if key not in known:
        raise UnknownName(f"the scorecard has no test {key!r}; its tests are {', '.join(known)}")
    stores.ledger.append(
        ATTESTED, actor=actor, reason=reason, at=stores.clock.now(), model=model, details={"test": key}
    )


def read_rehearsal(file: Path) -> Rehearsal:
    """What `roadworthy drill --json` printed: how many faults were injected, and how many were caught in time.

    raises   DefinitionError for any other file
    """
    try:
        told = msgspec.json.decode(file.read_bytes(), type=_Told)
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file} is not what `roadworthy drill --json` prints: {error}") from error
    done = [cell for cell in told.matrix.cells if not (cell.skipped or cell.error or cell.off)]
    return Rehearsal(done=len(done), caught=sum(cell.in_time for cell in done))


_Stage = Literal["data", "gate", "live", "after"]


class _Catch(msgspec.Struct):
    stage: _Stage


class _Cell(msgspec.Struct):
    due: _Stage
    catches: tuple[_Catch, ...]
    skipped: str
    error: str
    off: tuple[str, ...]

    @property
    def in_time(self) -> bool:
        """Whether a guard noticed no later than one must; what went live that the gate must refuse was not caught."""
        order = get_args(_Stage)
        return bool(self.catches) and order.index(self.catches[0].stage) <= order.index(self.due)


class _Matrix(msgspec.Struct):
    cells: tuple[_Cell, ...]


class _Told(msgspec.Struct):
    matrix: _Matrix


def _section(name: str, tests: Sequence[Test], found: Found) -> Section:
    each = tuple(_scored(test, found) for test in tests)
    return Section(name=name, points=sum(one.points for one in each), tests=each)


def _scored(test: Test, found: Found) -> Scored:
    given = _vouched(test, found, test.look(found))
    return Scored(
        key=test.key, title=test.title, points=given.points, found=given.found, missing=given.missing,
        command=given.command,
    )  # fmt: skip


def _vouched(test: Test, found: Found, given: Evidence) -> Evidence:
    """The same with a person's word, which makes half a point of nothing and nothing of more."""
    word = found.attested.get(test.key)
    if word is None:
        return given
    said = f"{word.actor} says, {word.at:%Y-%m-%d}: {word.reason}"
    return Evidence(max(given.points, HALF), (*given.found, said), given.missing, given.command)
