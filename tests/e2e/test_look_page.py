"""The page for blind rating in a real browser: chosen, saved, read back."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from roadworthy.jobs.look import write_look
from roadworthy.jobs.ratings import read_ratings
from small_workspace import MODEL, build

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: chromium or google-chrome")

#: Rates the first three rows as a person would, and writes into the document what the button saves.
PERSON = """<script>
URL.createObjectURL = blob => {
  blob.text().then(text => { document.documentElement.dataset.saved = text; });
  return "#";
};
addEventListener("load", () => {
  document.documentElement.dataset.before = document.getElementById("save").disabled;
  const rows = [...document.querySelectorAll("fieldset")].slice(0, 3);
  rows.forEach((each, at) => each.querySelectorAll("input")[at].click());
  const name = document.getElementById("rater");
  name.value = "anna";
  name.dispatchEvent(new Event("input", { bubbles: true }));
  document.getElementById("save").click();
  document.documentElement.dataset.loaded = performance.getEntriesByType("resource").length;
});
</script>"""


def test_what_a_person_chooses_is_saved_and_understood(tmp_path: Path) -> None:
    """Offline and without a server: three rows, one answer of each kind, a silent console."""
    stores = build(tmp_path).stores()
    page = write_look(stores, f"{MODEL}@2", seed="5eed", against=1).page
    page.write_text(page.read_text().replace("<body>", f"<body>{PERSON}", 1))
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=5000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert re.findall(r"CONSOLE.*", done.stderr) == []
    assert 'data-before="true"' in done.stdout, "nothing can be saved before something was rated"
    assert 'data-loaded="0"' in done.stdout
    assert "3 of 30 rated" in done.stdout
    (saved,) = re.findall(r'data-saved="([^"]*)"', done.stdout)
    given = json.loads(html.unescape(saved))
    assert sorted(given["ratings"].values()) == ["A", "B", "neither"]
    (tmp_path / "ratings.json").write_text(html.unescape(saved))
    read = read_ratings(stores, f"{MODEL}@2", tmp_path / "ratings.json")
    assert (read.rater, read.kept) == ("anna", 3)
    stores.engine.dispose()
