"""Damage is told from a torn tail."""

from __future__ import annotations

import pytest

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.frames import PREDICTION, PREFIX_SIZE, Frames, frame

FRAMES = [frame(PREDICTION, [number, "x" * 20]) for number in range(4)]
WHOLE = b"".join(FRAMES)


def test_frames_are_pinned() -> None:
    """Length, CRC-32 of type and payload, type, payload; the witness is binascii.crc32(b'\\x03\\x01')."""
    assert frame(PREDICTION, 1).hex() == "01000000" + "aa71f31d" + "03" + "01"


@pytest.mark.parametrize("cut", range(len(FRAMES[0])))
def test_a_cut_frame_is_a_torn_tail(cut: int) -> None:
    """What a crash left of the last frame is counted and ignored."""
    found = Frames(WHOLE + FRAMES[0][:cut], "j")
    assert len(list(found)) == 4
    assert (found.end, found.torn) == (len(WHOLE), cut)


@pytest.mark.parametrize("byte", range(len(FRAMES[0])))
def test_any_flipped_byte_before_whole_frames_is_damage(byte: int) -> None:
    """Lengths, checksums, types and payloads alike: the error names the offset, and no record is skipped silently."""
    data = bytearray(WHOLE)
    data[len(FRAMES[0]) + byte] ^= 0x55
    with pytest.raises(CorruptArtifact, match=rf"damaged at byte {100 + len(FRAMES[0])}"):
        list(Frames(bytes(data), "j", first=100))


def test_zeros_after_a_power_failure_are_a_torn_tail() -> None:
    """A file system may extend a file before its bytes arrive."""
    found = Frames(WHOLE + bytes(1_000), "j")
    assert len(list(found)) == 4
    assert found.torn == 1_000


def test_a_prefix_alone_is_a_torn_tail() -> None:
    """The shortest cut that knows its length."""
    found = Frames(FRAMES[0][:PREFIX_SIZE], "j")
    assert list(found) == []
