"""The words of a model's report: dates, shares, names of checks, the sentence at the top.

Not here: numbers; they come finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from roadworthy.charts.timeline import SHAPES
from roadworthy.clock import DAY_MICROS, instant
from roadworthy.jobs.life import Life
from roadworthy.monitoring.budget import SHARES
from roadworthy.registry.ledger import Entry

#: What each check asks, in words that need no statistics.
QUESTIONS = {
    "calibration": "Do as many events happen as the model says?",
    "calibration_error": "Does each level of prediction mean what it says?",
    "performance": "Does it still tell likely cases from unlikely ones?",
    "volume": "Are there as many predictions as usual on such a weekday?",
    "missing": "Is an input missing more or less often than in training?",
    "unknown": "Do values appear that the model has never seen?",
    "prediction_mean": "Is the mean prediction where it was in training?",
    "prediction_p50": "Is the median prediction where it was in training?",
    "prediction_p99": "Are the highest predictions where they were in training?",
    "prediction_distance": "Are predictions distributed as in training?",
    "input_distance": "Is an input distributed as in training?",
    "encoding_parity": "Did the model see exactly what the logged inputs encode to?",
    "source_parity": "Did requests carry what the history held at that time?",
    "vocabulary": "Do callers write names as they were written in training?",
}


def date(moment: datetime) -> str:
    """A date as people read it, with the time of day where it is not midnight; UTC.

    >>> from datetime import UTC
    >>> date(datetime(2013, 7, 1, tzinfo=UTC)), date(datetime(2013, 7, 1, 9, 5, tzinfo=UTC))
    ('1 Jul 2013', '1 Jul 2013 09:05')
    """
    clock = "" if (moment.hour, moment.minute) == (0, 0) else f" {moment:%H:%M}"
    return f"{calendar(moment)}{clock}"


def calendar(moment: datetime) -> str:
    """A date without the time of day.

    >>> from datetime import UTC
    >>> calendar(datetime(2013, 7, 1, 9, 5, tzinfo=UTC))
    '1 Jul 2013'
    """
    return f"{moment.day} {moment:%b %Y}"


def day_date(day: int) -> str:
    """The date of a day number.

    >>> day_date(15887)
    '1 Jul 2013'
    """
    return date(instant(day * DAY_MICROS))


def period(start: datetime, end: datetime | None) -> str:
    """From when to when, and how long: `1 Jul 2013 to 3 Jul 2013 (2 days)`; without an end it lasts."""
    if end is None:
        return f"since {date(start)}"
    return f"{date(start)} to {date(end)} ({length(end - start)})"


def length(duration: timedelta) -> str:
    """A duration in its largest unit.

    >>> length(timedelta(days=3, hours=5)), length(timedelta(minutes=70)), length(timedelta(seconds=20))
    ('3 days', '70 minutes', '20 seconds')
    """
    seconds = duration.total_seconds()
    for unit, size, least in (("day", 86_400, 2), ("hour", 3_600, 2), ("minute", 60, 1)):
        if seconds >= least * size or (unit == "day" and seconds == size):
            count = int(seconds // size)
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds:.0f} seconds"


def percent(share: float) -> str:
    """A share with one decimal.

    >>> percent(0.236)
    '23.6 %'
    """
    return f"{share * 100:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign.

    >>> points(-0.0123)
    '−1.2 points'
    """
    return f"{difference * 100:+.1f} points".replace("-", "−")


def check_name(check: str) -> str:
    """The name of a check in words.

    >>> check_name("input_distance")
    'input distance'
    """
    return check.replace("_", " ")


def part_of(subject: str) -> str:
    """What of the version a verdict is about; "" where it is the version itself.

    >>> part_of("flight-delay@1 wind_speed"), part_of("flight-delay@1")
    ('wind_speed', '')
    """
    return subject.partition(" ")[2]


def decision_kind(entry: Entry) -> str | None:
    """How a ledger entry is marked in the timeline; None where it is not worth a mark."""
    if entry.action == "gate":
        return None if entry.reason.endswith("pass") else "gate not passed"
    return entry.action if entry.action in SHAPES else None


def headline(life: Life) -> str:
    """One sentence with the state now."""
    champion = life.route.champion
    if champion is None:
        return "Nothing serves yet: no version was promoted."
    terms = [span.start for span in life.spans if (span.role, span.version) == ("champion", champion)]
    since = date(terms[-1]) + (f" (first on {date(terms[0])})" if len(terms) > 1 else "")
    beside = []
    if life.route.canary is not None:
        beside.append(f"version {life.route.canary} answers {life.route.canary_share * 100:g} % as canary")
    if life.route.shadow is not None:
        beside.append(f"version {life.route.shadow} is asked too, as shadow")
    more = f"; {', '.join(beside)}" if beside else ""
    return f"Version {champion} has been serving since {since}{more}. {alarm_sentence(life)}"


def alarm_sentence(life: Life) -> str:
    """How many alarms and warnings are open."""
    alarms, warnings = open_alarms(life)
    if not alarms and not warnings:
        return "No alarm is open."
    parts = [counted(alarms, "alarm")] if alarms else []
    parts += [counted(warnings, "warning")] if warnings else []
    return f"{' and '.join(parts)} {'is' if alarms + warnings == 1 else 'are'} open."


def open_alarms(life: Life) -> tuple[int, int]:
    """Open alarms, open warnings, of what still serves."""
    severities = [SHARES[alarm.check].severity for alarm in life.alarms if life.over(alarm) is None]
    return severities.count("alarm"), severities.count("warning")


def counted(n: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "alarm"), counted(2, "alarm")
    ('1 alarm', '2 alarms')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
