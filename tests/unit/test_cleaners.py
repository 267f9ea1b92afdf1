"""Cleaners make one text of what is one thing, and leave alone what is not."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy import cleaners
from roadworthy.cleaners import CLEANERS, app_id, folded_id, latin, tidy, without_parameters
from roadworthy.features.batch import Batch, Strings
from roadworthy.features.collection import Features
from roadworthy.features.declare import category
from roadworthy.features.fitted import FittedFeatures
from roadworthy.features.functions import load_snapshot, snapshot
from roadworthy.features.schema import Field, InputSchema

ROYAL_MATCH = "com.dreamgames.royalmatch"


@pytest.mark.parametrize("name", CLEANERS)
@given(text=st.text(max_size=30) | st.text("aа? $&=hl\u200b\u00a0ﬁ\u0301", max_size=12))
def test_cleaning_twice_changes_nothing_more(name: str, text: str) -> None:
    """What was cleaned in training and again when served is the same text."""
    once = CLEANERS[name](text)
    assert once is None or CLEANERS[name](once) == once


@pytest.mark.parametrize(
    ("cleaner", "text"),
    [
        (without_parameters, f"{ROYAL_MATCH}$hl=en_US"),
        (without_parameters, f"{ROYAL_MATCH}?utm_source=mail&utm_medium=x"),
        (tidy, f"\u00a0{ROYAL_MATCH}\u200b "),
        (latin, "\u0441om.dreamgames.royalm\u0430tch"),
        (app_id, "\t\u0441om.dreamgames.royalmatch&hl=en_US"),
        (folded_id, "COM.DreamGames.RoyalMatch#ref=7"),
    ],
)
def test_each_way_an_app_was_misspelt_becomes_its_name(cleaner: cleaners.Cleaner, text: str) -> None:
    """With parameters, invisible characters, letters of other scripts, in another case."""
    assert cleaner(text) == ROYAL_MATCH


@pytest.mark.parametrize(
    "text", ["AT&T", "C#", "R&D", "a = b", "why?", "x|y", "50$", "com.app", "мир", "Ωmega"]
)
def test_a_name_that_only_holds_a_separator_stays(text: str) -> None:
    """A separator parts a name from a parameter where a parameter follows, and nowhere else."""
    assert app_id(text) == text


def test_a_text_of_nothing_is_missing() -> None:
    """And not an entry of its own."""
    assert [tidy(" \u200b"), without_parameters("?utm_source=mail"), app_id("$hl=en"), folded_id("")] == [
        None
    ] * 4


def test_an_artifact_carries_the_cleaner_that_it_was_trained_with() -> None:
    """Imported from here it is kept as source, and gives the golden entry when it is loaded from that."""
    features = Features(app=category("app", clean=app_id))
    schema = InputSchema((Field("app", "string", True),))
    rows = Batch({"app": Strings.of([ROYAL_MATCH, "com.other", "com.other"])}, 3)
    fitted = features.fit(rows, schema)
    kept = snapshot([app_id]).source
    assert kept.decode() == inspect.getsource(cleaners)
    loaded = FittedFeatures.from_json(fitted.to_json(), load_snapshot(kept))
    asked = Batch({"app": Strings.of([f"{ROYAL_MATCH}$hl=en_US", ROYAL_MATCH, None])}, 3)
    assert loaded.encode(asked).ravel().tolist() == [3.0, 3.0, 0.0]
    raw = Features(app=category("app")).fit(rows, schema).encode(asked).ravel()
    assert np.array_equal(raw, [1.0, 3.0, 0.0])
