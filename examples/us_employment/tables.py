"""Who works in Massachusetts, by the census surveys 2015 to 2018: $US_EMPLOYMENT names the folder of the files."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from roadworthy import table

TEXTS = ["SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE", "DREM"]
PROTECTED = ["SEX", "RAC1P"]
NAMES = ["id", "AGEP", *TEXTS, *PROTECTED, "year"]


def load():
    """Labels of later years come in a file of their own. There are no dates: rows are spread over their year."""
    folder = Path(os.environ["US_EMPLOYMENT"])
    first = parquet.read_table(folder / "employment_MA_reference.pq", columns=[*NAMES, "employed"])
    later = parquet.read_table(folder / "employment_MA_analysis.pq", columns=NAMES)
    labels = parquet.read_table(folder / "employment_MA_analysis_target.pq")
    later = later.join(labels, "id").sort_by("id").select(first.column_names)
    rows = pa.concat_tables(
        [part.unify_dictionaries() for part in (first, later)], promote_options="permissive"
    )
    year = rows["year"].to_numpy()
    starts = (year - 1970).astype("datetime64[Y]").astype("datetime64[us]").astype(np.int64)
    place = (np.arange(len(year)) - np.searchsorted(year, year)) / np.bincount(year)[year]
    asked = starts + (place * 365 * 86_400_000_000).astype(np.int64)
    kept = {name: rows[name].cast(pa.string()) for name in ["id", *TEXTS, *PROTECTED]} | {
        "AGEP": rows["AGEP"]
    }
    kept |= {"employed": pc.equal(rows["employed"], 1), "asked": pa.array(asked, pa.timestamp("us", "UTC"))}
    return pa.table(kept)


columns = dict.fromkeys(["id", *TEXTS, *PROTECTED], "string") | {"AGEP": "float", "employed": "bool"}
people = table("people", key="id", columns=columns | {"asked": "timestamp"}, load=load)
