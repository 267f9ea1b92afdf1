"""The report in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reported_life import tell
from roadworthy.jobs.report import report
from small_workspace import MODEL, build

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: chromium or google-chrome")

#: Counts what the page loaded beyond itself, once the charts are drawn.
PROBE = """<script>new MutationObserver(() => {
  document.documentElement.dataset.loaded = performance.getEntriesByType("resource").length;
}).observe(document.documentElement, { attributeFilter: ["data-charts"] });</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a told life, with a probe in it."""
    told = tell(build(tmp_path_factory.mktemp("small")), tmp_path_factory.mktemp("told") / "workspace")
    stores = told.stores()
    path = report(stores, MODEL)
    stores.engine.dispose()
    path.write_text(path.read_text(encoding="utf-8").replace("<body>", f"<body>{PROBE}", 1), encoding="utf-8")
    return path


def browse(page: Path, room: Path, theme: str) -> tuple[str, list[str]]:
    """The document after its scripts ran, and what they wrote to the console."""
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={room}", "--window-size=1200,3000", "--virtual-time-budget=20000", "--dump-dom",
        f"{page.as_uri()}#{theme}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_draws_every_chart_and_loads_nothing(page: Path, tmp_path: Path, theme: str) -> None:
    """Offline, in both themes: every chart is a picture with marks in it, the console stays silent."""
    document, console = browse(page, tmp_path / "profile", theme)
    assert console == []
    assert 'data-charts="drawn"' in document
    assert 'data-loaded="0"' in document
    assert f'data-theme="{theme}"' in document
    places = re.findall(r'data-chart="([\w-]+)"', document)
    assert places[:6] == ["timeline", "outcomes", "gap", "reliability", "ranking", "volume"]
    assert places[6:] == [f"drift-{at}" for at in range(5)], "five inputs of the small model have cells"
    drawn = re.split(r'data-chart="[\w-]+"', document)[1:]
    for name, part in zip(places, drawn, strict=True):
        picture = part[: part.index("</svg>")]
        assert re.search(r'class="mark-(rect|symbol|line|rule|area)[^"]*"', picture), name
        assert "NaN" not in picture, name
    assert "<title>trip-delay" in document
