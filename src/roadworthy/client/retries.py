"""When to ask again and after how long: pure functions that read no clock and sleep nowhere.

Not here: asking (client) and connections. A request may be repeated because it carries an identifier: whatever the
server had written down the first time is read once.
"""

from __future__ import annotations

import email.utils
from dataclasses import dataclass

#: Too many requests, a server or proxy that cannot answer now. Nothing else is repeated: what was wrong stays wrong.
REPEATABLE = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Pauses:
    """Exponential backoff with full jitter, so that clients which failed together do not come back together.

    first_seconds     the longest first pause; each further one may be twice as long
    longest_seconds   no pause without a wish of the server is longer

    Brooker (2015), Exponential Backoff And Jitter, AWS Architecture Blog.
    """

    first_seconds: float = 0.1
    longest_seconds: float = 5.0

    def seconds(self, tried: int, draw: float, retry_after: float | None = None) -> float:
        """How long to wait after `tried` attempts.

        draw          uniform in [0, 1)
        retry_after   seconds the server asked for; the drawn pause comes on top, at most half as long again

        >>> Pauses().seconds(3, 0.5), Pauses().seconds(1, 0.5, retry_after=2.0)
        (0.2, 2.05)
        """
        drawn = draw * min(self.longest_seconds, self.first_seconds * 2.0 ** min(tried - 1, 30))
        return drawn if retry_after is None else retry_after + min(drawn, max(retry_after / 2, 0.05))


def wished(header: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for: a number or an HTTP date; None without one that can be read.

    now   seconds since 1970

    >>> wished("3", 0.0), wished("Thu, 01 Jan 1970 00:00:09 GMT", 4.0), wished("soon", 0.0)
    (3.0, 5.0, None)
    """
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return None
