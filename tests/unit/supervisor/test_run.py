"""What is refused before a node starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError
from roadworthy.settings import Settings
from roadworthy.supervisor.__main__ import main
from roadworthy.supervisor.binding import bind
from roadworthy.supervisor.options import ServeOptions
from roadworthy.supervisor.run import run


@pytest.mark.parametrize("name", ["../../elsewhere", "..", ".hidden", "a/b", "a b", "x" * 65])
def test_a_node_is_named_so_that_its_directory_lies_in_the_workspace(tmp_path: Path, name: str) -> None:
    """Nothing is made anywhere before the name is known to be one."""
    with pytest.raises(DefinitionError, match="cannot name a node"):
        run(Settings(tmp_path / "workspace"), ServeOptions(port=0, node=name))
    assert list(tmp_path.iterdir()) == []


def test_a_node_that_cannot_start_ends_with_the_sentence_and_status_of_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script tells wrong usage, a guard's no and what cannot be done now apart, whatever the command."""
    with bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        found = []
        for given in (["--port", port], ["--port", "99999"], ["--workers", "0"], ["--host", "0.0.0.0"]):
            status = main(["--workspace", str(tmp_path), "--node", "n", *given])
            found.append((status, capsys.readouterr().err))
    assert [status for status, _ in found] == [1, 2, 2, 3]
    assert all(said.startswith("roadworthy: ") for _, said in found), found
    assert "cannot listen on 127.0.0.1" in found[0][1]
