"""The page on automation says what is so: its definition can be read, its answers have the described form."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from roadworthy.automation import Band, Rule, ServingRules
from roadworthy.features.functions import check_row_wise, snapshot
from roadworthy.model import load_definition
from roadworthy.serving.openapi_schemas import SCHEMAS

jsonschema = pytest.importorskip("jsonschema")

PAGE = (Path(__file__).parents[2] / "docs" / "automation.md").read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_definition_on_the_page_declares_what_the_page_says(tmp_path: Path) -> None:
    """Both files as they stand there."""
    for source in blocks("python"):
        name = re.match(r"# (\w+\.py)\n", source)
        assert name is not None
        (tmp_path / name.group(1)).write_text(source)
    model = load_definition(tmp_path / "delay.py").model()
    assert model.serving() == ServingRules(
        deadline_ms=50.0,
        fallback=("standby", "rule", 0.25),
        rule=Rule("by_wind", ("wind", "origin")),
        bands=(Band(0.45, 0.55, "defer"), Band(0.9, 1.0, "people")),
    )
    f = model.rule()
    assert f is not None
    assert snapshot([f]).source == (tmp_path / "functions.py").read_bytes()
    wind = np.array([30.0, 30.0, 5.0, np.nan])
    origin = np.array(["LGA", "EWR", None, "LGA"], dtype=object)
    check_row_wise(f, [wind, origin])
    assert f(wind, origin).tolist()[:3] == [0.7, 0.6, 0.2]


def test_the_answers_on_the_page_have_the_form_of_the_document() -> None:
    """Two answers to requests, one answer of a person."""
    *answers, said = [json.loads(block) for block in blocks("json")]
    for answer in answers:
        jsonschema.validate(answer, {**SCHEMAS["Predictions"], "additionalProperties": False})
    jsonschema.validate(said, SCHEMAS["CaseAnswer"])
