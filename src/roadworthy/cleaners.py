"""Cleaning texts before they are looked up in a vocabulary: small pure functions for `category(..., clean=...)`.

Each is a function of one text and gives a text, or None for missing. This file imports the standard library only, so
`clean=` accepts what is imported from it: an artifact carries its source, and cleans for ever as it did in training. A
model with functions of its own, which live in one file, takes a cleaner's text into that file (`roadworthy lint` shows
it). Not here: finding what needs cleaning (features.lint).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

Cleaner = Callable[[str], "str | None"]

_PARAMETERS = re.compile(r"\s*[?$&#;|][A-Za-z_][\w.\-\[\]]*=")

#: Letters of other scripts that look like a Latin one in most fonts (from Unicode TS #39, confusables), and that one.
_LOOK_ALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХѴԌԚԜ" + "аеѕіјорсухѵԁԍԛԝһӏ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "ονι",
    "ABESIJKMHOPCTYXVGQW" + "aesijopcyxvdgqwhl" + "ABEZHIKMNOPTYX" + "ovi",
)
_OTHER_SCRIPT = re.compile(r"[\u0370-\u03ff\u0400-\u052f]")


def tidy(text: str) -> str | None:
    """Without control and zero-width characters and surplus spaces, in one normal form (NFKC); None if nothing is left.

    >>> tidy("  caf\\u0065\\u0301\\u200b  central "), tidy("\\t")
    ('café central', None)
    """
    if not (text.isascii() and text.isprintable()):
        plain = unicodedata.normalize("NFKC", text)
        text = "".join(" " if c.isspace() else c for c in plain if c.isspace() or not _is_control(c))
        text = unicodedata.normalize("NFKC", text)  # what a removed character had kept apart may combine
    return " ".join(text.split()) or None


def without_parameters(text: str) -> str | None:
    """What stands before the first parameter, such as `?utm_source=`, `$hl=` or `&id=`; None if nothing does.

    >>> without_parameters("com.dreamgames.royalmatch$hl=en_US"), without_parameters("R&D = fun")
    ('com.dreamgames.royalmatch', 'R&D = fun')
    """
    found = _PARAMETERS.search(text)
    return (text if found is None else text[: found.start()]) or None


def latin(text: str) -> str:
    """With Latin letters in the place of Cyrillic and Greek ones that look like them.

    Only where every Greek and Cyrillic letter of the text has such a look-alike; a Russian or Greek word stays.

    >>> latin("\\u0430pple"), latin("\\u043c\\u0438\\u0440")
    ('apple', 'мир')
    """
    if text.isascii():
        return text
    changed = text.translate(_LOOK_ALIKES)
    return text if _OTHER_SCRIPT.search(changed) else changed


def folded(text: str) -> str | None:
    """Tidy, and in one case.

    >>> folded(" Straße ")
    'strasse'
    """
    found = tidy(text)
    return None if found is None else tidy(found.casefold())


def app_id(text: str) -> str | None:
    """The name of an app or page alone: tidy, without look-alikes and parameters; its case is kept.

    >>> app_id(" com.dreamgames.royalmatch$hl=en_US")
    'com.dreamgames.royalmatch'
    """
    found = tidy(text)
    while found is not None:
        bare = without_parameters(latin(found))
        bare = None if bare is None else tidy(bare)
        if bare == found:
            break
        found = bare  # without its parameters the rest may be of one script, and its look-alikes told
    return found


def folded_id(text: str) -> str | None:
    """As `app_id`, and in one case.

    >>> folded_id("Com.App?utm_source=mail")
    'com.app'
    """
    found = app_id(text)
    while found is not None:
        small = folded(found)
        bare = (
            None if small is None else app_id(small)
        )  # in one case, what was a letter may begin a parameter
        if bare == found:
            break
        found = bare
    return found


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or character == "\ufffd"


#: The cleaners by name, the mildest first.
CLEANERS: dict[str, Cleaner] = {
    cleaner.__name__: cleaner for cleaner in (tidy, folded, without_parameters, latin, app_id, folded_id)
}
