"""A stand-in for Snowflake, named by the environment, and the commands on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import cli
from tests.engines.conftest import required

Run = Callable[..., Result]
VARIABLES = {
    "SNOWFLAKE_ACCOUNT": "acme-eu1",
    "SNOWFLAKE_USER": "ana",
    "SNOWFLAKE_PASSWORD": "secret",  # pragma: allowlist secret
    "SNOWFLAKE_ROLE": "LOADER",
    "MENTOR_GATEWAY": "snowflake",
}


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment names an account, and nothing else that is there does."""
    required("snowflake.connector")
    for name in [name for name in os.environ if name.startswith("SNOWFLAKE_")]:
        monkeypatch.delenv(name)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("snowflake.connector.constants.CONNECTIONS_FILE", tmp_path / "connections.toml")
    return VARIABLES


@pytest.fixture
def account(variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An account without a database."""
    from tests.engines.snowflake.account import Account

    folder = tmp_path / "account"
    folder.mkdir()
    account = Account(folder)
    monkeypatch.setattr("snowflake.connector.connect", account.connect)
    return account


@pytest.fixture
def run(variables: dict[str, str]) -> Run:
    """Runs a command of `cli.py` in this process, which must end as expected and without a traceback."""

    def run(*arguments: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(arguments))
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run
