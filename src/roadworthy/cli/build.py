"""Commands that make a version: ingest, train, gate, lint, score."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from roadworthy.cli.output import AsJson, Options, show, table
from roadworthy.errors import REFUSED

ModelFile = Annotated[Path, typer.Argument(help="Python file that defines the model.", show_default=False)]
Reference = Annotated[str, typer.Argument(help="A version, such as flight-delay@2.", show_default=False)]
Which = Annotated[str | None, typer.Option("--model", help="Which model of the file, if it defines several.")]


def ingest(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="Python file that declares tables with their loaders.", show_default=False)
    ],
    only: Annotated[str, typer.Option(help="Names of tables, separated by commas; all by default.")] = "",
    batch: Annotated[
        str, typer.Option(help="Name of the batch; the same name again changes nothing.")
    ] = "initial",
    accept: Annotated[
        str,
        typer.Option(
            help="Reason to take rows that do not go on as those before them: days left out, other units."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check tables against their schema and the rows before them, and store them; a faulty batch is set aside whole."""
    from roadworthy.jobs.ingest import ingest_file

    options: Options = context.obj
    done = ingest_file(
        options.settings(), file, only=[name for name in only.split(",") if name], batch=batch, accept=accept
    )
    rows = [
        (
            item.table,
            item.rows,
            item.fingerprint,
            "already there"
            if item.unchanged
            else f"new, accepted: {item.accepted}"
            if item.accepted
            else "new",
        )
        for item in done
    ]
    show(done, table(("table", "rows", "fingerprint", ""), rows), as_json=as_json)


def train(
    context: typer.Context,
    file: ModelFile,
    which: Which = None,
    until: Annotated[
        str | None, typer.Option(help="Use what was known before this time; now by default.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Use questions asked from this time on.")] = None,
    holdout: Annotated[str, typer.Option(help="The last stretch is kept for the gate.")] = "28d",
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            help="Train with and without this feature, and compare; several times, or with commas.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit a model on history as known then, and register the version."""
    from roadworthy.cli.progress import progress
    from roadworthy.clock import parse_duration, parse_instant
    from roadworthy.jobs.ablation import train_without as ablate
    from roadworthy.jobs.train import train as run

    options: Options = context.obj
    left_out = [name.strip() for given in without or () for name in given.split(",") if name.strip()]
    with progress(as_json) as report:
        trained = (partial(ablate, without=left_out) if left_out else run)(
            options.stores(),
            file,
            model=which,
            until=parse_instant(until) if until else None,
            since=parse_instant(since) if since else None,
            holdout=parse_duration(holdout),
            progress=report,
        )
    show(trained, trained.sentences(), as_json=as_json)


def gate(
    context: typer.Context,
    reference: Reference,
    approve_first: Annotated[
        str,
        typer.Option(
            "--first-release", help="Reason why a first release may go without a champion to compare with."
        ),
    ] = "",
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="First give parameters that training never touched the unknown entry's value, in a new version.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Judge a version before it gets any traffic; exits with 3 when it may not advance."""
    from roadworthy.cli.progress import progress
    from roadworthy.gate.terminal import render
    from roadworthy.jobs.gate import gate as run
    from roadworthy.jobs.repair import repair as repaired

    options: Options = context.obj
    stores, said = options.stores(), []
    with progress(as_json) as report:
        if repair:
            done = repaired(stores, reference, progress=report)
            reference, said = done.version.reference, done.sentences()
        judged = run(stores, reference, approve_first=approve_first, progress=report)
    show(judged.report, [*said, render(judged.report), f"Full report: {judged.page}"], as_json=as_json)
    if judged.report.decision.ruling != "pass":
        raise typer.Exit(REFUSED)


def score(
    context: typer.Context,
    reference: Reference,
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines or Parquet with the columns of a request.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Parquet or CSV; FILE.scored.parquet by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a table through the same code that answers requests; nothing is logged."""
    from roadworthy.jobs.score import score_file

    options: Options = context.obj
    done = score_file(options.stores(), reference, file, output)
    counted = "1 row" if done.rows == 1 else f"{done.rows:,} rows"
    show(
        done, f"{counted} scored by {done.version} into {done.output}; mean {done.mean:.4f}", as_json=as_json
    )


def lint(
    context: typer.Context,
    reference: Annotated[
        str, typer.Argument(help="A version, such as flight-delay@2.", show_default=False)
    ] = "",
    cleaners: Annotated[
        bool, typer.Option("--cleaners", help="Print the text of the cleaners instead.")
    ] = False,
    most: Annotated[int, typer.Option("--limit", help="Findings to show.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Look a version's vocabularies over against what is served today; exits with 3 when the gate would refuse them."""
    from roadworthy.jobs.lint import cleaner_text
    from roadworthy.jobs.lint import lint as run

    options: Options = context.obj
    if cleaners:
        typer.echo(cleaner_text())
        return
    if not reference:
        raise typer.BadParameter("name a version, such as flight-delay@2", context)
    found = run(options.stores(), reference)
    columns = ("feature", "finding", "text", "beside", "cleaner", "how often")
    rows = [
        (each.feature, each.kind, each.text, each.beside, each.cleaner, each.counts)
        for each in found.findings
    ]
    shown = [table(columns, rows[:most])] if rows else []
    more = [f"{len(rows) - most:,} more findings: --limit {len(rows)}"] if len(rows) > most else []
    show(found, [*shown, *more, *found.sentences()], as_json=as_json)
    if found.ruling == "fail":
        raise typer.Exit(REFUSED)


COMMANDS = (ingest, train, gate, lint, score)
