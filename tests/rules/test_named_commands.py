"""What messages tell people to run can be run."""

from __future__ import annotations

import re
from pathlib import Path

from roadworthy.cli import build, drill, keep, look, operate, people, secure

SOURCE = Path(__file__).resolve().parents[2] / "src" / "roadworthy"


def test_every_command_that_the_source_names_exists() -> None:
    """In messages, docstrings and comments: `roadworthy <command>`."""
    modules = (build, drill, keep, look, operate, people, secure)
    commands = {command.__name__.replace("_", "-") for module in modules for command in module.COMMANDS}
    named = {
        (path.name, word)
        for path in SOURCE.rglob("*.py")
        for word in re.findall(r"`roadworthy ([a-z][a-z-]*)", path.read_text())
    }
    assert named
    assert [entry for entry in sorted(named) if entry[1] not in commands] == []
