"""A file and a server: one code, the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq

from processes import ROW, Starter, Workspace, wait_until
from roadworthy.jobs.score import score_file
from roadworthy.jobs.stores import Stores


def rows(count: int = 300) -> list[dict[str, Any]]:
    """Requests of every kind that the model knows: missing wind, unknown carriers, lists of any length."""
    chance = np.random.default_rng(9)
    return [
        {
            **ROW,
            "carrier": str(chance.choice(["UA", "AA", "B6", "none of these"])),
            "wind": None if chance.random() < 0.1 else float(chance.uniform(0, 40)),
            "before": [str(code) for code in chance.choice(["EWR", "JFK", "XXX"], number % 4)],
            "flight": f"UA{number}",
        }
        for number in range(count)
    ]


def test_a_scored_file_equals_the_answers_of_a_server_bit_for_bit(
    start: Starter, workspace: Workspace, tmp_path: Path
) -> None:
    """All rows at once, one by one, and as a file in pieces of 64: no difference in any bit."""
    asked = rows()
    (tmp_path / "asked.jsonl").write_bytes(b"\n".join(msgspec.json.encode(row) for row in asked))
    server = start.supervisor(workspace)
    wait_until(server.ready, "readiness")
    together = server.predict(*asked).content["predictions"]
    alone = [server.predict(row).content["predictions"][0] for row in asked[:40]]
    stores = Stores(workspace.settings, workspace.engine)
    done = score_file(stores, "delay@1", tmp_path / "asked.jsonl", piece_rows=64)
    scored = pq.read_table(done.output).column("prediction").to_pylist()
    assert scored == together
    assert scored[:40] == alone
    assert len(set(scored)) > 5
