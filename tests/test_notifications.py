"""Failures reach Slack, e-mail and other services: real endpoints on this machine, real failures."""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from alerts.channels import Email, NotificationSettings, configured_channels, deliver
from alerts.message import one_message
from cli import cli
from errors import SettingsError
from settings import PROJECT_ROOT, load_settings
from tests.conftest import event
from tests.processes import Command

SECRET = "T0-secret-path"  # pragma: allowlist secret
PLATINUM = "mentor_id,tier,hourly_rate\nM-1,Platinum,200\n"


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == f"/{SECRET}"
        self.server.texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
        time.sleep(self.server.seconds)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


class _MailHost(socketserver.StreamRequestHandler):
    """As much of SMTP as a mail needs."""

    def handle(self):
        self.wfile.write(b"220 localhost\r\n")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                self.wfile.write(b"354 go on\r\n")
                mail = []
                while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    mail.append(text)
                self.server.mails.append("\n".join(mail))
            self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def webhook(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), _Webhook)
    server.texts, server.status, server.seconds = [], 200, 0
    monkeypatch.setenv("MENTOR_SLACK_WEBHOOK_URL", f"http://127.0.0.1:{server.server_port}/{SECRET}")
    yield from serve(server)


@pytest.fixture
def mail_host(monkeypatch):
    server = socketserver.TCPServer(("127.0.0.1", 0), _MailHost)
    server.mails = []
    set_mail(monkeypatch, server.server_address[1])
    yield from serve(server)


def set_mail(monkeypatch, port: int) -> None:
    values = {"HOST": "127.0.0.1", "PORT": str(port), "SECURITY": "none", "SENDER": "a@x.org", "RECIPIENTS": "b@x.org"}
    for name, value in values.items():
        monkeypatch.setenv(f"MENTOR_SMTP_{name}", value)


def port_without_a_server() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(warehouse: Path, *arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["--warehouse", str(warehouse), *arguments])
    assert result.exit_code == exit_code, result.output
    assert SECRET not in result.output
    return result.stderr


def sqlmesh(warehouse: Path, *arguments: str) -> Command:
    command = Command(PROJECT_ROOT, "sqlmesh", *arguments, MENTOR_WAREHOUSE=str(warehouse))
    assert SECRET not in command.output()
    return command


def test_a_failed_audit_is_told_once_by_every_command_and_a_good_run_never(
    data_folder, warehouse, webhook, mail_host, monkeypatch
):
    run(warehouse, "refresh", "--data", str(data_folder()))
    assert (webhook.texts, mail_host.mails) == ([], [])

    error = run(warehouse, "refresh", "--data", str(data_folder(mentors=PLATINUM)), exit_code=1)
    assert [line for line in error.splitlines() if "error" in line or "warning" in line] == error.splitlines()[-1:]
    (text,), (mail,) = webhook.texts, mail_host.mails
    assert text.startswith("*mentor-analytics: refresh failed*\n")
    assert "Subject: mentor-analytics: refresh failed" in mail
    for message in (text, " ".join(mail.split())):
        assert "audit assert_tiers_known of marts.dim_mentors: 1 row failed" in message
        assert SECRET not in message

    # What failed was not published; SQLMesh alone sees it once it is loaded.
    assert sqlmesh(warehouse, "run", "--ignore-cron").wait() == 0
    run(warehouse, "ingest", "--data", str(data_folder(mentors=PLATINUM)))
    set_mail(monkeypatch, port_without_a_server())
    done = sqlmesh(warehouse, "run", "--ignore-cron")
    assert done.wait() == 1
    assert webhook.texts[1:] == [
        "*mentor-analytics: sqlmesh run failed*\naudit assert_tiers_known of marts.dim_mentors: 1 row failed"
    ]
    assert done.output().count("was not sent by e-mail: Connection refused") == 1
    assert "Traceback" not in done.output()


def test_a_failed_plan_is_told_once(data_folder, warehouse, webhook):
    run(warehouse, "ingest", "--data", str(data_folder(mentors=PLATINUM)))
    assert sqlmesh(warehouse, "plan", "--auto-apply", "--no-prompts").wait() == 1
    assert webhook.texts == [
        "*mentor-analytics: sqlmesh plan of prod failed*\naudit assert_tiers_known of marts.dim_mentors: 1 row failed"
    ]


def test_an_audit_that_stops_nothing_is_told_and_a_dead_endpoint_only_warns(
    data_folder, warehouse, webhook, monkeypatch
):
    set_mail(monkeypatch, port_without_a_server())
    stranger = event("1", mentor_id="M-9", event_type="session_started")
    told = run(warehouse, "refresh", "--data", str(data_folder(events=[stranger])))
    assert webhook.texts == [
        "*mentor-analytics: refresh: audits failed that stop nothing*\n"
        "audit assert_mentors_of_sessions_known of marts.fct_sessions: 1 row failed"
    ]
    assert [line for line in told.splitlines() if "not sent" in line] == [
        "warning: 'refresh: audits failed that stop nothing' was not sent by e-mail: Connection refused"
    ]


def test_stale_data_are_told_once_a_refresh_in_one_message_with_the_failed_audits(
    data_folder, warehouse, webhook, monkeypatch
):
    monkeypatch.setenv("MENTOR_MAX_FEED_AGE_HOURS", "48")
    stranger = event("1", mentor_id="M-9", event_type="session_started")
    folder = str(data_folder(events=[stranger]))
    line = (
        "prod is stale: its newest event, of 2023-02-01T10:00:00Z, is older than max_feed_age_hours = 48; "
        "check that the booking tool still sends events, then run: python cli.py refresh"
    )
    told = run(warehouse, "refresh", "--data", folder)
    run(warehouse, "refresh", "--data", folder)
    run(warehouse, "ingest", "--data", folder)
    assert webhook.texts == [
        "*mentor-analytics: refresh: audits failed that stop nothing, the data are stale*\n"
        f"audit assert_mentors_of_sessions_known of marts.fct_sessions: 1 row failed\n{line}",
        f"*mentor-analytics: refresh: the data are stale*\n{line}",
    ]
    assert told.splitlines()[-1] == f"warning: {line}"
    run(warehouse, "status", exit_code=1)
    monkeypatch.setenv("MENTOR_MAX_FEED_AGE_HOURS", "none")
    run(warehouse, "refresh", "--data", folder)
    assert len(webhook.texts) == 2


def test_a_refused_file_is_told_and_a_server_that_answers_an_error_only_warns(data_folder, warehouse, webhook):
    webhook.status = 404
    folder = data_folder(mentors="mentor_id,tier,hourly_rate\nM-1,,200\n")
    told = run(warehouse, "refresh", "--data", str(folder), exit_code=1)
    (text,) = webhook.texts
    assert "mentor M-1 has no tier" in text
    warning, error = told.splitlines()
    assert warning == "warning: 'refresh failed' was not sent by Slack: the server answered 404"
    assert error.startswith("error: ")
    run(warehouse, "answer", exit_code=1)
    assert len(webhook.texts) == 1  # a person asked: the terminal has told


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"SMTP_HOST": "mail"}, "notification by e-mail also needs MENTOR_SMTP_SENDER, MENTOR_SMTP_RECIPIENTS"),
        ({"SMTP_PASSWORD": SECRET}, "MENTOR_SMTP_HOST, MENTOR_SMTP_SENDER, MENTOR_SMTP_RECIPIENTS, MENTOR_SMTP_USER"),
        ({"SMTP_PORT": SECRET}, "MENTOR_SMTP_PORT"),
        ({"SLACK_WEBHOOK_URL": SECRET}, "MENTOR_SLACK_WEBHOOK_URL is not an http(s) address"),
        ({"NOTIFY_URLS": f"json://a nothing://{SECRET}"}, "MENTOR_NOTIFY_URLS: address 2 is not one that apprise can"),
        ({"NOTIFY_URLS": f"discord://{SECRET}"}, "MENTOR_NOTIFY_URLS: address 1 is not one that apprise can use"),
    ],
)
def test_a_channel_set_by_half_is_told_before_anything_runs(monkeypatch, warehouse, values, message):
    for name, value in values.items():
        monkeypatch.setenv(f"MENTOR_{name}", value)
    told = run(warehouse, "refresh", exit_code=1)
    assert message in told
    assert told.count("\n") == 1
    assert not warehouse.exists()


def test_a_file_of_secrets_that_cannot_be_read_is_one_line(monkeypatch, warehouse, tmp_path):
    (tmp_path / ".env").write_bytes("MENTOR_SMTP_PASSWORD=pä\n".encode("latin-1"))
    monkeypatch.setitem(NotificationSettings.model_config, "env_file", tmp_path / ".env")
    told = run(warehouse, "refresh", exit_code=1)
    assert told.startswith("error: the file .env cannot be read: ")
    assert told.count("\n") == 1


def test_a_password_never_goes_over_a_readable_connection(monkeypatch):
    set_mail(monkeypatch, 25)
    monkeypatch.setenv("MENTOR_SMTP_USER", "u")
    monkeypatch.setenv("MENTOR_SMTP_PASSWORD", SECRET)
    with pytest.raises(SettingsError, match="would send the password readable"):
        configured_channels()
    monkeypatch.setenv("MENTOR_SMTP_SECURITY", "tls")
    monkeypatch.setenv("MENTOR_SMTP_PORT", "")
    (email,) = configured_channels()
    assert isinstance(email, Email)
    assert email.port == 465


def test_secrets_are_in_no_setting_of_the_models(monkeypatch, webhook):
    from config import build_config

    monkeypatch.setenv("MENTOR_SMTP_HOST", "mail")
    monkeypatch.setenv("MENTOR_SMTP_USER", "u")
    monkeypatch.setenv("MENTOR_SMTP_PASSWORD", SECRET)
    monkeypatch.setenv("MENTOR_SMTP_SENDER", "a@x.org")
    monkeypatch.setenv("MENTOR_SMTP_RECIPIENTS", "b@x.org, c@x.org")
    settings = load_settings()
    config = build_config(settings)
    assert config.notification_targets[0].channels[1].recipients == ("b@x.org", "c@x.org")
    for shown in (settings, settings.model_variables(), config, config.notification_targets, configured_channels()):
        assert SECRET not in repr(shown) + str(shown)


def test_a_secret_in_the_settings_file_is_refused_unseen():
    with pytest.raises(SettingsError, match="there is no setting slack_webhook_url") as refusal:
        load_settings(slack_webhook_url=SECRET)
    assert SECRET not in str(refusal.value)


def test_channels_are_read_from_the_env_file_too(monkeypatch, tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text(
        "MENTOR_WAREHOUSE=w.duckdb\nMENTOR_SLACK_WEBHOOK_URL=https://hooks.example/x\n", encoding="utf-8"
    )
    monkeypatch.setitem(NotificationSettings.model_config, "env_file", env_file)
    assert configured_channels() == ()  # the environment, here empty, comes first
    monkeypatch.delenv("MENTOR_SLACK_WEBHOOK_URL")
    (slack,) = configured_channels()
    assert slack.url.get_secret_value() == "https://hooks.example/x"


def test_what_nobody_foresaw_is_told_as_well(webhook):
    with pytest.raises(ZeroDivisionError), one_message(lambda: "refresh", pytest.fail):
        _ = 1 / 0
    assert webhook.texts == ["*mentor-analytics: refresh failed*\ndivision by zero"]


@pytest.fixture
def service(webhook, monkeypatch):
    """The webhook as a service of apprise, with its JSON made that of Slack; not as a Slack webhook."""
    monkeypatch.setenv("MENTOR_SLACK_WEBHOOK_URL", "")
    monkeypatch.setenv("MENTOR_NOTIFY_URLS", f"json://127.0.0.1:{webhook.server_port}/{SECRET}?:message=text")
    return webhook


def test_a_service_is_sent_one_message_and_no_log_has_its_address(
    service, mail_host, data_folder, warehouse, monkeypatch
):
    mail = f"mailto://127.0.0.1:{mail_host.server_address[1]}?from=a@x.org&to=b@x.org&mode=insecure&+X-Key={SECRET}"
    monkeypatch.setenv("MENTOR_NOTIFY_URLS", f"{os.environ['MENTOR_NOTIFY_URLS']}\n{mail}")
    set_mail(monkeypatch, port_without_a_server())
    log = []
    handler = logging.Handler()
    handler.emit = lambda record: log.append(f"{record.name} {record.getMessage()}")
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    logging.getLogger("any").debug("it listens")
    folder = data_folder(mentors="mentor_id,tier,hourly_rate\nM-1,,200\n")
    told = run(warehouse, "refresh", "--data", str(folder), exit_code=1)
    assert told.count("was not sent by e-mail: Connection refused") == 1
    assert told.count("was not sent") == 1
    (text,), (mail,) = service.texts, mail_host.mails
    assert "mentor M-1 has no tier" in text
    assert "Subject: mentor-analytics: refresh failed\n" in mail
    assert "any it listens" in log
    assert not [line for line in log if SECRET in line]


@pytest.mark.parametrize(
    ("status", "seconds", "reason"),
    [(404, 0, "the service did not accept it, or could not be reached"), (200, 3, "no answer within 0.5 seconds")],
)
def test_a_service_that_does_not_take_it_only_warns(service, monkeypatch, status, seconds, reason):
    service.status, service.seconds = status, seconds
    monkeypatch.setattr("alerts.channels.TIMEOUT_SECONDS", 0.5)
    warnings = []
    deliver(configured_channels(), "refresh failed", ["why"], warnings.append)
    assert warnings == [f"'refresh failed' was not sent by json: {reason}"]


@pytest.mark.parametrize("by", ["e-mail", "mailto"])
def test_a_line_break_in_a_subject_makes_no_header(mail_host, monkeypatch, by):
    if by == "mailto":
        set_mail(monkeypatch, "")
        for name in ("HOST", "SENDER", "RECIPIENTS"):
            monkeypatch.setenv(f"MENTOR_SMTP_{name}", "")
        address = f"mailto://127.0.0.1:{mail_host.server_address[1]}?from=a@x.org&to=b@x.org&mode=insecure"
        monkeypatch.setenv("MENTOR_NOTIFY_URLS", address)
    warnings = []
    deliver(configured_channels(), "refresh\r\nBcc: c@x.org", ["why"], warnings.append)
    assert len(mail_host.mails) + len(warnings) == 1
    assert not any(line.startswith("Bcc") for mail in mail_host.mails for line in mail.splitlines())


def test_apprise_is_not_imported_where_no_service_is_named(webhook):
    code = (
        "import sys, config; assert len(config.config.notification_targets) == 1; assert 'apprise' not in sys.modules"
    )
    done = Command(PROJECT_ROOT, "-c", code)
    assert done.wait() == 0, done.output()


def test_asking_for_help_is_no_failure(webhook, warehouse):
    run(warehouse, "refresh", "--help")
    run(warehouse, "refresh", "--no-such-option", exit_code=2)
    assert webhook.texts == []


def test_an_audit_of_no_one_model_is_named_alone(webhook):
    from sqlglot import exp
    from sqlmesh.utils.errors import AuditError

    from alerts.sqlmesh_target import FailureNotification

    target = FailureNotification(channels=configured_channels())
    target.notify_audit_failure(AuditError("assert_rows", {}, 2, exp.select("1")))
    target.notify_run_end("prod")
    assert webhook.texts[0].endswith("\naudit assert_rows: 2 rows failed")
