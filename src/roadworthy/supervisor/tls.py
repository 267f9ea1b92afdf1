"""Looks at a certificate and its key before a node starts, so that a wrong file is said once and not by every worker.

Not here: speaking TLS (the workers' HTTP server does). A renewed certificate is read by the workers that a rolling
restart starts.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from roadworthy.errors import DefinitionError, Refused


def check_tls(certificate: Path, key: Path) -> None:
    """See that the two files are a pair that can be served with.

    raises  DefinitionError when one cannot be read, the key wants a password or does not belong to the certificate;
            Refused when others than its owner and group may read the key, or others than its owner may write it
    """
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise DefinitionError(f"the TLS file {path} cannot be read: {error}") from error
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IRWXO):
        raise Refused(
            f"the TLS key {key} is open to others (mode {mode:04o}): whoever reads it can pretend to be this server; "
            f"run chmod 600 {key}"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _PasswordWanted:
        raise DefinitionError(
            f"the TLS key {key} wants a password: give it without one, readable by its owner"
        ) from None
    except ssl.SSLError as error:
        raise DefinitionError(
            f"{certificate} and {key} are not a certificate and its key in PEM form: {error.reason or error}"
        ) from error


class _PasswordWanted(Exception):  # leaves load_cert_chain, which would ask on the terminal otherwise
    """The key is encrypted."""


def _no_password() -> str:
    raise _PasswordWanted
