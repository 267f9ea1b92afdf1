"""The command line: parses, calls one job, prints. Decides nothing.

Modules of jobs are imported inside the command that needs them: `roadworthy --help` must answer at once.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of the command `roadworthy`."""
    from roadworthy.cli.app import run

    run()
