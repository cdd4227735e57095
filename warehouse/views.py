"""The views of an environment: their schemas, the tables that they show, and whether SQLMesh writes those."""

from __future__ import annotations

from engines.protocol import Reader, UnknownNameError
from errors import WarehouseError
from warehouse.reports import REPORTS

FACTS = ("fct_bookings", "fct_sessions")


def schema(name: str, environment: str) -> str:
    """The schema of an environment's views, from the one that prod has."""
    return name if environment == "prod" else f"{name}__{environment}"


def standing_to_prod(reader: Reader, environment: str, planned: dict[str, str]) -> tuple[bool, bool]:
    """Whether its users and mentors are prod's, and whether its own run writes tables that it does not show.

    SQLMesh gives an environment copies, named `TABLE__dev`, of what may not be deployed as it is: reports of another
    version of users or mentors than prod's, and facts that are planned together with one. It writes the table alone of
    such facts, and of reports once that version is promoted, and the copy alone once prod has another version of users
    or mentors; the views of the environment stay where they are.

    Args:
        planned: the checksums of the definitions of users and mentors that the environment was planned with.
    """
    if environment == "prod":
        return False, False
    in_prod, own = (_tables(reader, name) for name in ("prod", environment))
    shares_dimensions = all(own[name] == in_prod.get(name) for name in ("dim_users", "dim_mentors"))
    has_left_copy = any(own[fact].endswith("__dev") for fact in FACTS) or any(
        table == f"{in_prod.get(name)}__dev" for name, table in own.items()
    )
    is_overtaken = shares_dimensions and (
        planned.items() - reader.rows("SELECT module, checksum FROM reference.definitions")
        or any(_has_newer_copy(reader, table) for table in _with_a_copy(reader, [own[report] for report in REPORTS]))
    )
    return shares_dimensions, has_left_copy or bool(is_overtaken)


def _with_a_copy(reader: Reader, tables: list[str]) -> list[str]:
    there = {f"{folder}.{name}" for folder, name in reader.tables()}
    return [table for table in tables if f"{'.'.join(table.split('.')[-2:])}__dev" in there]


def _has_newer_copy(reader: Reader, table: str) -> bool:
    """Whether SQLMesh has brought forward the copy of a table instead, as it does without a change of a definition."""
    try:
        ((newest, copied),) = reader.rows(
            f"SELECT (SELECT MAX(built_from) FROM {table}), (SELECT MAX(built_from) FROM {table}__dev)"
        )
    except UnknownNameError:
        raise
    except WarehouseError:  # who may read the views alone is told by those who run it
        return False
    if copied is None or newest is None:
        return copied is not None
    return any(int(there) > int(here) for there, here in zip(copied.split("/"), newest.split("/"), strict=True))


def _tables(reader: Reader, environment: str) -> dict[str, str]:
    """The table behind each view of marts and reports."""
    return {
        name: table
        for folder in ("marts", "reports")
        for name, table in reader.tables_behind(schema(folder, environment)).items()
    }
