"""Is every entry of the vocabularies one thing, and are the texts that are served now known to them?

An app that is there as `com.app` and as `com.app$hl=en_US` has two numbers, and what was learned of one says nothing of
the other; if only one is an entry, the other is unknown. For every feature of text, its entries and the texts of the
held-out rows and of the requests that are served now are compared after cleaning: control characters, surplus spaces,
normal forms of Unicode (NFKC), letters of other scripts that look Latin, URL parameters, and case where words were
only capitalised. Two texts that a cleaner makes one, and one of which is an entry, are twins. Measured is the largest
share of a feature's values, in training, held out or served, that are a twin of a more frequent entry. More than the
limit, 0.5 %, is a fail, and the reason names the cleaner of `roadworthy.cleaners` that merges them.

The second verdict is about what is served now: by how much the share of values unknown to the vocabulary exceeds that
in the held-out rows. More than 10 points is a fail; entries of which ten or more were to be expected and none came are
counted beside it. Texts that nobody may have meant (test values such as `foo`, a missing value written out, an entry
with something appended, a rare text one letter from a frequent one) are listed and fail nothing. A model without
features of text, and one that nobody has asked yet, pass with a reason that says so. Once a version answers, the daily
monitors ask of what came in that day how much of it is an entry written otherwise, by the same limit, and warn. Source:
incidents of an ad platform, where bundle names kept a parameter in training and had none when served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.features.lint import Odd, Twins, counted, odd, shown, twins
from roadworthy.gate.check import Check, not_applying, number, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.vocabulary_facts import VocabularyTexts
from roadworthy.verdict import Limit, Verdict

NAME = "vocabulary"

#: Largest share of a feature's values that a cleaner would give to a more frequent entry.
MERGED = Limit("<=", 0.005)
#: By how much the share of unknown values may be larger when served than in held-out rows.
UNKNOWN = Limit("<=", 0.1)

MIN_ROWS = 100
#: Entries of which so many were to be expected among the served values, and none came, have gone.
EXPECTED = 10.0
#: So many findings of a kind are kept with the verdict.
KEPT = 20

Counts = Mapping[str, float]


@dataclass(frozen=True)
class Linted:
    """What the lint says of one feature of text.

    trained, held_out, served   text → how often; served is None where nobody is served or it is not known
    """

    texts: VocabularyTexts
    trained: Counts
    held_out: Counts
    served: Counts | None
    twins: tuple[Twins, ...]
    odd: tuple[Odd, ...]

    @property
    def sources(self) -> dict[str, Counts]:
        """The counts by where they come from, as a sentence names it."""
        found = {"in training": self.trained, "held out": self.held_out}
        return found if self.served is None else {**found, "served": self.served}

    def merged(self) -> tuple[float, str]:
        """The largest share of values that are a twin of a more frequent entry, and where."""
        others = {text for each in self.twins for text in each.others}
        shares = {where: _share(counts, others) for where, counts in self.sources.items()}
        worst = max(shares, key=lambda where: shares[where])
        return shares[worst], worst

    def counts(self, text: str) -> str:
        """How often a text occurs, as people read it."""
        return ", ".join(f"{counts.get(text, 0):,.0f} {where}" for where, counts in self.sources.items())


def lint(evidence: Evidence) -> list[Linted]:
    """Every feature of text, compared with itself and looked over.

    raises   TooFewSamples when nobody counted; ValueError for counts that are no numbers
    """
    facts = evidence.vocabularies
    if facts is None:
        raise TooFewSamples("the texts of its training rows were not counted: train it again")
    if facts.texts and facts.rows < MIN_ROWS:
        raise TooFewSamples(f"texts were counted in {facts.rows:,} rows, at least {MIN_ROWS} are needed")
    cleaned = None if evidence.traffic is None else evidence.traffic.cleaned
    served = {} if cleaned is None else {name: counted(column) for name, column in cleaned.columns.items()}
    return [_linted(texts, served.get(texts.feature)) for texts in facts.texts]


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """Two verdicts: entries that are one thing, and what is unknown of the texts that are served now."""
    found = lint(evidence)
    if not found:
        why = "no feature has a vocabulary"
        return (not_applying(NAME, evidence, why),)
    return (_merged(evidence, found), _served(evidence, found))


def _linted(texts: VocabularyTexts, served: Counts | None) -> Linted:
    if not np.isfinite(texts.trained).all():
        raise ValueError(f"some counts of the vocabulary of {texts.feature} are not finite numbers")
    trained = dict(zip(texts.entries, texts.trained.tolist(), strict=True))
    together = dict(trained)
    for counts in (texts.held_out, served or {}):
        for text, rows in counts.items():
            together[text] = together.get(text, 0) + rows
    return Linted(
        texts,
        trained,
        texts.held_out,
        served,
        tuple(twins(together, texts.entries)),
        tuple(odd(together)),
    )


def _merged(evidence: Evidence, found: list[Linted]) -> Verdict:
    assert evidence.vocabularies is not None, "looked at before"
    n = evidence.vocabularies.rows
    worst = max(found, key=lambda each: each.merged()[0])
    share, where = worst.merged()
    ruling = MERGED.ruling(share)
    entries = sum(len(each.texts.entries) for each in found)
    if worst.twins:
        relation = "<=" if ruling == "pass" else ">"
        said = (
            f"share {number(share)} of the values of {worst.texts.feature} {where} {relation} limit {MERGED.value:g} "
            f"are written in two ways or more: {_pair(worst)}"
        )
    else:
        said = (
            f"share {number(share)} of values written in two ways or more <= limit {MERGED.value:g} in {len(found)} "
            f"features with {entries:,} entries"
        )
    oddities = sum(len(each.odd) for each in found)
    also = f"; {oddities:,} odd text{'s' * (oddities != 1)}{_first(found)}" if oddities else ""
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{said}{also} (n={n:,})",
        measured=share,
        limit=str(MERGED),
        unit="share of values",
        n=n,
        evidence={"twins": _all_twins(found), "odd": _all_odd(found)},
    )


def _served(evidence: Evidence, found: list[Linted]) -> Verdict:
    traffic = evidence.traffic
    if traffic is None:
        return verdict(NAME, evidence, "insufficient", "what is served now was not read (n=0)", "served", n=0)
    if traffic.none or traffic.lacking:
        lacking = f"the requests that are served now do not carry {', '.join(sorted(traffic.lacking))}"
        return not_applying(NAME, evidence, traffic.none or lacking, "served")
    if traffic.cleaned is None:
        raise ValueError("the texts of the requests that are served now were not cleaned")
    if traffic.n < MIN_ROWS:
        reason = f"{traffic.n} requests were answered lately, at least {MIN_ROWS} are needed (n={traffic.n})"
        return verdict(NAME, evidence, "insufficient", reason, "served", n=traffic.n)
    grown = {
        each.texts.feature: (_unknown(each, each.served), _unknown(each, each.held_out)) for each in found
    }
    feature = max(grown, key=lambda name: grown[name][0] - grown[name][1])
    served, before = grown[feature]
    measured = served - before
    ruling = UNKNOWN.ruling(measured)
    relation = "<=" if ruling == "pass" else ">"
    gone = {each.texts.feature: _gone(each) for each in found}
    lost = sum(map(len, gone.values()))
    unseen = (
        f"; of {lost:,} entries {EXPECTED:g} values or more were to be expected, and none came"
        if lost
        else ""
    )
    return verdict(
        NAME,
        evidence,
        ruling,
        f"share of values of {feature} unknown when served {number(served)}, held out {number(before)}: "
        f"{number(measured)} more {relation} limit {UNKNOWN.value:g}{unseen} (n={traffic.n:,})",
        "served",
        measured=measured,
        limit=str(UNKNOWN),
        unit="share of values",
        n=traffic.n,
        evidence={
            "unknown": {name: {"served": one, "held_out": other} for name, (one, other) in grown.items()},
            "gone": {name: [shown(text) for text in texts[:KEPT]] for name, texts in gone.items() if texts},
        },
    )


def _unknown(each: Linted, counts: Counts | None) -> float:
    """Share of the values that have no entry; 0 where there are no values."""
    known = frozenset(each.texts.entries)
    return _share(counts or {}, {text for text in counts or {} if text not in known})


def _gone(each: Linted) -> list[str]:
    """Entries that are not served any more though they should be, the most frequent first."""
    total, served = sum(each.trained.values()), each.served or {}
    if total == 0:
        return []
    scale = sum(served.values()) / total
    missing = [text for text, rows in each.trained.items() if rows * scale >= EXPECTED and text not in served]
    return sorted(missing, key=lambda text: -each.trained[text])


def _share(counts: Counts, chosen: set[str]) -> float:
    total = sum(counts.values())
    return float(sum(counts.get(text, 0) for text in chosen) / total) if total else 0.0


def _pair(each: Linted) -> str:
    first = each.twins[0]
    own = each.texts.cleaned_by
    advice = f"cleaner {first.cleaner}" + (f" (in {own}, which cleans them now)" if own else "")
    return (
        f"{shown(first.others[0])} ({each.counts(first.others[0])}) is {shown(first.main)} "
        f"({each.counts(first.main)}), which {advice} would make one"
    )


def _first(found: list[Linted]) -> str:
    each = next(each for each in found if each.odd)
    beside = f" beside {shown(each.odd[0].beside)}" if each.odd[0].beside else ""
    return f", such as {shown(each.odd[0].text)} in {each.texts.feature} ({each.odd[0].kind}{beside})"


def _all_twins(found: list[Linted]) -> list[dict[str, object]]:
    return [
        {
            "feature": each.texts.feature,
            "entry": shown(pair.main),
            "counts": each.counts(pair.main),
            "cleaner": pair.cleaner,
            "others": {shown(text): each.counts(text) for text in pair.others[:5]},
            "more": max(len(pair.others) - 5, 0),
        }
        for each in found
        for pair in each.twins[:KEPT]
    ]


def _all_odd(found: list[Linted]) -> list[dict[str, object]]:
    return [
        {
            "feature": each.texts.feature,
            "text": shown(one.text),
            "kind": one.kind,
            "beside": shown(one.beside) if one.beside else "",
            "counts": each.counts(one.text),
        }
        for each in found
        for one in each.odd[:KEPT]
    ]


CHECK = Check(
    name=NAME,
    required=True,
    question="Is every entry of the vocabularies one thing, and are the texts that are served now known to them?",
    remedy="Give the feature the cleaner that is named, as category(..., clean=app_id) from roadworthy.cleaners, and "
    "train again; `roadworthy lint` lists all findings and shows the text of a cleaner for a file of your own.",
    measured=judge,
)
