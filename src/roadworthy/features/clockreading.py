"""Which of a user's functions read the clock: what they make of a row depends on when they are asked.

Not here: running them. Their source is read; a function counts too that calls one of the same module that reads it, or
that uses a name of the module to which the time of its import was given. Someone who hides it (an attribute by name, a
class of their own) is not found.
"""

from __future__ import annotations

import ast

#: Calls of the standard library and NumPy that give the present time.
_CLOCKS = {
    "time": {
        "time",
        "time_ns",
        "monotonic",
        "monotonic_ns",
        "perf_counter",
        "localtime",
        "gmtime",
        "ctime",
        "strftime",
    },
    "datetime": {"now", "utcnow", "today"},
}


def clock_readers(source: bytes) -> frozenset[str]:
    """Names of the functions in a module that read the clock, themselves or through others of it.

    >>> sorted(clock_readers(b"import time\\ndef now(): return time.time()\\ndef age(x): return now() - x\\n"))
    ['age', 'now']
    """
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = _imported(tree)
    calls = {
        name: [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        for name, function in functions.items()
    }
    moments = _moments(tree, imported)
    found = {name for name, made in calls.items() if any(_reads(call, imported) for call in made)}
    found |= {
        name
        for name, function in functions.items()
        if any(isinstance(node, ast.Name) and node.id in moments for node in ast.walk(function))
    }
    while True:
        through = {
            name
            for name, made in calls.items()
            if any(isinstance(call.func, ast.Name) and call.func.id in found for call in made)
        }
        if through <= found:
            return frozenset(found)
        found |= through


def _imported(tree: ast.Module) -> dict[str, str]:
    """Names in the module that stand for a module or a thing of it, as `time` or `datetime.datetime`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _moments(tree: ast.Module, imported: dict[str, str]) -> set[str]:
    """Names of the module that hold when it was imported."""
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(part, ast.Call) and _reads(part, imported) for part in ast.walk(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _reads(call: ast.Call, imported: dict[str, str]) -> bool:
    written = ast.unparse(call.func)
    first, _, rest = written.partition(".")
    module, *path = f"{imported.get(first, first)}{'.' if rest else ''}{rest}".split(".")
    if module == "numpy" and path == ["datetime64"]:
        given = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
        return given in ("now", "today")
    return module in _CLOCKS and bool(path) and path[-1] in _CLOCKS[module]
