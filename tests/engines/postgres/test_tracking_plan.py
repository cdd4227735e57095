"""The trigger and the query of docs/tracking-plan.md, on the PostgreSQL that they are for."""

from __future__ import annotations

import re
import time
from contextlib import closing
from datetime import datetime, timedelta

import duckdb
import pytest

from engines.duckdb import DuckDBState
from ingest.load import ingest_sources
from ingest.mapping import read_mapping
from ingest.sources import find_sources
from settings import PROJECT_ROOT, load_settings
from tests.conftest import event, write_data

pytestmark = pytest.mark.postgres

PAGE = (PROJECT_ROOT / "docs" / "tracking-plan.md").read_text(encoding="utf-8")
USERS = """
CREATE TABLE users (
    user_id BIGINT PRIMARY KEY, company_id TEXT, signup_date TIMESTAMPTZ NOT NULL, status TEXT, last_login TIMESTAMPTZ
);
INSERT INTO users VALUES (1, '7', '2023-01-01', 'active', NULL), (2, NULL, '2023-01-02', NULL, NULL);
"""


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture
def product(gateway, monkeypatch):
    """A database of the product, which the `PG…` variables name, with the trigger of the page."""
    gateway.query("DROP DATABASE IF EXISTS product WITH (FORCE)", "postgres")
    gateway.query("CREATE DATABASE product TEMPLATE template0 ENCODING 'UTF8'", "postgres")
    gateway.query(USERS, "product")
    gateway.query(block("sql"), "product")
    monkeypatch.delenv("MENTOR_GATEWAY")
    monkeypatch.setenv("PGDATABASE", "product")
    return gateway


def dates(product) -> dict[int, datetime | None]:
    return dict(product.query("SELECT user_id, updated_at FROM users ORDER BY user_id", "product"))


def test_the_trigger_dates_what_changes_of_what_is_loaded_and_nothing_else(product):
    assert dates(product) == {1: None, 2: None}
    product.query("UPDATE users SET last_login = now(), status = status", "product")
    product.query("UPDATE users SET company_id = '7' WHERE user_id = 1", "product")
    assert dates(product) == {1: None, 2: None}

    ((before,),) = product.query("SELECT clock_timestamp()", "product")
    product.query("INSERT INTO users (user_id, signup_date) VALUES (3, '2023-02-01')", "product")
    product.query("UPDATE users SET company_id = '8' WHERE user_id = 2", "product")
    found = dates(product)
    assert found[1] is None
    for user in (2, 3):
        assert before < found[user] < before + timedelta(minutes=1)

    for change in ("status = 'churned'", "status = NULL", "signup_date = '2022-12-31'"):
        earlier = dates(product)
        product.query(f"UPDATE users SET {change} WHERE user_id = 1", "product")
        later = dates(product)
        assert later[1] > (earlier[1] or before)
        assert {user: later[user] for user in (2, 3)} == {user: earlier[user] for user in (2, 3)}


def test_a_long_transaction_does_not_date_its_change_before_one_that_was_committed_meanwhile(product):
    with closing(product.connect("product")) as long, long.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT now()")
        time.sleep(0.01)
        product.query("UPDATE users SET status = 'paused' WHERE user_id = 1", "product")
        earlier = dates(product)[1]
        cursor.execute("UPDATE users SET status = 'churned' WHERE user_id = 1")
        cursor.execute("COMMIT")
    assert dates(product)[1] > earlier


def test_the_table_of_users_and_the_query_of_events_are_loaded(product, warehouse, tmp_path):
    product.query(
        """
        CREATE TABLE product_events (
            event_id TEXT, user_id BIGINT, mentor_id TEXT, occurred_at TIMESTAMPTZ, event_type TEXT, payload JSONB
        );
        INSERT INTO product_events VALUES
            ('r', 1, 'M-1', '2023-02-01 10:00:00+00', 'session_reviewed', '{"rating": 4, "review_text": "great"}'),
            ('c', 1, NULL, '2023-02-02 10:00:00+00', 'user_churned', NULL),
            ('x', 1, 'M-1', '2023-02-03 10:00:00+00', 'session_reviewed', '{"rating": 6}');
        UPDATE users SET status = 'churned' WHERE user_id = 1;
        """,
        "product",
    )
    data = write_data(tmp_path / "data", events=[event("e1")])
    file = tmp_path / "sources.toml"
    users = "[users]\nquery = 'SELECT user_id, company_id, signup_date, status, updated_at FROM users'\n"
    file.write_text(users + block("toml"), encoding="utf-8")
    *_, events = ingest_sources(DuckDBState(load_settings(warehouse=warehouse)), find_sources(data, read_mapping(file)))
    assert (events.rows_loaded, events.rows_rejected) == (2, 1)
    with duckdb.connect(str(warehouse)) as connection:
        kept = connection.execute("SELECT event_id, mentor_id, rating FROM raw.booking_events ORDER BY 1").fetchall()
        loaded = connection.execute("SELECT updated_at FROM raw.users ORDER BY user_id").fetchall()
    assert kept == [("c", None, None), ("r", "M-1", 4)]
    assert loaded == [(dates(product)[1].replace(tzinfo=None),), (None,)]
