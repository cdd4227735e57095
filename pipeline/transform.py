"""Bringing every model of an environment up to date, by SQLMesh."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlglot import exp
from sqlmesh import Snapshot
from sqlmesh.core import constants
from sqlmesh.core.config import Config
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.context_diff import ContextDiff
from sqlmesh.core.notification_target import GenericNotificationTarget, NotificationEvent
from sqlmesh.utils.concurrency import NodeExecutionFailedError
from sqlmesh.utils.errors import AuditError, SQLMeshError

from config import build_config
from engines.protocol import State
from errors import TransformError
from pipeline.interruption import stop_if_asked
from pipeline.run_log import Run
from warehouse.environments import Environment, plan_command, read_environment


class _Recorder(NoopConsole):
    """Keeps what SQLMesh would print: failures for the error message, warnings and models for the run log."""

    def __init__(self, on_step: Callable[[str], None], run: Run, state: State) -> None:
        super().__init__()
        self.state = state
        self.on_step = on_step
        self.run = run
        self.failures: list[str] = []

    def start_snapshot_evaluation_progress(self, snapshot: Snapshot, audit_only: bool = False) -> None:
        stop_if_asked()
        self.on_step(f"{'auditing' if audit_only else 'evaluating'} {_model_name(snapshot.name)}")

    def update_snapshot_evaluation_progress(
        self,
        snapshot: Snapshot,
        interval: tuple[int, int],
        batch_idx: int,
        duration_ms: int | None,
        num_audits_passed: int,
        num_audits_failed: int,
        *_: Any,
        **more: Any,
    ) -> None:
        stats = more.get("execution_stats")
        self.run.add_model(
            _model_name(snapshot.name),
            seconds=(duration_ms or 0) / 1000,
            rows=stats.total_rows_processed if stats else None,
            audits_passed=num_audits_passed,
            audits_failed=num_audits_failed,
        )

    def show_model_difference_summary(self, context_diff: ContextDiff, *_: Any, **__: Any) -> None:
        names = sorted(_model_name(name) for name in context_diff.modified_snapshots)
        names += sorted(_model_name(s.name) for s in (*context_diff.added, *context_diff.removed_snapshots))
        environment = context_diff.environment
        self.log_warning(
            f"{environment} has other versions of {', '.join(names)} than the models and settings here; "
            f"it keeps its own until: {plan_command(environment)}"
        )

    def log_failed_models(self, errors: list[NodeExecutionFailedError[Any]]) -> None:
        for error in errors:
            cause = error.__cause__ or error
            if self.state.only_follows(cause):
                continue
            self.failures.append(" ".join(f"{_model_name(error.node.snapshot_name)}: {cause}".split()))

    def log_error(self, message: str) -> None:
        self.failures.append(" ".join(message.split()))

    def log_warning(self, short_message: str, *_: Any, **__: Any) -> None:
        warning = " ".join(short_message.split())
        if warning not in self.run.warnings:
            self.run.warnings.append(warning)


class _FailedAudits(GenericNotificationTarget):  # type: ignore[misc]  # its base is frozen, and so is this
    """Adds every audit that failed to the run, whether it stops something or not."""

    run: Run
    notify_on: frozenset[NotificationEvent] = frozenset({NotificationEvent.AUDIT_FAILURE})

    def notify_audit_failure(self, audit_error: AuditError, *_: Any, **__: Any) -> None:
        self.run.add_failed_audit(audit_error.audit_name, audit_error.model_name, audit_error.count)


def _model_name(snapshot_name: str) -> str:
    """`schema.model` of a quoted name with its catalog."""
    table = exp.to_table(snapshot_name)
    return f"{table.db}.{table.name}"


def transform(
    state: State, environment: str, on_step: Callable[[str], None], run: Run, must_evaluate: bool = False
) -> Environment:
    """Have SQLMesh run an environment, or plan it where it is not there yet, as prod is not the first time.

    The models are those that the environment has: a changed model file waits for `sqlmesh plan`.

    Args:
        state: of the warehouse, to work on.
        on_step: called with what is being done, one phrase a step.
        run: gets every model, every failed audit and every warning, as far as it came.
        must_evaluate: rows were deleted, so every model has to run, also where a clock that was set back hides that.

    Returns:
        How the environment stands; behind only where a run of its own cannot help, see `Environment.remarks`.

    Raises:
        TransformError: a model or a blocking audit failed, or the environment is behind after all.
    """
    on_step("reading the models")
    console = _Recorder(on_step, run, state)
    set_console(console)
    # A pool of processes would outlive a kill, and keep the lock of the warehouse's writers.
    constants.MAX_FORK_WORKERS = 1
    config = build_config(state.settings)
    config.notification_targets.append(_FailedAudits(run=run))
    config.ignore_patterns = [*config.ignore_patterns, "tests/*"]  # they are not run here, and slow to read
    try:
        evaluated = _evaluations(run)
        is_done = _run(state, config, environment)
        if is_done and must_evaluate and _evaluations(run) == evaluated:
            is_done = _run(state, config, environment, is_later=True)
        stands = _stands(state, environment)
        if is_done and stands.can_catch_up:
            is_done = _run(state, config, environment, is_later=True)
            stands = _stands(state, environment)
            if is_done and stands.can_catch_up:
                # Where prod has moved on to other versions, SQLMesh may evaluate copies that another one does not show.
                anew = (
                    "build its facts anew run: sqlmesh plan prod --restate-model marts.fct_bookings "
                    "--restate-model marts.fct_sessions"
                    if environment == "prod"
                    else f"make it anew run: sqlmesh invalidate {environment}, then {plan_command(environment)}"
                )
                raise TransformError(f"SQLMesh ran {environment} and it is behind all the same; to {anew}")
    except (SQLMeshError, state.error) as error:
        raise TransformError(_one_line(console, str(error))) from None
    if not is_done:
        raise TransformError(_one_line(console, "the run failed"))
    return stands


def _run(state: State, config: Config, environment: str, is_later: bool = False) -> bool:
    """Whether every model of the environment was evaluated, where there was something to do, and passed its audits.

    Args:
        is_later: run as of a moment after the last run, which an earlier clock would take for done.
    """
    with state.running(config) as context:
        found = context.state_reader.get_environment(environment)
        if found is None:
            context.plan(environment, no_prompts=True, auto_apply=True, skip_tests=True, skip_linter=True)
            return True
        moment = None
        if is_later:
            snapshots = context.state_reader.get_snapshots(found.snapshots).values()
            last = max(end for snapshot in snapshots for _, end in snapshot.intervals + snapshot.dev_intervals)
            moment = datetime.fromtimestamp(last / 1000, UTC) + timedelta(minutes=1)
        status = context.run(environment, execution_time=moment, end=moment, ignore_cron=True, skip_janitor=True)
        context.diff(environment)
        return not status.is_failure


def _evaluations(run: Run) -> int:
    return sum(model.audits_passed + model.audits_failed for model in run.models.values())


def _stands(state: State, environment: str) -> Environment:
    with state.reading() as reader:
        return read_environment(reader, environment)


def _one_line(console: _Recorder, fallback: str) -> str:
    reason = "; ".join(dict.fromkeys(console.failures)) or " ".join(fallback.split())
    return f"the models were not brought up to date: {reason}"
