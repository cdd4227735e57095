"""What runs in a container and under an orchestrator works, and no image has in it what should not be there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from settings import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
DOCKERFILE = (DEPLOY / "container" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = YAML(typ="safe").load(DEPLOY / "container" / "compose.yaml")
TERRAFORM = sorted((DEPLOY / "terraform").glob("*/*.tf"))


def instructions(name: str) -> list[str]:
    """What stands behind each instruction of that name, of all stages."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{name} (.+)$", joined, re.MULTILINE)


def ignored(path: str) -> bool:
    """Whether `.dockerignore` keeps a path out of an image: the last line that fits decides."""
    is_out = False
    for line in (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = path.split("/") if line.startswith("**/") else path.split("/")[:1]
        expression = re.escape(pattern).replace(r"\*", ".*")
        if line and not line.startswith("#") and any(re.fullmatch(expression, part) for part in parts):
            is_out = not line.startswith("!")
    return is_out


def needed_by(package: str) -> set[str]:
    """A package of the lock and all that it needs here."""
    found, names = set(), [package]
    while names:
        name = canonicalize_name(names.pop())
        if name not in found:
            found.add(name)
            wanted = [Requirement(line) for line in requires(name) or []]
            names += [need.name for need in wanted if not need.marker or need.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a `mentor-analytics` on the path that writes down its words, and does what a script of shell says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(script: str) -> Path:
        command = folder / "mentor-analytics"
        command.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{script}\n', encoding="utf-8")
        command.chmod(0o755)
        return tmp_path / "calls"

    return write


def start(script: str, folder: Path, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(["sh", "-c", script], cwd=folder, env=os.environ | environment, start_new_session=True)


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- the image ---


def test_the_image_runs_the_command_as_somebody_who_is_not_root():
    scripts = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    (entry,) = json.loads(instructions("ENTRYPOINT")[-1])
    assert entry in scripts
    assert int(instructions("USER")[-1]) >= 10_000
    assert DOCKERFILE.index("USER") < DOCKERFILE.index("ENTRYPOINT")
    work = instructions("WORKDIR")[-1]
    assert instructions("VOLUME") == [work]
    assert f"HOME={work}" in DOCKERFILE
    assert f"TMPDIR={work}" in DOCKERFILE
    (check,) = instructions("HEALTHCHECK")
    assert json.loads(check.partition("CMD ")[2]) == [entry, "status"]


def test_the_image_is_made_of_a_python_that_is_tested_and_of_what_is_locked():
    (base,) = re.findall(r"ARG BASE=python:([\d.]+)", DOCKERFILE)
    jobs = YAML(typ="safe").load(PROJECT_ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    assert base in jobs["test"]["strategy"]["matrix"]["python-version"]
    for install in re.findall(r"pip install [^&]+", DOCKERFILE):
        assert "--require-hashes" in install or "--no-index" in install
    (chosen,) = re.findall(r"^ARG REQUIREMENTS=(.+)$", DOCKERFILE, re.MULTILINE)
    assert (PROJECT_ROOT / chosen).is_file()
    (kept,) = re.findall(r"/\^\(([\w|-]+)\)==/", DOCKERFILE)
    assert set(kept.split("|")) == needed_by("hatchling")


def test_what_the_wheel_is_made_of_gets_into_the_image_and_nothing_else():
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["only-include"], *wheel["shared-data"], "pyproject.toml", "LICENSE", project["project"]["readme"]}
    needed |= {path.name for path in PROJECT_ROOT.glob("requirements*.lock")}
    assert [path for path in sorted(needed) if ignored(path) or not (PROJECT_ROOT / path).exists()] == []
    for path in (
        ".env",
        ".git/config",
        "warehouse.duckdb",
        ".previous/warehouse.duckdb",
        "logs/2026",
        "data/users.csv",
    ):
        assert ignored(path), path
    assert ignored("deploy/container/secrets/database_password")
    assert ignored("analysis/__pycache__/x.pyc")
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    inside = {path.split("/")[0] for path in listed.stdout.splitlines() if not ignored(path)}
    assert inside == {path.split("/")[0] for path in needed}


# --- compose ---


def test_the_containers_may_do_little_and_hold_no_secret_in_their_variables():
    services = COMPOSE["services"]
    for name in ("refresh", "ask"):
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["depends_on"]["postgres"]["condition"] == "service_healthy"
    for service in services.values():
        assert "ports" not in service
        assert not [name for name in service["environment"] if re.fullmatch(r".*PASSWORD", name)]
        for secret in service["secrets"]:
            assert COMPOSE["secrets"][secret]["file"].startswith("secrets/")
    assert (DEPLOY / "container" / ".gitignore").read_text(encoding="utf-8") == "secrets/\n"
    assert (DEPLOY / "container" / COMPOSE["x-mentor"]["build"]["context"]).resolve() == PROJECT_ROOT
    assert (PROJECT_ROOT / COMPOSE["x-mentor"]["build"]["dockerfile"]).is_file()


def compose_script() -> str:
    # Compose reads $$ as $.
    return COMPOSE["services"]["refresh"]["command"][0].replace("$$", "$")


def test_the_refresh_is_repeated_whether_it_worked_or_not(stand_in, tmp_path):
    calls = stand_in("exit 1")
    process = start(compose_script(), tmp_path, EVERY_SECONDS="0")
    wait_until(lambda: calls.exists() and calls.read_text().count("refresh --timeout 3600\n") >= 3)
    process.terminate()
    assert process.wait(10) in (0, -signal.SIGTERM)


def test_a_stop_reaches_the_refresh_that_runs(stand_in, tmp_path):
    stand_in("trap 'sleep 0.3; echo ended >> ended; exit 1' TERM\necho x > started\nwhile :; do sleep 0.05; done")
    process = start(compose_script(), tmp_path, EVERY_SECONDS="600")
    wait_until((tmp_path / "started").exists)
    process.terminate()
    assert process.wait(10) == 0
    assert (tmp_path / "ended").read_text() == "ended\n"


# --- the task of AWS ---


def task_script() -> str:
    text = (DEPLOY / "terraform" / "aws" / "task.tf").read_text(encoding="utf-8")
    (script,) = re.findall(r"<<-SH\n(.*?)\n\s*SH\n", text, re.DOTALL)
    return script.replace("${local.key_file}", "")


@pytest.mark.parametrize("code", [0, 1])
def test_a_task_ends_as_its_refresh_did_and_shows_its_run_log(stand_in, tmp_path, code):
    calls = stand_in(f'case "$*" in *refresh*) exit {code};; esac')
    assert start(task_script(), tmp_path).wait(20) == code
    assert calls.read_text().splitlines() == [
        "--progress plain refresh --timeout 3600",
        "history --limit 1 --format json",
    ]


def test_a_task_that_is_stopped_waits_for_its_refresh(stand_in, tmp_path):
    stand_in(
        'case "$*" in *refresh*) ;; *) exit;; esac\n'
        "trap 'sleep 0.3; echo ended >> ended; exit 3' TERM\necho x > started\nwhile :; do sleep 0.05; done"
    )
    process = start(task_script(), tmp_path)
    wait_until((tmp_path / "started").exists)
    process.terminate()
    assert process.wait(10) == 3
    assert (tmp_path / "ended").read_text() == "ended\n"


@pytest.mark.parametrize("script", [compose_script(), task_script()], ids=["compose", "task"])
def test_a_stop_reaches_a_refresh_that_has_only_just_begun(stand_in, tmp_path, script):
    # The refresh itself stops the shell, which of many on few cores may not yet have come to its next command.
    stand_in(
        'case "$*" in *refresh*) ;; *) exit;; esac\n'
        "trap 'echo ended >> ended; exit 3' TERM\nkill -TERM $PPID\nwhile :; do sleep 0.01; done"
    )
    folders = [tmp_path / str(number) for number in range(100)]
    for folder in folders:
        folder.mkdir()
    shells = [start(script, folder, EVERY_SECONDS="600") for folder in folders]
    try:
        assert {shell.wait(20) for shell in shells} <= {0, 3}
    finally:
        for shell in shells:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert {(folder / "ended").read_text() for folder in folders} == {"ended\n"}


def test_rights_are_as_narrow_as_they_can_be():
    text = "\n".join(path.read_text(encoding="utf-8") for path in TERRAFORM)
    for body in re.findall(r"statement \{(.*?)\n  \}", text, re.DOTALL):
        wide = [action for action in re.findall(r'"(\w+:[\w*]+)"', body) if "*" in action]
        assert not wide or 'effect    = "Deny"' in body
        if '"*"]' in body:
            assert "ecr:GetAuthorizationToken" in body or 'effect    = "Deny"' in body
    assert not re.search(r'(password|secret_string)\s*=\s*"', text)


def test_terraform_reads_its_files():
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    command = ["terraform", "fmt", "-check", "-diff", "-recursive", str(DEPLOY / "terraform")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


# --- orchestrators: their packages are none of ours, so they are stood in for ---


def imported(monkeypatch, file: str, **modules: Any) -> dict[str, Any]:
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name.replace("__", "."), module)
    return runpy.run_path(str(DEPLOY / file))


def test_airflow_repeats_limits_and_reports(monkeypatch):
    monkeypatch.setenv("MENTOR_SMTP_RECIPIENTS", "a@example.org, b@example.org")
    sdk, bash, smtp = MagicMock(), MagicMock(), MagicMock()
    packages = ("airflow", "airflow__providers", "airflow__providers__smtp", "airflow__providers__smtp__notifications")
    imported(
        monkeypatch,
        "airflow/mentor_analytics.py",
        **dict.fromkeys((*packages, "airflow__providers__standard", "airflow__providers__standard__operators"), sdk),
        airflow__sdk=sdk,
        airflow__providers__standard__operators__bash=bash,
        airflow__providers__smtp__notifications__smtp=smtp,
    )
    dag = sdk.DAG.call_args.kwargs
    assert dag["max_active_runs"] == 1
    assert dag["catchup"] is False
    assert dag["default_args"]["on_failure_callback"] is smtp.SmtpNotifier.return_value
    assert smtp.SmtpNotifier.call_args.kwargs["to"] == ["a@example.org", "b@example.org"]
    tasks = {call.kwargs["task_id"]: call.kwargs for call in bash.BashOperator.call_args_list}
    assert set(tasks) == {"refresh", "status"}
    longest = sum(
        (task["retries"] + 1) * task["execution_timeout"].total_seconds()
        + task["retries"] * task["retry_delay"].total_seconds()
        for task in tasks.values()
    )
    assert all(task["retries"] > 0 for task in tasks.values())
    assert dag["dagrun_timeout"].total_seconds() >= longest
    limit = int(tasks["refresh"]["bash_command"].split("--timeout ")[1])
    assert tasks["refresh"]["execution_timeout"].total_seconds() > limit


@pytest.fixture
def dagster(monkeypatch):
    """A stand-in for Dagster, and what the example defines with it."""
    monkeypatch.delenv("MENTOR_SMTP_PASSWORD", raising=False)
    library = MagicMock()
    library.Failure = type("Failure", (Exception,), {})
    # Functions stay what they are, so that they can be called.
    for decorator in (library.op, library.schedule):
        decorator.return_value.side_effect = lambda function: function
    return library, imported(monkeypatch, "dagster/mentor_analytics.py", dagster=library)


def test_dagster_repeats_and_keeps_to_one_at_a_time(dagster):
    library, names = dagster
    assert all(call.kwargs["max_retries"] > 0 for call in library.RetryPolicy.call_args_list)
    assert library.RetryPolicy.call_count == 2
    assert int(library.job.call_args.kwargs["tags"]["dagster/max_runtime"]) > 3 * 3900 + 2 * 600 + 4 * 300 + 3 * 300
    context = MagicMock()
    context.instance.get_runs_count.return_value = 0
    assert names["every_day"](context) is library.RunRequest.return_value
    context.instance.get_runs_count.return_value = 1
    assert names["every_day"](context) is library.SkipReason.return_value
    assert library.RunsFilter.call_args.kwargs["statuses"] == names["UNFINISHED"]


def test_a_command_under_dagster_fails_with_its_last_line_and_has_an_end(dagster, monkeypatch, tmp_path):
    library, names = dagster
    call = names["call"]
    monkeypatch.setitem(call.__globals__, "PROJECT", str(tmp_path))
    context = MagicMock()
    call(context, "sh -c 'pwd; echo done'", 10)
    assert context.log.info.call_args.args == (f"{tmp_path.resolve()}\ndone\n",)
    with pytest.raises(library.Failure, match=r"^error: no$"):
        call(context, "sh -c 'echo a; echo error: no >&2; exit 1'", 10)
    with pytest.raises(library.Failure, match=r"^exit code 2$"):
        call(context, "sh -c 'exit 2'", 10)
    with pytest.raises(library.Failure, match=r"^sleep 9 took longer than 0\.1 s$"):
        call(context, "sleep 9", 0.1)


def test_dagster_mails_a_failure_where_a_server_is_named(monkeypatch):
    for name in ("HOST", "SENDER", "RECIPIENTS", "PASSWORD"):
        monkeypatch.setenv(f"MENTOR_SMTP_{name}", f"{name.lower()}.example.org")
    library = MagicMock()
    imported(monkeypatch, "dagster/mentor_analytics.py", dagster=library)
    sensor = library.make_email_on_run_failure_sensor
    assert sensor.call_args.kwargs["smtp_host"] == "host.example.org"
    assert library.Definitions.call_args.kwargs["sensors"] == [sensor.return_value]
