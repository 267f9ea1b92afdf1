"""Writes a trained version as a draft directory, and reads it back before anybody relies on it.

Not here: digests and the store (registry.artifact). The draft holds no time, path, identifier or thread count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.errors import Conflict, DefinitionError
from roadworthy.registry.artifact import (
    ESTIMATOR_DIRECTORY,
    FEATURES_FILE,
    FUNCTIONS_FILE,
    GOLDENS_FILE,
    PROFILES_FILE,
    ArtifactModel,
    canonical_json,
    write_model,
)
from roadworthy.scorer import Golden, Goldens, Scorer, differences
from roadworthy.training.fallback import rehearse
from roadworthy.training.goldens import golden_requests
from roadworthy.training.recipe import Trained


@dataclass(frozen=True, slots=True)
class Draft:
    """A directory that is ready to be published.

    goldens   number of golden requests in it
    """

    directory: Path
    model: ArtifactModel
    goldens: int


def pack(trained: Trained, directory: Path, *, profiles: bytes = b"") -> Draft:
    """Write every file of the version into `directory`, then replay its golden requests from what was written.

    directory   is made; must be empty
    profiles    content of `profiles.json`; b"" leaves it out
    raises      Conflict when the directory is not empty; DefinitionError when the written version answers its
                golden requests otherwise than the one in memory, or when a function or the fallback rule cannot
                take a value that the schema allows
    """
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise Conflict(f"{directory} is not empty: give each draft a directory of its own")
    scorer = trained.scorer
    goldens = tuple(
        _golden(scorer, *named) for named in golden_requests(scorer.features, scorer.schema).items()
    )
    rehearse(scorer, {golden.name: golden.request for golden in goldens})
    write_model(directory, scorer.model)
    (directory / FEATURES_FILE).write_bytes(scorer.features.to_json())
    (directory / GOLDENS_FILE).write_bytes(canonical_json(Goldens(goldens)))
    if trained.snapshot.source:
        (directory / FUNCTIONS_FILE).write_bytes(trained.snapshot.source)
    if profiles:
        (directory / PROFILES_FILE).write_bytes(profiles)
    (directory / ESTIMATOR_DIRECTORY).mkdir()
    trained.fitted.save(directory / ESTIMATOR_DIRECTORY)
    _check(directory)
    return Draft(directory, scorer.model, len(goldens))


def _golden(scorer: Scorer, name: str, request: Mapping[str, Any]) -> Golden:
    """What becomes of one golden request, alone."""
    try:
        return scorer.replay({name: request})[0]
    except Exception as error:
        raise DefinitionError(
            f"the golden request {name!r} cannot be answered: {type(error).__name__}: {error}. A request may carry "
            f"what this one carries, so a function of yours must take it: {dict(request)}"
        ) from error


def _check(directory: Path) -> None:
    """Read the draft back and replay its golden requests in one batch; they were made alone, in memory."""
    scorer = Scorer.read(directory)
    again = scorer.replay({golden.name: golden.request for golden in scorer.goldens})
    for expected, got in zip(scorer.goldens, again, strict=True):
        found = differences(expected, got, scorer.predictor.tolerance)
        if found:
            raise DefinitionError(
                f"{directory}, read back and asked in one batch, does not answer as the version it was written from: "
                f"{found[0]}. A function of yours that does not always give the same for the same row does this"
            )
