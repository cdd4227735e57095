"""Commands of whoever runs a warehouse: saving it, restoring it, and forgetting a user."""

from __future__ import annotations

from pathlib import Path

import click

from commands.options import timeout_option
from engines import engine_of
from settings import Settings


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@timeout_option
@click.pass_obj
def backup_command(settings: Settings, file: Path, timeout: float | None) -> None:
    """Save the published state to FILE, which must not be there yet, with a list of what is in it."""
    from pipeline.backup import back_up
    from pipeline.run_log import Run, logged

    with logged(Run("backup", settings), timeout, _say, engine_of(settings).discard):
        line = back_up(settings, file.absolute(), _say)
    _say(line)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@timeout_option
@click.pass_context
def restore_command(context: click.Context, file: Path, timeout: float | None) -> None:
    """Put what `backup` saved to FILE in the place of the published state, every table compared before it is shown."""
    from pipeline.backup import restore
    from pipeline.run_log import Run, logged
    from presentation.progress import live_progress

    run = Run("restore", context.obj)
    is_plain = context.find_root().params["progress"] == "plain"
    with logged(run, timeout, _say, engine_of(run.settings).discard), live_progress(is_plain) as on_step:
        line = restore(run, file.absolute(), _say, on_step)
    _say(line)


@click.command("forget")
@click.option("--user", "user_id", type=click.IntRange(-(2**63), 2**63 - 1), required=True, help="The id of the user.")
@click.option("--search", "only_search", is_flag=True, help="Only show where the user stands; change nothing.")
@timeout_option
@click.pass_context
def forget_command(context: click.Context, user_id: int, only_search: bool, timeout: float | None) -> None:
    """Forget a user: delete every row, also of earlier states, and search every table, log and copy for what is left.

    Prints what was searched and found as CSV. Exits with 1 where something is left.
    """
    from pipeline.forget import find, forget
    from pipeline.run_log import Run, logged
    from presentation.progress import live_progress
    from presentation.renderers.csv import csv_text

    settings: Settings = context.obj
    if only_search:
        proof = find(settings, user_id)
    else:
        run = Run("forget", settings)
        is_plain = context.find_root().params["progress"] == "plain"
        with logged(run, timeout, _say, engine_of(settings).discard), live_progress(is_plain) as on_step:
            proof = forget(run, user_id, _say, on_step)
        for warning in run.warnings:
            _say(f"warning: {warning}")
        _say(f"forgotten: {proof.deleted:,} rows of what was loaded are gone, with all that was made of them")
    header = ("place", "searched", "found", "meaning")
    rows = [(place.name, place.searched, place.found, place.meaning) for place in proof.places]
    click.echo(csv_text([header, *rows]), nl=False)
    for path in proof.out_of_reach:
        _say(f"not searched: {path}, a warehouse of its own; delete it, or run this with --warehouse {path}")
    for place in proof.left:
        _say(f"{'found' if only_search else 'left'}: {place.meaning} in {place.name} ({place.found:,})")
    if proof.left and not only_search:
        context.exit(1)


OPERATION_COMMANDS = (backup_command, restore_command, forget_command)
