"""Made-up facts about requests that are served now, for the gate's tests: as trained, or with one thing wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.gate.served_like_trained_facts import ServedFeature, ServedInput, ServedLikeTrained, Usual
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.stats.echo import Echo

SELDOM, OFTEN = Usual(share=0.01, most=0.02), Usual(share=0.30, most=0.40)


def feature(name: str, n: int = 0, **more: Any) -> ServedFeature:
    """A feature of one input of its name, the same in the history as in `n` requests."""
    given: dict[str, Any] = {
        "inputs": (name,), "importance": 0.02, "relative_to_now": False, "own_output": False, "reads_clock": False,
        "missing": SELDOM, "unknown": OFTEN, "differs": np.zeros(n, dtype=np.bool_),
    }  # fmt: skip
    return ServedFeature(name=name, **{**given, **more})


def given_input(name: str, **more: Any) -> ServedInput:
    """An input that varies, in training as now, and follows nothing."""
    given: dict[str, Any] = {
        "features": (name,), "varied": 0.4, "varies": 0.5, "distance": 0.05, "furthest": 0.2, "follows_time": 0.1,
        "echo": Echo("last", "carrier", 0.03, 0.1, 1_500),
    }  # fmt: skip
    return ServedInput(name=name, **{**given, **more})


def as_trained(traffic: Traffic, *names: str) -> ServedLikeTrained:
    """Features of these inputs, every second request being in the history too."""
    paired = traffic.days[::2]
    return ServedLikeTrained(
        days=int(np.unique(traffic.days).size),
        trained_days=180,
        inputs=tuple(given_input(name) for name in names),
        features=tuple(feature(name, paired.size) for name in names),
        paired_days=paired,
    )


def with_nan(traffic: Traffic) -> Traffic:
    """The same with a number that is none among the answers."""

    def spoiled(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else np.concatenate([[np.nan], values[1:]])

    logged = spoiled(traffic.logged)
    assert logged is not None
    return replace(
        traffic, logged=logged, candidate=spoiled(traffic.candidate), champion=spoiled(traffic.champion)
    )


def with_nan_importance(facts: ServedLikeTrained) -> ServedLikeTrained:
    """The same, the first feature mattering nobody knows how much."""
    first, *others = facts.features
    return replace(facts, features=(replace(first, importance=float("nan")), *others))


def of_few(traffic: Traffic, rows: int) -> Traffic:
    """Only the first rows."""
    at = np.arange(rows)
    return replace(
        traffic,
        asked_at=traffic.asked_at[:rows],
        units=traffic.units[:rows],
        answered_by=traffic.answered_by[:rows],
        logged=traffic.logged[:rows],
        inputs=traffic.inputs.take(at),
        encoded=None if traffic.encoded is None else traffic.encoded[:rows],
        states={name: held[:rows] for name, held in traffic.states.items()},
        cleaned=None if traffic.cleaned is None else traffic.cleaned.take(at),
        candidate=None if traffic.candidate is None else traffic.candidate[:rows],
        champion=None if traffic.champion is None else traffic.champion[:rows],
        slices={name: held[:rows] for name, held in traffic.slices.items()},
    )
