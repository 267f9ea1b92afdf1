"""Keeps the prediction log in shape by hand: merge its small files, drop days that are not kept any more.

Not here: the same in the background (supervisor.rolling) and single units (forget).
"""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec

from roadworthy.errors import DefinitionError, RoadworthyError
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.compact import compact
from roadworthy.predictionlog.retain import KEEP_FILE, keep_days, kept_days, retain
from roadworthy.registry.artifact import read_model

_DAYS = re.compile(r"([1-9][0-9]{0,4})d")


class CompactedLog(msgspec.Struct, frozen=True, kw_only=True):
    """What `compact_log` did, as in `predictionlog.compact`."""

    files: int
    merged: int
    rows: int
    deleted: int
    sentence: str


class KeptLog(msgspec.Struct, frozen=True, kw_only=True):
    """What `retain_log` did.

    days     how many are kept; None = all
    rows     that were dropped now
    """

    days: int | None
    rows: int
    sentence: str


def compact_log(stores: Stores) -> CompactedLog:
    """Merge all small files of the log; those they replace are deleted by a later call, or by a supervisor.

    raises  NotReady while another process replaces files
    """
    done = compact(stores.settings.log, stores.clock.now())
    sentence = (
        f"merged {done.files:,} files with {done.rows:,} rows into {done.merged:,}; what they replace stays a minute "
        "for those who read it, and goes with the next round"
        if done.merged
        else f"nothing to merge; deleted {done.deleted:,} files that had been replaced"
    )
    return CompactedLog(
        files=done.files, merged=done.merged, rows=done.rows, deleted=done.deleted, sentence=sentence
    )


def retain_log(
    stores: Stores, keep: str = "", *, once: bool = False, actor: str, reason: str = ""
) -> KeptLog:
    """Drop predictions and outcomes whose day is over for longer than `keep`, and go on doing so.

    keep     such as `90d`; `all` keeps everything from now on; "" applies what was said before
    once     drop now, and leave what the workspace says as it is
    raises   DefinitionError for another text, or when nothing was said yet; NotReady while files are replaced
    """
    file = stores.settings.root / KEEP_FILE
    days = _days(keep) if keep else _said(stores)
    now = stores.clock.now()
    rows, before = 0, ""
    if days is not None:
        dropped = retain(stores.settings.log, now - timedelta(days=days))
        rows, before = dropped.rows, dropped.before
    if keep and not once:
        keep_days(file, days)
    if rows or keep:
        details = {"keep": keep, "rows": rows, "before": before, "once": once}
        stores.ledger.append(
            "retain", actor=actor, reason=reason or f"keep {keep or f'{days}d'}", at=now, details=details
        )
    if days is None:
        sentence = "the log is kept for ever"
    else:
        sentence = (
            f"dropped {rows:,} rows with an event time before {before}; {'' if once else 'from now on '}"
            f"{days} days are kept{_unjudged(stores, days)}"
        )
    return KeptLog(days=days, rows=rows, sentence=sentence)


def _days(keep: str) -> int | None:
    if keep == "all":
        return None
    found = _DAYS.fullmatch(keep)
    if found is None:
        raise DefinitionError(f"keep {keep!r}: write a number of days, such as 90d, or all")
    return int(found[1])


def _unjudged(stores: Stores, days: int) -> str:
    """What a log that is kept so short takes from the monitors: days go before their outcomes are complete."""
    newest = {row.model: row for row in stores.versions.all()}
    late = []
    for name, row in newest.items():
        try:
            window = read_model(stores.settings.artifacts / row.digest).outcome.get("window_seconds", 0)
        except RoadworthyError:  # of a version that is damaged nothing is known; the rows are dropped already
            continue
        if days < (ripe := int(window) // 86_400 + 2):
            late.append(f"{name} (complete after {ripe} days)")
    return f"; too short to judge predictions by their outcomes: {', '.join(late)}" if late else ""


def _said(stores: Stores) -> int:
    kept = kept_days(stores.settings.root / KEEP_FILE)
    if kept is None:
        raise DefinitionError("the log is kept for ever: say how long, such as --keep 90d")
    return kept.days
