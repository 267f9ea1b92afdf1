"""`python -m roadworthy.supervisor`: a serving node without the `roadworthy` command.

Not here: what a node does (run) and what its options mean (options).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from roadworthy.errors import RoadworthyError
from roadworthy.settings import Settings
from roadworthy.supervisor.options import ServeOptions, add_options
from roadworthy.supervisor.run import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; 0 after an orderly drain, 2 when serving could not begin."""
    given = vars(_parser().parse_args(arguments))
    workspace, namespace = given.pop("workspace"), given.pop("namespace")
    try:
        return run(Settings.load(workspace, namespace), ServeOptions(**given))
    except RoadworthyError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m roadworthy.supervisor", description="One serving node.")
    parser.add_argument("--workspace", help="directory of the workspace (ROADWORTHY_WORKSPACE, .roadworthy)")
    parser.add_argument("--namespace", help="key of everything recorded (ROADWORTHY_NAMESPACE, default)")
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
