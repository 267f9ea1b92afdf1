"""Every command that a page shows is one that the parser takes, options and all."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from roadworthy.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


def shown(page: Path) -> list[str]:
    """Lines of code blocks that begin with the program, without a remark behind them and what is piped on."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    called = [re.sub(r"^(\w+=\S+ )+", "", line) for line in lines]
    return [re.split(r" {3,}| #| [|>&] ", line)[0] for line in called if line.startswith("roadworthy ")]


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page)], ids=lambda page: page.name)
def test_a_page_shows_commands_that_can_be_run(page: Path) -> None:
    """A renamed option is found here and not by a reader."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group has them
    for line in shown(page):
        name, *rest = [word for word in shlex.split(line)[1:] if word]
        assert name in commands, line
        commands[name].make_context(name, rest)
