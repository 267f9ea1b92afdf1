"""The vocabularies of a version can be looked over on any day, beside what is served then."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from roadworthy.cli.app import app
from roadworthy.gate import vocabulary
from roadworthy.jobs.lint import cleaner_text, lint
from roadworthy.jobs.stores import Stores
from small_workspace import MODEL, PROMOTED, Small


def test_the_small_town_has_no_findings(small_stores: Stores) -> None:
    """And what the gate would say stands beside that."""
    found = lint(small_stores, f"{MODEL}@1", as_of=PROMOTED)
    assert (found.findings, found.ruling) == ((), "pass")
    assert "unknown when served 0" in found.reasons[1]


def test_the_command_lists_findings_and_shows_the_cleaners(small: Small) -> None:
    """The text can be put into a file of one's own."""
    done = CliRunner().invoke(app, ["--workspace", str(small.root), "lint", f"{MODEL}@2"])
    assert done.exit_code == 0
    assert "pass: share 0 of values written in two ways or more <= limit 0.005" in done.stdout.replace(
        "\n", " "
    )
    said = CliRunner().invoke(app, ["lint", "--cleaners"]).stdout
    assert said.strip() == cleaner_text().strip()
    assert "def app_id(" in said
    assert CliRunner().invoke(app, ["lint"]).exit_code == 2


def test_a_version_of_few_rows_is_linted_as_the_gate_would(
    small_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little evidence is a ruling with its reason, not an error of the command."""
    monkeypatch.setattr(vocabulary, "MIN_ROWS", 10**6)
    found = lint(small_stores, f"{MODEL}@1", as_of=PROMOTED)
    assert (found.findings, found.ruling) == ((), "insufficient")
    assert "at least 1000000 are needed" in found.reasons[0]
