"""Starts a process of Roadworthy as it always starts, after a drill changed a library or the environment in it.

`python -m roadworthy.drills.launcher PATCHES KIND MODULE ARGUMENTS...` runs the patches for processes of that kind and
then MODULE's normal main. A process that it starts in turn goes through the launcher too, so that patches reach the
workers of a supervisor and the server of the gate. Nothing that is patched knows of it.
"""

from __future__ import annotations

import importlib
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

#: Kinds of process that a fault can differ in.
Process = Literal["training", "staging", "serving", "elsewhere"]

#: Which kind of process it is when one kind of process starts a module.
_STARTED: Mapping[tuple[str, str], str] = {
    ("gate", "roadworthy.serving"): "staging",
    ("supervisor", "roadworthy.serving"): "serving",
}


class Patch(msgspec.Struct, frozen=True):
    """A function that runs at the beginning of a process.

    processes   kinds of process it runs in
    function    `module:name`
    arguments   its keywords
    """

    processes: tuple[Process, ...]
    function: str
    arguments: Mapping[str, Any] = {}


def patch_of(
    function: Callable[..., None], processes: tuple[Process, ...], arguments: Mapping[str, Any]
) -> Patch:
    """A patch by the function itself, which must stand at the top level of a module."""
    if "." in function.__qualname__:
        raise ValueError(
            f"{function.__qualname__} is not at the top level of its module: no other process finds it"
        )
    return Patch(processes, f"{function.__module__}:{function.__qualname__}", dict(arguments))


def launched(command: Sequence[str], patches: Path, kind: str) -> list[str]:
    """The command line `python -m MODULE ...` as it is with patches; any other command stays as it is."""
    if list(command[:2]) != [sys.executable, "-m"]:
        return list(command)
    return [sys.executable, "-m", "roadworthy.drills.launcher", str(patches), kind, *command[2:]]


@contextmanager
def relaying(patches: Path, kind: str) -> Iterator[None]:
    """Whatever of ours is started meanwhile by this process, which is of that kind, goes through the launcher."""
    before = subprocess.Popen
    wrap(subprocess, "Popen", lambda honest: _relay(honest, patches, kind))
    try:
        yield
    finally:
        wrap(subprocess, "Popen", lambda relayed: before)


def wrap(owner: object, name: str, make: Callable[[Any], Any]) -> None:
    """Put what `make` makes of an attribute in its place; what every patch does.

    owner    whose attribute it is; a module also by its name, as those of processes, which nobody imports
    raises   AttributeError where there is no such attribute: the patch is out of date, and the drill says so
    """
    found = importlib.import_module(owner) if isinstance(owner, str) else owner
    setattr(found, name, make(getattr(found, name)))


def _relay(honest: Any, patches: Path, kind: str) -> Any:
    class Relayed(honest):  # type: ignore[misc]  # a class that is only known when this runs
        def __init__(self, args: Any, *more: Any, **options: Any) -> None:
            module = args[2] if isinstance(args, list) and args[:2] == [sys.executable, "-m"] else ""
            child = _STARTED.get((kind, module))
            super().__init__(args if child is None else launched(args, patches, child), *more, **options)

    return Relayed


def failures_of(patches: Path) -> Path:
    """Where a process says that it could not be patched: that is no fault of the model, and no guard caught it."""
    return patches.with_suffix(".failed")


def _apply(patch: Patch, failures: Path) -> None:
    name, _, function = patch.function.partition(":")
    try:
        getattr(importlib.import_module(name), function)(**patch.arguments)
    except Exception as error:
        failures.write_text(
            f"{patch.function} could not patch: {type(error).__name__}: {error}", encoding="utf-8"
        )
        raise


def main(arguments: Sequence[str]) -> None:
    """Patch, then be the module."""
    patches, kind, module, *rest = arguments
    for patch in msgspec.json.decode(Path(patches).read_bytes(), type=list[Patch]):
        if kind in patch.processes:
            _apply(patch, failures_of(Path(patches)))
    sys.argv = [module, *rest]
    with relaying(Path(patches), kind):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
