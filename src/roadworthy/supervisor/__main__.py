"""`python -m roadworthy.supervisor`: a serving node without the `roadworthy` command.

Not here: what a node does (run) and what its options mean (options).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from roadworthy.errors import FAILED, MISUSED, REFUSED, DefinitionError, Refused, RoadworthyError
from roadworthy.settings import Settings
from roadworthy.supervisor.options import ServeOptions, add_options
from roadworthy.supervisor.run import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; 0 after an orderly drain, or as every command: 1 = it could not be done, 2 = wrong usage, 3 = refused."""
    given = vars(_parser().parse_args(arguments))
    workspace, namespace = given.pop("workspace"), given.pop("namespace")
    try:
        options = ServeOptions(**given)
    except DefinitionError as error:
        return _ended(error, MISUSED)
    try:
        return run(Settings.load(workspace, namespace), options)
    except RoadworthyError as error:
        return _ended(error, REFUSED if isinstance(error, Refused) else FAILED)


def _ended(error: RoadworthyError, status: int) -> int:
    sys.stderr.write(f"roadworthy: {error}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m roadworthy.supervisor", description="One serving node.")
    parser.add_argument("--workspace", help="directory of the workspace (ROADWORTHY_WORKSPACE, .roadworthy)")
    parser.add_argument("--namespace", help="key of everything recorded (ROADWORTHY_NAMESPACE, default)")
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
