"""A stand-in for a Snowflake account: sessions whose statements DuckDB carries out, once sqlglot has read them.

What it shows is which statements come in which order, that each of them can be read as SQL of Snowflake and names what
is there as Snowflake would look for it, and what would be published. It is no proof that Snowflake takes them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import ErrorLevel, exp

ROLE = "LOADER"
_NAME = r'"(\w+)"'
_TYPES = {"BIGINT": "NUMBER(38,0)", "VARCHAR": "VARCHAR(16777216)", "TIMESTAMP": "TIMESTAMP_NTZ(9)", "DOUBLE": "FLOAT"}
# What these do leaves no trace in rows.
_WITHOUT_EFFECT = (
    r"ALTER SESSION SET .*",
    r"ALTER (TABLE|VIEW) .* ALTER COLUMN .* COMMENT .*",
    r"COMMENT ON .*",
    r"CREATE TEMP(ORARY)? FILE FORMAT .*",
    r"DROP (STAGE|FILE FORMAT) .*",
)


def refusal(text: str, number: int = 1, state: str = "42000") -> Exception:
    """As Snowflake refuses a statement."""
    from snowflake.connector.errors import ProgrammingError

    return ProgrammingError(text, errno=number, sqlstate=state)


def lost() -> Exception:
    """As the connector says that there is no connection any more."""
    from snowflake.connector.errors import OperationalError

    return OperationalError("Connection reset by peer", errno=250003, sqlstate="08001")


def not_there(what: str) -> Exception:
    """As Snowflake says that something is not there."""
    return refusal(f"SQL compilation error:\nObject '{what}' does not exist or not authorized.", 2003, "42S02")


@dataclass
class Database:
    """One database; each lies in a file of the same name, since DuckDB keeps that in the text of views."""

    file: Path
    comment: str = ""
    owner: str = ROLE
    grants: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.file.parent.mkdir()
        self.connection = duckdb.connect(str(self.file))
        self.connection.execute("SET TimeZone = 'UTC'")


class Account:
    """Databases by name, what was asked of them, and what is to fail.

    Attributes:
        statements: all that was executed, in order.
        before: called with each statement before it is carried out; may raise.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.databases: dict[str, Database] = {}
        self.statements: list[str] = []
        self.sessions: list[Session] = []
        self.before: Callable[[str], None] = lambda _: None
        self._numbers = count()

    def connect(self, **parameters: Any) -> Session:
        session = Session(self, parameters)
        self.sessions.append(session)
        return session

    def create(self, name: str, clone: str | None = None, comment: str = "") -> None:
        if name in self.databases:
            raise refusal(f"Object '{name}' already exists.", 2002, "42710")
        file = self.folder / str(next(self._numbers)) / "warehouse.duckdb"
        if clone:
            source = self.databases[clone]
            source.connection.close()
            database = Database.__new__(Database)
            file.parent.mkdir()
            shutil.copy(source.file, file)
            for one, path in ((source, source.file), (database, file)):
                one.connection = duckdb.connect(str(path))
                one.connection.execute("SET TimeZone = 'UTC'")
            # Not what was granted on the database itself.
            database.file, database.comment, database.owner, database.grants = file, comment, ROLE, []
            self.databases[name] = database
        else:
            self.databases[name] = Database(file, comment)

    def query(self, sql: str, database: str = "MENTOR_ANALYTICS") -> list[tuple]:
        """Rows of a query in DuckDB's dialect, which is no statement of a session."""
        return self.databases[database].connection.execute(sql).fetchall()

    def rows(self, database: str = "MENTOR_ANALYTICS") -> dict[str, list[tuple]]:
        """All rows of every table and view."""
        tables = self.query("SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL", database)
        return {
            f"{schema}.{name}": sorted(self.query(f'SELECT * FROM "{schema}"."{name}"', database), key=str)
            for schema, name in tables
        }


class Session:
    """A connection, as far as it is used."""

    def __init__(self, account: Account, parameters: dict[str, Any]) -> None:
        self.account, self.parameters = account, parameters
        self.database: str | None = parameters["database"]
        self.schema: str | None = None
        self.stages: dict[str, Path] = {}
        self.is_closed = False
        # Ibis takes what holds a connection as well as one itself.
        self._conn = self
        self.messages: list[Any] = []

    def cursor(self, *_: Any) -> Cursor:
        return Cursor(self)

    def commit(self) -> None:
        self.account.before("COMMIT")

    def rollback(self) -> None:
        """Nothing: what is not published is thrown away as a whole."""

    def close(self) -> None:
        self.is_closed = True


class Cursor:
    """A cursor, as far as it is used."""

    def __init__(self, session: Session) -> None:
        self.session, self.account = session, session.account
        self.description: list[tuple[str, ...]] = [("status",)]
        self._rows: list[tuple] = []
        self._arrow: Any = None
        self.rowcount, self.sfqid = 0, "query"

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def close(self) -> None:
        """Nothing to close."""

    def fetchall(self) -> list[tuple]:
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> tuple | None:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int) -> list[tuple]:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def fetch_arrow_all(self) -> Any:
        return self._arrow

    def fetch_arrow_batches(self) -> Any:
        return iter([self._arrow])

    def fetch_pandas_all(self) -> Any:
        return self._arrow.to_pandas()

    def execute(self, operation: str, parameters: Any = None, **_: Any) -> Cursor:
        for value in parameters or ():
            # write_pandas binds the names of what it makes, and how it is to be made.
            bound = re.search(r"IDENTIFIER\(\?\)|\?", operation)
            operation = operation.replace(bound[0], value if bound[0] != "?" else f"'{value}'", 1)
        statement = " ".join(re.sub(r"/\*.*?\*/", "", operation, flags=re.DOTALL).split())
        self.account.statements.append(statement)
        self.account.before(statement)
        self._answer([("Statement executed successfully.",)], "status")
        for pattern, carry_out in self._special().items():
            if match := re.fullmatch(pattern, statement, re.IGNORECASE | re.DOTALL):
                carry_out(*match.groups())
                return self
        if not any(re.fullmatch(pattern, statement, re.IGNORECASE | re.DOTALL) for pattern in _WITHOUT_EFFECT):
            self._carry_out(operation)
        return self

    def _answer(self, rows: list[tuple], *names: str) -> None:
        self._rows, self.description = list(rows), [(name,) for name in names]

    def _special(self) -> dict[str, Callable[..., None]]:
        quoted, text = _NAME, r"'([^']*)'"
        return {
            rf"CREATE DATABASE {quoted}(?: CLONE {quoted})? COMMENT = {text}": self._create_database,
            rf"DROP DATABASE IF EXISTS {quoted}": lambda name: self.account.databases.pop(name, None),
            rf"ALTER DATABASE {quoted} SWAP WITH {quoted}": self._swap,
            rf"ALTER DATABASE {quoted} RENAME TO {quoted}": self._rename,
            rf"USE DATABASE {quoted}": self._use,
            rf"USE SCHEMA {quoted}": lambda name: setattr(self.session, "schema", name),
            rf"SHOW DATABASES LIKE {text}": self._show_databases,
            rf"SHOW GRANTS ON DATABASE {quoted}": self._show_grants,
            rf"GRANT ([\w ]+) ON DATABASE {quoted} TO ROLE {quoted}": self._grant,
            r"SELECT CURRENT_ROLE\(\)": lambda: self._answer([(ROLE,)], "CURRENT_ROLE()"),
            r"SELECT CURRENT_DATABASE\(\)": lambda: self._answer([(self.session.database,)], "CURRENT_DATABASE()"),
            r"CREATE TEMP(?:ORARY)? STAGE (\S+).*": self._create_stage,
            r"PUT 'file://([^']+)' @(\S+) .*": self._put,
            r"COPY INTO (\S+) \((.+?)\) FROM \(SELECT (.+) FROM '?@([^'/)]+)/?([^')]*)'?\) .*": self._copy,
            r"SELECT \* FROM TABLE\(INFER_SCHEMA\(LOCATION => '@([^']+)'.*": self._infer_schema,
            r"DESCRIBE TABLE (\S+)": self._describe,
            r"TRUNCATE TABLE IF EXISTS (\S+)": lambda name: self._duckdb().execute(f"DELETE FROM {name}"),
        }

    def _create_database(self, name: str, clone: str | None, comment: str) -> None:
        self.account.create(name, clone, comment)
        self._use(name)

    def _use(self, name: str) -> None:
        if name not in self.account.databases:
            raise not_there(name)
        self.session.database, self.session.schema = name, "PUBLIC"

    def _swap(self, one: str, other: str) -> None:
        databases = self.account.databases
        databases[one], databases[other] = databases[other], databases[one]

    def _rename(self, old: str, new: str) -> None:
        if new in self.account.databases:
            raise refusal(f"Object '{new}' already exists.", 2002, "42710")
        self.account.databases[new] = self.account.databases.pop(old)

    def _show_databases(self, pattern: str) -> None:
        like = re.compile(pattern.replace("_", ".").replace("%", ".*"), re.IGNORECASE)
        found = [
            ("2026-01-01", name, database.owner, database.comment)
            for name, database in self.account.databases.items()
            if like.fullmatch(name)
        ]
        self._answer(found, "created_on", "name", "owner", "comment")

    def _show_grants(self, name: str) -> None:
        database = self.account.databases[name]
        rows = [("OWNERSHIP", "ROLE", database.owner, "true"), ("USAGE", "SHARE", "A_SHARE", "false")]
        rows += [(privilege, "ROLE", role, "false") for privilege, role in database.grants]
        self._answer(rows, "privilege", "granted_to", "grantee_name", "grant_option")

    def _grant(self, privilege: str, name: str, role: str) -> None:
        self.account.databases[name].grants.append((privilege, role))

    def _create_stage(self, name: str) -> None:
        self.session.stages[name] = self.account.folder / f"stage-{next(self.account._numbers)}"
        self.session.stages[name].mkdir()

    def _put(self, file: str, stage: str) -> None:
        shutil.copy(file, self.session.stages[stage])
        self._answer([(file, file, 1, 1, "NONE", "NONE", "UPLOADED", "")], *"abcdefgh")

    def _copy(self, table: str, columns: str, values: str, stage: str, file: str) -> None:
        files = [self.session.stages[stage] / file] if file else sorted(self.session.stages[stage].iterdir())
        casts = re.sub(r'\$1:("\w+")', r"\1", values).replace("TIMESTAMP_NTZ", "TIMESTAMP")
        source = ", ".join(f"'{path}'" for path in files)
        done = self._duckdb().execute(f"INSERT INTO {table} ({columns}) SELECT {casts} FROM read_parquet([{source}])")
        rows = done.fetchall()[0][0]
        self._answer([(files[0].name, "LOADED", rows, rows)], "file", "status", "rows_parsed", "rows_loaded")

    def _infer_schema(self, stage: str) -> None:
        source = f"{self.session.stages[stage]}/*"
        described = self._duckdb().execute(f"DESCRIBE SELECT * FROM read_parquet('{source}')").fetchall()
        self._answer([(name, kind) for name, kind, *_ in described], "COLUMN_NAME", "TYPE")

    def _describe(self, table: str) -> None:
        try:
            described = self._duckdb().execute(f"DESCRIBE {table}").fetchall()
        except duckdb.CatalogException:
            raise not_there(table) from None
        rows = [
            (name, _TYPES.get(kind, kind).replace("DECIMAL", "NUMBER"), "COLUMN", null[:1])
            for name, kind, null, *_ in described
        ]
        self._answer(rows, "name", "type", "kind", "null?")

    def _duckdb(self) -> duckdb.DuckDBPyConnection:
        database = self.account.databases.get(self.session.database or "")
        if not database:
            raise refusal("This session does not have a current database.", 90105, "22000")
        return database.connection

    def _carry_out(self, statement: str) -> None:
        """Read a statement as Snowflake's and have DuckDB carry it out."""
        tree = sqlglot.parse_one(statement, read="snowflake", error_level=ErrorLevel.RAISE)
        assert not isinstance(tree, exp.Command), f"not understood: {statement}"
        self._refuse_other_case(tree)
        connection = self._duckdb()
        try:
            result = connection.execute(_in_duckdb(tree))
            names = [column[0] for column in connection.description or []]
            if isinstance(tree, exp.Query):
                self._arrow = result.to_arrow_table()
                columns = [column.to_pylist() for column in self._arrow.columns]
                self._answer(list(zip(*columns, strict=True)), *names)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise not_there(str(error).splitlines()[0]) from None
        except duckdb.Error as error:
            raise refusal(str(error).splitlines()[0], 100038, "22018") from None

    def _refuse_other_case(self, tree: exp.Expression) -> None:
        """What is not quoted Snowflake looks for in capitals, where there is nothing."""
        tables = list(tree.find_all(exp.Table))
        if any(table.db.upper() == "INFORMATION_SCHEMA" for table in tables):
            return
        names = [table.this for table in tables if table.db] + [column.this for column in tree.find_all(exp.Column)]
        unquoted = {name.name for name in names if isinstance(name, exp.Identifier) and not name.quoted}
        if unquoted:
            there = self._duckdb().execute("SELECT column_name FROM duckdb_columns() WHERE NOT internal").fetchall()
            there += [(table.name,) for table in tables if table.db]
            for name in sorted(unquoted & {name for (name,) in there}):
                raise not_there(name.upper())


def _in_duckdb(tree: exp.Expression) -> str:
    tree = tree.copy()
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
        if table.db.upper() == "INFORMATION_SCHEMA" and table.name.upper() == "TABLES":
            more = "SELECT *, 'NO' AS is_dynamic, NULL::VARCHAR AS clustering_key FROM information_schema.tables"
            table.replace(exp.alias_(sqlglot.parse_one(more, read="duckdb").subquery(), "tables", table=True))
    for kind in tree.find_all(exp.DataType):
        if kind.this in (exp.DataType.Type.TIMESTAMPNTZ, exp.DataType.Type.TIMESTAMP):
            kind.replace(exp.DataType.build("TIMESTAMP", dialect="duckdb"))  # nanoseconds end in 2262
        elif kind.sql() == "DECIMAL(38, 0)":
            kind.replace(exp.DataType.build("BIGINT"))
    for shown in list(tree.find_all(exp.ToChar)):
        form = shown.args["format"].name.upper().replace("YYYY", "%Y").replace("MM", "%m").replace("DD", "%d")
        shown.replace(exp.func("STRFTIME", shown.this, exp.Literal.string(form), dialect="duckdb"))
    for digest in tree.find_all(exp.SHA2, exp.SHA2Digest):
        for cast in list(digest.find_all(exp.Cast)):
            # The text of a time is as the session has set it.
            text = cast.sql("duckdb")
            value = cast.this.sql("duckdb")
            written = f"STRFTIME(TRY_CAST({text} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%f')"
            case = f"CASE WHEN TYPEOF({value}) = 'TIMESTAMP' THEN {written} ELSE {text} END"
            cast.replace(sqlglot.parse_one(case, read="duckdb"))
    for action in tree.find_all(exp.When):
        # What is set is of the target alone.
        for assignment in action.find_all(exp.EQ):
            if isinstance(assignment.parent, exp.Update) and isinstance(assignment.this, exp.Column):
                assignment.this.set("table", None)
        for insert in action.find_all(exp.Insert):
            for column in insert.this.find_all(exp.Column) if insert.this else ():
                column.set("table", None)
    for properties in tree.find_all(exp.Properties):
        properties.set("expressions", [])
    for constraint in tree.find_all(exp.CommentColumnConstraint):
        constraint.parent.pop()
    if isinstance(tree, exp.Create) and tree.expression and isinstance(tree.this, exp.Schema):
        # The query says the columns' names and types as well.
        tree.set("this", tree.this.this)
    return tree.sql(dialect="duckdb")
