"""The pages under docs/checks: one for each check of the gate, made from what its file says, and an index.

Not here: any text about a particular check; that is its docstring. `python -m roadworthy.gate.documentation DIRECTORY`
writes the pages.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from roadworthy.gate import wording
from roadworthy.gate.catalogue import CHECKS, GROUP_OF, GROUPS
from roadworthy.gate.check import Check
from roadworthy.model import AT_MOST, LIMIT_NAMES
from roadworthy.verdict import Limit

INDEX = "README.md"

#: A term and, after a gap, what is said of it.
_TERM = r"([^\s`(](?:[^\s]| (?! ))*) {2,}(\S.*)"

_INTRODUCTION = """\
# The checks of the gate

`roadworthy gate flight-delay@2` asks all of these before a version may get any traffic. Each answers pass, fail,
insufficient (too little evidence), error (could not be measured) or cancelled. A version advances when every *required*
check passes; an *advisory* one is read and blocks nothing. What does not apply to a model passes, and says that it does
not apply; what nobody measured never passes. A limit that reads `not surely > 0.02` is broken only by what lies beyond
it for certain: a number a little beyond may pass.

`Model(checks={"champion_rows": "required", "champion": "advisory"})` changes how a check counts, and
`Model(limits={"auc": ">= 0.65"})` sets the limits that a page names. How to
add a check stands in [CONTRIBUTING](../../CONTRIBUTING.md).
"""


def pages() -> dict[str, str]:
    """Name of a file → its text, for every check and the index."""
    return {INDEX: index()} | {f"{check.name}.md": page(check) for check in CHECKS}


def index() -> str:
    """All checks by what they ask about."""
    parts = [_INTRODUCTION]
    for group, checks in GROUPS.items():
        if checks:
            rows = [
                f"| [{check.name}]({check.name}.md) | {check.question} | {_counts(check)} |"
                for check in checks
            ]
            parts.append(
                "\n".join([f"## {wording.group(group)}\n", "| check | asks | |", "|---|---|---|", *rows])
                + "\n"
            )
    return "\n".join([*parts, _origin("src/roadworthy/gate/catalogue.py")])


def page(check: Check) -> str:
    """One check: its question, how it counts, what its file says, what to do, and the limits that it reads."""
    module = importlib.import_module(f"roadworthy.gate.{check.name}")
    title, _, body = (module.__doc__ or "").partition("\n\n")
    question, _, more = title.rpartition("?")
    parts = [
        f"# {question}?",
        f"`{check.name}` · {_counts(check)} by default · [{wording.group(GROUP_OF[check.name])}]({INDEX})",
        more.strip(),
        *map(markdown, body.strip().split("\n\n")),
        "## When it does not pass",
        check.remedy,
        *_limits(module),
    ]
    return "\n\n".join(filter(None, parts)) + "\n\n" + _origin(f"src/roadworthy/gate/{check.name}.py")


def markdown(paragraph: str) -> str:
    """A paragraph as it is; a list of terms, each followed by two spaces or more and its text, as a list.

    >>> print(markdown("pass   the interval keeps\\n       the margin\\nfail   it does not"))
    - **pass**: the interval keeps the margin
    - **fail**: it does not
    """
    lines = paragraph.splitlines()
    if not re.match(_TERM, lines[0]) or lines[0].startswith(" "):
        return paragraph
    items: list[str] = []
    for at, line in enumerate(lines):
        if term := re.match(_TERM, line):
            items.append(f"- **{term[1]}**: {term[2]}")
        elif line.startswith(" "):
            items[-1] += f" {line.strip()}"
        else:  # the list has ended
            return "\n".join([*items, "", *lines[at:]])
    return "\n".join(items)


def limits_read(module: ModuleType) -> tuple[str, ...]:
    """Names of `Model(limits=...)` that a check reads, in the order of `LIMIT_NAMES`.

    Found are keys of `evidence.limits` and names given to `upper_limit`, written out or as a constant of the module,
    and constants called `LIMIT_NAME…`.
    A check that reads all but `AT_MOST` has that in its module.
    """
    if hasattr(module, "AT_MOST"):
        return tuple(name for name in LIMIT_NAMES if name not in AT_MOST)
    found: set[object] = {key for node in ast.walk(_tree(module)) for key in _keys(node, module)}
    for name, value in vars(module).items():
        if name.startswith("LIMIT_NAME") and name != "LIMIT_NAMES":
            held = value.values() if isinstance(value, Mapping) else value
            found |= {held} if isinstance(held, str) else set(held)
    return tuple(name for name in LIMIT_NAMES if name in found)


def _keys(node: ast.AST, module: ModuleType) -> Iterator[object]:
    """The constant by which a node looks into `limits`, if it does."""
    match node:
        case (
            ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="limits") | ast.Name(id="limits"), attr="get"),
                args=[key, *_],
            )
            | ast.Call(func=ast.Name(id="upper_limit"), args=[_, key, *_])
        ):
            pass
        case ast.Subscript(value=ast.Attribute(attr="limits") | ast.Name(id="limits"), slice=key):
            pass
        case _:
            return
    if isinstance(key, ast.Constant):
        yield key.value
    elif isinstance(key, ast.Name):
        yield getattr(module, key.id, None)


def _limits(module: ModuleType) -> list[str]:
    names = [f"- `{name}` of `Model(limits=...)`" for name in limits_read(module)]
    fixed = [f"- {sentence}" for sentence in _constants(module)]
    return ["## Limits", "\n".join([*names, *fixed])] if names or fixed else []


def _constants(module: ModuleType) -> Iterator[str]:
    """Limits and explained numbers that stand at the top of the file, with the comment above them."""
    lines = Path(str(module.__file__)).read_text(encoding="utf-8").splitlines()
    for node in _tree(module).body:
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        for name in (target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper()):
            value, said = getattr(module, name), _comment(lines, node.lineno - 1)
            if isinstance(value, Limit):
                yield f"`{value}`: {said or ('by default' if name.startswith('DEFAULT') else 'fixed')}"
            elif said and isinstance(value, int | float):
                yield f"{value:,}: {said}" if isinstance(value, int) else f"{value:g}: {said}"


def _comment(lines: list[str], at: int) -> str:
    """The `#:` lines right above line number `at`, counted from 0."""
    start = at
    while start and lines[start - 1].startswith("#:"):
        start -= 1
    return " ".join(line.removeprefix("#:").strip() for line in lines[start:at])


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))


def _counts(check: Check) -> str:
    return "required" if check.required else "advisory"


def _origin(file: str) -> str:
    return f"*Made from `{file}` by `make docs-checks`; change it there.*\n"


def write(directory: Path) -> None:
    """Write every page, and remove those of checks that are gone."""
    directory.mkdir(parents=True, exist_ok=True)
    made = pages()
    for path in set(directory.glob("*.md")) - {directory / name for name in made}:
        path.unlink()
    for name, text in made.items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m roadworthy.gate.documentation DIRECTORY")
    write(Path(sys.argv[1]))
