"""`python -m roadworthy.supervisor`: a serving node without the `roadworthy` command.

Not here: what a node does (run).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from roadworthy.errors import RoadworthyError
from roadworthy.settings import Settings
from roadworthy.supervisor.run import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; 0 after an orderly drain, 2 when serving could not begin."""
    options = _parser().parse_args(arguments)
    try:
        return run(
            Settings.load(options.workspace, options.namespace),
            options.host,
            options.port,
            options.workers,
            options.replay_clock,
            options.durability,
            node=options.node,
            seed=options.seed,
        )
    except RoadworthyError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m roadworthy.supervisor", description="One serving node.")
    parser.add_argument("--workspace", help="directory of the workspace (ROADWORTHY_WORKSPACE, .roadworthy)")
    parser.add_argument("--namespace", help="key of everything recorded (ROADWORTHY_NAMESPACE, default)")
    parser.add_argument("--node", help="name of this node; by default that of the machine")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on; 0 takes a free one")
    parser.add_argument("--workers", type=int, default=2, help="number of worker processes")
    parser.add_argument("--durability", choices=("process", "disk"), default="process")
    parser.add_argument("--replay-clock", action="store_true", help="event time comes with every request")
    parser.add_argument("--seed", help="seed of prediction ids, for a replay")
    return parser


if __name__ == "__main__":
    sys.exit(main())
