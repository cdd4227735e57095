"""Shell completion as docs/terminal.md tells to set it up."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "terminal.md"
COMPLETE = """
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_mentor_analytics_completion mentor-analytics
echo "${{COMPREPLY[@]}}"
"""


def told(language: str) -> str:
    """The commands that the page gives in one language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    return block


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Runs bash commands in a home where the command was installed as the page says."""
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {"HOME": str(home), "PATH": f"{home}/.local/bin:{os.environ['PATH']}"}

    def run(commands: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", commands], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    run(told("sh"))
    return run


def test_bash_completes_commands_and_options(shell):
    lines = ("mentor-analytics re", "mentor-analytics report --for", "mentor-analytics report --format ''")
    asked = "".join(f"COMPREPLY=()\n{COMPLETE.format(line=line)}" for line in lines)
    shown = shell(f"{told('bash')}\n{asked}\ncomplete -p mentor-analytics\n")
    *offered, registered = shown.splitlines()
    assert offered == ["refresh rejects report reset restore", "--format", "html md"]
    assert registered.endswith(" mentor-analytics")


@pytest.mark.parametrize(
    ("language", "registration"),
    [
        ("zsh", "compdef _mentor_analytics_completion mentor-analytics"),
        ("fish", "complete --no-files --command mentor-analytics"),
    ],
)
def test_zsh_and_fish_register_the_same_command(shell, language, registration):
    (command,) = re.findall(r"_MENTOR_ANALYTICS_COMPLETE=\w+ mentor-analytics", told(language))
    script = shell(command)
    assert registration in script
    assert "cli.py" not in script
