"""Claims about functions of the user's own."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from roadworthy.errors import DefinitionError, UnknownName
from roadworthy.features.functions import (
    call,
    check_imports,
    check_row_wise,
    load_snapshot,
    name_of,
    resolve,
    snapshot,
)

MakeModule = Callable[[str, str], ModuleType]
X = np.random.default_rng(0).normal(size=5_000)


@pytest.mark.parametrize(
    ("f", "how"),
    [
        (lambda x: x - x.mean(), "permuted|split|one by one"),
        (lambda x: x / np.max(np.abs(x)), "split|one by one"),
        (lambda x: np.cumsum(x), "permuted"),
        (lambda x: x + np.arange(len(x)), "permuted"),
        (lambda x: x + len(x), "split in two"),
        (lambda x: x + (len(x) == 1), "one by one"),
        (lambda x: np.random.default_rng().normal(size=len(x)), "permuted"),
    ],
)
def test_a_function_that_looks_at_other_rows_is_refused(f: Callable[..., Any], how: str) -> None:
    """Means, running sums, positions, lengths and chance."""
    with pytest.raises(DefinitionError, match=rf"function f is not row-wise: row \d+ gives .* ({how})"):
        check_row_wise(f, [X], name="f")


def test_the_first_row_that_differs_is_named() -> None:
    """By its number among the rows given, not among the sample."""
    x = np.zeros(10_001)
    x[-1] = 1.0
    with pytest.raises(DefinitionError, match=r"row 10000 gives 1\.0 among 2,000 rows and 2\.0"):
        check_row_wise(lambda x: x * (1 + (len(x) == 1)), [x], name="f")


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5_000])
def test_a_row_wise_function_passes_with_any_number_of_rows(rows: int) -> None:
    """NaN equals NaN here."""
    check_row_wise(
        lambda x, y: np.where(x > 0, np.log(np.abs(x)) + y, np.nan), [X[:rows], X[:rows]], name="f"
    )


def test_a_function_cannot_change_its_inputs() -> None:
    """Other features read them too."""

    def spoil(x: Any) -> Any:
        x[0] = 0.0
        return x

    with pytest.raises(ValueError, match="read-only"):
        call("spoil", spoil, [X])


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x[:-1], r"returned shape \(4999,\) for 5,000 rows"),
        (lambda x: 1.0, r"returned shape \(\) for 5,000 rows"),
        (lambda x: np.stack([x, x]), r"returned shape \(2, 5000\)"),
        (lambda x: ["a"] * len(x), "returned list that is not numbers"),
        (lambda x: {"a": 1}, "returned dict that is not numbers"),
    ],
)
def test_a_function_must_return_one_number_a_row(f: Callable[..., Any], message: str) -> None:
    """Integers and booleans are numbers too."""
    with pytest.raises(DefinitionError, match=message):
        call("f", f, [X])
    assert call("f", lambda x: x > 0, [X]).dtype == np.float64


def test_a_method_of_text_needs_no_snapshot() -> None:
    """It is resolved by its name."""
    assert name_of("category", str.upper) == "str.upper"
    assert resolve("str.upper", {})("ua") == "UA"
    with pytest.raises(UnknownName, match=r"function str\.nothing is not there; functions given: none"):
        resolve("str.nothing", {})


FUNCTIONS = """
from __future__ import annotations
import math
from dataclasses import dataclass
import numpy as np


@dataclass
class Scale:
    by: float = FACTOR


def scaled(x):
    return x * Scale().by


def first_two(text):
    return text[:2]


def broken(x):
    raise ValueError("as expected")
"""


def test_a_snapshot_is_the_source_of_the_one_file(make_module: MakeModule) -> None:
    """Bytes and their digest."""
    source = FUNCTIONS.replace("FACTOR", "2.0")
    module = make_module("own_functions", source)
    taken = snapshot([module.scaled, module.first_two, str.upper])
    assert taken.source == source.encode()
    assert taken.digest == hashlib.sha256(source.encode()).hexdigest()


def test_without_functions_a_snapshot_is_empty() -> None:
    """And loads as no functions."""
    taken = snapshot([str.upper])
    assert (taken.source, taken.digest) == (b"", hashlib.sha256(b"").hexdigest())
    assert load_snapshot(taken.source) == {}


def test_two_snapshots_with_the_same_names_live_in_one_process() -> None:
    """Champion and canary never collide."""
    old = load_snapshot(FUNCTIONS.replace("FACTOR", "3.0").encode())
    new = load_snapshot(FUNCTIONS.replace("FACTOR", "4.0").encode())
    assert (old["scaled"](2.0), new["scaled"](2.0)) == (6.0, 8.0)
    assert old["scaled"].__module__ != new["scaled"].__module__


def test_a_loaded_snapshot_can_be_taken_again() -> None:
    """Training from a snapshot keeps the same bytes."""
    source = FUNCTIONS.replace("FACTOR", "5.0").encode()
    functions = load_snapshot(source)
    assert snapshot([functions["scaled"]]).source == source
    assert load_snapshot(source)["scaled"] is functions["scaled"]


def test_only_functions_that_the_source_defines_are_given() -> None:
    """Not what it imports, not its classes."""
    assert sorted(load_snapshot(FUNCTIONS.replace("FACTOR", "6.0").encode())) == [
        "broken",
        "first_two",
        "scaled",
    ]


def test_a_traceback_shows_the_source_of_a_snapshot() -> None:
    """Although there is no file."""
    broken = load_snapshot(FUNCTIONS.replace("FACTOR", "7.0").encode())["broken"]
    with pytest.raises(ValueError, match="as expected") as raised:
        broken(1)
    assert 'raise ValueError("as expected")' in "".join(traceback.format_exception(raised.value))


def test_a_snapshot_that_fails_to_run_leaves_no_module_behind() -> None:
    """A second attempt must fail the same way."""
    before = set(sys.modules)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            load_snapshot(b"1 / 0")
    assert not {name for name in set(sys.modules) - before if name.startswith("roadworthy_functions_")}


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("import pandas as pd", "line 2 imports pandas"),
        ("from sklearn.base import clone", "line 2 imports sklearn.base"),
        ("from . import sibling", "line 2 imports ."),
        ("from .sibling import f", "line 2 imports .sibling"),
        ("import roadworthy", "line 2 imports roadworthy"),
        ("import importlib", "line 2 imports importlib"),
        ("x = __import__('pandas')", "line 2 imports by __import__"),
        ("def f():\n    import scipy", "line 3 imports scipy"),
    ],
)
def test_imports_beyond_the_standard_library_and_numpy_are_refused(line: str, got: str) -> None:
    """Wherever they stand in the file."""
    with pytest.raises(DefinitionError) as raised:
        check_imports(f"import math\n{line}\n".encode())
    assert got in str(raised.value)
    check_imports(b"import math, numpy.linalg\nfrom numpy import log\nfrom __future__ import annotations\n")


def test_a_source_that_is_no_python_is_refused() -> None:
    """With its line."""
    with pytest.raises(DefinitionError, match="line 2 is not Python"):
        load_snapshot(b"x = 1\ndef\n")


def test_a_module_that_imports_too_much_cannot_be_taken(make_module: MakeModule) -> None:
    """Such as the definition of the model itself."""
    module = make_module("definition", "import roadworthy\ndef f(x):\n    return x\n")
    with pytest.raises(
        DefinitionError, match=r"definition\.py: line 1 imports roadworthy; .* keep them in a file apart"
    ):
        snapshot([module.f])


def test_functions_of_two_modules_are_refused(make_module: MakeModule) -> None:
    """An artifact holds one file."""
    one = make_module("one", "def f(x):\n    return x\n")
    two = make_module("two", "def g(x):\n    return x\n")
    with pytest.raises(DefinitionError, match=r"live in 2 modules \(one\.f, two\.g\)"):
        snapshot([one.f, two.g])


def test_a_function_hidden_behind_another_name_is_refused(make_module: MakeModule) -> None:
    """The snapshot would find the other one."""
    module = make_module("shadowed", "def f(x):\n    return x\nfirst = f\ndef f(x):\n    return 2 * x\n")
    with pytest.raises(DefinitionError, match="function f is not what shadowed calls by that name"):
        snapshot([module.first])


def test_a_function_without_a_file_is_refused() -> None:
    """Such as one typed into a notebook."""
    namespace: dict[str, Any] = {"__name__": "notebook"}
    exec("def f(x):\n    return x\n", namespace)
    with pytest.raises(DefinitionError, match="function f is in notebook, which has no source file"):
        snapshot([namespace["f"]])
