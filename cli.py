"""The command line: python cli.py COMMAND. Results go to stdout, everything else to stderr."""

from __future__ import annotations

from pathlib import Path

import click

from errors import MentorAnalyticsError
from settings import Settings, load_settings


class _OneLineErrors(click.Group):
    """Shows a failure as one line and exits with 1."""

    def invoke(self, context: click.Context):
        try:
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
@click.pass_context
def cli(context: click.Context, warehouse: Path | None, gateway: str | None) -> None:
    """Do top-tier mentors deliver better retention, and is the booking system reliable?"""
    context.obj = load_settings(warehouse=_absolute(warehouse), gateway=gateway)


@cli.command("ingest")
@_data_option
@click.pass_obj
def ingest_command(settings: Settings, data: Path | None) -> None:
    """Load what is new in the data folder into the warehouse."""
    from ingest.load import ingest

    for load in ingest(settings.warehouse, _absolute(data) or settings.data):
        if load.outcome == "unchanged":
            click.echo(f"{load.file.name}: unchanged since its last load", err=True)
        else:
            click.echo(
                f"{load.file.name}: {load.rows_read:,} rows read = {load.rows_loaded:,} loaded "
                f"+ {load.rows_known:,} known + {load.rows_duplicate:,} duplicates "
                f"+ {load.rows_rejected:,} rejected",
                err=True,
            )


@cli.command("rejects")
@click.pass_obj
def rejects_command(settings: Settings) -> None:
    """The rejected rows and why."""
    import csv
    import sys

    from ingest.load import rejected_rows

    writer = csv.writer(sys.stdout)
    writer.writerow(("load_id", "file", "position", "reason", "raw_text"))
    writer.writerows(rejected_rows(settings.warehouse))


@cli.command("reset")
@click.option("--yes", is_flag=True, help="Do it: everything in the warehouse is lost.")
@click.pass_obj
def reset_command(settings: Settings, yes: bool) -> None:
    """Empty the warehouse; the only command that destroys."""
    from ingest.warehouse import remove

    if not yes:
        raise click.UsageError(f"this deletes {settings.warehouse}; say --yes to do it")
    remove(settings.warehouse)
    click.echo(f"{settings.warehouse} is gone", err=True)


if __name__ == "__main__":
    cli()
