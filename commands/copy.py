"""The command `copy`: a warehouse into another engine, with its history."""

from __future__ import annotations

import click

from commands.options import timeout_option
from engines import COPY_TARGETS, engine_of
from errors import SettingsError
from settings import Settings, load_settings


@click.command("copy")
@click.option(
    "--to", "gateway", required=True, type=click.Choice(COPY_TARGETS), help="The gateway to copy the warehouse to."
)
@timeout_option
@click.pass_context
def copy_command(context: click.Context, gateway: str, timeout: float | None) -> None:
    """Copy the warehouse to another engine, with its history; rows are compared before anything is published.

    There must be no warehouse yet. Environments other than prod are named, to be made anew.
    """
    from pipeline.copying import copy_warehouse
    from pipeline.run_log import Run, logged
    from presentation.progress import live_progress

    settings: Settings = context.obj
    target = load_settings(warehouse=settings.warehouse, gateway=gateway)
    if gateway == settings.gateway:
        others = " or ".join(name for name in COPY_TARGETS if name != gateway)
        raise SettingsError(f"the gateway is {gateway} already; name the one to copy from: --gateway {others}")

    def say(line: str) -> None:
        click.echo(line, err=True)

    run = Run("copy", settings, "prod")
    is_plain = context.find_root().params["progress"] == "plain"
    with logged(run, timeout, say, engine_of(target).discard), live_progress(is_plain) as on_step:
        copy_warehouse(run, target, say, on_step)
