"""Environments of the peers: one each under build/peers, made by uv from bench/peers/NAME.txt, kept between runs.

Not here: how peers are started. The .txt files are locked from the .in files beside them (`python -m
bench.serve_environments lock`), without addresses.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.results import ROOT
from bench.serve_process import DidNotStart

PINS = ROOT / "bench" / "peers"
ENVIRONMENTS = ROOT / "build" / "peers"
_LOCK = "--python-version 3.11 --no-emit-index-url --no-header --no-annotate"


def environment(name: str) -> Path:
    """The directory of a peer's programs; made when it is missing or was made from other pins.

    raises  DidNotStart with the last words of uv when it cannot be installed
    """
    pins = PINS / f"{name}.txt"
    home = ENVIRONMENTS / name
    made_from = home / "made-from"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    if not made_from.exists() or made_from.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(home))
        _uv("pip", "install", "--quiet", "--python", str(home / "bin" / "python"), "-r", str(pins))
        made_from.write_text(wanted)
    return home / "bin"


def version(name: str, package: str) -> str:
    """The version of a package that a peer is pinned to.

    >>> version("bentoml", "bentoml")
    '1.4.39'
    """
    lines = (PINS / f"{name}.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{package}=="))


def lock() -> None:
    """Resolve every .in file again."""
    for wanted in sorted(PINS.glob("*.in")):
        _uv("pip", "compile", "--quiet", *_LOCK.split(), str(wanted), "-o", str(wanted.with_suffix(".txt")))


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise DidNotStart("uv is not installed: run `make setup`")
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise DidNotStart(
            f"uv {' '.join(arguments[:2])} failed: {' / '.join(done.stderr.split(chr(10))[-4:])[:400]}"
        )


if __name__ == "__main__":
    lock()
