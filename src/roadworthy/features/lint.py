"""What is odd about the texts of a vocabulary: two that are one thing, and texts that look as if nobody meant them.

Pure, from texts and how often each occurs; texts of a cross are judged part by part. Not here: whether it matters
(gate.vocabulary) and where the counts come from (jobs).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np

from roadworthy.cleaners import CLEANERS, app_id, folded_id, latin, tidy, without_parameters
from roadworthy.features.columns import Column, Lists, Strings
from roadworthy.features.textual import SEPARATOR

Kind = Literal[
    "control character", "spaces", "parameters", "look-alike letters", "normal form", "test value",
    "missing written out", "another entry and more", "one letter apart",
]  # fmt: skip

#: What people type when they try something, and what programs write for nothing; as a whole text, in any case.
TEST_VALUES = frozenset(
    {"foo", "foobar", "test", "testing", "xxx", "xxxx", "asdf", "qwerty", "dummy", "lorem ipsum"}
)
MISSING_VALUES = frozenset({"n/a", "#n/a", "null", "(null)", "nil", "nan", "undefined", "none"})

#: Characters that part a name from what was appended to it; `.`, `/`, `-` and `_` of hierarchies are not among them.
_APPENDED = re.compile(r"[$?&#;|:,]")
#: Shorter texts are one letter apart by nature, such as codes of airports.
NEAR_LENGTH = 8
#: So many texts, the most frequent, are compared with each other letter by letter.
NEAR_TEXTS = 5_000
#: How rare the rarer of two near texts is beside the other, to look like its misspelling.
NEAR_SHARE = 0.1

Clean = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Twins:
    """Texts that are one thing.

    main      the entry that occurs most often
    others    the other texts, most frequent first
    cleaner   name of the mildest cleaner in `roadworthy.cleaners` that makes one of them
    """

    main: str
    others: tuple[str, ...]
    cleaner: str


@dataclass(frozen=True, slots=True)
class Odd:
    """A text that nobody may have meant; `beside` is the text that it resembles, "" where there is none."""

    text: str
    kind: Kind
    beside: str = ""


def shown(text: str) -> str:
    """A text as it can be told apart in print: what cannot be seen is escaped, the parts of a cross are parted by ×.

    >>> shown("JFK\\x1fSEA"), shown("caf\\u0065\\u0301"), shown("\\u0430pple")
    ("'JFK' × 'SEA'", "'cafe\\\\u0301'", "'\\\\u0430pple'")
    """
    return " × ".join(_printed(part) for part in text.split(SEPARATOR))


def twins(counts: Mapping[str, float], entries: Iterable[str]) -> list[Twins]:
    """Texts of which at least one is an entry, and which a cleaner makes one; those with most rows apart first.

    counts    text → how often it occurs
    entries   those of them that have a number of their own

    Texts that differ in case only are one where one of them is all in lower or upper case or titled, as words are.

    >>> twins({"com.app": 90, "com.app$hl=en": 9, "com.b": 1}, ["com.app"])
    [Twins(main='com.app', others=('com.app$hl=en',), cleaner='without_parameters')]
    """
    known = frozenset(entries)
    found = []
    for texts in _alike(counts):
        inside = sorted(known.intersection(texts), key=lambda text: (-counts[text], text))
        if inside:
            others = sorted(set(texts) - {inside[0]}, key=lambda text: (-counts[text], text))
            found.append(Twins(inside[0], tuple(others), _mildest(texts)))
    return sorted(found, key=lambda each: (-sum(counts[text] for text in each.others), each.main))


def strays(counts: Mapping[str, float], entries: tuple[str, ...]) -> list[Twins]:
    """As `twins`, of those texts only that are no entries: an entry comes in as it was not written in training.

    >>> strays({"com.app": 90, "com.app$hl=en": 9, "com.c": 1}, ("com.app", "com.b"))
    [Twins(main='com.app', others=('com.app$hl=en',), cleaner='without_parameters')]
    """
    known, by_name = _named(entries)
    together: dict[str, float] = {}
    for text in counts.keys() - known:
        alike = by_name.get(cleaned(text, folded_id.__name__), ())
        together |= {name: counts.get(name, 0.0) for name in (text, *alike) if alike}
    return [each for each in twins(together, known & together.keys()) if set(each.others) - known]


@lru_cache(maxsize=64)
def _named(entries: tuple[str, ...]) -> tuple[frozenset[str], Mapping[str, tuple[str, ...]]]:
    """Entries, and those that have one name when all that may differ is left out; kept, for one is asked day by day."""
    by_name: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        name = cleaned(entry, folded_id.__name__)
        by_name[name] = (*by_name.get(name, ()), entry)
    return frozenset(entries), by_name


def cleaned(text: str, cleaner: str) -> str:
    """A text, or each part of a cross, after the cleaner of that name; a part of which nothing is left is "".

    >>> cleaned("JFK \\x1fsea", "folded") == "jfk\\x1fsea"
    True
    """
    clean: Clean = CLEANERS[cleaner]
    return SEPARATOR.join(clean(part) or "" for part in text.split(SEPARATOR))


def odd(counts: Mapping[str, float]) -> list[Odd]:
    """Texts that look as if nobody meant them, each for its first reason, the most frequent first.

    counts   text → how often it occurs

    >>> odd({"com.app": 9, "com.app:en": 1})
    [Odd(text='com.app:en', kind='another entry and more', beside='com.app')]
    """
    found = {text: Odd(text, kind) for text in counts if (kind := _strange(text)) is not None}
    for text in counts.keys() - found.keys():
        if (start := _APPENDED.search(text)) and (beside := text[: start.start()].rstrip()) in counts:
            found[text] = Odd(text, "another entry and more", beside)
    for rare, common in _near(counts):
        found.setdefault(rare, Odd(rare, "one letter apart", common))
    return sorted(found.values(), key=lambda each: (-counts[each.text], each.text))


def counted(column: Column) -> dict[str, int]:
    """How often each text occurs in a column of texts or of lists of texts, missing ones left out.

    >>> counted(Strings.of(["UA", None, "B6", "UA"]))
    {'UA': 2, 'B6': 1}
    """
    texts = column.values if isinstance(column, Lists) else column
    if not isinstance(texts, Strings):
        return {}
    rows = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.uniques)).tolist()
    found: dict[str, int] = defaultdict(int)
    for text, count in zip(texts.uniques, rows, strict=True):
        found[text] += count
    return {text: count for text, count in found.items() if count}


def _printed(part: str) -> str:
    looks_latin = latin(part) != part
    hidden = [c for c in part if unicodedata.category(c) in ("Mn", "Co") or (looks_latin and latin(c) != c)]
    return repr(part).translate({ord(c): f"\\u{ord(c):04x}" for c in hidden})


def _alike(texts: Iterable[str]) -> list[list[str]]:
    """Groups of two texts or more that are one thing."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        by_name[cleaned(text, app_id.__name__)].append(text)
    by_case: dict[str, list[str]] = defaultdict(list)
    for name in by_name:
        by_case[cleaned(name, folded_id.__name__)].append(name)
    groups: list[list[str]] = []
    for names in by_case.values():
        together = len(names) > 1 and any(map(_is_word, names))
        merged = (
            [[text for name in names for text in by_name[name]]]
            if together
            else [by_name[name] for name in names]
        )
        groups += [group for group in merged if len(group) > 1]
    return groups


def _is_word(name: str) -> bool:
    letters = sum(map(str.isalpha, name))
    return letters >= 3 and (name.islower() or name.isupper() or name.istitle())


def _mildest(texts: Sequence[str]) -> str:
    for name in CLEANERS:
        if len({cleaned(text, name) for text in texts}) == 1:
            return name
    return folded_id.__name__


def _strange(text: str) -> Kind | None:
    for part in text.split(SEPARATOR):
        kind = _strange_part(part)
        if kind is not None:
            return kind
    return None


def _strange_part(part: str) -> Kind | None:
    plain = part.casefold().strip()
    if without_parameters(part) != part:
        return "parameters"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") or c == "\ufffd" for c in part):
        return "control character"
    if " ".join(part.split()) != part:
        return "spaces"
    if latin(part) != part and any("LATIN" in unicodedata.name(c, "") for c in part):
        return "look-alike letters"
    if tidy(part) != part:
        return "normal form"
    return (
        "test value" if plain in TEST_VALUES else "missing written out" if plain in MISSING_VALUES else None
    )


def _near(counts: Mapping[str, float]) -> list[tuple[str, str]]:
    """Pairs of long texts, a rare and a frequent one, that differ by one letter (not a digit), or by two swapped.

    Texts that are equal with one letter left out, at whatever place, are candidates (Garbe's SymSpell, deletes of one).
    """
    long = [text for text in counts if len(text) >= NEAR_LENGTH and SEPARATOR not in text]
    chosen = sorted(long, key=lambda text: (-counts[text], text))[:NEAR_TEXTS]
    by_rest: dict[str, list[str]] = defaultdict(list)
    for text in chosen:
        for rest in {text} | {text[:place] + text[place + 1 :] for place in range(len(text))}:
            by_rest[rest].append(text)
    pairs: dict[str, str] = {}
    for texts in by_rest.values():
        for common, rare in pairwise(texts):  # in the order of their counts
            if counts[rare] <= NEAR_SHARE * counts[common] and _letters_apart(common, rare):
                pairs.setdefault(rare, common)
    return list(pairs.items())


def _letters_apart(one: str, other: str) -> bool:
    """Whether two texts differ in letters alone and by one at most: added, lost, changed or swapped with the next."""
    if re.findall(r"\d", one) != re.findall(r"\d", other):
        return False
    start = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    if len(one) != len(other):
        short, long = sorted((one, other), key=len)
        return len(long) - len(short) == 1 and long[start].isalpha() and long[start + 1 :] == short[start:]
    changed = one[start + 1 :] == other[start + 1 :]
    swapped = (
        one[start : start + 2] == other[start : start + 2][::-1] and one[start + 2 :] == other[start + 2 :]
    )
    return (changed or swapped) and one[start].isalpha() and other[start].isalpha()
