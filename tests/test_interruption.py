"""Time limits, Ctrl-C and SIGTERM end a command in one piece: one line, logged, nothing published or left behind."""

from __future__ import annotations

import os
import signal
import time

import pytest

from errors import InterruptedByUserError
from pipeline.interruption import begin_publishing, interruptible, stop_if_asked
from settings import PROJECT_ROOT
from tests.processes import Command
from tests.test_answer import run
from tests.test_publication import digest, leftovers
from tests.test_run_log import history

QUERY = "SELECT COUNT(*) FROM range(100000000000000) AS a WHERE hash(a) = 0"
# The engine looks for signals between parts of its work; one part of this takes minutes.
DEAF_QUERY = "SELECT COUNT(*) FROM range(10000000) AS a, range(100000000) AS b WHERE hash(a, b) = 0"


def start(warehouse, slow: str, *arguments: str, grace: float = 10) -> Command:
    """A command whose work is `slow`, which may use `query`: it would take days."""
    script = f"""
import sys, time
import pipeline.refresh, pipeline.interruption
from cli import cli
from engines.duckdb.connection import connect
def query(text="{QUERY}"): connect(work).execute(text)
def slow(state, *_):
    global work
    work = state.settings.warehouse
    print("slow", flush=True)
    {slow}
pipeline.refresh.ingest_sources = slow
pipeline.interruption.GRACE_SECONDS = {grace}
cli(sys.argv[1:])
"""
    return Command(PROJECT_ROOT, "-c", script, "--warehouse", str(warehouse), *arguments)


def wait_for(command: Command, text: str) -> None:
    deadline = time.monotonic() + 120
    while text not in command.printed():
        assert time.monotonic() < deadline, command.printed()
        assert command.poll() is None, command.printed()
        time.sleep(0.02)


def check_end(command: Command, warehouse, before: str, outcome: str, line: str) -> None:
    assert command.wait() == 1, command.output()
    told = command.output().splitlines()
    assert [text for text in told if "error" in text or "Traceback" in text] == [f"error: {line}"]
    assert digest(warehouse) == before
    assert {name for name in leftovers(warehouse) if name.startswith(".")} == set()
    latest = history(warehouse)[0]
    assert (latest["outcome"], latest["error"]) == (outcome, line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_running_query(published, logs, number):
    before = digest(published)
    command = start(published, "query()", "ingest")
    wait_for(command, "slow")
    time.sleep(0.2)
    command.send_signal(number)
    check_end(command, published, before, "interrupted", f"interrupted by {number.name}; nothing was published")


def test_a_time_limit_ends_a_refresh_within_sqlmesh(published, logs):
    before = digest(published)
    script = f"""
import sys
import pipeline.transform
from cli import cli
from sqlmesh import Context
def slow(state, config, environment):
    context = Context(paths=["."], config=config)
    # As SQLMesh does with the failure of one model: keep it, and go on to the next.
    for model in "ab":
        try:
            context.engine_adapter.execute("{QUERY}")
        except Exception:
            pass
        context.run(environment, select_models=["marts.dim_users"], ignore_cron=True)
pipeline.transform._run = slow
cli(sys.argv[1:])
"""
    command = Command(PROJECT_ROOT, "-c", script, "--warehouse", str(published), "refresh", "--timeout", "8")
    check_end(command, published, before, "timed out", "timed out after 8 s; nothing was published")


def test_what_does_not_obey_is_ended(published, logs):
    before = digest(published)
    deaf = """
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""
    command = start(published, deaf, "ingest", "--timeout", "2", grace=0.5)
    check_end(command, published, before, "timed out", "timed out after 2 s; nothing was published")


@pytest.mark.parametrize("arguments", [["--timeout", "2"], []], ids=["timeout", "SIGTERM"])
def test_an_engine_that_does_not_obey_is_ended(published, logs, arguments):
    before = digest(published)
    command = start(published, f"query({DEAF_QUERY!r})", "ingest", *arguments, grace=0.5)
    wait_for(command, "slow")
    outcome, line = "timed out", "timed out after 2 s; nothing was published"
    if not arguments:
        time.sleep(1)
        command.send_signal(signal.SIGTERM)
        outcome, line = "interrupted", "interrupted by SIGTERM; nothing was published"
    check_end(command, published, before, outcome, line)


def test_a_second_signal_ends_at_once(published, logs):
    before = digest(published)
    deaf = """
    try:
        time.sleep(60)
    finally:
        print("cleaning", flush=True)
        time.sleep(60)
"""
    command = start(published, deaf, "ingest")
    wait_for(command, "slow")
    command.send_signal(signal.SIGINT)
    wait_for(command, "cleaning")
    command.send_signal(signal.SIGINT)
    check_end(command, published, before, "interrupted", "interrupted by SIGINT; nothing was published")


def test_a_time_limit_must_be_positive(warehouse):
    run(warehouse, "refresh", "--timeout", "0", exit_code=2)
    run(warehouse, "refresh", "--timeout", "soon", exit_code=2)


def test_publishing_is_not_interrupted():
    with interruptible(None, pytest.fail):
        begin_publishing()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
        stop_if_asked()


def swallowing() -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    except BaseException:
        pass


@pytest.mark.parametrize("check", [begin_publishing, stop_if_asked])
def test_a_signal_that_was_swallowed_still_stops_before_publishing(check):
    reached = []

    def work() -> None:
        with interruptible(None, pytest.fail):
            swallowing()
            check()
            reached.append("after")

    with pytest.raises(InterruptedByUserError, match="SIGTERM"):
        work()
    assert reached == []


def test_the_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    with interruptible(60, pytest.fail):
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_alarm_without_a_time_limit_is_reported_as_what_it_is():
    with pytest.raises(InterruptedByUserError, match="interrupted by SIGALRM"), interruptible(None, lambda _: None):
        signal.raise_signal(signal.SIGALRM)
