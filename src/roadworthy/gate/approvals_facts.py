"""What the owners of a model said about one version, as the ledger has it.

Not here: the judgement (`approvals`), and whether they are who they say they are: nothing here can know that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """The declared owners and their words on this very version.

    owners     names that the model declares; () where it declares none
    given      owner → reason, of those who approved it and did not withdraw it since
    outdated   owners who approved it before what it declares was changed
    """

    owners: tuple[str, ...]
    given: Mapping[str, str] = field(default_factory=dict)
    outdated: tuple[str, ...] = ()
