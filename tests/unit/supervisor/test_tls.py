"""The files of TLS, before a node starts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError, Refused
from roadworthy.supervisor.tls import check_tls

OPENSSL = shutil.which("openssl") or ""

pytestmark = pytest.mark.skipif(
    not OPENSSL, reason="the command openssl, which makes the files, is not installed"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate, its key, another key and the key with a password."""
    directory = tmp_path_factory.mktemp("tls")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -out made.pem -keyout key.pem",
        "genrsa -out other.pem 2048",
        "rsa -aes128 -passout pass:secret -in key.pem -out locked.pem",
    ):
        subprocess.run([OPENSSL, *command.split()], cwd=directory, check=True, capture_output=True)
    for path in directory.iterdir():
        path.chmod(0o600)
    return directory


def test_a_pair_is_taken(files: Path) -> None:
    """Also when the group may read the key, as a service's group does."""
    check_tls(files / "made.pem", files / "key.pem")
    (files / "key.pem").chmod(0o640)
    check_tls(files / "made.pem", files / "key.pem")
    (files / "key.pem").chmod(0o600)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620])
def test_a_key_that_others_reach_is_refused(files: Path, tmp_path: Path, mode: int) -> None:
    """Whoever reads it can pretend to be this server."""
    key = tmp_path / "key.pem"
    shutil.copyfile(files / "key.pem", key)
    key.chmod(mode)
    with pytest.raises(Refused, match=f"mode {mode:04o}.*chmod 600"):
        check_tls(files / "made.pem", key)


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("made.pem", "other.pem", "not a certificate and its key"),
        ("key.pem", "key.pem", "not a certificate and its key"),
        ("made.pem", "locked.pem", "wants a password"),
        ("made.pem", "none.pem", "cannot be read"),
        ("none.pem", "key.pem", "cannot be read"),
    ],
)
def test_what_is_no_pair_is_named(files: Path, certificate: str, key: str, said: str) -> None:
    """Once, before any worker starts; nobody is asked for a password on a terminal."""
    with pytest.raises(DefinitionError, match=said):
        check_tls(files / certificate, files / key)
