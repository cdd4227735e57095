"""The commands on source files, which need no warehouse: holding a folder against the contract, and writing one."""

from __future__ import annotations

from pathlib import Path

import click

from commands.options import NumberRange, absolute, tier_rates
from errors import writing
from settings import Settings


@click.command("check")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="How many rejected rows to show for each file and reason; 0: no row's text leaves the file.",
)
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@click.pass_context
def check_command(context: click.Context, folder: Path | None, examples: int, output: str) -> None:
    """What loading the files of FOLDER would make of them, and what they do not tell; touches no warehouse.

    FOLDER is that of --data. Exits with 1 where they would not be loaded.
    """
    from dataclasses import asdict

    from ingest.check import check_folder
    from pipeline.interruption import interruptible
    from presentation import listings

    settings: Settings = context.obj
    with interruptible(None, lambda error: click.echo(f"error: {error}", err=True)):
        found = check_folder(settings, absolute(folder) or settings.data, examples)
    click.echo(listings.check(asdict(found), output))
    if not found.would_load:
        context.exit(1)


@click.command("simulate")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write; made if need be.")
@click.option("--users", type=click.IntRange(min=1), help="How many users [default: the sample data under seeds/].")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed, the same files.")
@click.option(
    "--rebooking-rate",
    "rebooking_rates",
    multiple=True,
    metavar="TIER=RATE",
    callback=tier_rates,
    help="How many of a tier's users come back within 30 days, as a fraction; once a tier.",
)
@click.option(
    "--dirt",
    type=NumberRange(0, 0.5),
    default=0.01,
    show_default=True,
    help="Share of rows of each kind of dirt; 0: clean files.",
)
@click.option(
    "--property-share",
    type=NumberRange(0, 1),
    default=0.2,
    show_default=True,
    help="Share of events with the optional properties of the tracking plan, such as who cancelled.",
)
@click.option(
    "--optional-events",
    is_flag=True,
    help="Write sign-ups, profile views, reviews and the other optional events of the tracking plan as well.",
)
@click.option(
    "--days",
    type=click.IntRange(2, 300),
    help="Write day_001, day_002, …: all history first, then a day each, with late events and changed tiers.",
)
@click.option("--late-share", type=NumberRange(0, 1), default=0.01, show_default=True, help="With --days.")
@click.option("--events-format", type=click.Choice(["json", "jsonl", "jsonl.gz"]), default="json", show_default=True)
def simulate_command(
    out: Path,
    users: int | None,
    seed: int,
    rebooking_rates: dict[str, float],
    dirt: float,
    property_share: float,
    optional_events: bool,
    days: int | None,
    late_share: float,
    events_format: str,
) -> None:
    """Write synthetic source files."""
    with writing(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise click.UsageError(f"{out} is not an empty folder; name a new one with --out")
        if users is None:
            from simulation.sample import sample

            sample(seed).write(out)
            click.echo(f"wrote the sample data to {out}", err=True)
            return
        from simulation.population import REBOOKING_RATES, Scenario
        from simulation.writing import write_scenario

        rates = REBOOKING_RATES | rebooking_rates
        scenario = Scenario(users, seed, rates, dirt, property_share, optional_events)
        events = write_scenario(scenario, out, events_format, days, late_share)
    click.echo(f"wrote {users:,} users and {events:,} events to {out}", err=True)
