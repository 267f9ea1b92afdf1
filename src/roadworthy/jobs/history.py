"""What there is and what there was: the versions of a model, its ledger, and what served at a time."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

import msgspec

from roadworthy.errors import UnknownName
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.partitions import model_directory, values_of
from roadworthy.registry.ledger import Entry
from roadworthy.registry.versions import VersionRow
from roadworthy.traffic import Route

NEVER_ASKED = "never asked"


class VersionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One line about a version.

    period   of its training rows; the end is not in it
    auc      on rows later than that, with its interval in `auc_low` and `auc_high`; None where it was not measured
    gate     what the gate said last
    serves   its place in the traffic now; "" without one
    barred   why it may not serve again; "" when it may
    """

    model: str
    version: int
    period: str
    rows: int
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    gate: str
    serves: str
    digest: str
    barred: str
    registered_at: datetime

    @property
    def auc_text(self) -> str | None:
        """AUC with its interval."""
        if self.auc is None or self.auc_low is None or self.auc_high is None:
            return None if self.auc is None else f"{self.auc:.4f}"
        return f"{self.auc:.4f} [{self.auc_low:.4f}, {self.auc_high:.4f}]"

    @property
    def place(self) -> str:
        """What it does in the traffic, or why it may not."""
        return self.serves or (f"barred: {self.barred}" if self.barred else "")


class ServingAt(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided to serve at an instant of event time.

    number   number of the route since its last change; 0 before the first one
    """

    model: str
    at: datetime
    number: int
    route: Route
    sentence: str


def list_versions(stores: Stores, model: str) -> list[VersionSummary]:
    """Every version of a model, oldest first; UnknownName for a model without any."""
    _, route = stores.plans.route(require_model(stores, model))
    return [_summary(stores, row, route) for row in stores.versions.all(model)]


def ledger(stores: Stores, model: str) -> list[Entry]:
    """Everything that was decided about a model, and about no single one, in that order.

    raises   UnknownName for a model without versions
    """
    about = {"", require_model(stores, model)}
    return [entry for entry in stores.ledger.entries() if entry.model in about]


def serving_at(stores: Stores, model: str, at: datetime) -> ServingAt:
    """What served a model at `at`, by the time of events (virtual in a replay).

    This is what was decided; which version answered one prediction stands in the log.
    """
    number, route = stores.plans.route_at(require_model(stores, model), at)
    return ServingAt(
        model=model, at=at, number=number, route=route, sentence=_sentence(model, at, number, route)
    )


def champion_since(stores: Stores, model: str) -> datetime | None:
    """Event time since which the champion of a model answers without interruption; None where there is none."""
    since, before = None, None
    for flip in stores.plans.history(model):
        champion = flip.route.champion if flip.route else None
        since, before = (since if champion == before else flip.event_time), champion
    return None if before is None else since


def chosen_model(stores: Stores, model: str | None) -> str:
    """The model that is meant: the named one, or the only one there is.

    raises   UnknownName, with the models there are, for a name that none has, and where none is named of several
    """
    if model is not None:
        return require_model(stores, model)
    known = sorted({row.model for row in stores.versions.all()})
    if len(known) == 1:
        return known[0]
    where = f"namespace {stores.settings.namespace} of {stores.settings.root}"
    if not known:
        logged = ", ".join(_logged_models(stores))
        only = (
            f"; {logged} is only logged here: name it to `roadworthy log` and `roadworthy monitor`"
            if logged
            else ""
        )
        raise UnknownName(f"there is no model in {where}: train one first{only}")
    raise UnknownName(f"there are {len(known)} models in {where}; name one of them: {', '.join(known)}")


def require_model(stores: Stores, model: str) -> str:
    """The name itself; UnknownName, with the models there are, when no version of it is registered."""
    known = sorted({row.model for row in stores.versions.all()})
    if model in known:
        return model
    if is_logged(stores, model):
        raise UnknownName(
            f"{model} is only logged here (imported or served elsewhere): `roadworthy log` and `roadworthy monitor` "
            "know it; it has no versions to show"
        )
    logged = sorted(set(_logged_models(stores)) - set(known))
    raise UnknownName(
        f"there is no model {model!r} in namespace {stores.settings.namespace} of {stores.settings.root}; "
        f"registered are: {', '.join(known) or 'none, train one first'}"
        + (f"; only logged are: {', '.join(logged)}" if logged else "")
    )


def known_model(stores: Stores, model: str) -> str:
    """The name itself; UnknownName, with the models there are, when it is neither registered nor logged."""
    return model if is_logged(stores, model) else require_model(stores, model)


def is_logged(stores: Stores, model: str) -> bool:
    """Whether it has predictions in the log, or had them when they were imported."""
    imported = (stores.settings.elsewhere / quote(model, safe="")).exists()
    return imported or bool(stores.log().days(model, namespace=stores.settings.namespace))


def _logged_models(stores: Stores) -> list[str]:
    """Models with predictions in rolled files of the log."""
    home = model_directory(stores.settings.log, "predictions", stores.settings.namespace, "").parent
    return values_of(home, "model")


def when(entry: Entry) -> str:
    """When something was decided, by the real clock; below it for which event time, where that differs."""
    at = f"{entry.at:%Y-%m-%d %H:%M:%S}"
    return at if entry.event_time == entry.at else f"{at}\nfor {entry.event_time:%Y-%m-%d %H:%M}"


def place_of(route: Route, version: int) -> str:
    """What a version does in a route.

    >>> place_of(Route(champion=1, canary=2, canary_share=0.05), 2)
    'canary 5%'
    >>> place_of(Route(champion=1), 2)
    ''
    """
    places = {
        "champion": route.champion,
        f"canary {route.canary_share:.0%}": route.canary,
        "shadow": route.shadow,
        "standby": route.standby,
    }
    return ", ".join(place for place, number in places.items() if number == version)


def gate_ruling(stores: Stores, row: VersionRow) -> str:
    """What the gate said last about a version, and whether a person let it through."""
    found = stores.gates.latest_gate(row.model, row.version)
    said = NEVER_ASKED if found is None else found.ruling
    overridden = stores.ledger.entries(row.model, version=row.version, action="override")
    return f"{said}, forced" if overridden else said


def training_period(row: VersionRow) -> str:
    """First and last day of the training rows; the last instant itself is not in it."""
    first, end = row.run.trained_from, row.run.trained_until
    return "" if first is None or end is None else f"{first:%Y-%m-%d} to {end:%Y-%m-%d}"


def _summary(stores: Stores, row: VersionRow, route: Route) -> VersionSummary:
    auc = row.run.metrics.get("auc")
    return VersionSummary(
        model=row.model, version=row.version, period=training_period(row), rows=row.run.rows,
        auc=auc.value if auc else None, auc_low=auc.low if auc else None, auc_high=auc.high if auc else None,
        gate=gate_ruling(stores, row), serves=place_of(route, row.version), digest=row.digest,
        barred=row.barred_reason, registered_at=row.registered_at,
    )  # fmt: skip


def _sentence(model: str, at: datetime, number: int, route: Route) -> str:
    when = f"at {at:%Y-%m-%d %H:%M:%S} UTC"
    if route.champion is None:
        return f"{model}: nothing served {when}"
    others = [version for version in route.versions() if version != route.champion]
    beside = "".join(f"; {model}@{version} as {place_of(route, version)}" for version in others)
    return f"{model}@{route.champion} was champion {when} (route number {number}){beside}"
