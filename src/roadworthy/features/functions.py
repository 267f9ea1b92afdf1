"""Functions of the user's own: named, tested to be row-wise, kept as source, and run from that source.

Not here: a sandbox. Whoever can register a version can run code; the import list keeps a model reproducible,
not harmless.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from roadworthy.errors import DefinitionError, UnknownName
from roadworthy.features.columns import Floats

#: What a module of functions may import beyond the standard library.
ALLOWED_IMPORTS = frozenset({"numpy"})

#: Ways around the list of imports; a module that uses them is refused.
_REFUSED_IMPORTS = frozenset({"importlib", "runpy", "pkgutil", "imp"})

_SAMPLE_ROWS = 2_000
_SINGLE_ROWS = 64

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The source of every function a model uses, and the SHA-256 of it in hexadecimal; empty without functions."""

    source: bytes
    digest: str


def name_of(what: str, f: Callable[..., Any]) -> str:
    """The name under which a function is stored: its own, or `str.upper` for a method of text.

    raises DefinitionError for a lambda, a function within a function, or anything that is not a function
    """
    name = getattr(f, "__name__", "")
    if getattr(str, name, None) is f:
        return f"str.{name}"
    if not isinstance(f, FunctionType) or not name.isidentifier() or "<locals>" in f.__qualname__:
        raise DefinitionError(
            f"{what}: {name or repr(f)} is not a plain function of a module: write it with def at the top of a file"
        )
    return name


def resolve(name: str, functions: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """The function stored under `name`; UnknownName when `functions` has none."""
    if name.startswith("str."):
        method = getattr(str, name.removeprefix("str."), None)
        if callable(method):
            return method  # type: ignore[no-any-return]  # getattr knows no types
    if name not in functions:
        given = ", ".join(sorted(functions)) or "none"
        raise UnknownName(
            f"function {name} is not there; functions given: {given}: use the snapshot that defines it"
        )
    return functions[name]


def call(name: str, f: Callable[..., Any], arrays: Sequence[Array]) -> Floats:
    """What `f` makes of read-only arrays; DefinitionError unless it is one number per row."""
    n = len(arrays[0])
    given = []
    for array in arrays:
        view = np.ascontiguousarray(array).view()
        view.flags.writeable = False
        given.append(view)
    answer = f(*given)
    try:
        result = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise DefinitionError(
            f"function {name} returned {type(answer).__name__} that is not numbers: return one float64 array"
        ) from None
    if result.shape != (n,):
        raise DefinitionError(
            f"function {name} returned shape {result.shape} for {n:,} rows: return one number per row, shape ({n},)"
        )
    return result


def check_row_wise(
    f: Callable[..., Any],
    arrays: Sequence[Array],
    *,
    name: str | None = None,
    rng: np.random.Generator | None = None,
) -> None:
    """Refuse a function whose answer for a row depends on the rows around it.

    f is run on up to 2,000 of the rows: all at once, permuted, split in two, and 64 of them one by one; every
    number must be the same to the last bit.
    raises   DefinitionError that names the function and the first row that differs

    >>> check_row_wise(np.negative, [np.arange(5.0)], name="negative")
    """
    name = name or f.__name__
    rows = len(arrays[0])
    if rows == 0:
        return
    chosen = np.unique(np.linspace(0, rows - 1, min(rows, _SAMPLE_ROWS)).astype(np.int64))
    sample = [array[chosen] for array in arrays]
    n = len(chosen)
    whole = call(name, f, sample).copy()
    order = (rng or np.random.default_rng(0)).permutation(n)
    permuted = np.empty(n)
    permuted[order] = call(name, f, [array[order] for array in sample])
    half = n // 2
    parts = [call(name, f, [array[part] for array in sample]) for part in (slice(half), slice(half, None))]
    singles = np.unique(np.linspace(0, n - 1, min(n, _SINGLE_ROWS)).astype(np.int64))
    alone = whole.copy()
    for row in singles:
        alone[row] = call(name, f, [array[row : row + 1] for array in sample])[0]
    for how, other in (
        ("permuted", permuted),
        ("split in two", np.concatenate(parts)),
        ("one by one", alone),
    ):
        differs = np.flatnonzero(~_same_bits(whole, other))
        if differs.size:
            row = differs[0]
            raise DefinitionError(
                f"function {name} is not row-wise: row {chosen[row]} gives {whole[row]!s} among {n:,} rows and "
                f"{other[row]!s} when they are given {how}; a feature may depend on nothing but its own row"
            )


def _same_bits(a: Floats, b: Floats) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = a.view(np.int64) == b.view(np.int64)
    return same | (np.isnan(a) & np.isnan(b))


def snapshot(functions: Iterable[Callable[..., Any]]) -> Snapshot:
    """Read the source of the one module file in which all these functions live.

    raises   DefinitionError when they live in several modules, have no file, are not what the module calls by
             their name, or when the module imports more than the standard library and NumPy
    """
    own = [f for f in functions if not name_of("snapshot", f).startswith("str.")]
    if not own:
        return Snapshot(b"", hashlib.sha256(b"").hexdigest())
    modules = sorted({f.__module__ for f in own})
    if len(modules) > 1:
        names = ", ".join(f"{f.__module__}.{f.__name__}" for f in own)
        raise DefinitionError(
            f"functions of one model live in {len(modules)} modules ({names}): put them in one file"
        )
    # The functions know their module even where it is not importable by name any more, as after a definition was read.
    scope = own[0].__globals__
    file = scope.get("__file__")
    if file is None or not Path(file).is_file():
        if file is not None and file in linecache.cache:  # a snapshot that was loaded before
            return _snapshot_of("".join(linecache.getlines(file)).encode())
        raise DefinitionError(
            f"function {own[0].__name__} is in {modules[0]}, which has no source file: put it in a module file"
        )
    for f in own:
        if scope.get(f.__name__) is not f:
            raise DefinitionError(
                f"function {f.__name__} is not what {modules[0]} calls by that name: rename one of them"
            )
    return _snapshot_of(Path(file).read_bytes(), file)


def _snapshot_of(source: bytes, file: str = "functions.py") -> Snapshot:
    check_imports(source, file)
    return Snapshot(source, hashlib.sha256(source).hexdigest())


def check_imports(source: bytes, file: str = "functions.py") -> None:
    """DefinitionError when the source imports anything but the standard library and NumPy, naming every line."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise DefinitionError(f"{Path(file).name} line {error.lineno} is not Python: {error.msg}") from None
    allowed = (sys.stdlib_module_names | ALLOWED_IMPORTS) - _REFUSED_IMPORTS
    wrong = [
        f"line {line} imports {name}" for line, name in _imports(tree) if name.split(".")[0] not in allowed
    ]
    if wrong:
        raise DefinitionError(
            f"{Path(file).name}: {'; '.join(wrong)}; custom functions may import the standard library and NumPy only: "
            "keep them in a file apart from the model's definition"
        )


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
        elif isinstance(node, ast.Name) and node.id == "__import__":
            yield node.lineno, "by __import__"


def load_snapshot(source: bytes) -> Mapping[str, Callable[..., Any]]:
    """The functions that a snapshot defines, by name.

    The module is named after the digest of its source, so functions of the same name from two versions live in
    one process without touching each other; the same source is executed once.
    """
    digest = hashlib.sha256(source).hexdigest()
    name = f"roadworthy_functions_{digest[:16]}"
    module = sys.modules.get(name) or _executed(name, source)
    return {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == name
    }


def _executed(name: str, source: bytes) -> ModuleType:
    check_imports(source)
    module = ModuleType(name)
    module.__file__ = file = f"<{name}>"
    text = source.decode()
    linecache.cache[file] = (
        len(text),
        None,
        text.splitlines(keepends=True),
        file,
    )  # tracebacks show the source
    sys.modules[name] = module  # before executing, because dataclasses look their module up
    done = False
    try:
        exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102  # running the snapshot is the purpose
        done = True
    finally:
        if not done:
            del sys.modules[name]
    return module
