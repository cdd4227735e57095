"""What tables there are: the raw tables, the seeds and the models, as SQLMesh reads them from the project's files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.lineage import column_dependencies
from sqlmesh.core.model import Model

from config import build_config
from settings import PROJECT_ROOT, load_settings

LAYERS = ("raw", "reference", "staging", "marts", "reports")
KIND_NAMES = {"EXTERNAL": "raw table", "SEED": "seed"}


@dataclass(frozen=True)
class Column:
    """A column; `sources` are the columns it is worked out from, as `schema.table.column`, sorted."""

    name: str
    type: str
    description: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A raw table, a seed or a model, named `schema.table`; `parents` are the tables it reads, sorted."""

    name: str
    kind: str
    description: str
    grain: str
    parents: tuple[str, ...]
    columns: tuple[Column, ...]
    audits: tuple[str, ...]

    @property
    def layer(self) -> str:
        """The schema."""
        return self.name.split(".")[0]


@contextmanager
def project_context() -> Iterator[Context]:
    """The project's models; no warehouse is read or written."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(warehouse=Path(folder) / "warehouse.duckdb")
        context = Context(paths=[str(PROJECT_ROOT)], config=build_config(settings))
        try:
            yield context
        finally:
            context.close()


def tables(context: Context) -> list[Table]:
    """Every table of the project, layer by layer, then by name."""
    found = [_table(context, model) for model in context.models.values()]
    return sorted(found, key=lambda table: (layer_rank(table.layer), table.layer, table.name))


def layer_rank(layer: str) -> int:
    """The place of a layer in the order from raw to reports; others come after."""
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def table_name(fqn: str) -> str:
    """`schema.table` of a quoted name with its catalog."""
    table = exp.to_table(fqn)
    return f"{table.db}.{table.name}"


def _table(context: Context, model: Model) -> Table:
    kind = model.kind.name.value
    types = model.columns_to_types or {}
    return Table(
        name=table_name(model.fqn),
        kind=KIND_NAMES.get(kind, kind.lower().replace("_", " ")),
        description=model.description or "",
        grain=", ".join(grain.sql(dialect=model.dialect) for grain in model.grains),
        parents=tuple(sorted(table_name(parent) for parent in model.depends_on)),
        columns=tuple(
            Column(
                name,
                type_.sql(dialect=model.dialect),
                model.column_descriptions.get(name, ""),
                _sources(context, model, name),
            )
            for name, type_ in types.items()
        ),
        audits=tuple(audit_call(name, arguments, model.dialect) for name, arguments in model.audits),
    )


def _sources(context: Context, model: Model, column: str) -> tuple[str, ...]:
    if not model.is_sql or column in (model.managed_columns or {}):
        return ()
    parents = column_dependencies(context, model.fqn, column)
    return tuple(sorted(f"{table_name(table)}.{source}" for table, columns in parents.items() for source in columns))


def audit_call(name: str, arguments: dict[str, exp.Expr], dialect: str) -> str:
    """An audit with its arguments, as a model calls it."""
    given = ", ".join(f"{key} := {value.sql(dialect=dialect)}" for key, value in arguments.items())
    return f"{name}({given})" if given else name
