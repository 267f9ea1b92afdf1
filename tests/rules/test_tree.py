"""The shape of the tree: sizes, names and addresses that a newcomer would trip over."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

#: Files that may be longer than 400 lines, each with the reason.
LONG: dict[str, str] = {}

#: Functions whose body may be longer than 60 lines, each with the reason.
LONG_FUNCTIONS: dict[str, str] = {}


def test_no_file_is_over_400_lines() -> None:
    """A file that long has more than one subject."""
    long = {str(path.relative_to(ROOT)) for path in SOURCES if len(path.read_text().splitlines()) > 400}
    assert long == set(LONG)


def test_the_median_file_is_under_150_lines() -> None:
    """One file, one noun."""
    assert statistics.median(len(path.read_text().splitlines()) for path in SOURCES) < 150


def test_no_function_is_over_60_lines() -> None:
    """A function that long does more than one thing."""
    long = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                if (body[-1].end_lineno or 0) - body[0].lineno + 1 > 60:
                    long.add(f"{path.relative_to(ROOT)}:{node.name}")
    assert long == set(LONG_FUNCTIONS)


def test_no_name_tells_nothing() -> None:
    """A folder called utils collects what nobody named."""
    empty = re.compile(r"^(utils?|helpers?|common|misc|core|base|managers?|legacy|v2)(\.py)?$")
    named = [path for path in (ROOT / "src").rglob("*") if empty.match(path.name)]
    assert not named


def test_at_most_two_levels_of_folders() -> None:
    """roadworthy/package/file.py; templates and migrations are data."""
    deep = [path for path in SOURCES if len(path.relative_to(ROOT / "src" / "roadworthy").parts) > 2]
    assert not [path for path in deep if "migrations" not in path.parts]


def test_every_module_says_what_it_is() -> None:
    """The first line of a file is for the reader who has never seen it."""
    silent = [
        path
        for path in SOURCES
        if not ast.get_docstring(ast.parse(path.read_text())) and "versions" not in path.parts
    ]
    assert not silent


def test_no_address_of_a_registry_or_a_machine_is_committed() -> None:
    """The lock installs from wherever the reader's pip looks; no path of one machine works on another."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    wrong = re.compile(r"index-url|files\.pythonhosted|pypi\.org/simple|(^|[\s\"'=])/(home|root|work|Users)/")
    found = []
    for name in filter(None, listed):
        path = ROOT / name
        if (
            path.suffix in {".py", ".toml", ".lock", ".md", ".yml", ".html", ""}
            and path.is_file()
            and path != Path(__file__)
        ):
            found += [
                f"{name}:{number}"
                for number, line in enumerate(path.read_text(errors="ignore").splitlines(), 1)
                if wrong.search(line) and "emit-index-url" not in line
            ]
    assert not found


def test_the_library_never_prints_or_guesses_the_time() -> None:
    """Output belongs to the command line; `clock.py` holds the only now()."""
    for path in SOURCES:
        if path.name == "clock.py" or "cli" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                assert called != "print", where
                assert called not in {"datetime.now", "datetime.utcnow", "date.today", "datetime.today"}, (
                    where
                )


#: What half a second or more goes by with; `scipy.special` and `pyarrow.parquet` are cheap.
SLOW = ("scipy.stats", "scipy.signal", "pyarrow.dataset", "pandas", "sklearn", "lightgbm", "alembic")


def test_no_module_loads_what_is_slow_before_it_is_needed() -> None:
    """Every command pays for what its modules import at the top; a function that needs more imports it itself."""
    found = []
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            slow = {name for name in names if name.startswith(SLOW)}
            found += [f"{path.relative_to(ROOT)}:{node.lineno} imports {name}" for name in sorted(slow)]
    allowed = "src/roadworthy/database/migrations/"  # which alembic loads
    assert not [line for line in found if not line.startswith(allowed)]


def test_what_make_test_leaves_out_is_part_of_make_check() -> None:
    """A test that no target runs is none; a submission must pass both targets."""
    makefile = (ROOT / "Makefile").read_text()
    recipes = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", makefile, re.MULTILINE))
    (left_out,) = re.findall(r"--ignore \$\((\w+)\)", recipes["test"])
    assert "--ignore" not in recipes["proof"]
    assert recipes["check-static"].splitlines()[-1].endswith(f"src $({left_out})")
    (path,) = re.findall(rf"^{left_out} := (.*)$", makefile, re.MULTILINE)
    assert (ROOT / path).is_file()
    submission = (ROOT / ".ci" / "run").read_text().splitlines()
    assert {"make check-static", "make test"} <= set(submission)
