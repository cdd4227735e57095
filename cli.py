"""The command line: python cli.py COMMAND. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alerts.channels import configured_channels, one_message
from errors import MentorAnalyticsError, SettingsError
from settings import Settings, load_settings

if TYPE_CHECKING:
    from pipeline.run_log import Run

# What may run unattended: its failures are told by Slack and e-mail where these are set.
UNATTENDED = {"ingest", "transform", "refresh"}


class _OneLineErrors(click.Group):
    """Shows a failure as one line and exits with 1."""

    def invoke(self, context: click.Context):
        def command() -> str | None:
            return context.invoked_subcommand if context.invoked_subcommand in UNATTENDED else None

        try:
            with one_message(command, lambda line: _say(f"warning: {line}")):
                return super().invoke(context)
        except MentorAnalyticsError as error:
            click.echo(f"error: {error}", err=True)
            context.exit(1)


def _absolute(path: Path | None) -> Path | None:
    """A path given on the command line starts where the user is, not at the project."""
    return path.absolute() if path else None


_data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the three sources [default: the sample data]."
)


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--warehouse", type=click.Path(path_type=Path), help="The warehouse file.")
@click.option("--gateway", help="The SQLMesh gateway.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "plain"]),
    default="auto",
    show_default=True,
    help="What a long command is doing: auto shows it on a terminal only, plain as a line a step.",
)
@click.pass_context
def cli(context: click.Context, warehouse: Path | None, gateway: str | None, progress: str) -> None:
    """Do top-tier mentors deliver better retention, and is the booking system reliable?"""
    if context.invoked_subcommand in UNATTENDED:
        configured_channels()  # a channel set by half is told before the work, not after it
    context.obj = load_settings(warehouse=_absolute(warehouse), gateway=gateway)


def _environment_name(_context: click.Context, option: click.Parameter, name: str) -> str:
    """The name as SQLMesh keeps it: it becomes part of the names of schemas."""
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise SettingsError(f"{option.opts[0]} {name!r} is no name of an environment; use a to z, 0 to 9 and _")
    return name


_environment_option = click.option(
    "--env", "environment", default="prod", show_default=True, callback=_environment_name, help="The environment."
)
_timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds after which the command is ended, and nothing published [default: no limit].",
)


def _say(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _logged(run: Run, timeout: float | None = None) -> Iterator[None]:
    """Write what runs inside to the run log; Ctrl-C, SIGTERM and the time limit end it cleanly."""
    from pipeline.publication import discard_next_state
    from pipeline.run_log import logged

    with logged(run, timeout, _say, discard_next_state):
        yield


def _work(command: str, settings: Settings, data: Path | None, environment: str | None, timeout: float | None) -> None:
    from pipeline.refresh import refresh
    from pipeline.run_log import Run
    from terminal import live_progress

    run = Run(command, settings, environment, data)
    is_plain = click.get_current_context().find_root().params["progress"] == "plain"
    with _logged(run, timeout), live_progress(is_plain) as on_step:
        refresh(run, _say, on_step)


@cli.command("ingest")
@_data_option
@_timeout_option
@click.pass_obj
def ingest_command(settings: Settings, data: Path | None, timeout: float | None) -> None:
    """Load what is new in the data folder into the warehouse."""
    _work("ingest", settings, _absolute(data) or settings.data, None, timeout)


@cli.command("transform")
@_environment_option
@_timeout_option
@click.pass_obj
def transform_command(settings: Settings, environment: str, timeout: float | None) -> None:
    """Bring every model up to date and audit it."""
    _work("transform", settings, None, environment, timeout)


@cli.command("refresh")
@_data_option
@_environment_option
@_timeout_option
@click.pass_obj
def refresh_command(settings: Settings, data: Path | None, environment: str, timeout: float | None) -> None:
    """The whole pipeline: load what is new, bring every model up to date, audit, publish."""
    _work("refresh", settings, _absolute(data) or settings.data, environment, timeout)


@cli.command("rollback")
@click.pass_obj
def rollback_command(settings: Settings) -> None:
    """Show again what was published before the last change; once more undoes it."""
    from pipeline.publication import roll_back
    from pipeline.run_log import Run

    with _logged(Run("rollback", settings)):
        roll_back(settings.warehouse, settings.lock_wait_seconds, _say)
    _say(f"{settings.warehouse} is again what was published before")


def _question_options(command: Callable) -> Callable:
    """What is asked, of which environment; the command gets the settings with it as `settings`.

    `asked` names those of them that an environment was built with, and that are asked for all the same.
    """

    @_environment_option
    @click.option("--window-days", help="Rebooking window in days, or none for no limit.")
    @click.option("--group-a", help="Tiers of the first group, separated by commas.")
    @click.option("--group-b", help="Tiers of the second group, separated by commas.")
    @click.option("--tier-attribution", help="current, or at_session: the tier that held at the first session.")
    @click.option("--as-of", help="ISO-8601 time, UTC unless it says otherwise [default: the latest event].")
    @click.pass_obj
    @wraps(command)
    def with_settings(
        settings: Settings,
        *,
        window_days: str | None,
        group_a: str | None,
        group_b: str | None,
        tier_attribution: str | None,
        **options,
    ) -> None:
        settings = load_settings(
            warehouse=settings.warehouse,
            gateway=settings.gateway,
            rebooking_window_days=window_days,
            group_a=group_a,
            group_b=group_b,
            tier_attribution=tier_attribution,
        )
        command(settings, asked=() if window_days is None else ("rebooking_window_days",), **options)

    return with_settings


@cli.command("history")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@click.pass_obj
def history_command(settings: Settings, limit: int, output: str) -> None:
    """What ran when, with which rows and which outcome; newest first."""
    import presentation
    from pipeline.run_log import read_runs

    try:
        runs, damaged = read_runs(settings.logs, limit)
    except OSError as error:
        raise SettingsError(f"the run log {settings.logs} cannot be read: {error.strerror or error}") from None
    if damaged:
        _say(f"warning: {damaged:,} damaged lines in {settings.logs} were left out")
    click.echo(presentation.history(runs, output))


@cli.command("answer")
@_question_options
@click.option("--full", is_flag=True, help="Every section, not only what comes first; JSON always has them.")
@click.option("--format", "output", type=click.Choice(["table", "json", "csv", "markdown"]), default="table")
def answer_command(
    settings: Settings, environment: str, as_of: str | None, asked: tuple[str, ...], full: bool, output: str
) -> None:
    """The CEO's table; never writes."""
    import json
    import os
    import sys

    import presentation
    from warehouse.answers import answer_from_warehouse

    document = answer_from_warehouse(settings, environment, as_of, full or output == "json", asked)
    if output == "json":
        text = json.dumps(document, indent=2) + "\n"
    elif output == "csv":
        text = presentation.as_csv(document)
    elif output == "markdown":
        text = presentation.as_markdown(document)
    else:
        text = presentation.as_table(document, sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    click.echo(text, nl=False)


@cli.command("report")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@_question_options
@click.option("--format", "output", type=click.Choice(["html", "md"]), default="html", show_default=True)
@click.option(
    "--charts",
    type=click.Path(path_type=Path),
    help="Folder for every chart as PNG and SVG; made if need be.",
)
def report_command(
    settings: Settings,
    environment: str,
    as_of: str | None,
    asked: tuple[str, ...],
    out: Path,
    output: str,
    charts: Path | None,
) -> None:
    """The same with pictures: one file that opens offline and prints well."""
    from reporting.drawing_process import drawing_process

    out = _absolute(out)
    with drawing_process() if output == "html" or charts else nullcontext() as draw:
        # Imported while the other process starts: it takes a second.
        from reporting.report import check_target, read_report, write_report

        check_target(out)
        write_report(read_report(settings, environment, as_of, asked), out, output, _absolute(charts), draw)
    _say(f"wrote {out}")


@cli.command("diff")
@click.option("--env", "environment", required=True, callback=_environment_name, help="The environment to compare.")
@click.option(
    "--base",
    default="prod",
    show_default=True,
    callback=_environment_name,
    help="The environment to compare it with.",
)
@click.option("--as-of", help="ISO-8601 time, UTC unless it says otherwise [default: the latest event].")
@click.option("--format", "output", type=click.Choice(["table", "json", "csv"]), default="table")
@click.pass_obj
def diff_command(settings: Settings, environment: str, base: str, as_of: str | None, output: str) -> None:
    """What an environment changes in the answer and the reports; never writes."""
    import presentation
    from warehouse.answers import differences

    found = differences(settings, base, environment, as_of)
    for remark in found.remarks:
        _say(f"warning: {remark}")
    click.echo(presentation.differences(found.figures, base, environment, output))


@cli.command("status")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@click.pass_context
def status_command(context: click.Context, output: str) -> None:
    """What stands: environments, as of when, what waits, what differs from how they were built.

    Exits with 1 where something needs a hand.
    """
    import presentation
    from analysis.metrics.definitions import checksums
    from warehouse.connection import connect
    from warehouse.environments import read_environments

    settings: Settings = context.obj
    with connect(settings.warehouse, read_only=True) as connection:
        environments = read_environments(connection)
    status = [environment.status(settings, checksums()) for environment in environments]
    click.echo(presentation.status(status, output))
    if not status or any(environment["remarks"] for environment in status):
        context.exit(1)


@cli.command("rejects")
@click.pass_obj
def rejects_command(settings: Settings) -> None:
    """The rejected rows and why."""
    import csv
    import sys

    from presentation import spreadsheet_safe
    from warehouse.loads import rejected_rows

    writer = csv.writer(sys.stdout)
    writer.writerow(("load_id", "file", "position", "reason", "raw_text"))
    writer.writerows(map(spreadsheet_safe, rejected_rows(settings.warehouse)))


def _rates(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """`TIER=RATE` options as a dict."""
    from settings import known_tiers

    rates = {}
    for value in values:
        tier, _, rate = value.partition("=")
        tier = tier.strip().title()
        if tier not in known_tiers():
            raise click.BadParameter(f"unknown tier in {value!r} (known tiers: {', '.join(known_tiers())})")
        try:
            rates[tier] = float(rate)
        except ValueError:
            rates[tier] = -1
        if not 0 <= rates[tier] <= 1:
            raise click.BadParameter(f"{value!r} is not TIER=RATE with a rate from 0 to 1")
    return rates


@cli.command("simulate")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write; made if need be.")
@click.option("--users", type=click.IntRange(min=1), help="How many users [default: the sample data under seeds/].")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed, the same files.")
@click.option(
    "--rebooking-rate",
    "rebooking_rates",
    multiple=True,
    metavar="TIER=RATE",
    callback=_rates,
    help="How many of a tier's users come back within 30 days, as a fraction; once a tier.",
)
@click.option(
    "--dirt",
    type=click.FloatRange(0, 0.5),
    default=0.01,
    show_default=True,
    help="Share of rows of each kind of dirt; 0: clean files.",
)
@click.option(
    "--property-share",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Share of events with the optional properties of the tracking plan, such as who cancelled.",
)
@click.option(
    "--days",
    type=click.IntRange(2, 300),
    help="Write day_001, day_002, …: all history first, then a day each, with late events and changed tiers.",
)
@click.option("--late-share", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="With --days.")
@click.option("--events-format", type=click.Choice(["json", "jsonl", "jsonl.gz"]), default="json", show_default=True)
def simulate_command(
    out: Path,
    users: int | None,
    seed: int,
    rebooking_rates: dict[str, float],
    dirt: float,
    property_share: float,
    days: int | None,
    late_share: float,
    events_format: str,
) -> None:
    """Write synthetic source files."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise click.UsageError(f"{out} is not an empty folder; name a new one with --out")
    if users is None:
        from simulation.sample import sample

        sample(seed).write(out)
        _say(f"wrote the sample data to {out}")
        return
    from simulation.population import REBOOKING_RATES, Scenario, simulate

    population = simulate(Scenario(users, seed, REBOOKING_RATES | rebooking_rates, dirt, property_share))
    if days is None:
        population.write(out, events_format)
    else:
        for number, day in enumerate(population.by_day(days, late_share), start=1):
            day.write(out / f"day_{number:03}", events_format)
    _say(f"wrote {users:,} users and {population.events.height:,} events to {out}")


@cli.command("app")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="On 127.0.0.1.")
@click.option("--no-browser", is_flag=True, help="Do not open the page, as where there is no display.")
@click.pass_obj
def app_command(settings: Settings, port: int, no_browser: bool) -> None:
    """The web application, on this machine only."""
    from app.launch import serve

    serve(settings, port, opens_browser=not no_browser)


@cli.command("lineage")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A .svg or .html file.")
def lineage_command(out: Path) -> None:
    """Draw which table is made from which; the HTML page has their columns too."""
    if out.suffix.lower() not in (".svg", ".html"):
        raise click.UsageError(f"{out} is neither an .svg nor an .html file; name one with --out")
    from docs.generate.lineage import page, svg
    from docs.generate.tables import project_context, tables

    with project_context() as context:
        text = (svg if out.suffix.lower() == ".svg" else page)(tables(context))
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MentorAnalyticsError(f"{out} cannot be written: {error.strerror or error}") from None
    _say(f"wrote {out}")


@cli.command("reset")
@click.option("--yes", is_flag=True, help="Do it: everything in the warehouse is lost.")
@click.pass_obj
def reset_command(settings: Settings, yes: bool) -> None:
    """Empty the warehouse; the only command that destroys."""
    from pipeline.publication import remove
    from pipeline.run_log import Run

    if not yes:
        raise click.UsageError(f"this deletes {settings.warehouse}; say --yes to do it")
    with _logged(Run("reset", settings)):
        remove(settings.warehouse, settings.lock_wait_seconds, _say)
    click.echo(f"{settings.warehouse} is gone", err=True)


if __name__ == "__main__":
    # Most of what the libraries make is kept: looking for garbage at the usual pace takes a tenth of the time.
    gc.set_threshold(100_000, 20, 20)
    try:
        cli()
    finally:
        gc.freeze()  # nor does the end of the process need a search
