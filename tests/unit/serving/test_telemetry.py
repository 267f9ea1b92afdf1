"""Telemetry of a worker and of its node."""

from __future__ import annotations

from pathlib import Path

from roadworthy.serving import telemetry
from roadworthy.serving.telemetry import SERIES, Telemetry


def counted() -> Telemetry:
    """A worker that answered two requests."""
    counts = Telemetry()
    counts.request("delay", 200)
    counts.request("delay", 200)
    counts.latency("delay", 0.0004)
    counts.latency("delay", 0.02)
    counts.rows("delay", 1, "champion", "ok", 3)
    counts.outcomes("delay", 2)
    counts.error("empty_batch")
    return counts


def test_counts_of_all_workers_of_a_node_add_up() -> None:
    """Whichever worker is asked tells about the node."""
    text = telemetry.render(telemetry.merged([counted().samples(), counted().samples()])).decode()
    assert 'roadworthy_requests_total{model="delay",code="200"} 4' in text
    assert 'roadworthy_rows_total{model="delay",version="1",role="champion",status="ok"} 6' in text
    assert 'roadworthy_errors_total{kind="empty_batch"} 2' in text
    assert "roadworthy_journal_rows_total 10" in text


def test_the_latency_histogram_is_cumulative_and_ends_with_everything() -> None:
    """As Prometheus wants it."""
    text = telemetry.render(counted().samples()).decode()
    assert 'roadworthy_predict_seconds_bucket{model="delay",le="0.0005"} 1' in text
    assert 'roadworthy_predict_seconds_bucket{model="delay",le="0.01"} 1' in text
    assert 'roadworthy_predict_seconds_bucket{model="delay",le="0.025"} 2' in text
    assert 'roadworthy_predict_seconds_bucket{model="delay",le="+Inf"} 2' in text
    assert 'roadworthy_predict_seconds_count{model="delay"} 2' in text


def test_a_respawned_worker_goes_on_counting_where_the_dead_one_stopped(tmp_path: Path) -> None:
    """Counters never fall, so rates stay right over a crash; gauges of the dead one are forgotten."""
    path = tmp_path / "0.json"
    saved = counted().samples() | {"roadworthy_plan_number": telemetry.gauge(3, worker="0")}
    telemetry.save(path, saved)
    respawned = Telemetry(telemetry.counters(telemetry.load(path)))
    respawned.rows("delay", 1, "champion", "ok", 1)
    samples = respawned.samples()
    assert samples["roadworthy_rows_total"] == {'model="delay",version="1",role="champion",status="ok"': 4}
    assert "roadworthy_plan_number" not in samples


def test_every_series_that_a_worker_counts_has_a_help_text() -> None:
    """Nothing is exported that nobody can look up."""
    plain = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for name in counted().samples()
    }
    assert plain <= set(SERIES)


def test_telemetry_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    """A torn file of another worker does not take the page down."""
    (tmp_path / "1.json").write_text("{")
    assert telemetry.load(tmp_path / "1.json") == {}
    assert telemetry.load(tmp_path / "2.json") == {}
