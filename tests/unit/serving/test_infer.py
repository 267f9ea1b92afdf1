"""Tensors of the Open Inference Protocol, and which version may be named."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from roadworthy.errors import Fault
from roadworthy.serving import infer
from roadworthy.serving.exchange import Call, Rejected
from roadworthy.serving.infer import outputs_of, require_version, sentences, version_of
from roadworthy.serving.infer_rest import split
from roadworthy.serving.infer_tensors import DATATYPES, NUMBERS, Output, raw_bytes, raw_values
from roadworthy.serving.questions import Predicted
from roadworthy.traffic import Route


@pytest.mark.parametrize("datatype", DATATYPES)
def test_values_survive_their_bytes(datatype: str) -> None:
    """Every datatype, little-endian; texts with their length before them."""
    values: list[Any] = ["", "é", "x" * 300] if datatype == "BYTES" else [0, 1, 1]
    read = raw_values(datatype, raw_bytes(Output("x", datatype, values)))
    assert read == ([text.encode() for text in values] if datatype == "BYTES" else values)


def test_bytes_that_cannot_be_values_are_refused_in_words() -> None:
    """Half a number, a boolean of another value, a text that ends beyond the end."""
    for datatype in NUMBERS:
        if not datatype.endswith("T8"):
            with pytest.raises(ValueError, match="no whole number"):
                raw_values(datatype, b"\0")
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        raw_values("BOOL", b"\2")
    for raw in (b"\1", b"\1\0\0\0", b"\xff\xff\xff\xffabc", b"\1\0\0\0a\1\0"):
        with pytest.raises(ValueError, match="beyond the end"):
            raw_values("BYTES", raw)


@pytest.mark.parametrize(
    ("route", "allowed", "why"),
    [
        (Route(champion=1), {"1"}, "lets version 1 answer"),
        (Route(champion=1, canary=2, canary_share=0.1), set(), "splits traffic between versions 1 and 2"),
        (Route(champion=1, canary=2, canary_share=0.0), {"1"}, "lets version 1 answer"),
        (Route(champion=1, canary=2, canary_share=1.0), {"2"}, "lets version 2 answer"),
        (Route(shadow=2), set(), "has no champion yet"),
        (Route(canary=2, canary_share=0.5), set(), "has no champion yet"),
    ],
)
def test_a_version_can_be_named_only_where_it_alone_answers(
    route: Route, allowed: set[str], why: str
) -> None:
    """The plan decides; without a champion nobody answers the rest."""
    served: Any = SimpleNamespace(name="delay", route=route)
    require_version(served, "")
    for version in ("1", "2", "01", "x"):
        if version in allowed:
            require_version(served, version)
        else:
            with pytest.raises(Rejected, match=why) as caught:
                require_version(served, version)
            assert caught.value.status == 404


def test_an_answer_tells_what_is_unusual_without_being_asked() -> None:
    """Decisions and fallbacks are outputs when there are any, and when they are asked for."""
    plain = Predicted([0.5, 0.25], ["a", "b"], [1, 1])
    assert [one.name for one in outputs_of(plain, [])] == ["output", "id", "version"]
    assert version_of(plain) == "1"
    marked = Predicted([0.5, 0.25], ["a", "b"], [1, 2], fallback=[1], decisions={0: "defer"})
    found = {one.name: one.values for one in outputs_of(marked, [])}
    assert (found["decision"], found["fallback"]) == (["defer", ""], [False, True])
    assert version_of(marked) == ""
    assert [one.values for one in outputs_of(plain, ["fallback"])] == [[False, False]]


def test_a_list_of_rows_is_not_searched_for_every_row() -> None:
    """Ten thousand rows that a fallback answered took more than a second of everybody's time."""

    class Unsearched(list[int]):
        """Rows that may be gone through, not searched."""

        def __contains__(self, row: object) -> bool:
            raise AssertionError(row)

    predicted = Predicted([0.5, 0.25], ["a", "b"], [1, 1], fallback=Unsearched([1]))
    assert [one.values for one in outputs_of(predicted, ["fallback"])] == [[False, True]]
    assert [one.name for one in outputs_of(predicted, ["output"])] == ["output"]


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/v2/models/delay", ("delay", "", "")),
        ("/v2/models/delay/ready", ("delay", "", "ready")),
        ("/v2/models/delay/versions/3/infer", ("delay", "3", "infer")),
        ("/v2/models/delay/versions", ("delay", "", "?")),
        ("/v2/models/delay/versions/3/x", ("delay", "3", "?")),
        ("/v2/models/", ("", "", "?")),
        ("/v2/models//infer", ("", "", "?")),
    ],
)
def test_paths_name_a_model_perhaps_a_version_and_an_action(path: str, parts: tuple[str, str, str]) -> None:
    """Anything else is no path."""
    assert split(path) == parts


def test_a_refusal_is_one_text_with_its_faults() -> None:
    """Clients of this protocol show one text."""
    rejected = Rejected(422, "invalid_request", "1 fault", [Fault("$.id", "text", "3")])
    assert sentences(rejected) == "1 fault\n  $.id: expected text, got 3"


@pytest.mark.parametrize(
    ("header", "timeout", "deadline"),
    [
        (b"200", 50_000, b"50.0"),
        (b"20", 50_000, b"20.0"),
        (None, 50_000, b"50.0"),
        (b"20", None, b"20"),
        (b"soon", 50_000, b"soon"),
        (b"20", "soon", b"-1.0"),
        pytest.param(None, 10**400, b"-1.0", id="beyond any float"),
    ],
)
def test_of_two_deadlines_the_sooner_one_counts(
    header: bytes | None, timeout: Any, deadline: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that gives a `timeout` beside its deadline means both; what is no time is left for the refusal."""
    monkeypatch.setattr(infer, "read_tensors", lambda *arguments: (None, {}))

    class Answering:
        """Says which deadline arrived."""

        def served(self, name: str) -> Any:
            return None, None

        def question(self, call: Call, *arguments: Any) -> Any:
            raise Rejected(400, "deadline", repr(call.header(b"x-roadworthy-deadline-ms")))

    headers = {} if header is None else {b"x-roadworthy-deadline-ms": header}
    parameters = {} if timeout is None else {"timeout": timeout}
    asked: Any = infer.Asked("delay", "", "", parameters, [], [])
    answering: Any = Answering()
    with pytest.raises(Rejected) as caught:
        asyncio.run(infer.infer(answering, asked, Call("", headers, b"", 0)))
    assert str(caught.value) == repr(deadline)
