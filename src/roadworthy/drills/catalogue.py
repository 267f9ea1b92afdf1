"""The faults that are drilled, in the order of the catalogue. A new drill is one file and one line here.

Not here: what any of them does; see the file of its name.
"""

from __future__ import annotations

from collections.abc import Collection

from roadworthy.drills import (
    d01_future_leakage,
    d01_overwritten_afterwards,
    d02_coverage_drop,
    d02_filled_in_history,
    d04_etl_break,
    d05_event_change,
    d06_sampling_difference,
    d08_bad_provenance,
    d09_random_split,
    d09_unbalanced_split,
    e05_protected_group,
    e05_slice_harm,
    p01_untrained_embeddings,
    p02_padding_collision,
    p03_untrained_model,
    p04_bad_warm_up,
    p05_time_relative_feature,
    p06_feedback_feature,
    p07_ratio_encoding,
    p08_string_parsing,
    p09_reimplementation,
    p10_dependency_change,
    p10_log_beside,
    p11_model_family_migration,
    s01_scale_shift,
    s02_null_outputs,
    s03_latency_regression,
)
from roadworthy.drills.fault import Fault
from roadworthy.errors import UnknownName

FAULTS: tuple[Fault, ...] = (
    p01_untrained_embeddings.FAULT,
    *p01_untrained_embeddings.VARIANTS,
    p03_untrained_model.FAULT,
    *p03_untrained_model.VARIANTS,
    p05_time_relative_feature.FAULT,
    *p05_time_relative_feature.VARIANTS,
    p06_feedback_feature.FAULT,
    *p06_feedback_feature.VARIANTS,
    p11_model_family_migration.FAULT,
    d01_future_leakage.FAULT,
    *d01_future_leakage.VARIANTS,
    d01_overwritten_afterwards.FAULT,
    d02_coverage_drop.FAULT,
    *d02_coverage_drop.VARIANTS,
    d02_filled_in_history.FAULT,
    d04_etl_break.FAULT,
    *d04_etl_break.VARIANTS,
    d05_event_change.FAULT,
    *d05_event_change.VARIANTS,
    d06_sampling_difference.FAULT,
    d08_bad_provenance.FAULT,
    d09_unbalanced_split.FAULT,
    d09_random_split.FAULT,
    e05_slice_harm.FAULT,
    e05_protected_group.FAULT,
    p02_padding_collision.FAULT,
    *p02_padding_collision.VARIANTS,
    p04_bad_warm_up.FAULT,
    p07_ratio_encoding.FAULT,
    *p07_ratio_encoding.VARIANTS,
    p08_string_parsing.FAULT,
    *p08_string_parsing.VARIANTS,
    p09_reimplementation.FAULT,
    *p09_reimplementation.VARIANTS,
    p10_dependency_change.FAULT,
    *p10_dependency_change.VARIANTS,
    p10_log_beside.FAULT,
    s01_scale_shift.FAULT,
    s02_null_outputs.FAULT,
    s03_latency_regression.FAULT,
    *s03_latency_regression.VARIANTS,
)


def faults(only: Collection[str] = ()) -> tuple[Fault, ...]:
    """Those of the given identifiers (`P3` for all its kinds, `P3:diverged` for one); all when none is given.

    raises   UnknownName for an identifier that no fault has

    >>> [fault.key for fault in faults(["P3:diverged"])]
    ['P3:diverged']
    """
    wanted = set(only)
    known = {fault.id for fault in FAULTS} | {fault.key for fault in FAULTS}
    if unknown := sorted(wanted - known):
        names = ", ".join(dict.fromkeys(fault.id for fault in FAULTS))
        raise UnknownName(f"no drill is called {', '.join(unknown)}; there are {names}")
    return tuple(fault for fault in FAULTS if not wanted or wanted & {fault.id, fault.key})
