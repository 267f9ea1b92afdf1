"""What a node is told when it is started."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from roadworthy.errors import DefinitionError
from roadworthy.supervisor.options import ServeOptions, add_options


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": 0}, "0 workers cannot serve"),
        ({"port": 99_999}, "99999 is no port: choose one from 1 to 65535"),
        ({"port": -1}, "-1 is no port"),
        ({"tls_key": Path("key.pem")}, "give both"),
        ({"tls_certificate": Path("certificate.pem")}, "give both"),
        ({"max_connections": 0}, "let nobody in"),
        ({"grpc_port": 0}, "no port that several workers can share"),
        ({"hang_seconds": 1.0}, "at least 5"),
        ({"max_waiting": 100}, "let at least a batch wait"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(given: dict[str, Any], said: str) -> None:
    """With a sentence that says what to do."""
    with pytest.raises(DefinitionError, match=said):
        ServeOptions(**given)


def test_the_command_line_has_the_defaults_of_the_options() -> None:
    """Said in one place only."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    assert ServeOptions(**vars(parser.parse_args([]))) == ServeOptions()
