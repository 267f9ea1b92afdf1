"""From checked requests to logged answers: who answers which row, what is done when a version fails, and the record.

Not here: waiting and batching (batching), what a version says (scoring), the records' form (recording) and HTTP.
Nothing leaves before its record is in the journal.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from roadworthy.clock import Clock
from roadworthy.predictionlog.cases import Case
from roadworthy.predictionlog.journal import Journal, JournalUnwritable
from roadworthy.predictionlog.record import UNANSWERED, Group
from roadworthy.predictionlog.unlogged import Unlogged
from roadworthy.serving.cases import Desk
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.fallback import rescue
from roadworthy.serving.questions import Predicted, Question
from roadworthy.serving.recording import Fate, Recorder
from roadworthy.serving.scoring import Share, ask
from roadworthy.serving.shadowing import Ask
from roadworthy.serving.table import Served
from roadworthy.serving.telemetry import Telemetry
from roadworthy.traffic import Role, assign, unit_text

logger = logging.getLogger("roadworthy.worker")

Result = Predicted | Rejected


@dataclass(slots=True)
class Work:
    """Requests to one model that are answered together.

    shares    rows by the version that is asked
    refused   number of a request → why it is not answered
    rescued   rows that a fallback answered; None before any was asked
    opened    cases of rows that are left to people
    logged    whether the records are in the journal
    """

    questions: Sequence[Question]
    shares: list[Share]
    refused: dict[int, Rejected] = field(default_factory=dict)
    rescued: list[Share] | None = None
    opened: Sequence[Case] = ()
    logged: bool = False

    @property
    def served(self) -> Served:
        """The model, as the table of these requests has it."""
        return self.questions[0].served


class Predictor:
    """Asks versions and writes their answers down, for one worker.

    to_disk   a record is written only once it is on the disk, which whoever answers says with `kept`
    """

    def __init__(
        self,
        journal: Journal,
        telemetry: Telemetry,
        recorder: Recorder,
        clock: Clock,
        unlogged: Unlogged,
        desk: Desk,
        *,
        to_disk: bool = False,
    ) -> None:
        self._journal, self._telemetry, self._recorder = journal, telemetry, recorder
        self._clock, self._unlogged, self._desk, self._to_disk = clock, unlogged, desk, to_disk

    def predict(self, questions: Sequence[Question]) -> list[Result]:
        """Answer requests that found the same table; their records are in the journal when this returns.

        A refusal is 422 for rows that do not fit the version they fall to, 503 without a champion or journal, 500
        (`model_failed`) when a version raised or gave a number that is not finite and nothing else may answer.
        """
        work = prepare(questions)
        score(work)
        return self.finish(work)

    def finish(self, work: Work) -> list[Result]:
        """Write down what was said, and answer; on the thread that owns the journal."""
        if not work.shares:
            return [
                work.refused.get(number) or Predicted([], [], []) for number in range(len(work.questions))
            ]
        if work.rescued is None:
            rescue_lost(work)
        rescued = work.rescued or []
        recorded = [(share, self._recorder.ids(work.questions, share)) for share in [*work.shares, *rescued]]
        work.opened = self._left_to_people(work, recorded)
        groups: list[Group] = []
        for share in work.shares:
            if share.said.hits:
                self._telemetry.hits(work.served.name, share.version, share.said.hits)
        for share, ids in recorded:
            groups += self._recorder.groups(work.questions, share, ids, _fates(work, share, rescued))
        try:
            work.logged = self.write(groups)
        except Rejected as rejected:
            self._desk.withdraw(work.opened)
            return [work.refused.get(number, rejected) for number in range(len(work.questions))]
        return _answers(work, recorded)

    def _left_to_people(self, work: Work, recorded: Sequence[tuple[Share, list[str]]]) -> list[Case]:
        """Open a case for every row that is left to people, before anybody is told so."""
        if not any(share.decisions for share, _ in recorded):
            return []
        opened, turned_away = self._desk.open(work.questions, recorded, work.refused, self._clock.micros())
        self._telemetry.cases(work.served.name, "opened", len(opened))
        self._telemetry.cases(work.served.name, "no_room", turned_away)
        return opened

    def shadow(self, questions: Sequence[Question]) -> Ask | None:
        """The work of asking the shadow the same rows; None without a shadow. It fails nobody's request."""
        version = questions[0].served.route.shadow
        if version is None:
            return None

        def asked() -> Callable[[], None]:
            work = Work(questions, [])
            share = _share(questions, range(len(questions)), "shadow", version, work.refused)
            if share.rows:
                work.shares = ask(work.served.versions[version], share)
            return partial(self._shown, work)

        return asked

    def _shown(self, work: Work) -> None:
        """Write down what a shadow said."""
        for rejected in work.refused.values():
            self._telemetry.error("shadow_unreadable" if rejected.status == 422 else rejected.kind)
        if not work.shares:
            return
        groups: list[Group] = []
        for share in work.shares:
            ids = self._recorder.ids(work.questions, share)
            groups += self._recorder.groups(work.questions, share, ids, _fates(work, share, ()))
        try:
            self.write(groups)
        except Rejected as rejected:
            self._telemetry.error(rejected.kind)

    def kept(self, work: Work, failure: JournalUnwritable | Rejected | None) -> Rejected | None:
        """What the disk says about finished work (None: it is there): why nobody is answered, None to answer."""
        if not work.logged:
            return None
        if failure is None:
            self._log_written()
            return None
        try:
            if isinstance(failure, Rejected):
                raise failure
            self.unwritten(sum(len(share.rows) for share in work.shares), failure)
        except Rejected as rejected:
            self._desk.withdraw(work.opened)
            return rejected
        return None

    def write(self, groups: Sequence[Group]) -> bool:
        """Append groups of records to the journal and count them; False when that is to be answered without a record.

        raises Rejected (503) when it cannot take them, unless the policy is to answer without a record
        """
        try:
            self._journal.append_groups(groups)
        except JournalUnwritable as error:
            self.unwritten(sum(len(group.ids) for group in groups), error)
            return False
        if not self._to_disk:
            self._log_written()
        for group in groups:
            self._telemetry.rows(group.model, group.version, group.role, group.status, len(group.ids))
        return True

    def _log_written(self) -> None:
        ended = self._unlogged.written(self._clock.now()) if self._unlogged.alarm is not None else None
        if ended is not None:
            logger.warning("%s", ended.text)

    def unwritten(self, rows: int, error: JournalUnwritable) -> None:
        """Do with predictions that cannot be logged as the policy says: return, or Rejected (503)."""
        first = self._unlogged.alarm is None
        answered = self._unlogged.failed(rows, str(error), self._clock.now())
        if first:
            what = "answers go on without a record" if answered else "nothing is answered"
            logger.error("%s, because the prediction log cannot be written: %s", what, error)
        if not answered:
            raise Rejected(
                503,
                "log_unavailable",
                "the prediction log cannot be written: try again later",
                headers=((b"retry-after", b"1"),),
            ) from error
        self._telemetry.unlogged(rows)


def prepare(questions: Sequence[Question]) -> Work:
    """Rows of all requests by the version that answers them, champion first.

    Traffic is split by the champion's unit, whatever a standby or shadow beside it would have called one.
    """
    served = questions[0].served
    route = served.route
    work = Work(questions, [])
    if route.canary is None and route.champion is not None:
        share = _share(questions, range(len(questions)), "champion", route.champion, work.refused)
        work.shares = [share] if share.rows else []
        return work
    for owner, question in enumerate(questions):
        try:
            parts = _assigned(question, owner)
        except Rejected as rejected:
            work.refused[owner] = rejected
        else:
            _merge(work.shares, parts)
    work.shares.sort(key=lambda share: share.role != "champion")
    return work


def score(work: Work) -> None:
    """Ask every version its share; may run off the event loop."""
    versions = work.served.versions
    work.shares = [part for share in work.shares for part in ask(versions[share.version], share)]


def _share(
    questions: Sequence[Question],
    owners: Iterable[int],
    role: Role,
    version: int,
    refused: dict[int, Rejected],
) -> Share:
    """All rows of these requests as `version` reads them; a request that it cannot read is `refused`."""
    share = Share(role, version, 1.0, [], [], [])
    for owner in owners:
        question = questions[owner]
        try:
            rows = question.served.reader.rows(question.request, version)
        except Rejected as rejected:
            refused[owner] = rejected
            continue
        share.rows += rows
        if len(rows) == 1:
            share.owners.append(owner)
            share.places.append(0)
        else:
            share.owners += [owner] * len(rows)
            share.places += range(len(rows))
    return share


def _assigned(question: Question, owner: int) -> list[Share]:
    """The rows of one request by the role that its unit falls to; Rejected when one cannot be answered or read."""
    served = question.served
    route = served.route
    decides = route.canary if route.champion is None else route.champion
    if decides is None:
        raise _no_champion(served)
    unit = served.versions[decides].scorer.unit
    found: dict[tuple[Role, int, float], list[int]] = {}
    for number, value in enumerate(served.reader.values(question.request, unit, decides)):
        answer = assign(route, unit_text(value))
        if answer is None:
            raise _no_champion(served)
        found.setdefault(answer, []).append(number)
    return [
        Share(
            *answer, [owner] * len(numbers), numbers, served.reader.rows(question.request, answer[1], numbers)
        )
        for answer, numbers in found.items()
    ]


def _merge(shares: list[Share], parts: Sequence[Share]) -> None:
    for part in parts:
        key = (part.role, part.version)
        mine = next((share for share in shares if (share.role, share.version) == key), None)
        if mine is None:
            shares.append(part)
        else:
            mine.owners += part.owners
            mine.places += part.places
            mine.rows += part.rows


def _no_champion(served: Served) -> Rejected:
    return Rejected(503, "no_champion", f"{served.name} has no champion yet: release a version first")


def rescue_lost(work: Work) -> None:
    """Let fallbacks answer the rows that their version did not; requests left with a failed row are refused.

    `finish` does it where nobody did; it may ask a standby, so off the event loop is better when that is slow.
    """
    rescued: list[Share] = []
    work.rescued = rescued
    for share in work.shares:
        if not (share.said.error or share.said.wrong):
            continue
        error = share.said.error
        lost = share.at(list(range(len(share.rows))) if error else sorted(share.said.wrong))
        parts = rescue(work.questions, lost)
        saved = {
            (owner, place) for part in parts for owner, place in zip(part.owners, part.places, strict=True)
        }
        rescued += parts
        keys = zip(lost.owners, lost.places, strict=True)
        left = dict.fromkeys(key[0] for key in keys if key not in saved)
        reasons = dict.fromkeys(left, error) if error else _sentences(share)
        name = f"{work.served.name}@{share.version}"
        for owner in left:
            if owner not in work.refused:
                sentence = f"{name} could not predict: {reasons[owner]}"
                work.refused[owner] = Rejected(500, "model_failed", sentence)


def _sentences(share: Share) -> dict[int, str]:
    """What is wrong with the numbers that a version gave, by request; the first wrong row decides what is counted."""
    counts, rows = dict[int, Counter[str]](), Counter(share.owners)
    for at, reason in sorted(share.said.wrong.items()):
        counts.setdefault(share.owners[at], Counter())[reason] += 1
    sentences: dict[int, str] = {}
    for owner, reasons in counts.items():
        first, count = next(iter(reasons.items()))
        what = "not finite numbers" if first == "not a finite number" else first
        sentences[owner] = f"{count} of {rows[owner]} outputs are {what}"
    return sentences


def _fates(work: Work, share: Share, rescued: Sequence[Share]) -> dict[int, Fate]:
    """What became of the rows of a share, where that is not simply to be the answer."""
    said = share.said
    if not (said.error or said.wrong or work.refused or share.decisions):
        return {}
    fates: dict[int, Fate] = {}
    sentences = _sentences(share) if said.wrong else {}
    for at, owner in enumerate(share.owners):
        if said.error:
            fates[at] = ("error", said.error, "")
        elif at in said.wrong:
            fates[at] = ("error", sentences[owner], "")
        elif owner in work.refused and share.role != "shadow":
            fates[at] = ("ok", "", UNANSWERED)
        elif at in share.decisions:
            fates[at] = ("ok", "", share.decisions[at])
    return fates


def _answers(work: Work, recorded: Sequence[tuple[Share, list[str]]]) -> list[Result]:
    """The answer to every request, in their order."""
    share, ids = recorded[0]
    plain = len(recorded) == 1 and not (work.refused or share.decisions)
    if plain and share.owners == list(
        range(len(work.questions))
    ):  # one row each, all answered by one version
        outputs, version = share.said.outputs or [], share.version
        return [Predicted([output], [name], [version]) for output, name in zip(outputs, ids, strict=True)]
    answers: list[Result] = []
    for number, question in enumerate(work.questions):
        n = len(question.request.rows)
        answers.append(work.refused.get(number) or Predicted([0.0] * n, [""] * n, [0] * n))
    for share, ids in recorded:
        said = share.said
        for at, owner in enumerate(share.owners):
            answer = answers[owner]
            if isinstance(answer, Rejected) or said.outputs is None or at in said.wrong:
                continue
            place = share.places[at]
            answer.outputs[place], answer.ids[place] = said.outputs[at], ids[at]
            answer.versions[place] = share.version
            if at in share.decisions:
                answer.decisions[place] = share.decisions[at]
            if share.role == "fallback":
                answer.fallback.append(place)
    for found in answers:
        if isinstance(found, Predicted) and found.fallback:
            found.fallback.sort()
    return answers
