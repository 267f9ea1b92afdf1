"""Tables of many files and schemas as one, in an order.

Not here: reading them (read).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.errors import Conflict


def united(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows, columns matched by name; one whose kind changed between schemas becomes text."""
    kinds: dict[str, set[pa.DataType]] = defaultdict(set)
    for table in tables:
        for field in table.schema:
            kinds[field.name].add(field.type)
    for name in [name for name, found in kinds.items() if len(found) > 1]:
        tables = [_as_text(table, name) if name in table.column_names else table for table in tables]
    table = pa.concat_tables(tables, promote_options="default")
    order: list[Callable[[str], bool]] = [
        lambda name: not name.startswith(("in_", "ctx_", "unit_", "enc_", "clean_")),
        lambda name: name.startswith("in_"),
        lambda name: name.startswith(("ctx_", "unit_")),
        lambda name: name.startswith("enc_"),
        lambda name: name.startswith("clean_"),
    ]
    return table.select([name for belongs in order for name in table.column_names if belongs(name)])


def _as_text(table: pa.Table, name: str) -> pa.Table:
    place, column = table.column_names.index(name), table.column(name)
    if pa.types.is_list(column.type):
        raise Conflict(
            f"column {name} is a list in one schema and a single value in another: read their versions one by one "
            "(versions=...), or leave the column out (columns=...)"
        )
    return table.set_column(place, name, column.cast(pa.string()))


def in_order(table: pa.Table, order: Sequence[str]) -> pa.Table:
    """The table sorted by these columns; one that has the order already, as a day usually does, is not copied."""
    indices = pc.sort_indices(table, [(name, "ascending") for name in order]).to_numpy()
    return table if bool((indices[1:] > indices[:-1]).all()) else table.take(pa.array(indices))
