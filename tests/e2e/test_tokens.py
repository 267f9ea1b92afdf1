"""Tokens from the command that makes one to the worker that lets it in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from roadworthy.tokens import read_tokens


def made(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `roadworthy token` did."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROADWORTHY_")}
    return subprocess.run(
        [sys.executable, "-m", "roadworthy.cli", "token", *arguments],
        env={**kept, "ROADWORTHY_TOKENS_FILE": str(file)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_a_token_once_and_keeps_its_digest(tmp_path: Path) -> None:
    """The line on standard output is the token; a wrong scope, no scope and a taken name change nothing."""
    file = tmp_path / "tokens"
    first = made(file, "booking", "--scope", "predict", "--scope", "outcome")
    assert (first.returncode, first.stderr) == (0, "")
    secret = first.stdout.strip()
    assert secret.startswith("rw_")
    assert secret not in file.read_text()
    second = json.loads(made(file, "grafana", "--scope", "read", "--json").stdout)
    assert second["scopes"] == ["read"]
    before = file.read_bytes()
    assert [(one.name, one.scopes) for one in read_tokens(file)] == [
        ("booking", ("predict", "outcome")),
        ("grafana", ("read",)),
    ]
    wrong = made(file, "x", "--scope", "write")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "'write' is not known: choose from predict, outcome, read, operate" in wrong.stderr
    assert made(file, "x").returncode == 2
    assert made(file, "booking", "--scope", "read").returncode == 1
    assert file.read_bytes() == before
