"""What is refused before a node starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError
from roadworthy.settings import Settings
from roadworthy.supervisor.options import ServeOptions
from roadworthy.supervisor.run import run


@pytest.mark.parametrize("name", ["../../elsewhere", "..", ".hidden", "a/b", "a b", "x" * 65])
def test_a_node_is_named_so_that_its_directory_lies_in_the_workspace(tmp_path: Path, name: str) -> None:
    """Nothing is made anywhere before the name is known to be one."""
    with pytest.raises(DefinitionError, match="cannot name a node"):
        run(Settings(tmp_path / "workspace"), ServeOptions(port=0, node=name))
    assert list(tmp_path.iterdir()) == []
