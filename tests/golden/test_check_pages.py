"""The pages under docs/checks say what the code of the checks says."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from roadworthy.gate import champion, documentation, limits, wording
from roadworthy.gate.catalogue import CHECKS, GROUPS
from roadworthy.model import LIMIT_NAMES

PAGES = Path(__file__).resolve().parents[2] / "docs" / "checks"


def test_the_pages_are_those_that_the_checks_make() -> None:
    """A check was changed, added or removed: run `make docs-checks` and commit docs/checks with it."""
    written = {path.name: path.read_text(encoding="utf-8") for path in PAGES.iterdir()}
    assert written == documentation.pages()


def test_every_check_is_in_the_index_once_and_no_link_is_dead() -> None:
    """Whoever looks for a check by what it asks about finds its page."""
    text = documentation.index()
    for check in CHECKS:
        assert text.count(f"({check.name}.md)") == 1
    linked = {
        target for page in documentation.pages().values() for target in re.findall(r"\]\(([^)]+)\)", page)
    }
    assert [target for target in sorted(linked) if not (PAGES / target).exists()] == []


def test_every_limit_that_a_model_may_declare_stands_on_the_page_of_a_check() -> None:
    """A limit that no check reads would be declared in vain."""
    text = "\n".join(documentation.pages().values())
    assert [name for name in LIMIT_NAMES if f"`{name}` of `Model(limits=...)`" not in text] == []


def test_a_page_names_the_limits_that_its_check_reads_and_no_others() -> None:
    """By key of `evidence.limits`: a metric's name elsewhere in the file is no limit."""
    assert documentation.limits_read(champion) == ("champion_log_loss",)
    assert "champion_log_loss" not in documentation.limits_read(limits)
    assert "auc" in documentation.limits_read(limits)


def test_a_limit_is_found_however_it_is_looked_up(tmp_path: Path) -> None:
    """Written out, by a constant, by subscript."""
    module = ModuleType("made_up")
    module.__file__ = str(tmp_path / "made_up.py")
    source = 'NAME_OF_IT = "brier"\na = evidence.limits.get("auc")\nb = limits[NAME_OF_IT]\nc = found["log_loss"]\n'
    (tmp_path / "made_up.py").write_text(source)
    module.__dict__["NAME_OF_IT"] = "brier"
    assert documentation.limits_read(module) == ("auc", "brier")


def test_a_list_in_a_docstring_is_a_list_on_the_page() -> None:
    """And what follows it without a gap is not swallowed by its last entry."""
    page = documentation.page(next(check for check in CHECKS if check.name == "champion"))
    assert "\n- **fail**: the interval does not keep the margin" in page
    text = documentation.markdown(
        "pass   it holds\n       everywhere\nfail   it does not\nOtherwise nothing is said."
    )
    assert text == "- **pass**: it holds everywhere\n- **fail**: it does not\n\nOtherwise nothing is said."
    assert documentation.markdown("Plain words\nin two lines") == "Plain words\nin two lines"


def test_every_group_asks_something() -> None:
    """The catalogue and the report speak of the same groups."""
    assert list(GROUPS) == list(wording.GROUPS)


def test_pages_of_checks_that_are_gone_go(tmp_path: Path) -> None:
    """A page nobody links to would be believed for ever."""
    (tmp_path / "gone.md").write_text("old")
    documentation.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(documentation.pages())
