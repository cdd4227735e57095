"""Bringing every model of an environment up to date, through SQLMesh."""

from __future__ import annotations

import duckdb
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.scheduler import CompletionStatus
from sqlmesh.utils.errors import SQLMeshError

from config import HISTORY_START, build_config
from errors import TransformError, WarehouseError
from ingest.warehouse import connect
from settings import PROJECT_ROOT, Settings

FACTS = ("marts.fct_bookings", "marts.fct_sessions")


class _Recorder(NoopConsole):
    """Keeps what SQLMesh would print: failures for the error message, warnings for the caller."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []
        self.warnings: list[str] = []

    def log_failed_models(self, errors) -> None:
        for error in errors:
            cause = error.__cause__ or error
            self.failures.append(" ".join(f"{error.node}: {cause}".split()))

    def log_error(self, message: str) -> None:
        self.failures.append(" ".join(message.split()))

    def log_warning(self, short_message: str, *_, **__) -> None:
        self.warnings.append(" ".join(short_message.split()))


def transform(settings: Settings, environment: str = "prod") -> list[str]:
    """Plan the environment if it is new, then evaluate everything up to now, facts over their whole history.

    Returns:
        Warnings of audits that do not block, one line each.

    Raises:
        WarehouseError: the warehouse is locked, or nothing was loaded into it.
        TransformError: a model or a blocking audit failed.
    """
    _require_raw(settings)
    console = _Recorder()
    set_console(console)
    try:
        context = Context(paths=[str(PROJECT_ROOT)], config=build_config(settings))
        try:
            if context.state_reader.get_environment(environment) is None:
                context.plan(environment, no_prompts=True, auto_apply=True)
            else:
                context.plan(
                    environment,
                    restate_models=FACTS,
                    start=HISTORY_START,
                    no_prompts=True,
                    auto_apply=True,
                    skip_tests=True,
                )
            status = context.run(environment, ignore_cron=True)
        finally:
            context.close()
    except (SQLMeshError, duckdb.Error) as error:
        raise TransformError(_one_line(console, str(error))) from None
    if status is CompletionStatus.FAILURE:
        raise TransformError(_one_line(console, "the run failed"))
    return console.warnings


def _require_raw(settings: Settings) -> None:
    if not settings.warehouse.exists():
        raise WarehouseError(f"there is no warehouse at {settings.warehouse} yet; run: python cli.py refresh")
    with connect(settings.warehouse) as connection:
        loaded = connection.execute(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'raw' AND table_name = 'loads'"
        ).fetchone()[0]
    if not loaded:
        raise WarehouseError(f"nothing was loaded into {settings.warehouse} yet; run: python cli.py ingest")


def _one_line(console: _Recorder, fallback: str) -> str:
    reason = "; ".join(dict.fromkeys(console.failures)) or " ".join(fallback.split())
    return f"the models were not brought up to date: {reason}"
