"""What the deployment examples tell people to run can be run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from roadworthy.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def arguments(name: str) -> list[str]:
    """The command line after `roadworthy` in an example."""
    text = (DEPLOY / name).read_text()
    if name == "roadworthy.service":
        (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        words = shlex.split(line)
        assert words[0].endswith("/roadworthy")
        return words[1:]
    (listed,) = re.findall(r"^(?:CMD|\s+args:) (\[.*\])$", text, re.MULTILINE)
    return [str(word) for word in json.loads(listed)]


def documented() -> list[str]:
    """Every command line of the page about deployment."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.partition("roadworthy ")[2] for line in lines if re.match(r"(\w+=\S+ )*roadworthy ", line)]


def parsed(words: list[str]) -> dict[str, object]:
    """The parameters of a command, as the real parser takes them."""
    name, *rest = words
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group has them
    return dict(commands[name].make_context(name, rest).params)


@pytest.mark.parametrize("name", ["Containerfile", "kubernetes.yaml", "roadworthy.service"])
def test_the_command_of_an_example_is_one_that_the_parser_takes(name: str) -> None:
    """No option that was renamed, no value that is none."""
    given = parsed(arguments(name))
    assert given["port"] == 8080
    assert given["host"] == ("127.0.0.1" if name == "roadworthy.service" else "0.0.0.0")


def test_the_page_about_deployment_shows_commands_that_exist() -> None:
    """Each is parsed; there are several."""
    lines = documented()
    assert len(lines) >= 5
    for line in lines:
        parsed(shlex.split(line.partition(" #")[0]))


def test_probes_ask_at_addresses_that_the_worker_answers() -> None:
    """A probe at a wrong address takes a node down for ever."""
    answered = (ROOT / "src" / "roadworthy" / "serving" / "app.py").read_text()
    asked = set(re.findall(r"/v2/health/\w+", "".join(path.read_text() for path in DEPLOY.iterdir())))
    assert asked == {"/v2/health/live", "/v2/health/ready"}
    assert all(f'"{path}"' in answered for path in asked)


def test_the_container_names_plain_images_and_runs_as_nobody_in_particular() -> None:
    """No registry of ours or theirs, no root, nothing written outside the volume."""
    text = (DEPLOY / "Containerfile").read_text()
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert images == ["python:3.12-slim"] * 2
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    pods = (DEPLOY / "kubernetes.yaml").read_text()
    assert "readOnlyRootFilesystem: true" in pods
    assert "runAsNonRoot: true" in pods


def test_time_to_end_is_longer_than_a_drain() -> None:
    """Else the init system kills a node in the middle of its last answers."""
    drain = 30 + 5 + 5
    (pods,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", (DEPLOY / "kubernetes.yaml").read_text())
    (unit,) = re.findall(r"TimeoutStopSec=(\d+)", (DEPLOY / "roadworthy.service").read_text())
    assert int(pods) > drain
    assert int(unit) > drain


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    """As `systemd-analyze verify` sees it, with a program that is there in the place of the installed one."""
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("systemd-analyze is not installed here")
    unit = tmp_path / "roadworthy.service"
    text = (DEPLOY / "roadworthy.service").read_text()
    unit.write_text(text.replace("/opt/roadworthy/bin/roadworthy", sys.executable))
    done = subprocess.run([analyse, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
