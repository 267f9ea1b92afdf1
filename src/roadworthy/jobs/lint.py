"""Lints the vocabularies of a version against what is served today: the gate's check `vocabulary`, on any day.

For a schedule: texts that come in change long after the gate has looked. Not here: the lint (features.lint) and what
of it matters (gate.vocabulary).
"""

from __future__ import annotations

import inspect
from datetime import datetime

import msgspec

from roadworthy import cleaners
from roadworthy.errors import TooFewSamples
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.lint import shown
from roadworthy.gate import vocabulary
from roadworthy.gate.evidence import Evidence
from roadworthy.jobs.gate import held_out
from roadworthy.jobs.gate_traffic import served_lately
from roadworthy.jobs.gate_vocabulary import vocabulary_facts
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path
from roadworthy.verdict import Ruling, combined


class LintedText(msgspec.Struct, frozen=True, kw_only=True):
    """One finding.

    kind      `twin`, or what is odd about the text
    text      as it can be told apart in print
    beside    the entry that it is, or resembles; "" where there is none
    cleaner   name in `roadworthy.cleaners` of what makes them one; "" for what is only odd
    counts    how often it occurs in training, held out and served
    """

    feature: str
    kind: str
    text: str
    beside: str
    cleaner: str
    counts: str


class LintedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """All findings on the vocabularies of a version, twins first, and what the gate would say of them."""

    reference: str
    ruling: Ruling
    reasons: tuple[str, ...]
    findings: tuple[LintedText, ...]

    def sentences(self) -> list[str]:
        """What a person wants to read after the table."""
        lines = [f"{self.ruling}: {reason}" for reason in self.reasons]
        names = sorted({each.cleaner for each in self.findings if each.cleaner})
        if names:
            lines.append(
                f"Clean with: from roadworthy.cleaners import {', '.join(names)}, and category(..., clean={names[0]}); "
                "a model with functions of its own takes their text: roadworthy lint --cleaners"
            )
        return lines


def lint(stores: Stores, reference: str, *, as_of: datetime | None = None) -> LintedVersion:
    """Look the vocabularies of a version over, with the requests that were answered before `as_of` (event time).

    as_of    now by default
    raises   as `held_out`
    """
    row = stores.versions.resolve(reference)
    scorer = stores.scorer(row)
    kept = holdout_path(stores, row.digest).parent
    rows = batch_from_arrow(held_out(stores, row), scorer.schema)
    evidence = Evidence(
        model=row.model,
        version=row.version,
        vocabularies=vocabulary_facts(kept, scorer.features, rows),
        traffic=served_lately(stores, row, scorer, None, as_of or stores.clock.now()),
    )
    verdicts = vocabulary.CHECK.judge(evidence)
    try:
        linted = vocabulary.lint(evidence)
    except TooFewSamples:  # as the verdict says
        linted = []
    return LintedVersion(
        reference=row.reference,
        ruling=combined(verdicts),
        reasons=tuple(verdict.reason for verdict in verdicts),
        findings=(*_twins(linted), *_odd(linted)),
    )


def cleaner_text() -> str:
    """The source of all cleaners, to be put into a file of one's own."""
    return inspect.getsource(cleaners)


def _twins(linted: list[vocabulary.Linted]) -> list[LintedText]:
    return [
        LintedText(
            feature=each.texts.feature, kind="twin", text=shown(text), beside=shown(pair.main), cleaner=pair.cleaner,
            counts=each.counts(text),
        )
        for each in linted
        for pair in each.twins
        for text in pair.others
    ]  # fmt: skip


def _odd(linted: list[vocabulary.Linted]) -> list[LintedText]:
    return [
        LintedText(
            feature=each.texts.feature, kind=one.kind, text=shown(one.text), cleaner="", counts=each.counts(one.text),
            beside=shown(one.beside) if one.beside else "",
        )
        for each in linted
        for one in each.odd
    ]  # fmt: skip
