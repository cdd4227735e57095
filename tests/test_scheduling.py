"""The files for schedulers and pull requests parse, and every command in them exists."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from alerts.channels import NotificationSettings
from cli import cli
from settings import PROJECT_ROOT, Settings
from tests.project_copy import ProjectCopy

DEPLOY = PROJECT_ROOT / "deploy"
WORKFLOWS = sorted((PROJECT_ROOT / ".github" / "workflows").glob("*.yml"))
CRON_FIELDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def crontab_lines() -> list[str]:
    lines = (DEPLOY / "crontab").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#") and not re.match(r"\w+=", line)]


def workflow_steps(path: Path) -> list[dict]:
    return [step for job in YAML(typ="safe").load(path)["jobs"].values() for step in job["steps"]]


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return parser


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bMENTOR_[A-Z_]*[A-Z]\b", text))


def check_cron(fields: list[str]) -> None:
    assert len(fields) == 5
    for field, (low, high) in zip(fields, CRON_FIELDS, strict=True):
        assert field == "*" or low <= int(field) <= high


def used_options(words: list[str]) -> set[str]:
    return {word.split("=")[0] for word in words if word.startswith("--")}


def known_options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def check_command(group: click.Group, words: list[str]) -> str:
    """The name of the command, which exists with all its options, as do those of the group before it."""
    place = next((place for place, word in enumerate(words) if word in group.commands), None)
    assert place is not None, words
    assert used_options(words[:place]) <= known_options(group), words
    assert used_options(words[place + 1 :]) <= known_options(group.commands[words[place]]), words
    return words[place]


def orchestrator_commands() -> list[str]:
    """The texts of the examples for Airflow and Dagster that call the command line."""
    files = sorted(DEPLOY.glob("*/*.py"))
    assert [file.parent.name for file in files] == ["airflow", "dagster"]
    return [
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "cli.py" in node.value
    ]


def container_commands() -> list[str]:
    """The lines of shell in what is run in a container, without what stands before the command."""
    files = [DEPLOY / "container" / "compose.yaml", DEPLOY / "terraform" / "aws" / "task.tf"]
    lines = [line.strip() for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.removesuffix("& child=$$!").removesuffix("& child=$!") for line in lines]


def test_every_command_in_the_files_exists():
    from sqlmesh.cli.main import cli as sqlmesh

    service = unit("mentor-analytics.service")["Service"]
    lines = [service["ExecStart"], service["ExecStartPost"], *crontab_lines()]
    lines += [step["run"] for path in WORKFLOWS for step in workflow_steps(path) if "run" in step]
    lines += (PROJECT_ROOT / ".ci" / "pull_request").read_text(encoding="utf-8").splitlines()
    orchestrated = orchestrator_commands()
    assert len(orchestrated) == 4
    lines += orchestrated + container_commands()
    for page in ("scheduling.md", "operation.md", "production.md", "sizing.md"):
        text = (PROJECT_ROOT / "docs" / page).read_text(encoding="utf-8")
        lines += re.findall(r"`([^`\n]+)`", text)
        lines += "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines()
    targets = set(re.findall(r"^([\w./$()-]+):", (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    seen = set()
    for line in lines:
        for part in re.split(r"&&|>>|\||;| #", line):
            words = part.replace('"', "").split()
            for number, word in enumerate(words[:-1]):
                following = words[number + 1 :]
                if word == "cli.py" or word.endswith("/cli.py") or (word == "mentor-analytics" and number == 0):
                    seen.add(check_command(cli, following))
                elif word.endswith("/sqlmesh") or (word == "sqlmesh" and number == 0):
                    seen.add(check_command(sqlmesh, following))
                elif word == "make" and number == 0:
                    assert following[0].replace(".venv", "$(VENV)") in targets, line
                    seen.add(following[0])
    assert seen >= {
        "refresh",
        "answer",
        "ingest",
        "history",
        "janitor",
        "plan",
        "table_diff",
        "invalidate",
        "run",
        "plan-pr",
    }


def test_crontab_fields_are_in_range():
    lines = crontab_lines()
    assert len(lines) == 2
    for line in lines:
        *fields, command = line.split(maxsplit=5)
        check_cron(fields)
        assert "%" not in command  # cron would take it for a line's end


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_only_read_and_pin_their_actions(path):
    workflow = YAML(typ="safe").load(path)
    may_write = path.name == "release.yml"  # started by a tag alone, which takes the right to push
    assert workflow["permissions"] == {"contents": "write" if may_write else "read"}
    assert not may_write or workflow["on"] == {"push": {"tags": ["v*"]}}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
    for step in workflow_steps(path):
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"actions/[\w/-]+@v\d+", step.get("uses", "actions/checkout@v4"))
        # Text that others write must not become part of a shell command.
        assert "${{" not in step.get("run", "")
    for schedule in workflow["on"].get("schedule", []):
        check_cron(schedule["cron"].split())


def test_variables_in_the_files_are_settings():
    known = {f"MENTOR_{name.upper()}" for name in (*Settings.model_fields, *NotificationSettings.model_fields)}
    # Read by the workflows themselves.
    known |= {"MENTOR_RUNNER"}
    # Names of a database, roles and warehouses of Snowflake.
    known |= {f"MENTOR_{name}" for name in ("LOADER", "READER", "COMPUTE", "ANSWERS")}
    known |= {f"MENTOR_ANALYTICS{copy}" for copy in ("", "__NEXT", "__PREVIOUS")}
    deployed = [path for path in DEPLOY.rglob("*") if path.is_file()]
    files = [*deployed, *WORKFLOWS, PROJECT_ROOT / ".ci/pull_request", *(PROJECT_ROOT / "docs").glob("*.md")]
    for path in files:
        assert variables(path.read_text(encoding="utf-8")) - {"MENTOR_SMTP"} <= known, path
    example = (DEPLOY / "mentor-analytics.env").read_text(encoding="utf-8")
    secrets = {f"MENTOR_{name.upper()}" for name in NotificationSettings.model_fields}
    assert variables(example) >= secrets
    assert not re.search(r"^MENTOR_S", example, re.MULTILINE)


def test_systemd_takes_the_units(tmp_path):
    timer = unit("mentor-analytics.timer")
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert unit("mentor-analytics.service")["Service"]["Type"] == "oneshot"
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    for name in ("mentor-analytics.service", "mentor-analytics.timer"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        text = text.replace("/opt/mentor-analytics/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / name).write_text(text, encoding="utf-8")
    units = [str(tmp_path / name) for name in ("mentor-analytics.service", "mentor-analytics.timer")]
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_changed_metric_shows_in_the_plan_of_its_pull_request(tmp_path):
    project = ProjectCopy(tmp_path / "clone")
    clone = project.folder
    author = ["-c", "user.name=a", "-c", "user.email=a@x.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "base"]):
        subprocess.run(["git", *arguments], cwd=clone, check=True)
    rebooked = "rebooked = within_window(users.next_at, users.first_at, window_days)"
    slow = f"{rebooked} & (users.next_at > users.first_at + ibis.interval(days=10))"
    project.edit(
        "analysis/metrics/rebooking.py",
        f"{rebooked}\n",
        f"{slow}\n",
    )

    summary = tmp_path / "summary.md"
    environment = os.environ | {"BIN": str(Path(sys.executable).parent), "GITHUB_STEP_SUMMARY": str(summary)}
    environment.pop("MENTOR_WAREHOUSE", None)

    def pull_request(*arguments: str, **extra: str) -> str:
        command = [str(clone / ".ci" / "pull_request"), *arguments]
        done = subprocess.run(command, env=environment | extra, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    told = pull_request("plan", "12", "HEAD")
    assert f"+    {slow}" in told
    assert "reports__pr_12.rpt_user_outcomes` (Breaking)" in told
    assert re.search(r"rpt_rebooking_by_tier.Gold.rebooked +26 +18\n", told)
    rows = [re.findall(r"[^\s│]+", line) for line in told.splitlines() if line.startswith("│ Gold")]
    assert [row[-2:] for row in rows] == [["26", "18"], ["24", "16"]]
    assert summary.read_text(encoding="utf-8") == told

    warehouse = str(clone / ".cache" / "pr_12" / "warehouse.duckdb")
    # What the pull request has built is what prod gets.
    assert "SKIP: No model batches to execute" in pull_request("promote", "HEAD", MENTOR_WAREHOUSE=warehouse)
    assert "Environment 'pr_12' deleted." in pull_request("close", "12", MENTOR_WAREHOUSE=warehouse)
