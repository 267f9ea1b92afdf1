"""The layer table. It is the documentation: ARCHITECTURE.md points here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "roadworthy"

#: Lowest first. A package imports from lower layers and from itself, never from a sibling or upwards.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "errors",
            "verdict",
            "clock",
            "traffic",
            "settings",
            "tokens",
            "automation",
            "budgets",
            "judging",
            "durable",
            "node",
            "sensitive",
        }
    ),
    frozenset({"stats", "database", "client", "cleaners"}),
    frozenset({"features", "estimators", "data", "registry", "predictionlog"}),
    frozenset({"model", "scorer", "profiles", "charts"}),
    frozenset({"training", "gate", "monitoring", "experiments", "release", "incidents"}),
    frozenset({"jobs"}),
    frozenset({"drills"}),
    frozenset({"serving", "supervisor", "controller", "dashboard", "cli"}),
)
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}

#: The shared vocabulary may build on itself, in this order.
VOCABULARY = (
    "errors",
    "verdict",
    "clock",
    "settings",
    "tokens",
    "automation",
    "budgets",
    "judging",
    "traffic",
    "durable",
    "node",
    "sensitive",
)

#: The data plane: all that a worker may import of Roadworthy, so that no broken monitor can stop predictions.
DATA_PLANE = {
    "errors", "verdict", "clock", "traffic", "settings", "tokens", "automation", "durable", "node", "features",
    "sensitive", "predictionlog.unlogged", "predictionlog.cases",
    "estimators", "scorer", "registry.artifact", "predictionlog.record", "predictionlog.journal", "serving",
}  # fmt: skip

FILES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py" or path.parent != SOURCE)


def imports(path: Path) -> list[tuple[str, ast.stmt]]:
    """Dotted names below `roadworthy` that a file imports, with the statement."""
    found: list[tuple[str, ast.stmt]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "roadworthy":
            module = (node.module or "").removeprefix("roadworthy").lstrip(".")
            found += [(f"{module}.{alias.name}".lstrip("."), node) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [
                (alias.name.removeprefix("roadworthy."), node)
                for alias in node.names
                if alias.name.startswith("roadworthy.")
            ]
    return found


def package(path: Path) -> str:
    """The name in the layer table that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_imports_only_from_lower_layers(path: Path) -> None:
    """Every import goes strictly downward; siblings never meet, except in jobs."""
    own = package(path)
    for name, node in imports(path):
        other = name.split(".")[0]
        if other == own:
            continue
        inside_vocabulary = own in VOCABULARY and other in VOCABULARY[: VOCABULARY.index(own)]
        assert LEVEL[other] < LEVEL[own] or inside_vocabulary, f"line {node.lineno}: {own} imports {other}"


@pytest.mark.parametrize("path", sorted((SOURCE / "serving").glob("*.py")), ids=lambda path: path.name)
def test_the_data_plane_imports_only_what_is_named(path: Path) -> None:
    """The worker can reach no database, no monitor and no trainer."""
    for name, node in imports(path):
        assert any(name == allowed or name.startswith(f"{allowed}.") for allowed in DATA_PLANE), (
            f"line {node.lineno}: {name}"
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_function_hides_an_import_of_our_own(path: Path) -> None:
    """A hidden import hides a dependency; only the command line loads lazily."""
    if package(path) == "cli":
        return
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            hidden = [
                node
                for node in ast.walk(function)
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("roadworthy")
            ]
            assert not hidden, f"line {hidden[0].lineno}: imports {hidden[0].module} inside {function.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_knows_of_the_drills(path: Path) -> None:
    """What is drilled cannot behave otherwise in a drill: no other code names them; the command alone starts them."""
    own = path.relative_to(SOURCE)
    if own.parts[0] == "drills" or own == Path("cli/drill.py"):
        return
    named = [name for name, _ in imports(path) if re.search(r"\bdrills?\b", name)]
    if own == Path("cli/app.py"):
        assert named in ([], ["cli.drill"]), "the list of commands is all that may name the command"
        return
    assert not named, f"imports {named[0]}"
    assert not re.search(r"roadworthy[./]drills|ROADWORTHY_DRILL", path.read_text(encoding="utf-8")), (
        "names them"
    )


def test_every_package_has_a_place_in_the_table() -> None:
    """A new package cannot appear without a decision on where it stands."""
    assert {package(path) for path in FILES} <= set(LEVEL)
