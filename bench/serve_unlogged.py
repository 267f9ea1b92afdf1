"""A serving worker that makes no record and writes none: the other half of what logging costs. For measuring only."""

from __future__ import annotations

import sys

from roadworthy.serving.__main__ import main
from roadworthy.serving.recording import Recorder


def _nothing(*_: object) -> list[object]:
    return []


if __name__ == "__main__":
    Recorder.groups = _nothing  # type: ignore[assignment, method-assign]  # that is the point
    sys.exit(main())
