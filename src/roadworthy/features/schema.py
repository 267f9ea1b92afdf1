"""What a model is given: the name, kind and role of every column, and the row type a server decodes.

Not here: the values (see `columns`) and the schema of stored tables, which belongs to `data`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from roadworthy.errors import DefinitionError
from roadworthy.features.columns import EARLIEST, LATEST, Kind

Role = Literal["input", "context", "unit"]

MAX_TEXT = 512
MAX_ITEMS = 1_000


class Field(msgspec.Struct, frozen=True):
    """One column of a row.

    name       a Python identifier, because it becomes an attribute, a JSON key and a column of the log
    kind       number, boolean, string, timestamp or strings (a list of text)
    nullable   whether a row may say null; a list never is
    role       input: seen by the model; context: logged and sliced only; unit: what is predicted about
    """

    name: str
    kind: Kind
    nullable: bool = False
    role: Role = "input"

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name.startswith("__"):
            raise DefinitionError(
                f"column {self.name!r} cannot be a model's input: rename it to letters, digits and underscores"
            )
        if self.kind == "strings" and self.nullable:
            raise DefinitionError(
                f"column {self.name!r} is a list and cannot be nullable: use an empty list instead"
            )


class InputSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """The columns of a row, in the order in which they are logged.

    sensitive   columns whose texts are replaced by their keyed hashes before anything sees them (features.hiding);
                left out of the JSON where there are none, so that digests of other schemas stay as they were

    >>> schema = InputSchema((Field("carrier", "string", nullable=True), Field("flight", "string", role="unit")))
    >>> schema.names("input")
    ('carrier',)
    >>> len(schema.digest)
    32
    """

    fields: tuple[Field, ...]
    sensitive: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.sensitive:
            field = self.field(name)
            if field is None or field.kind not in ("string", "strings"):
                raise DefinitionError(
                    f"column {name!r} cannot be sensitive: only text is hashed, and it is not text"
                )
        repeated = [name for name, count in Counter(field.name for field in self.fields).items() if count > 1]
        if repeated:
            raise DefinitionError(f"columns named more than once in one schema: {', '.join(repeated)}")

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that differ when anything about the schema does."""
        return hashlib.sha256(self.to_json()).hexdigest()[:32]

    def names(self, role: Role | None = None) -> tuple[str, ...]:
        """Names of the columns with that role, or of all."""
        return tuple(field.name for field in self.fields if role is None or field.role == role)

    def field(self, name: str) -> Field | None:
        """The field of that name, None where there is none."""
        return next((field for field in self.fields if field.name == name), None)

    def to_json(self) -> bytes:
        """Canonical JSON: the same schema always gives the same bytes."""
        return msgspec.json.encode(self, order="sorted")

    @classmethod
    def from_json(cls, text: bytes) -> InputSchema:
        """The schema that `to_json` wrote; msgspec.ValidationError for anything else."""
        return msgspec.json.decode(text, type=cls)


def row_type(
    schema: InputSchema, *, max_text: int = MAX_TEXT, max_items: int = MAX_ITEMS, hides: bool = False
) -> type[msgspec.Struct]:
    """A msgspec type for one row, for a decoder: every key required, none unknown, sizes limited.

    max_text    longest text accepted, in characters
    max_items   longest list accepted
    hides       whether the caller hashes sensitive columns of what it decodes (features.hiding)
    raises      DefinitionError for a schema with sensitive columns unless the caller does: nobody logs one by mistake

    >>> row = row_type(InputSchema((Field("wind", "number", nullable=True),)))
    >>> msgspec.json.decode(b'{"wind": 3}', type=row)
    Row(wind=3.0)
    """
    if schema.sensitive and not hides:
        raise DefinitionError(
            f"columns {', '.join(schema.sensitive)} are sensitive, and this reader of rows does not hash them"
        )
    text: Any = Annotated[str, msgspec.Meta(max_length=max_text)]
    moment: Any = (
        Annotated[datetime, msgspec.Meta(tz=True)] | Annotated[int, msgspec.Meta(ge=EARLIEST, le=LATEST)]
    )
    types: dict[Kind, Any] = {
        "number": float,
        "boolean": bool,
        "string": text,
        "timestamp": moment,
        "strings": Annotated[list[text], msgspec.Meta(max_length=max_items)],
    }
    fields = []
    for field in schema.fields:
        accepted = types[field.kind]
        fields.append((field.name, accepted | None if field.nullable else accepted))
    return msgspec.defstruct("Row", fields, frozen=True, forbid_unknown_fields=True)
