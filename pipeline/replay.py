"""Trying the rejected rows of a warehouse again, published at once or not at all."""

from __future__ import annotations

from collections.abc import Callable

from engines import engine_of
from ingest.mapping import read_mapping
from ingest.replay import Replay, replay_rejected_rows
from pipeline.interruption import begin_publishing
from pipeline.run_log import Run
from settings import COMMAND

Say = Callable[[str], None]


class _NothingPasses(Exception):
    """Leaves the next state without publishing it."""


def replay(run: Run, say: Say, on_step: Say) -> None:
    """Load what of the rejected rows passes by now; where none does, the published state stays as it is.

    Args:
        run: gets what became of the rows, and the outcome.
        say: shows a line that stays.
        on_step: shows what is being done, one phrase a step.

    Raises:
        SettingsError: the mapping of the sources says something that is not allowed.
        WarehouseError: there is no warehouse, or it is in use or cannot be written.
    """
    settings = run.settings
    engine = engine_of(settings)
    mappings = read_mapping(settings.sources)
    with engine.reading(settings):  # there is one
        pass
    replays: list[Replay] = []
    try:
        with engine.writing(settings, say, begin_publishing) as state:
            replays = replay_rejected_rows(state, mappings, on_step)
            run.add_replays(replays)
            if not any(each.load.rows_read for each in replays):
                raise _NothingPasses
            on_step("publishing")
    except _NothingPasses:
        run.outcome = "unchanged"
    for each in replays:
        load = each.load
        say(
            f"{load.file.name}, load {each.rejected_load_id}: {load.rows_read + each.rows_left:,} rejected rows tried "
            f"again = {load.rows_loaded:,} loaded + {load.rows_known:,} known + {load.rows_duplicate:,} duplicates "
            f"+ {each.rows_left:,} still rejected"
        )
    if run.outcome == "unchanged":
        say("no rejected row passes; nothing changed")
    elif any(each.load.rows_loaded for each in replays):
        say(f"the models take the rows in with the next run: {COMMAND} transform")
