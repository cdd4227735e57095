"""What goes wrong with Spark is told in one line, by every command, and changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import write_data

pytestmark = pytest.mark.spark

READING = (("answer",), ("status",), ("rejects",))
COMMANDS = (*READING, ("ingest",), ("refresh",), ("transform",))


def error_of(run, *command: str) -> str:
    (line,) = run(*command, exit_code=1).output.splitlines()
    return line


@pytest.fixture
def something(place: Path) -> Path:
    """A warehouse that nothing can be read of, but that is there."""
    (place / "sets" / "one").mkdir(parents=True)
    (place / "sets" / "one" / "readers.lock").touch()
    (place / "writer.lock").touch()
    (place / "published.json").write_text('{"published": "one"}', encoding="utf-8")
    return place


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_pyspark_or_java_that_is_missing(run, something, monkeypatch, command):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyspark", None)
        assert "the gateway spark needs pyspark" in error_of(run, *command)
        assert "pip install -r requirements-spark.lock (or: 'mentor-analytics[spark]')" in error_of(run, *command)
    with monkeypatch.context() as patch:
        patch.delenv("JAVA_HOME", raising=False)
        patch.setenv("PATH", "")
        assert "needs Java 17 or later, and there is no java on the PATH; install one" in error_of(run, *command)
        patch.setenv("JAVA_HOME", "/nowhere")
        assert "needs Java 17 or later, and JAVA_HOME=/nowhere has none" in error_of(run, *command)
    assert [path.name for path in (something / "sets").iterdir()] == ["one"]


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_nothing_is_there_yet(run, place, command):
    assert f"there is no warehouse at {place} yet; run: " in error_of(run, *command)
    assert not place.exists()


def test_a_java_that_does_not_start(run, something, monkeypatch, tmp_path):
    from pyspark import SparkContext

    from engines.spark import session

    session.close()
    # As if no session had been in this process yet.
    monkeypatch.setattr(SparkContext, "_gateway", None)
    (tmp_path / "bin").mkdir()
    for said, told in (
        ("java.lang.UnsupportedClassVersionError: class file version 61.0", "it needs Java 17 or later, and this one"),
        ("Error: Could not create the Java Virtual Machine.", "Could not create the Java Virtual Machine."),
    ):
        java = tmp_path / "bin" / "java"
        java.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
        java.chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        error = error_of(run, "status")
        assert error.startswith("error: Spark does not start (")
        assert told in error


def test_a_cluster_that_is_not_there(run, something, monkeypatch):
    conf = something.parent / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("spark.master nonsense\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(conf))
    error = error_of(run, "status")
    assert error.startswith("error: Spark does not start (")
    assert "Master" in error  # before Java runs, or after


@pytest.mark.parametrize("command", [*COMMANDS, ("reset", "--yes")], ids=lambda command: command[0])
def test_a_folder_of_somebody_else_is_left_alone(run, place, command):
    place.mkdir()
    (place / "theirs").touch()
    assert f"the folder {place} holds what is not ours; name another by --warehouse" in error_of(run, *command)
    assert [path.name for path in place.iterdir()] == ["theirs"]


def test_another_refresh(run, place, monkeypatch, tmp_path):
    from engines.spark.sets import next_set

    monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "0")
    data = write_data(tmp_path / "data")
    with next_set(place, 0, lambda _: None, lambda: None):
        for command in (("ingest", "--data", str(data)), ("refresh", "--data", str(data)), ("rollback",)):
            error = error_of(run, *command)
            assert f"is writing {place}; try again when it is done, or end it" in error
