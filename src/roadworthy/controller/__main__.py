"""`python -m roadworthy.controller`: looks and acts on a beat, in a process of its own.

On a clock it beats every second. In a replay it beats when told to: a line with an instant on standard input, one line
of JSON with what was done on standard output; the replay waits for it, so two runs decide the same.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time

import msgspec

from roadworthy.clock import parse_instant
from roadworthy.errors import RoadworthyError
from roadworthy.jobs.seen import SeenAnswers
from roadworthy.jobs.stores import Stores, open_stores
from roadworthy.jobs.tick import tick
from roadworthy.settings import Settings

BEAT_SECONDS = 1.0

#: After trouble only the guards look for so long: monitors can wait, and need not fail every second.
PAUSE_SECONDS = 60.0

logger = logging.getLogger("roadworthy.controller")


def main() -> int:
    """Parse the command line and beat until stopped."""
    parser = argparse.ArgumentParser(prog="python -m roadworthy.controller", description=__doc__)
    parser.add_argument("--workspace")
    parser.add_argument("--namespace")
    parser.add_argument(
        "--replay", action="store_true", help="beat on lines of standard input, in virtual time"
    )
    given = parser.parse_args()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s controller %(levelname)s %(message)s"
    )
    stores = open_stores(Settings.load(given.workspace, given.namespace))
    return follow(stores) if given.replay else beat(stores)


def beat(stores: Stores) -> int:
    """Look once a second until SIGTERM or SIGINT; what cannot be done now is tried again, monitors after a pause.

    What is seen at every beat is said once.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    said: list[str] = []
    monitors_at = 0.0
    seen = SeenAnswers(stores)
    while not stopped.wait(BEAT_SECONDS):
        monitors = time.monotonic() >= monitors_at
        try:
            saying = tick(stores, monitors=monitors, seen=seen).sentences()
        except RoadworthyError as error:
            saying = [str(error)]
            monitors_at = time.monotonic() + PAUSE_SECONDS if monitors else monitors_at
        except Exception as error:  # the guards of all models hang on this process
            saying = [repr(error)]
            if saying != said:
                logger.exception("this beat failed in a way nobody foresaw; the next one tries again")
        for sentence in saying:
            if sentence not in said:
                logger.warning("%s", sentence)
        said = saying
    return 0


def follow(stores: Stores) -> int:
    """Look whenever a line with an instant arrives; an empty line or the end of input stops."""
    seen = SeenAnswers(stores)
    for line in sys.stdin:
        if not line.strip():
            break
        try:
            answer = msgspec.json.encode(tick(stores, parse_instant(line.strip()), seen=seen))
        except RoadworthyError as error:
            answer = msgspec.json.encode({"error": str(error)})
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
