"""A warehouse on Spark in a folder that each test may change, and the commands on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import cli
from tests.conftest import ATTENDED, write_data
from tests.engines.conftest import QUICK_SPARK, require_spark

Run = Callable[..., Result]


@pytest.fixture(scope="package")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spark in this process, set up for little data; its session ends with this folder."""
    require_spark()
    from engines.spark.session import close

    folder = tmp_path_factory.mktemp("conf")
    (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in QUICK_SPARK.items()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        patch.setenv("MENTOR_GATEWAY", "spark")
        patch.setenv("MENTOR_THREADS", "2")
        yield
    close()


def invoked(*arguments: str, exit_code: int = 0) -> Result:
    """A command of `cli.py` in this process, which must end as expected and without a traceback."""
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="package")
def built(quick: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse that a refresh of one booking and its session has filled, not to be changed."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MENTOR_WAREHOUSE", str(folder / "w.duckdb"))
        invoked("refresh", "--data", str(write_data(folder / "data", events=ATTENDED)))
    return folder / "w.spark"


@pytest.fixture
def place(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a test's warehouse goes; nothing is there yet."""
    monkeypatch.setenv("MENTOR_WAREHOUSE", str(tmp_path / "w.duckdb"))
    return tmp_path / "w.spark"


@pytest.fixture
def refreshed(place: Path, built: Path) -> Path:
    """A copy of `built` that a test may change."""
    shutil.copytree(built, place)
    return place


@pytest.fixture
def run(place: Path) -> Run:
    return invoked


def published(place: Path) -> Path:
    """The folder of the published set."""
    return place / "sets" / json.loads((place / "published.json").read_text(encoding="utf-8"))["published"]
