"""The views of an environment: their schemas, the tables that they show, and whether SQLMesh writes those."""

from __future__ import annotations

from dataclasses import dataclass

from engines.protocol import Reader, UnknownNameError
from errors import WarehouseError
from warehouse.reports import REPORTS

FACTS = ("fct_bookings", "fct_sessions")
DIMENSIONS = ("dim_users", "dim_mentors")


def schema(name: str, environment: str) -> str:
    """The schema of an environment's views, from the one that prod has."""
    return name if environment == "prod" else f"{name}__{environment}"


@dataclass(frozen=True)
class Standing:
    """How the tables that an environment shows stand to those of prod.

    Attributes:
        shared_dimensions: users and mentors, as far as they are prod's and of the same definition: SQLMesh brings them
            forward with prod alone.
        shares_left_reports: a report is prod's that a run of its own leaves as it is, and one of prod brings forward.
        is_stranded: it shows a table of its own that no run of its own brings forward, so that it has to be made anew.
    """

    shared_dimensions: frozenset[str] = frozenset()
    shares_left_reports: bool = False
    is_stranded: bool = False


def standing_to_prod(reader: Reader, environment: str, planned: dict[str, str]) -> Standing:
    """Which tables of an environment are prod's, and which of them its own run does not write.

    SQLMesh gives an environment copies, named `TABLE__dev`, of what may not be deployed as it is: reports of another
    version of users or mentors than prod's, and facts that are planned together with one. It writes the table alone of
    such facts, and of reports while users and mentors are of prod's version, and the copy alone while prod has another
    one, or of a report that a change did not break; the views of the environment stay where they are.

    Args:
        planned: the checksums of the definitions of users and mentors that the environment was planned with.
    """
    if environment == "prod":
        return Standing()
    in_prod, own = (_tables(reader, name) for name in ("prod", environment))
    definitions: dict[str, str] = dict(reader.rows("SELECT module, checksum FROM reference.definitions"))
    changed = {name for name, checksum in planned.items() if definitions.get(name) != checksum}
    shared = {name for name in DIMENSIONS if own[name] == in_prod.get(name)}
    shares_both = len(shared) == len(DIMENSIONS)
    left = _with_a_newer_copy(reader, [own[report] for report in REPORTS if shares_both])
    of_prod = left & set(in_prod.values())
    is_stranded = (
        any(own[fact].endswith("__dev") for fact in FACTS)
        or (not changed and any(table.endswith("__dev") for table in own.values()))
        or bool(changed & shared)
        or left > of_prod
    )
    return Standing(frozenset(shared - changed), bool(of_prod), is_stranded)


def _with_a_newer_copy(reader: Reader, tables: list[str]) -> set[str]:
    there = {f"{folder}.{name}" for folder, name in reader.tables()}
    with_a_copy = [table for table in tables if f"{'.'.join(table.split('.')[-2:])}__dev" in there]
    return {table for table in with_a_copy if _has_newer_copy(reader, table)}


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
