"""May this version advance? The judge of the whole: verdicts in, one ruling out.

Not here: any measurement, and the recording of overrides, which stand in the ledger. A check that was to run and did
not is missing evidence, so a gate that was never run blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from roadworthy.verdict import Ruling, Verdict, combined


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A person let the version advance against the ruling; kept in the ledger."""

    actor: str
    reason: str


class GateDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says.

    ruling      of the required checks together; only `pass` lets the version advance
    blocking    verdicts of required checks that are not `pass`, in the order of the checks
    not_run     required checks that gave no verdict; each of them blocks
    advisory    verdicts of advisory checks that are not `pass`; they block nothing
    override    who let it advance nevertheless, and why; None without
    """

    ruling: Ruling
    blocking: tuple[Verdict, ...] = ()
    not_run: tuple[str, ...] = ()
    advisory: tuple[Verdict, ...] = ()
    override: Override | None = None

    @property
    def advances(self) -> bool:
        """Whether the version may be released: it passed, or a person took the responsibility."""
        return self.ruling == "pass" or self.override is not None


def decide(
    verdicts: Sequence[Verdict], required: Collection[str], override: Override | None = None
) -> GateDecision:
    """Say whether a version may advance; reads no clock, no store, no network.

    verdicts  of all checks that ran
    required  names of the checks of which only `pass` lets it advance

    A failed required check beats everything; then one that could not be measured; then missing evidence, where a
    required check that did not run counts as missing. Advisory checks never block. Without any required check there
    is nothing that could pass, and the ruling is insufficient.

    >>> decide([], {"limits"}).not_run
    ('limits',)
    """
    judged = [verdict for verdict in verdicts if verdict.check in required]
    not_run = tuple(name for name in sorted(required) if name not in {verdict.check for verdict in judged})
    ruling = combined(judged)
    if not_run and ruling not in ("fail", "error"):
        ruling = "insufficient"
    return GateDecision(
        ruling=ruling,
        blocking=tuple(verdict for verdict in judged if verdict.ruling != "pass"),
        not_run=not_run,
        advisory=tuple(
            verdict for verdict in verdicts if verdict.check not in required and verdict.ruling != "pass"
        ),
        override=override,
    )
