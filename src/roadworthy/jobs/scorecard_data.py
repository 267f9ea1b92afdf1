"""The seven tests of features and data. Not here: how they are scored."""

from __future__ import annotations

from roadworthy.jobs.scorecard_found import Found
from roadworthy.jobs.scorecard_test import HALF, Evidence, Test, full, gate_again, half, none, reasons


def _schema(found: Found) -> Evidence:
    if not found.tables:
        return none("no table was ingested with a schema", "roadworthy ingest FILE")
    tables = f"{', '.join(found.tables)} were checked against their schema at every ingest"
    if found.passed("data"):
        return full(tables, *reasons(found, "data"))
    return half(tables, "the gate's check `data` did not pass on this version", gate_again(found))


def _beneficial(found: Found) -> Evidence:
    if idle := found.part("cost", "idle features"):
        return full(idle)
    if said := found.failing("cost", "idle features"):
        return none(said, "roadworthy train FILE --without FEATURE")
    return none(
        "no gate check compared what each feature gives with what it costs",
        f"{gate_again(found)}, or roadworthy train FILE --without FEATURE",
    )


def _cost(found: Found) -> Evidence:
    budgets = found.declared("budgets")
    if found.passed("infrastructure", "cost") and budgets:
        return full(f"budgets are declared: {', '.join(budgets)}", *reasons(found, "infrastructure", "cost"))
    if found.passed("infrastructure"):
        missing = "budgets that its owner declares, and the checks `infrastructure` and `cost` passed by them"
        return half(
            reasons(found, "infrastructure")[0], missing, "Model(budgets=...), then roadworthy train FILE"
        )
    return none("nothing measured what serving its features takes", gate_again(found))


def _requirements(found: Found) -> Evidence:
    if found.passed("leakage"):
        return half(
            reasons(found, "leakage")[0],
            "which sources your organisation lets a model use cannot be seen here",
        )
    return none("nothing showed that its features keep to what a model may use", gate_again(found))


def _privacy(found: Found) -> Evidence:
    told = [f"{', '.join(found.sensitive)} are hashed before anything sees them"] if found.sensitive else []
    told += ["the log is kept for a limited time (`retain`)"] if found.did("retain") else []
    told += ["units were forgotten on request (`forget`)"] if found.did("forget") else []
    told = told if found.hash_key or not found.sensitive else []
    if len(told) >= 2:
        return full(*told)
    lacking = (
        "inputs declared as sensitive, a limit to how long the log is kept, units forgotten: two of the three"
    )
    return half(told[0], lacking, "roadworthy retain") if told else none(lacking, "roadworthy retain")


def _quick(found: Found) -> Evidence:
    return none(
        "nothing here measures how long a feature takes from idea to production; a person may vouch for it",
        f'roadworthy scorecard {found.row.model} --attest data-6 --reason "the reason"',
    )


def _tested(found: Found) -> Evidence:
    if not found.passed("goldens", "batch_invariance"):
        return none("golden requests through a real server and other arrangements of rows", gate_again(found))
    told = reasons(found, "goldens", "batch_invariance")
    if not found.functions:
        return full(*told, "no feature is a function of your own")
    return Evidence(
        HALF, told, "whether your own functions have unit tests that run by themselves cannot be seen here"
    )


TESTS = (
    Test("data-1", "Feature expectations are captured in a schema.", _schema),
    Test("data-2", "All features are beneficial.", _beneficial),
    Test("data-3", "No feature's cost is too much.", _cost),
    Test("data-4", "Features adhere to meta-level requirements.", _requirements),
    Test("data-5", "The data pipeline has appropriate privacy controls.", _privacy),
    Test("data-6", "New features can be added quickly.", _quick),
    Test("data-7", "All input feature code is tested.", _tested),
)
