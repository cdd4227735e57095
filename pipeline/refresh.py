"""Refreshing an environment: load what is new, have SQLMesh bring the models up to date, publish both at once."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from threading import Thread

from analysis.metrics.definitions import checksums
from engines import engine_of
from engines.protocol import State
from errors import WarehouseError
from ingest.load import Load, ingest_sources, unchanged_loads
from ingest.mapping import read_mapping
from ingest.sources import Sources, find_sources
from pipeline.interruption import begin_publishing
from pipeline.run_log import Run
from settings import COMMAND, Settings
from warehouse.environments import Environment, environment_names, has_loads, read_environment, refuse_unknown
from warehouse.freshness import stale_remarks

Say = Callable[[str], None]


def refresh(run: Run, say: Say, on_step: Say) -> list[str]:
    """Load the run's data folder, if it has one, and transform its environment, if any; publish both at once.

    Args:
        run: gets the files, the models and the outcome, as far as it came.
        say: shows a line that stays.
        on_step: shows what is being done, one phrase a step.

    Returns:
        That the environment's newest event was too old when the run began, as one line, if it was.

    Raises:
        SettingsError: the mapping of the sources says something that is not allowed.
        SourceError: a file cannot be read as a whole.
        WarehouseError: the warehouse is in use, or cannot be written; the environment is not there and is not prod.
        TransformError: a model or a blocking audit failed.
    """
    settings, environment = run.settings, run.environment
    if environment not in (None, "prod"):
        # SQLMesh would make an environment of a mistyped name; one that is wanted is planned.
        with engine_of(settings).reading(settings) as reader:
            refuse_unknown(reader, environment)
    on_step("reading the files")
    sources = find_sources(run.data, read_mapping(settings.sources)) if run.data else []
    run.files = [{"file": str(file.path), "checksum": file.checksum} for _, file in sources]
    known = unchanged_loads(settings, sources)
    stands = None
    if environment and len(known) == len(sources):
        stands = _up_to_date(settings, environment, say)
    is_nothing_new = len(known) == len(sources) and (not environment or stands is not None)
    # Without files a run is what is asked for: a promoted change of a dimension shows in the next one.
    if is_nothing_new and run.data:
        _report(run, sources, known, say)
        run.outcome = "unchanged"
        if stands:
            say(f"{environment} is up to date; nothing new")
        return _warn_if_stale(run, stands, say)
    # SQLMesh takes a second to import: time enough to copy the warehouse.
    importing = Thread(target=import_module, args=["pipeline.transform"])
    if environment:
        importing.start()
    with engine_of(settings).writing(settings, say, begin_publishing) as state:
        if environment:
            importing.join()
        if sources:
            _report(run, sources, ingest_sources(state, sources, on_step), say)
        if environment:
            stands = _transform(run, state, environment, say, on_step)
        on_step("publishing")
    if stands:
        remarks = stands.remarks(settings, checksums()) if stands.is_behind else []
        for line in remarks or [f"{environment} is up to date"]:
            say(line)
    return _warn_if_stale(run, stands, say)


def _transform(run: Run, state: State, environment: str, say: Say, on_step: Say) -> Environment:
    """Have SQLMesh run the environment; how it stands then."""
    from pipeline.transform import transform  # imports SQLMesh

    stands = transform(state, environment, on_step, run)
    for warning in run.warnings:
        say(f"warning: {warning}")
    return stands


def _warn_if_stale(run: Run, stands: Environment | None, say: Say) -> list[str]:
    """Warn that the newest event is too old, if it is; after the work is done, since that makes no row wrong."""
    remarks = stale_remarks(stands, run.settings, run.started_at) if stands else []
    for remark in remarks:
        say(f"warning: {remark}")
    run.warnings += remarks
    return remarks


def _report(run: Run, sources: Sources, loads: list[Load], say: Say) -> None:
    for load in loads:
        say(f"{load.file.name}: {load.sentence}")
        for note in load.notes:
            say(f"{load.file.name}: {note}")
    run.add_loads(sources, loads)


def _up_to_date(settings: Settings, environment: str, say: Say) -> Environment | None:
    """The environment, if a run would change nothing; warns of what is otherwise here than it was built with.

    Raises:
        WarehouseError: nothing was loaded yet, or other models built the environment.
    """
    engine = engine_of(settings)
    with engine.reading(settings) as reader:
        if not has_loads(reader):
            raise WarehouseError(f"nothing was loaded into {engine.place(settings)} yet; run: {COMMAND} ingest")
        if environment not in environment_names(reader):
            return None
        stands = read_environment(reader, environment)
    if stands.is_behind:
        return None
    for remark in stands.remarks(settings, checksums()):
        say(f"warning: {remark}")
    return stands
