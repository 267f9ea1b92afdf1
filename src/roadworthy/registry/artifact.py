"""An artifact: the directory of a trained version, named by the digest of its content.

Not here: what the files mean (features, estimators, scorer, profiles) and which digest a version has; that
digest stands in the control database and never in the artifact, so an artifact cannot vouch for itself. This
module runs in the serving worker: it imports no database.

The digest is the SHA-256 of `files.json`, the canonical list of every other file and its SHA-256. So a
damaged artifact can name the damaged file: the list is trusted exactly when its own digest is the expected one.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from roadworthy.automation import ServingRules
from roadworthy.durable import synced
from roadworthy.errors import CorruptArtifact, DefinitionError, Refused

ARTIFACT_FORMAT = 1

MODEL_FILE = "model.json"
FEATURES_FILE = "features.json"
ESTIMATOR_DIRECTORY = "estimator"
PROFILES_FILE = "profiles.json"
GOLDENS_FILE = "goldens.json"
FUNCTIONS_FILE = "functions.py"
FILES_FILE = "files.json"

#: Without these a version could not answer, or could not be checked on the node that is to answer.
REQUIRED = (MODEL_FILE, FEATURES_FILE, GOLDENS_FILE)
_TOP_LEVEL = frozenset({*REQUIRED, PROFILES_FILE, FUNCTIONS_FILE, FILES_FILE})

_CHUNK = 1 << 20


class ArtifactModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`model.json`: what a version is, in a form that needs no other file to be read.

    model              name of the model; the version's number stands in the control database
    unit               input column whose values decide traffic and experiments
    asked_at           time expression of the moment a prediction is asked for, as written in the definition
    outcome            the declared outcome, JSON-compatible
    context            columns that are logged and sliced, never seen by the model
    input_schema       fields a request carries, as `msgspec.to_builtins(InputSchema)`
    columns            names of the encoded columns in matrix order
    estimator_format   registered format of `estimator/`
    tolerance          largest difference the format may show between batch sizes; 0.0 = bit-identical
    clamp              closed range outputs must lie in; None = any finite number
    libraries          distribution name → version it was trained with
    functions_digest   digest of `functions.py`; "" without custom functions
    serving            deadline, fallbacks and bands
    prior_odds         what the odds of outputs are multiplied by, because training rows were sampled; left out of
                       the JSON where they were not, so that digests of other versions stay as they were
    """

    model: str
    unit: str
    input_schema: Mapping[str, Any]
    columns: tuple[str, ...]
    estimator_format: str
    tolerance: float = 0.0
    format: int = ARTIFACT_FORMAT
    asked_at: str = ""
    outcome: Mapping[str, Any] = {}
    context: tuple[str, ...] = ()
    clamp: tuple[float, float] | None = None
    libraries: Mapping[str, str] = {}
    functions_digest: str = ""
    serving: ServingRules = ServingRules()
    prior_odds: Annotated[float, msgspec.Meta(gt=0)] | msgspec.UnsetType = msgspec.UNSET


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and one line end: equal values give equal bytes on every machine.

    >>> canonical_json({"b": 1, "a": (0.1, None)})
    b'{"a":[0.1,null],"b":1}\\n'
    """
    return msgspec.json.encode(value, order="sorted") + b"\n"


def write_model(directory: Path, model: ArtifactModel) -> None:
    """Write `model.json` into a draft."""
    (directory / MODEL_FILE).write_bytes(canonical_json(model))


def read_model(directory: Path) -> ArtifactModel:
    """Read `model.json`; CorruptArtifact when it cannot be read, Refused when a newer Roadworthy wrote it."""
    path = directory / MODEL_FILE
    try:
        content = path.read_bytes()
        written = msgspec.json.decode(content, type=_FormatOnly).format
        if written > ARTIFACT_FORMAT:
            raise Refused(
                f"{path} has artifact format {written}, this Roadworthy reads up to {ARTIFACT_FORMAT}: "
                "upgrade this node first"
            )
        return msgspec.json.decode(content, type=ArtifactModel)
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptArtifact(f"{path} cannot be read as a model: {error}. {_RESTORE}") from error


class _FormatOnly(msgspec.Struct):
    format: int = ARTIFACT_FORMAT


_RESTORE = "Restore the directory from a copy, or train and register a new version"


def digest(directory: Path) -> str:
    """The digest of what the directory holds now: 64 hex digits, a function of paths and bytes only.

    raises CorruptArtifact for a symbolic link, a special file or a file that artifacts do not have
    """
    return hashlib.sha256(canonical_json(_file_digests(directory))).hexdigest()


def is_digest(text: str) -> bool:
    """Whether `text` has the form of an artifact's digest.

    >>> is_digest("ab" * 32), is_digest("../" * 21 + "a")
    (True, False)
    """
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)


def publish(draft: Path, store: Path) -> tuple[str, Path]:
    """Put a finished draft into the store and return its digest and its directory there.

    The draft stays (with `files.json` added), the store's directory appears whole or not at all. Content that
    is in the store already is left as it is, so publishing twice is publishing once.

    raises DefinitionError when a required file is missing, CorruptArtifact for links and unexpected files
    """
    files = _file_digests(draft)
    missing = [name for name in REQUIRED if name not in files]
    if not any(name.startswith(f"{ESTIMATOR_DIRECTORY}/") for name in files):
        missing.append(f"{ESTIMATOR_DIRECTORY}/")
    if missing:
        raise DefinitionError(
            f"the draft {draft} lacks {', '.join(missing)}: write all parts before publishing it"
        )
    listing = canonical_json(files)
    (draft / FILES_FILE).write_bytes(listing)
    found = hashlib.sha256(listing).hexdigest()
    return found, stage(draft, store, found)


def verify(directory: Path, expected: str) -> None:
    """Check that the directory holds exactly what was registered under the digest `expected`.

    raises CorruptArtifact naming the changed, missing and unexpected files
    """
    try:
        listing = (directory / FILES_FILE).read_bytes()
    except OSError as error:
        raise CorruptArtifact(
            f"{directory} has no readable {FILES_FILE} ({error.strerror}). {_RESTORE}"
        ) from error
    listed = hashlib.sha256(listing).hexdigest()
    if listed != expected:
        raise CorruptArtifact(
            f"{directory / FILES_FILE} has digest {listed[:16]}…, expected {expected[:16]}… from the control "
            f"database: this is another artifact or its list was changed. {_RESTORE}"
        )
    faults = _differences(msgspec.json.decode(listing, type=dict[str, str]), _file_digests(directory))
    if faults:
        raise CorruptArtifact(f"{directory} is not what was registered: {'; '.join(faults)}. {_RESTORE}")


def stage(source: Path, staging: Path, expected: str) -> Path:
    """Copy an artifact to `staging/<digest>` and return that directory once it is verified there.

    It appears by rename, so nobody sees half of it. A verified copy that is there already is used as it is; a
    damaged one is set aside as `<digest>.damaged-<random>` and replaced.

    raises CorruptArtifact when the source is not what `expected` says
    """
    if not is_digest(expected):
        raise DefinitionError(f"{expected!r} is not an artifact digest: expected 64 hexadecimal digits")
    final = staging / expected
    if _is_intact(final, expected):
        return final
    staging.mkdir(parents=True, exist_ok=True)
    incoming = staging / f".incoming-{expected[:16]}-{secrets.token_hex(4)}"
    try:
        _copy(source, incoming)
        verify(incoming, expected)
        _rename(incoming, final, expected)
    except CorruptArtifact as error:
        raise CorruptArtifact(str(error).replace(str(incoming), str(source))) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return final


def _rename(incoming: Path, final: Path, expected: str) -> None:
    """Let `incoming` become `final`; another process may do the same, and a damaged `final` makes way."""
    try:
        incoming.rename(final)
    except OSError:
        if _is_intact(final, expected):
            return
        final.rename(final.with_name(f"{final.name}.damaged-{secrets.token_hex(4)}"))
        incoming.rename(final)
    synced(final.parent)


def _is_intact(directory: Path, expected: str) -> bool:
    if not directory.is_dir():
        return False
    try:
        verify(directory, expected)
    except CorruptArtifact:
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    """Copy the files an artifact has, and only those, each on disk before the rename that publishes them."""
    names = [*_walk(source), *([FILES_FILE] if (source / FILES_FILE).is_file() else [])]
    for name in names:
        copied = target / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, copied, follow_symlinks=False)
        synced(copied)
    for folder in {(target / name).parent for name in names}:
        synced(folder)


def _file_digests(directory: Path) -> dict[str, str]:
    return {name: _sha256(directory / name) for name in _walk(directory)}


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def _walk(directory: Path) -> Iterator[str]:
    """Relative POSIX paths of all files but `files.json`, sorted; what is no part of an artifact is refused."""
    if not directory.is_dir():
        raise CorruptArtifact(f"there is no artifact at {directory}. {_RESTORE}")
    found = []
    folders = [directory]
    while folders:
        folder = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = Path(entry.path).relative_to(directory).as_posix()
                if entry.is_dir(follow_symlinks=False) and _belongs(name, folder=True):
                    folders.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False) and _belongs(name, folder=False):
                    found.append(name)
                else:
                    kind = "a symbolic link" if entry.is_symlink() else "no part of an artifact"
                    raise CorruptArtifact(f"{directory} holds {name}, which is {kind}: remove it. {_RESTORE}")
    return iter(sorted(name for name in found if name != FILES_FILE))


def _belongs(name: str, *, folder: bool) -> bool:
    top, _, rest = name.partition("/")
    if top == ESTIMATOR_DIRECTORY:
        return folder or bool(rest)
    return not folder and name in _TOP_LEVEL


def _differences(registered: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What changed, as sentence parts in the order a person looks for it."""
    changed = sorted(name for name in registered.keys() & found.keys() if registered[name] != found[name])
    parts = {
        "changed": changed,
        "missing": sorted(registered.keys() - found.keys()),
        "unexpected": sorted(found.keys() - registered.keys()),
    }
    return [f"{word} {', '.join(names)}" for word, names in parts.items() if names]
