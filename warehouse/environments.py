"""What stands in the warehouse: the environments, each as of when, what waits for it, and what it was built with.

An environment knows what it has taken in from its own tables alone: facts and dimensions carry the newest load that
they hold. No clock is asked, and nobody keeps a record beside them that could say something else.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analysis.metrics.classes import OPTIONAL_EVENTS
from engines.protocol import Reader, UnknownNameError
from errors import WarehouseError
from settings import COMMAND, Settings
from warehouse.reports import are_reports_behind, has_counted_events
from warehouse.views import FACTS, Standing, schema, standing_to_prod

if TYPE_CHECKING:
    from analysis.answer.schema.document import TakenIn


@dataclass(frozen=True)
class Environment:
    """One environment as it stands.

    Attributes:
        name: as SQLMesh knows it.
        as_of: the latest event that its facts were built from, naive UTC; None without facts.
        newest_load: the newest load of which no event waits, or else the newest one that its facts hold.
        taken_in: what it holds and what waits.
        reports_are_behind: a report was built before a load that the facts and dimensions hold.
        reports_say_now: the reports say what would be counted from the facts and dimensions now.
        stale_dimensions: the dimensions whose rows are of an earlier definition than the one that was planned last.
        waits_for_prod: it is behind, and a run of its own would change nothing: what waits is of tables that it shares
            with prod, and that SQLMesh brings forward with prod alone.
        is_stranded: SQLMesh brings forward other tables than those that it shows, so that it has to be made anew.
        settings: what its facts and reports were built with, by the names of settings.toml.
        definitions: the checksums of the metrics that its reports were built with, by module.
    """

    name: str
    as_of: datetime | None
    newest_load: int
    taken_in: TakenIn
    reports_are_behind: bool
    reports_say_now: bool
    stale_dimensions: list[str]
    waits_for_prod: bool
    is_stranded: bool
    settings: dict[str, Any]
    definitions: dict[str, str]

    @property
    def is_behind(self) -> bool:
        """Whether a run would change what it says."""
        return self.taken_in["waiting_loads"] > 0 or self.reports_are_behind or bool(self.stale_dimensions)

    @property
    def can_catch_up(self) -> bool:
        """Whether it is behind and a run of its own helps."""
        return self.is_behind and not self.waits_for_prod and not self.is_stranded

    @property
    def catch_up_commands(self) -> str:
        """What brings it up to date."""
        if self.waits_for_prod:
            return f"{COMMAND} transform --env prod"
        if self.is_stranded:
            return f"sqlmesh invalidate {self.name}, then {plan_command(self.name)}"
        return f"{COMMAND} transform --env {self.name}"

    def remarks(self, settings: Settings, definitions: dict[str, str], asked: Collection[str] = ()) -> list[str]:
        """What its reader has to know, one line each: what waits, and what is otherwise here than it was built with.

        Args:
            asked: settings that may differ, because somebody asks what would be.
        """
        lines = []
        run = self.catch_up_commands
        if self.taken_in["waiting_loads"]:
            loads, events = self.taken_in["waiting_loads"], self.taken_in["waiting_events"]
            lines.append(
                f"{self.name} is behind by {loads:,} load{'s' * (loads != 1)} with {events:,} "
                f"event{'s' * (events != 1)}; to catch up run: {run}"
            )
        elif self.reports_are_behind:
            lines.append(
                f"the reports of {self.name} are behind its facts, which another environment shares; "
                f"to catch up run: {run}"
            )
        if self.stale_dimensions:
            lines.append(
                f"{self.name} still has rows of {' and '.join(self.stale_dimensions)} from before the last plan; "
                f"to work them out anew run: {run}"
            )
        for name, (built, here) in self.changed_settings(settings).items():
            if name in asked:
                continue
            lines.append(
                f"{self.name} was built with {name} = {_shown(built)}, here it is {_shown(here)}; "
                f"to rebuild run: {plan_command(self.name)}"
            )
        if changed := self.changed_definitions(definitions):
            lines.append(
                f"{self.name} was built with other definitions of {', '.join(changed)} than those here; "
                f"to rebuild run: {plan_command(self.name)}"
            )
        return lines

    def changed_settings(self, settings: Settings) -> dict[str, tuple[Any, Any]]:
        """The settings with another value here than it was built with: by name, the value built with and that here."""
        here = settings.model_variables()
        return {
            name: (self.settings.get(name), value)
            for name, value in here.items()
            if self.settings.get(name, value) != value
        }

    def changed_definitions(self, definitions: dict[str, str]) -> list[str]:
        """The modules of metrics that say something else here than it was built with."""
        return sorted(
            name for name in definitions | self.definitions if definitions.get(name) != self.definitions.get(name)
        )


def _never_built(name: str, built: list[str]) -> WarehouseError:
    """The failure of a name that is mistyped or not built yet: what there is, and how it would be built."""
    if "prod" not in built:
        return WarehouseError(f"the environment {name} is not in the warehouse; run: {COMMAND} refresh")
    there = f"there are {', '.join(built[:-1])} and {built[-1]}" if len(built) > 1 else "there is only prod"
    return WarehouseError(
        f"the environment {name} is not in the warehouse; {there}; if {name} is to be a new one, run: "
        f"{plan_command(name)}"
    )


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def built_by_other_models(name: str, difference: str) -> WarehouseError:
    """The failure of an environment that lacks what this working tree reads there."""
    return WarehouseError(
        f"the environment {name} was built by other models than these ({difference}); run: {plan_command(name)}"
    )


def plan_command(environment: str) -> str:
    """What builds an environment from the models, settings and definitions of the working tree."""
    return "sqlmesh plan" if environment == "prod" else f"sqlmesh plan {environment}"


def has_loads(reader: Reader) -> bool:
    """Whether anything was ever loaded into the warehouse."""
    return ("raw", "loads") in reader.tables()


def refuse_earlier_version(reader: Reader) -> None:
    """Refuse a warehouse whose log of users and mentors lacks the rows that only confirm: it gives no history.

    Raises:
        WarehouseError: it is one.
    """
    try:
        reader.rows("SELECT effective_at FROM raw.users LIMIT 0")
    except UnknownNameError:
        return
    raise WarehouseError(
        "the warehouse was built by an earlier version, which kept less of users and mentors; "
        f"rebuild it: {COMMAND} reset --yes, then {COMMAND} refresh with all files"
    )


def environment_names(reader: Reader) -> list[str]:
    """The environments that were built, prod first, the others by name."""
    built = [
        folder.removeprefix("marts").removeprefix("__") or "prod"
        for folder, name in reader.tables()
        if name == "fct_sessions" and folder.startswith("marts")
    ]
    return sorted(built, key=lambda name: (name != "prod", name))


def refuse_unknown(reader: Reader, name: str) -> None:
    """Refuse a name that no environment has.

    Raises:
        WarehouseError: the environment was never built; says which were, and what builds a new one.
    """
    built = environment_names(reader)
    if name not in built:
        raise _never_built(name, built)


def read_environment(reader: Reader, name: str) -> Environment:
    """How one environment stands.

    Raises:
        WarehouseError: the environment was never built, or by models that do not say what they hold.
    """
    refuse_unknown(reader, name)
    marts, reference = schema("marts", name), schema("reference", name)
    try:
        bookings, sessions = (
            reader.rows(f"SELECT COALESCE(MAX(load_id), 0), MAX(last_event_at) FROM {marts}.{fact}")[0]
            for fact in FACTS
        )
        settings = reader.rows(f"SELECT setting, value FROM {reference}.settings")
        definitions: dict[str, str] = dict(reader.rows(f"SELECT module, checksum FROM {reference}.definitions"))
        evaluated = reader.rows(f"SELECT dimension, checksum FROM {reference}.dimension_definitions")
        planned = {dimension: definitions.pop(dimension) for dimension, _ in evaluated}
        waiting_events = _waiting_events(reader, bookings[0], sessions[0])
        waiting_states = _waiting_states(reader, name)
        taken_in = _taken_in(reader, waiting_events, waiting_states)
        ((newest_load,),) = reader.rows("SELECT COALESCE(MAX(load_id), 0) FROM raw.loads")
        stale = sorted(dimension for dimension, checksum in evaluated if planned[dimension] != checksum)
        states = (_newest_in(reader, f"{marts}.dim_{of}") for of in ("users", "mentors"))
        held = "/".join(map(str, (sessions[0], bookings[0], *states)))
        behind = are_reports_behind(reader, schema("reports", name), marts, held)
        newest_load = max(bookings[0], sessions[0]) if waiting_events else newest_load
        standing = standing_to_prod(reader, name, planned)
        counts_all = has_counted_events(reader, schema("reports", name), newest_load)
    except UnknownNameError as error:
        refuse_earlier_version(reader)
        raise built_by_other_models(name, str(error)) from None
    as_of = max((moment for _, moment in (bookings, sessions) if moment), default=None)
    waiting_dimensions = {dimension for dimension, loads in waiting_states.items() if loads} | set(stale)
    waits_for_prod = (
        not waiting_events
        and waiting_dimensions <= standing.shared_dimensions
        and (standing.shares_left_reports if behind else bool(waiting_dimensions))
    )
    return Environment(
        name,
        as_of,
        newest_load,
        taken_in,
        behind,
        as_of is not None and not behind and not stale and standing == Standing() and counts_all,
        stale,
        waits_for_prod,
        standing.is_stranded,
        {setting: json.loads(value) for setting, value in settings},
        definitions,
    )


def read_environments(reader: Reader) -> list[Environment]:
    """Every environment that was built, prod first.

    Raises:
        WarehouseError: as `read_environment`.
    """
    return [read_environment(reader, name) for name in environment_names(reader)]


def _taken_in(reader: Reader, waiting_events: list[tuple[int, int]], waiting_states: dict[str, set[int]]) -> TakenIn:
    ((loads,),) = reader.rows("SELECT COUNT(*) FROM raw.loads")
    ((events,),) = reader.rows("SELECT COUNT(*) FROM raw.booking_events")
    waiting_loads = {load for load, _ in waiting_events}.union(*waiting_states.values())
    count = sum(number for _, number in waiting_events)
    return {
        "loads": loads - len(waiting_loads),
        "events": events - count,
        "waiting_loads": len(waiting_loads),
        "waiting_events": count,
    }


def _waiting_events(reader: Reader, in_bookings: int, in_sessions: int) -> list[tuple[int, int]]:
    """`(load_id, events)` of the loads with events that a fact does not hold.

    A pair without a request has no booking and one without a start no session: its events change no such fact, nor
    does an optional event.
    """
    newer = f"load_id > {min(in_bookings, in_sessions)} AND event_type NOT IN {OPTIONAL_EVENTS}"
    if reader.rows(f"SELECT COUNT(*) FROM raw.booking_events WHERE {newer}") == [(0,)]:
        return []

    def pairs(event_type: str) -> str:
        return f"(SELECT user_id, mentor_id FROM raw.booking_events WHERE event_type = '{event_type}')"

    return reader.rows(f"""
        WITH news AS (SELECT user_id, mentor_id, load_id FROM raw.booking_events WHERE {newer})
        SELECT load_id, COUNT(*) FROM news
        WHERE load_id > {in_bookings} AND (user_id, mentor_id) IN {pairs("booking_requested")}
            OR load_id > {in_sessions} AND (user_id, mentor_id) IN {pairs("session_started")}
        GROUP BY load_id
    """)


def _waiting_states(reader: Reader, environment: str) -> dict[str, set[int]]:
    """The loads of users and mentors with which a dimension would be another one, by its name.

    A row of the log stands unless a later one says something from the same moment or before; see docs/history.md.
    """
    marts, staging = schema("marts", environment), schema("staging", environment)
    waiting: dict[str, set[int]] = {}
    for source, key, is_deleted in (("users", "user_id", "FALSE"), ("mentors", "mentor_id", "is_deleted")):
        newest = _newest_in(reader, f"{marts}.dim_{source}")
        newer = f"SELECT {key} FROM raw.{source} WHERE load_id > {newest}"
        if reader.rows(f"SELECT COUNT(*) FROM ({newer}) AS news") == [(0,)]:
            continue
        rows = reader.rows(f"""
            WITH log AS (
                SELECT {key}, effective_at, load_id, {is_deleted} AS is_deleted
                FROM {staging}.stg_{source} WHERE {key} IN ({newer})
            ),
            standing AS (
                SELECT * FROM log
                WHERE effective_at < TIMESTAMP '9999-12-31' AND NOT EXISTS (
                    SELECT 1 FROM log AS later
                    WHERE later.{key} = log.{key} AND later.load_id > log.load_id
                        AND later.effective_at <= log.effective_at
                )
            ),
            held AS (
                SELECT {key}, valid_from, valid_to, load_id
                FROM {marts}.dim_{source} WHERE recorded_to IS NULL AND {key} IN ({newer})
            ),
            different AS (
                SELECT standing.{key} FROM standing
                LEFT JOIN held ON held.{key} = standing.{key}
                    AND held.valid_from <= standing.effective_at AND standing.effective_at < held.valid_to
                WHERE CASE
                    WHEN standing.is_deleted THEN held.load_id IS NOT NULL
                    ELSE held.load_id IS NULL OR held.load_id < standing.load_id
                END
                UNION ALL
                SELECT held.{key} FROM held
                WHERE NOT EXISTS (
                    SELECT 1 FROM standing
                    WHERE standing.{key} = held.{key} AND standing.effective_at = held.valid_from
                        AND NOT standing.is_deleted
                )
            )
            SELECT DISTINCT load_id FROM log WHERE load_id > {newest} AND {key} IN (SELECT {key} FROM different)
        """)
        waiting[f"dim_{source}"] = {load for (load,) in rows}
    return waiting


def _newest_in(reader: Reader, dimension: str) -> int:
    """The newest load that gave a version that a dimension holds now."""
    newest: int
    ((newest,),) = reader.rows(f"SELECT COALESCE(MAX(load_id), 0) FROM {dimension} WHERE recorded_to IS NULL")
    return newest
