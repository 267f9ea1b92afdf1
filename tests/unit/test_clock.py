"""Time and the identifiers made of it."""

from __future__ import annotations

import random
import uuid

from hypothesis import given
from hypothesis import strategies as some

from roadworthy.clock import uuid7


@given(some.integers(0, 253_402_214_400_000_000), some.integers(0, 2**64))
def test_an_identifier_is_written_as_the_standard_library_writes_it(microseconds: int, seed: int) -> None:
    """Version and variant are in their places, and the milliseconds come first, so that identifiers sort by time."""
    written = uuid7(microseconds, random.Random(seed))
    read = uuid.UUID(written)
    assert str(read) == written
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert read.int >> 80 == microseconds // 1_000
