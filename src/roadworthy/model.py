"""What a user declares: one model, its question, its outcome, its features, its estimator and its limits.

Not here: anything fitted. A `Model` is read by jobs; the serving path never sees it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any, Literal, TypeVar

from roadworthy.automation import Band, Fallback, RuleOf, ServingRules, declared, in_order
from roadworthy.budgets import parse_budgets
from roadworthy.clock import parse_duration
from roadworthy.data.sources import Join, TimeExpression
from roadworthy.errors import DefinitionError, UnknownName
from roadworthy.features.declare import Features
from roadworthy.features.functions import name_of
from roadworthy.judging import Judging, judging
from roadworthy.settings import is_name
from roadworthy.verdict import Limit

#: Harm that is tolerated: of these `limits` may say how much is too much.
AT_MOST = (
    "champion_log_loss", "slice_log_loss", "slice_move", "sampling_factor", "sparse_log_loss", "alone_auc", "auc_jump",
    "groups_tpr_gap", "groups_calibration_gap",
)  # fmt: skip

#: What `limits` may name: metrics of the gate, and harm that is tolerated.
LIMIT_NAMES = ("auc", "log_loss", "brier", "calibration_error", "calibration_gap", *AT_MOST)

#: What a model can say: probabilities.
OUTPUTS = (0.0, 1.0)

Given = TypeVar("Given")
Parsed = TypeVar("Parsed")

#: How a check of the gate counts: only `pass` lets a version advance, or it is read and blocks nothing.
COUNTS = ("required", "advisory")

Absent = Literal["negative", "unknown"]
Attribute = Literal["first", "last", "all"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes known about a prediction later; made by `outcome`."""

    name: str
    known_at: TimeExpression
    window: timedelta
    absent: Absent
    attribute: Attribute


def outcome(
    name: str, *, known_at: str, window: str = "1d", absent: Absent = "unknown", attribute: Attribute = "last"
) -> Outcome:
    """Declare the outcome of a model.

    name        column of the history with the value (boolean, or 0 and 1); null where it never became known
    known_at    column of the history, with an offset if need be: when the value became known
    window      how long after the prediction an outcome still counts
    absent      what it means when the window has passed without one: `negative` (clicks, fraud) or `unknown`
    attribute   which of several outcomes counts: first, last or all

    >>> outcome("late", known_at="landed_at", window="2d").window.days
    2
    """
    if absent not in ("negative", "unknown"):
        raise DefinitionError(
            f"outcome {name!r}: absent={absent!r} is not understood: write 'negative' or 'unknown'"
        )
    if attribute not in ("first", "last", "all"):
        raise DefinitionError(f"outcome {name!r}: attribute={attribute!r} must be 'first', 'last' or 'all'")
    known = _field(f"outcome {name!r}: known_at", TimeExpression.parse, known_at)
    return Outcome(
        name, known, _field(f"outcome {name!r}: window", parse_duration, window), absent, attribute
    )


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model: what is asked, when, what it may see, what decides whether it was right.

    name        lower-case letters, digits, '-' and '_'
    history     table whose rows are past questions, one row a prediction
    unit        column that identifies what a prediction is about; what traffic is split by
    asked_at    when the question is asked: a timestamp column with an offset, such as `scheduled - 1h`
    outcome     what becomes known later, see `outcome`
    features    what the model sees, see `Features`
    context     columns that are logged and can be sliced by, and never seen by the model
    estimator   an unfitted scikit-learn style classifier that has a registered safe format
    slices      columns (inputs or context) by which quality is looked at separately
    limits      metric name → limit, such as `{"auc": ">= 0.65"}`; the gate refuses a model without any
    checks      name of a check of the gate → `required` or `advisory`, where it is to count otherwise than by default
    budgets     what it may take to be served, such as `{"latency_p99": "<= 20ms", "memory": "<= 500MB"}`, and as
                `reference` the version that a slow creep is measured against; see `budgets`
    deadline    when an answer is too late, such as `50ms`; None: whenever it comes
    fallback    who answers in its place when it fails or is late: `"standby"`, a `rule`, a number, or several of
                them in this order; nobody by default
    automation  ranges of its outputs that it does not decide alone, see `band`
    owners      people who must each approve a version before it may advance, such as `["anna", "ben"]`
    heuristic   what it must beat: a `rule` that gives probabilities, or a column whose value ranks (`"-column"`: low
                values speak for the outcome)
    sampling    share of the history's rows that were kept before they came here, such as `{"negative": 0.1}`, or
                `{"column": "kept"}` for a column of the history with each row's share; outputs are corrected for it
    weight      column (input or context) that says how much a row counts where quality is averaged
    perfect     column → values whose rows must all be called right
    ranks_within   column whose equal values are ranked among each other, such as the request
    cut         outputs from here on are called positive where calls are counted; none is needed
    protected   columns (input or context) whose groups must be treated alike; `groups_tpr_gap` and
                `groups_calibration_gap` among the limits say how far they may differ
    """

    name: str
    history: str
    unit: str
    asked_at: str
    outcome: Outcome
    features: Features
    estimator: Any
    context: Sequence[str] = ()
    slices: Sequence[str] = ()
    limits: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    budgets: Mapping[str, str] = field(default_factory=dict)
    deadline: str | None = None
    fallback: Fallback | Sequence[Fallback] = ()
    automation: Sequence[Band] = ()
    owners: Sequence[str] = ()
    heuristic: RuleOf | str | None = None
    sampling: Mapping[str, float | str] | None = None
    weight: str | None = None
    perfect: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    ranks_within: str | None = None
    cut: float | None = None
    protected: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise DefinitionError(
                f"model name {self.name!r} is not a name: use lower-case letters, digits, '-' and '_', a letter first"
            )
        for written, value, kind in (
            ("outcome=outcome", self.outcome, Outcome),
            ("features=Features", self.features, Features),
        ):
            if not isinstance(value, kind):
                field_name, got = written.partition("=")[0], type(value).__name__
                raise DefinitionError(f"model {self.name}: {field_name} is a {got}: write {written}(...)")
        asked = _field(f"model {self.name}: asked_at", TimeExpression.parse, self.asked_at)
        unknown = sorted(set(self.limits) - set(LIMIT_NAMES))
        if unknown:
            raise DefinitionError(
                f"model {self.name}: limits on {', '.join(unknown)} are not known; known are {', '.join(LIMIT_NAMES)}"
            )
        self.parsed_limits()
        _field(f"model {self.name}: owners", people, self.owners)
        _field(f"model {self.name}", parse_budgets, self.budgets)
        for name, counts in self.checks.items():
            if counts not in COUNTS:
                raise DefinitionError(
                    f"model {self.name}: checks[{name!r}] is {counts!r}: write {' or '.join(map(repr, COUNTS))}"
                )
        repeated = sorted(set(self.context) & set(self.input_columns()))
        if repeated:
            raise DefinitionError(
                f"model {self.name}: {', '.join(repeated)} is both context and input; an input is logged anyway: "
                "remove it from context"
            )
        strange = sorted(set(self.slices) - set(self.context) - set(self.input_columns()))
        if strange:
            raise DefinitionError(
                f"model {self.name}: slices {', '.join(strange)} are neither inputs nor context: add them to context"
            )
        carried = {*self.input_columns(), *self.context}
        unseen = sorted(set(self.protected) - carried)
        if unseen:
            raise DefinitionError(
                f"model {self.name}: protected {', '.join(unseen)} are neither inputs nor context: add them to context"
            )
        if self.outcome.name in carried:
            raise DefinitionError(
                f"model {self.name}: the outcome {self.outcome.name!r} cannot be an input or context"
            )
        known = self.outcome.known_at
        # A column plus a time may have been planned, as `scheduled + 2h`; one that is the time itself was not.
        if known.column in carried and known.column != asked.column and known.offset <= timedelta(0):
            raise DefinitionError(
                f"model {self.name}: {known.column!r} says when the outcome {self.outcome.name!r} became known, which "
                "no question can carry: it cannot be an input or context"
            )
        self.serving()
        self.judging()

    def judging(self) -> Judging:
        """What is declared for the gate beside limits, checked; DefinitionError where it cannot work."""
        try:
            return judging(
                heuristic=self.heuristic, sampling=self.sampling, weight=self.weight, perfect=self.perfect,
                ranks_within=self.ranks_within, cut=self.cut, carried={*self.input_columns(), *self.context, self.unit},
            )  # fmt: skip
        except DefinitionError as error:
            raise DefinitionError(f"model {self.name}: {error}") from None

    def serving(self) -> ServingRules:
        """Deadline, fallbacks and bands as an artifact keeps them; DefinitionError where they cannot work."""
        carried = (*self.input_columns(), *self.context, self.unit)
        try:
            if (f := self.rule()) is not None and name_of("fallback", f).startswith("str."):
                raise DefinitionError("fallback: a method of text gives no number: write a function")
            return declared(self.deadline, self.fallback, self.automation, carried, OUTPUTS)
        except DefinitionError as error:
            raise DefinitionError(f"model {self.name}: {error}") from None

    def rule(self) -> Callable[..., Any] | None:
        """The function that answers where the model could not; None where no rule is declared."""
        rules = (one.function for one in in_order(self.fallback) if isinstance(one, RuleOf))
        return next(rules, None)

    def without(self, names: Collection[str]) -> Model:
        """The same model but for these features.

        What only they read becomes context, so that requests stay as they are, unless it is sensitive: nothing would
        hash it any more. What only they joined is not joined.

        raises   DefinitionError for a name that no feature has, and where something else of the model needs one
        """
        features = self.features.without(names)
        left = tuple(given for given in self.features.inputs if given not in features.inputs)
        hidden = self.features.sensitive
        plain = [given for given in left if isinstance(given, str) and given not in (*hidden, self.unit)]
        carried = {*features.input_columns, *self.context, *plain}
        slices = [name for name in self.slices if name in carried]
        return replace(self, features=features, context=[*self.context, *plain], slices=slices)

    def joins(self) -> tuple[Join, ...]:
        """The inputs that come from other tables, as known when the question is asked, in order of use."""
        return tuple(given for given in self.features.inputs if isinstance(given, Join))

    def input_columns(self) -> tuple[str, ...]:
        """Names of the columns a request carries for the model, in order of first use."""
        names = [given if isinstance(given, str) else given.column for given in self.features.inputs]
        return tuple(dict.fromkeys(names))

    def question_columns(self) -> tuple[str, ...]:
        """Columns of the history a request needs: its own inputs, context, unit, and the keys of its joins."""
        joined = {join.column for join in self.joins()}
        own = [name for name in self.input_columns() if name not in joined]
        keys = [key for join in self.joins() for key in join.source.key]
        return tuple(
            dict.fromkeys([*own, *self.context, self.unit, *keys, TimeExpression.parse(self.asked_at).column])
        )

    def parsed_limits(self) -> dict[str, Limit]:
        """The limits as values."""
        parsed = {
            name: _field(f"model {self.name}: limits[{name!r}]", Limit.parse, text)
            for name, text in self.limits.items()
        }
        for name, limit in parsed.items():
            if name in AT_MOST and limit.comparison not in ("<=", "<"):
                raise DefinitionError(
                    f"model {self.name}: limits[{name!r}] is '{limit}', which asks for harm: it is an upper bound, "
                    f"write '<= {limit.value:g}'"
                )
        return parsed


def people(names: object) -> tuple[str, ...]:
    """Names as a list of people is declared; DefinitionError for one text, an empty name or the same name twice.

    >>> people(["anna", "ben"])
    ('anna', 'ben')
    """
    listed = names if isinstance(names, list | tuple) else ()
    if listed != names or not all(isinstance(name, str) and name.strip() == name != "" for name in listed):
        raise DefinitionError(f'{names!r} is no list of names: write ["anna", "ben"]')
    if len(set(listed)) < len(listed):
        raise DefinitionError(f"{', '.join(listed)}: a name stands there twice; name everybody once")
    return tuple(listed)


@dataclass(frozen=True)
class Definition:
    """A user's file after it was read: the models in it and the exact bytes they came from."""

    path: Path
    models: Mapping[str, Model]
    source_digest: str

    def model(self, name: str | None = None) -> Model:
        """The model of that name, or the only one; UnknownName lists what there is."""
        if name is None and len(self.models) == 1:
            return next(iter(self.models.values()))
        if name is not None and name in self.models:
            return self.models[name]
        known = ", ".join(sorted(self.models)) or "none"
        wanted = "name one of them" if name is None else f"there is no model {name!r}"
        raise UnknownName(f"{self.path}: {wanted}; this file defines: {known}")


def load_definition(path: str | Path) -> Definition:
    """Run a user's file and collect the models it defines; its own folder is importable while it runs.

    raises DefinitionError when the file is missing, defines no model, or fails (with the file's own error)
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise DefinitionError(f"{no_file(file, path)}: give the Python file that defines the model")
    module, sources = load_user_module(file)
    models = {value.name: value for value in vars(module).values() if isinstance(value, Model)}
    if not models:
        raise DefinitionError(
            f"{path} defines no model: assign roadworthy.Model(...) to a name at its top level"
        )
    digest = hashlib.sha256()
    for source in sorted(sources):
        digest.update(source.name.encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    return Definition(file, models, digest.hexdigest())


def no_file(found: Path, given: str | Path) -> str:
    """Why a path, as it was given, is no file."""
    return f"{given} is a directory" if found.is_dir() else f"there is no file {given}"


def load_user_module(file: Path) -> tuple[ModuleType, frozenset[Path]]:
    """Import a user's file and return it with every file of its folder that it imported, itself included."""
    with _importable(file.parent):
        before = set(sys.modules)
        name = f"roadworthy_definition_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise DefinitionError(f"{file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except (ImportError, SyntaxError, NameError, TypeError, ValueError, AttributeError) as error:
            own = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(file)]
            where = f"{file}, line {own[-1]}," if own else str(file)
            raise DefinitionError(f"{where} could not be read: {type(error).__name__}: {error}") from error
        finally:
            siblings = {
                added: sys.modules.pop(added)
                for added in set(sys.modules) - before
                if _is_in(added, file.parent)
            }
    files = {Path(found.__file__).resolve() for found in siblings.values() if found.__file__}
    return module, frozenset(files | {file})


def _field(what: str, parse: Callable[[Given], Parsed], text: Given) -> Parsed:
    """The value of what was written; DefinitionError that says of which field it is."""
    try:
        return parse(text)
    except DefinitionError as error:
        raise DefinitionError(f"{what}: {error}") from None


def _is_in(name: str, folder: Path) -> bool:
    origin = getattr(sys.modules[name], "__file__", None)
    return origin is not None and Path(origin).resolve().parent == folder


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
