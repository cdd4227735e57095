"""Bringing every model of an environment up to date, through SQLMesh."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb
from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core import constants
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.environment import Environment
from sqlmesh.core.notification_target import GenericNotificationTarget, NotificationEvent
from sqlmesh.core.plan.common import identify_restatement_intervals_across_snapshot_versions
from sqlmesh.core.scheduler import CompletionStatus
from sqlmesh.core.snapshot import DeployabilityIndex, Snapshot
from sqlmesh.utils.date import to_datetime, to_timestamp
from sqlmesh.utils.errors import AuditError, SQLMeshError

from config import build_config
from errors import TransformError
from ingest.normalisation import CLOCK_GRACE
from ingest.warehouse import connect
from pipeline import progress
from pipeline.affected import FACTS, Replaced, expected_facts, replace_differing_rows
from pipeline.dimensions import DIMENSIONS, first_change, replay_changes
from pipeline.interruption import stop_if_asked
from pipeline.run_log import Run
from settings import PROJECT_ROOT, Settings


@dataclass
class Transformed:
    """What a transform did: `outcome` is `unchanged` or `updated`; warnings are one line each.

    `restated_from` is the first moment from which each fact was worked out anew.
    """

    outcome: str
    warnings: list[str] = field(default_factory=list)
    restated_from: dict[str, datetime] = field(default_factory=dict)


class _Recorder(NoopConsole):
    """Keeps what SQLMesh would print: failures for the error message, warnings for the caller, models for the log."""

    def __init__(self, on_step: Callable[[str], None], run: Run) -> None:
        super().__init__()
        self.on_step = on_step
        self.run = run
        self.failures: list[str] = []
        self.warnings: list[str] = []

    def start_snapshot_evaluation_progress(self, snapshot: Snapshot, audit_only: bool = False) -> None:
        stop_if_asked()
        self.on_step(f"{'auditing' if audit_only else 'evaluating'} {_model_name(snapshot.name)}")

    def update_snapshot_evaluation_progress(
        self, snapshot, interval, batch_idx, duration_ms, num_audits_passed, num_audits_failed, *_, **more
    ) -> None:
        stats = more.get("execution_stats")
        self.run.add_model(
            _model_name(snapshot.name),
            seconds=(duration_ms or 0) / 1000,
            rows=stats.total_rows_processed if stats else None,
            audits_passed=num_audits_passed,
            audits_failed=num_audits_failed,
        )

    def add_rows(self, name: str, rows: int, seconds: float) -> None:
        """Tell the run of rows that SQLMesh did not write itself."""
        self.run.add_model(name, seconds, rows, audits_passed=0, audits_failed=0)

    def log_failed_models(self, errors) -> None:
        for error in errors:
            cause = error.__cause__ or error
            self.failures.append(" ".join(f"{_model_name(error.node.snapshot_name)}: {cause}".split()))

    def log_error(self, message: str) -> None:
        self.failures.append(" ".join(message.split()))

    def log_warning(self, short_message: str, *_, **__) -> None:
        self.warnings.append(" ".join(short_message.split()))


class _FailedAudits(GenericNotificationTarget):
    """Tells the run of every audit that failed, whether it stops something or not."""

    run: Run
    notify_on: frozenset[NotificationEvent] = frozenset({NotificationEvent.AUDIT_FAILURE})

    def notify_audit_failure(self, audit_error: AuditError, *_, **__) -> None:
        self.run.add_failed_audit(audit_error.audit_name, audit_error.model_name, audit_error.count)


def _model_name(snapshot_name: str) -> str:
    """`schema.model` of a quoted name with its catalog."""
    table = exp.to_table(snapshot_name)
    return f"{table.db}.{table.name}"


def transform(
    settings: Settings,
    environment: str = "prod",
    on_step: Callable[[str], None] = lambda _: None,
    run: Run | None = None,
) -> Transformed:
    """Bring an environment up to date with `raw`; an environment that is not there yet is planned.

    The dimensions take up the changes one after the other, in the order in which they took effect;
    the facts' rows are replaced where the new events say otherwise. The models are those that the
    environment has: a changed model file waits for `sqlmesh plan`.

    Args:
        on_step: told what is being done, one phrase a step.
        run: told of every model and of every audit that failed, as far as it got.

    Raises:
        WarehouseError: the warehouse is locked, or nothing was loaded into it.
        TransformError: a model or a blocking audit failed.
    """
    on_step("reading the models")
    run = run or Run("transform", settings)
    console = _Recorder(on_step, run)
    set_console(console)
    # A pool of processes would outlive a kill, and keep the lock of the warehouse's writers.
    constants.MAX_FORK_WORKERS = 1
    config = build_config(settings)
    config.notification_targets.append(_FailedAudits(run=run))
    config.ignore_patterns = [*config.ignore_patterns, "tests/*"]  # they are not run here, and slow to read
    try:
        context = Context(paths=[str(PROJECT_ROOT)], config=config)
        try:
            work = _Work(context, environment, console)
            work.bring_up_to_date()
        finally:
            context.close()
    except (SQLMeshError, duckdb.Error) as error:
        raise TransformError(_one_line(console, str(error))) from None
    with connect(settings.warehouse) as connection:
        progress.record(connection, work.environment, work.plan_id, work.tables, work.now)
    return Transformed("updated", list(dict.fromkeys(console.warnings)), work.restated_from())


class _Work:
    """One transform of one environment; `now` is its execution time, naive UTC."""

    def __init__(self, context: Context, environment: str, console: _Recorder) -> None:
        self.context = context
        self.environment = Environment.sanitize_name(environment)
        self.console = console
        self.adapter = context.engine_adapter
        self.suffix = "" if self.environment == "prod" else f"__{self.environment}"
        self.replaced: dict[str, Replaced] = {}
        # An event may be a little ahead of this machine's clock: its day is evaluated too.
        ((latest,),) = self.adapter.fetchall("""
            SELECT GREATEST(MAX(latest), MAX(loaded_at)) FROM (
                SELECT (SELECT MAX(occurred_at) FROM raw.booking_events) AS latest, MAX(loaded_at) AS loaded_at
                FROM raw.loads
            ) AS moments
        """)
        self.now = max(datetime.now(UTC).replace(tzinfo=None), latest)

    def bring_up_to_date(self) -> None:
        self._read_state()
        self.is_just_planned = not self.snapshots
        if self.is_just_planned:
            firsts = [first_change(self.adapter, dimension, self.now) for dimension in DIMENSIONS.values()]
            self.planned_for = min(filter(None, firsts), default=self.now)
            self.tables_before = self._physical_tables()
            self.context.plan(
                self.environment,
                execution_time=self.planned_for,
                no_prompts=True,
                auto_apply=True,
                skip_tests=True,
                skip_linter=True,
            )
            self._read_state()
        self._warn_of_unpromoted_changes()
        changed = self._replay_dimensions()
        changed += self._update_facts()
        if changed:
            self._audit(changed)
        if not self.is_just_planned or changed:
            self._run_reports()

    def restated_from(self) -> dict[str, datetime]:
        return {fact: part.first for fact, part in self.replaced.items()}

    def _read_state(self) -> None:
        state = self.context.state_reader.get_environment(self.environment)
        self.plan_id = state.plan_id if state else ""
        self.start_at = state.start_at if state else None
        self.snapshots = self._snapshots_of(state)
        self.deployable = (
            DeployabilityIndex.all_deployable()
            if self.environment == "prod"
            else DeployabilityIndex.create(self.snapshots.values(), start=self.start_at)
        )
        table_of = self._tables_of(self.snapshots, self.deployable)
        # What an environment shares with prod is brought up to date with prod, by nobody else.
        shared: set[str] = set()
        if self.environment != "prod":
            prod = self._snapshots_of(self.context.state_reader.get_environment("prod"))
            shared = set(self._tables_of(prod, DeployabilityIndex.all_deployable()).values())
        self.table_of = {name: table for name, table in table_of.items() if table not in shared}
        self.tables = list(self.table_of.values())

    def _snapshots_of(self, state: Environment | None) -> dict[str, Snapshot]:
        snapshots = self.context.state_reader.get_snapshots(state.snapshots) if state else {}
        return {snapshot.fully_qualified_table.name: snapshot for snapshot in snapshots.values()}

    @staticmethod
    def _tables_of(snapshots: dict[str, Snapshot], deployable: DeployabilityIndex) -> dict[str, str]:
        """The physical table of each model that has one."""
        return {
            name: snapshot.table_name(deployable.is_representative(snapshot))
            for name, snapshot in snapshots.items()
            if snapshot.is_model and not snapshot.is_symbolic and not snapshot.model.kind.is_view
        }

    def _warn_of_unpromoted_changes(self) -> None:
        here = {s.fully_qualified_table.name: s.fingerprint for s in self.context.snapshots.values()}
        there = {name: snapshot.fingerprint for name, snapshot in self.snapshots.items()}
        changed = sorted(name for name in here | there if here.get(name) != there.get(name))
        if changed:
            self.console.warnings.append(
                f"{self.environment} has other versions of {', '.join(changed)} than the models and settings here; "
                f"it keeps its own until: sqlmesh plan{'' if self.environment == 'prod' else ' ' + self.environment}"
            )

    def _replay_dimensions(self) -> list[str]:
        """Take up what the dimensions do not hold yet; which ones changed."""
        replayed = []
        for dimension in [name for name in DIMENSIONS if name in self.table_of]:
            is_replayed = self._replay(dimension)
            if self._misses_versions(dimension):
                # SQLMesh alone, or the preview of a plan, went past some changes: `raw` has them all.
                self.adapter.execute(f"DELETE FROM {self.table_of[dimension]}")
                is_replayed = self._replay(dimension)
            if is_replayed:
                self._mark_evaluated(self.snapshots[dimension])
                replayed.append(dimension)
        return replayed

    def _replay(self, dimension: str) -> bool:
        """Take up the changes that are pending; whether there were any."""
        self.console.on_step(f"evaluating marts.{dimension}")
        started = time.monotonic()
        rows = replay_changes(
            self.adapter,
            DIMENSIONS[dimension],
            self.snapshots[dimension].model,
            self.table_of[dimension],
            self.suffix,
            self.now,
        )
        if rows is not None:
            self.console.add_rows(f"marts.{dimension}", rows, time.monotonic() - started)
        return rows is not None

    def _misses_versions(self, dimension: str) -> bool:
        model = self.snapshots[dimension].model
        audit, arguments = next(
            (audit, arguments)
            for audit, arguments in model.audits_with_args
            if audit.name == "assert_every_change_has_a_version"
        )
        query = model.render_audit_query(
            audit,
            execution_time=self.now,
            snapshots={snapshot.name: snapshot for snapshot in self.snapshots.values()},
            deployability_index=self.deployable,
            **arguments,
        )
        return self.adapter.fetchone(query.limit(1)) is not None

    def _update_facts(self) -> list[str]:
        """Replace the rows that the new events have changed; the facts that had some."""
        own = {fact: self.table_of[fact] for fact in FACTS if fact in self.table_of}
        expected = expected_facts({fact: self.snapshots[fact].model for fact in FACTS}, self.now)
        self.console.on_step("comparing the facts with the new events")
        self.replaced = (
            replace_differing_rows(self.adapter, expected, own, self.suffix, **self._what_is_new(own)) if own else {}
        )
        for fact in own:
            self._mark_evaluated(self.snapshots[fact])
        for fact, part in self.replaced.items():
            self.console.add_rows(f"marts.{fact}", part.rows, part.seconds)
        if self.replaced and self.environment == "prod":
            self._clear_other_versions(min(part.first for part in self.replaced.values()))
        return list(self.replaced)

    def _run_reports(self) -> None:
        reports = [f"reports.{name}" for name in self.table_of if name.startswith("rpt_")]
        if reports:
            self._run(reports, self.now)

    def _what_is_new(self, own: dict[str, str]) -> dict[str, datetime | None]:
        """Which events the facts' tables may lack, for `replace_differing_rows`."""
        known = progress.evaluated_tables(self.adapter.cursor)
        if self.is_just_planned and not {exp.to_table(table).name for table in own.values()} & self.tables_before:
            # A plan fills whole days: the one that is not over is missing.
            return {"occurred_since": _midnight(self.planned_for)}
        since = [known.get(table) or self._first_filled(self.snapshots[fact]) for fact, table in own.items()]
        return {"loaded_since": None if None in since else min(since)}

    def _physical_tables(self) -> set[str]:
        """The names of the tables that hold what models gave, in whatever version."""
        rows = self.adapter.fetchall(
            "SELECT table_name FROM duckdb_tables() WHERE STARTS_WITH(schema_name, 'sqlmesh__')"
        )
        return {name for (name,) in rows}

    def _mark_evaluated(self, snapshot: Snapshot) -> None:
        """Tell SQLMesh that a model holds every day that is over, so that it does not fill them again."""
        is_dev = not self.deployable.is_deployable(snapshot)
        intervals = snapshot.dev_intervals if is_dev else snapshot.intervals
        today = _midnight(self.now).replace(tzinfo=UTC)
        if intervals and intervals[-1][1] < today.timestamp() * 1000:
            self.context.state_sync.add_interval(snapshot, to_datetime(intervals[-1][1]), today, is_dev=is_dev)

    def _audit(self, models: list[str]) -> None:
        """Run the models' audits, those of the facts over the time in which rows were replaced."""
        parts = self.replaced.values()
        status = self.context.scheduler(self.environment).audit(
            self.environment,
            start=min((part.first for part in parts), default=self.now),
            end=max((part.last for part in parts), default=self.now) + timedelta(days=1),
            execution_time=self.now,
            ignore_cron=True,
            selected_snapshots={self.snapshots[name].name for name in models},
            deployability_index=self.deployable,
        )
        if status is CompletionStatus.FAILURE:
            raise TransformError(_one_line(self.console, "an audit failed"))

    def _clear_other_versions(self, since: datetime) -> None:
        """Have a plan fill again what other versions of the facts hold since a moment.

        Else promoting one would bring back what prod's facts said before. A restating plan of SQLMesh does the same.
        """
        tomorrow = to_timestamp(_midnight(self.now) + timedelta(days=1))
        first_day = to_timestamp(_midnight(since))
        requests = identify_restatement_intervals_across_snapshot_versions(
            state_reader=self.context.state_reader,
            prod_restatements={self.snapshots[fact].name: (first_day, tomorrow) for fact in FACTS},
            disable_restatement_models={
                s.name for s in self.snapshots.values() if s.is_model and s.disable_restatement
            },
            loaded_snapshots={snapshot.snapshot_id: snapshot for snapshot in self.snapshots.values()},
        )
        self.context.state_sync.remove_intervals([(r.snapshot, r.interval) for r in requests.values()])

    def _first_filled(self, snapshot: Snapshot) -> datetime | None:
        """Which loads a table that no transform knows holds for sure: those up to the moment given, or None.

        A plan fills a table after its version was created. An event may lie ahead of its load by the
        grace that loading gives to clocks, and a plan takes only what has happened.
        """
        if snapshot.version != snapshot.fingerprint.to_version():
            return None  # the table of an older version
        return datetime.fromtimestamp(snapshot.created_ts / 1000, UTC).replace(tzinfo=None) - CLOCK_GRACE

    def _run(self, models: list[str], moment: datetime) -> None:
        status = self.context.run(
            self.environment,
            # Where a plan's previews begin decides which tables the environment reads.
            start=None if self.environment == "prod" else self.start_at,
            execution_time=moment,
            ignore_cron=True,
            select_models=models,
            no_auto_upstream=True,
            skip_janitor=True,
        )
        if status is CompletionStatus.FAILURE:
            raise TransformError(_one_line(self.console, "the run failed"))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _one_line(console: _Recorder, fallback: str) -> str:
    reason = "; ".join(dict.fromkeys(console.failures)) or " ".join(fallback.split())
    return f"the models were not brought up to date: {reason}"
