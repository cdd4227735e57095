"""The command line: python cli.py COMMAND. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alerts.message import STALE, hold, one_message
from commands.copy import copy_command
from commands.operation import OPERATION_COMMANDS
from commands.options import (
    absolute,
    data_option,
    environment_name,
    environment_option,
    question_options,
    timeout_option,
)
from commands.sources import check_command, simulate_command
from commands.trial import Trial, run_trial, trial_options
from engines import engine_of
from errors import MentorAnalyticsError, OptionError, SettingsError
from settings import Settings, load_settings, project_version

if TYPE_CHECKING:
    from pipeline.run_log import Run

# What may run unattended: its failures are sent where a channel is set up.
UNATTENDED = {"ingest", "transform", "refresh", "backup"}


class _OneLineErrors(click.Group):
    """Shows a failure as one line and exits with 1, or with 2 where an option is wrong."""

    def main(self, *args: Any, **options: Any) -> Any:
        if hasattr(sys.stdout, "reconfigure"):  # what a terminal has no character for must not cost the answer
            sys.stdout.reconfigure(errors="replace")
        return super().main(*args, **options)

    def invoke(self, context: click.Context):
        def command() -> str | None:
            return context.invoked_subcommand if context.invoked_subcommand in UNATTENDED else None

        try:
            with one_message(command, lambda line: _say(f"warning: {line}")):
                return super().invoke(context)
        except MentorAnalyticsError as error:
            click.echo(f"error: {error}", err=True)
            context.exit(2 if isinstance(error, OptionError) else 1)
        except BrokenPipeError:
            raise  # nobody reads on: click ends in silence
        except (OSError, UnicodeError) as error:  # below what commands say of single files
            name = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
            click.echo(f"error: {name}{getattr(error, 'strerror', None) or error}", err=True)
            # What could not be printed is not tried again when the process ends.
            sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
            context.exit(1)


@click.group(cls=_OneLineErrors, commands=OPERATION_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(project_version())
@click.option("--warehouse", type=click.Path(path_type=Path), help="The warehouse file of DuckDB.")
@click.option("--gateway", help="The SQLMesh gateway: duckdb, postgres, spark or snowflake.")
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
        from alerts.channels import configured_channels

        configured_channels()  # a channel set by half is reported before the work, not after it
    context.obj = load_settings(warehouse=absolute(warehouse), gateway=gateway)
    if warehouse and not engine_of(context.obj).takes_file:
        raise click.UsageError(
            f"--warehouse names a file, and the warehouse is {engine_of(context.obj).place(context.obj)}; leave it out"
        )


def _say(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _logged(run: Run, timeout: float | None = None) -> Iterator[None]:
    """Write what runs inside to the run log; Ctrl-C, SIGTERM and the time limit end it cleanly."""
    from pipeline.run_log import logged

    with logged(run, timeout, _say, engine_of(run.settings).discard):
        yield


def _work(command: str, settings: Settings, data: Path | None, environment: str | None, timeout: float | None) -> None:
    from pipeline.refresh import refresh
    from pipeline.run_log import Run
    from presentation.progress import live_progress

    run = Run(command, settings, environment, data)
    is_plain = click.get_current_context().find_root().params["progress"] == "plain"
    with _logged(run, timeout), live_progress(is_plain) as on_step:
        stale = refresh(run, _say, on_step)
    if stale:
        hold(STALE, stale)


@cli.command("ingest")
@data_option
@timeout_option
@click.pass_obj
def ingest_command(settings: Settings, data: Path | None, timeout: float | None) -> None:
    """Load what is new in the data folder into the warehouse."""
    _work("ingest", settings, absolute(data) or settings.data, None, timeout)


@cli.command("transform")
@environment_option
@timeout_option
@click.pass_obj
def transform_command(settings: Settings, environment: str, timeout: float | None) -> None:
    """Bring every model up to date and audit it."""
    _work("transform", settings, None, environment, timeout)


@cli.command("refresh")
@data_option
@environment_option
@timeout_option
@click.pass_obj
def refresh_command(settings: Settings, data: Path | None, environment: str, timeout: float | None) -> None:
    """The whole pipeline: load what is new, bring every model up to date, audit, publish."""
    _work("refresh", settings, absolute(data) or settings.data, environment, timeout)


@cli.command("rollback")
@click.pass_obj
def rollback_command(settings: Settings) -> None:
    """Show again what was published before the last change; once more undoes it."""
    from pipeline.interruption import begin_publishing
    from pipeline.run_log import Run

    engine = engine_of(settings)
    with _logged(Run("rollback", settings)):
        engine.roll_back(settings, _say, begin_publishing)
    _say(f"{engine.place(settings)} is again what was published before")


@cli.command("history")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@click.pass_obj
def history_command(settings: Settings, limit: int, output: str) -> None:
    """What ran when, with which rows and which outcome; newest first."""
    from pipeline.run_log import read_runs
    from presentation import listings

    try:
        runs, damaged = read_runs(settings.logs, limit)
    except OSError as error:
        raise SettingsError(f"the run log {settings.logs} cannot be read: {error.strerror or error}") from None
    if damaged:
        _say(f"warning: {damaged:,} damaged lines in {settings.logs} were left out")
    click.echo(listings.history(runs, output))


@cli.command("answer")
@question_options
@click.option("--full", is_flag=True, help="Every section, not only what comes first; JSON always has them.")
@click.option("--format", "output", type=click.Choice(["table", "json", "csv", "markdown"]), default="table")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the JSON instead, and answer nothing.")
@trial_options
def answer_command(
    settings: Settings,
    environment: str,
    as_of: str | None,
    asked: tuple[str, ...],
    full: bool,
    output: str,
    schema: bool,
    trial: Trial | None,
) -> None:
    """The CEO's table; never writes to the warehouse."""
    if schema:
        from docs.generate.schema import FILE

        click.echo(FILE.read_text(encoding="utf-8"), nl=False)
        return

    import os
    import sys

    from presentation.answer import answer_text
    from warehouse.answers import answer_from_warehouse

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if trial:
        click.echo(run_trial(trial, settings, environment, as_of, asked, output, colour), nl=False)
        return
    document = answer_from_warehouse(settings, environment, as_of, full or output == "json", asked)
    if output == "csv":  # which has figures alone
        for remark in document["warnings"]:
            _say(f"warning: {remark}")
    click.echo(answer_text(document, settings, output, full, colour), nl=False)


@cli.command("report")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@question_options
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
    from presentation.charts.drawing_process import drawing_process

    out = absolute(out)
    with drawing_process() if output == "html" or charts else nullcontext() as draw:
        # Imported while the other process starts: it takes a second.
        from presentation.report import check_target, read_report, write_report

        check_target(out)
        write_report(read_report(settings, environment, as_of, asked), out, output, absolute(charts), draw)
    _say(f"wrote {out}")


@cli.command("diff")
@click.option(
    "--env",
    "environment",
    default="dev",
    show_default=True,
    callback=environment_name,
    help="The environment to compare.",
)
@click.option(
    "--base",
    default="prod",
    show_default=True,
    callback=environment_name,
    help="The environment to compare it with.",
)
@click.option("--as-of", help="ISO-8601 time, UTC unless it says otherwise [default: the latest event].")
@click.option("--format", "output", type=click.Choice(["table", "json", "csv"]), default="table")
@click.pass_obj
def diff_command(settings: Settings, environment: str, base: str, as_of: str | None, output: str) -> None:
    """What an environment changes: the answer of both in a sentence, then the figures that differ; never writes."""
    from presentation.differences import difference_text
    from warehouse.differences import differences

    found = differences(settings, base, environment, as_of)
    for remark in found.remarks:
        _say(f"warning: {remark}")
    click.echo(difference_text(found, output))


@cli.command("status")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@click.pass_context
def status_command(context: click.Context, output: str) -> None:
    """What stands: environments, as of when, what waits, how fresh, what differs from how they were built.

    Exits with 1 where something needs a hand.
    """
    from datetime import UTC, datetime

    from analysis.metrics.definitions import checksums
    from presentation import listings
    from warehouse.status import read_status

    settings: Settings = context.obj
    with engine_of(settings).reading(settings) as reader:
        status = read_status(reader, settings, checksums(), datetime.now(UTC))
    click.echo(listings.status(status, output))
    if not status or any(environment["remarks"] for environment in status):
        context.exit(1)


@cli.command("rejects")
@click.option("--replay", is_flag=True, help="Try them again first: what passes by now is loaded.")
@timeout_option
@click.pass_obj
def rejects_command(settings: Settings, replay: bool, timeout: float | None) -> None:
    """The rejected rows, why, and what became of them."""
    from presentation.renderers.csv import csv_text
    from warehouse.loads import REJECTED_COLUMNS, rejected_rows

    if replay:
        from pipeline.replay import replay as try_again
        from pipeline.run_log import Run
        from presentation.progress import live_progress

        run = Run("replay", settings)
        is_plain = click.get_current_context().find_root().params["progress"] == "plain"
        with _logged(run, timeout), live_progress(is_plain) as on_step:
            try_again(run, _say, on_step)
    click.echo(csv_text([REJECTED_COLUMNS, *rejected_rows(settings)]), nl=False)


@cli.command("app")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="On 127.0.0.1.")
@click.option("--no-browser", is_flag=True, help="Do not open the page, as where there is no display.")
@click.pass_obj
def app_command(settings: Settings, port: int, no_browser: bool) -> None:
    """The web application, on this machine only."""
    from app.launch import serve

    serve(settings, port, opens_browser=not no_browser)


@cli.command("lineage")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A .md or .mmd file.")
def lineage_command(out: Path) -> None:
    """Write the graph of the tables as Mermaid; a .md file also has what each column is worked out from."""
    if out.suffix.lower() not in (".md", ".mmd"):
        raise click.UsageError(f"{out} is neither an .md nor an .mmd file; name one with --out")
    from docs.generate.dictionary import write_lineage

    write_lineage(out)
    _say(f"wrote {out}")


cli.add_command(copy_command)


@cli.command("reset")
@click.option("--yes", is_flag=True, help="Do it: everything in the warehouse is lost.")
@click.pass_obj
def reset_command(settings: Settings, yes: bool) -> None:
    """Empty the warehouse: everything in it is lost."""
    from pipeline.interruption import begin_publishing
    from pipeline.run_log import Run

    engine = engine_of(settings)
    if not yes:
        raise click.UsageError(f"this deletes {engine.place(settings)}; say --yes to do it")
    with _logged(Run("reset", settings)):
        engine.reset(settings, _say, begin_publishing)
    _say(f"{engine.place(settings)} is gone")


cli.add_command(check_command)
cli.add_command(simulate_command)


def main(program: str | None = None) -> None:
    """Run the command line; `program` is its name in help and completion."""
    # Most of what the libraries make is kept: looking for garbage at the usual pace takes a tenth of the time.
    gc.set_threshold(100_000, 20, 20)
    try:
        cli(prog_name=program)
    finally:
        gc.freeze()  # nor does the end of the process need a search


if __name__ == "__main__":
    main()
