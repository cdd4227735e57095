"""Reporting a failure by Slack, by e-mail and by other services, in one message.

Slack and e-mail use the standard library: apprise says why a delivery failed only in a log that holds the address too,
and sends every recipient a mail of its own. The other services are apprise's.

Addresses and passwords come from the environment or from `.env`, and only from there.
A message that cannot be delivered is a warning: it never changes how a command ends.
"""

from __future__ import annotations

import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from alerts.services import NotAcceptedError, Service, services
from errors import SettingsError
from settings import WORK_FOLDER

PREFIX = "MENTOR_"
TIMEOUT_SECONDS = 10
# Slack cuts longer texts.
LONGEST_TEXT = 3000
USUAL_PORT = {"tls": 465, "starttls": 587, "none": 25}


def _empty_is_unset(value: Any) -> Any:
    return None if value == "" else value


def _split_urls(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


def _split_addresses(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class NotificationSettings(BaseSettings):
    """Where failures are reported. Apart from `Settings`, so that no secret can reach a model or a file."""

    # SQLMesh reads .env too; what else stands there is not ours to judge.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=WORK_FOLDER / ".env", extra="ignore", hide_input_in_errors=True
    )

    slack_webhook_url: Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)] = None

    smtp_host: Annotated[str | None, BeforeValidator(_empty_is_unset)] = None
    smtp_port: Annotated[Annotated[int, Field(gt=0, lt=65536)] | None, BeforeValidator(_empty_is_unset)] = None
    smtp_security: Annotated[Literal["tls", "starttls", "none"], BeforeValidator(lambda value: value or "starttls")] = (
        "starttls"
    )
    smtp_user: Annotated[str | None, BeforeValidator(_empty_is_unset)] = None
    smtp_password: Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)] = None
    smtp_sender: Annotated[str | None, BeforeValidator(_empty_is_unset)] = None
    smtp_recipients: Annotated[list[str], NoDecode, BeforeValidator(_split_addresses)] = []

    notify_urls: Annotated[list[SecretStr], NoDecode, BeforeValidator(_split_urls)] = []


@dataclass(frozen=True)
class Slack:
    """A Slack incoming webhook, or anything that takes the same JSON."""

    url: SecretStr
    name = "Slack"

    def deliver(self, subject: str, text: str, timeout_seconds: float) -> None:
        body = json.dumps({"text": f"*{subject}*\n{text}"[:LONGEST_TEXT]}).encode()
        request = urllib.request.Request(
            self.url.get_secret_value(), data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=timeout_seconds):
            pass


@dataclass(frozen=True)
class Email:
    """An SMTP server; with `starttls` and `tls` its certificate is checked."""

    host: str
    port: int
    security: str
    user: str | None
    password: SecretStr | None
    sender: str
    recipients: tuple[str, ...]
    name = "e-mail"

    def deliver(self, subject: str, text: str, timeout_seconds: float) -> None:
        message = EmailMessage()
        message["Subject"] = subject
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message.set_content(text)
        with self._connection(timeout_seconds) as smtp:
            if self.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if self.user and self.password:
                smtp.login(self.user, self.password.get_secret_value())
            smtp.send_message(message)

    def _connection(self, timeout_seconds: float) -> smtplib.SMTP:
        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=timeout_seconds, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=timeout_seconds)


Channel = Slack | Email | Service


def configured_channels() -> tuple[Channel, ...]:
    """The channels that the environment sets; none is fine.

    Raises:
        SettingsError: a channel is set by half, or with a value that is not allowed; never says a secret.
    """
    try:
        given = NotificationSettings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise SettingsError(f"wrong setting: {PREFIX}{str(first['loc'][0]).upper()}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the file .env cannot be read: {error}") from None
    channels: list[Channel] = []
    if given.slack_webhook_url:
        if not given.slack_webhook_url.get_secret_value().startswith(("https://", "http://")):
            raise SettingsError(f"wrong setting: {PREFIX}SLACK_WEBHOOK_URL is not an http(s) address")
        channels.append(Slack(given.slack_webhook_url))
    if email := _email(given):
        channels.append(email)
    channels += services(given.notify_urls)
    return tuple(channels)


def _email(given: NotificationSettings) -> Email | None:
    host, sender, recipients = given.smtp_host, given.smtp_sender, given.smtp_recipients
    required = {"smtp_host": host, "smtp_sender": sender, "smtp_recipients": recipients}
    login = {name: getattr(given, name) for name in ("smtp_user", "smtp_password")}
    if not any((required | login).values()):
        return None
    missing = [name for name, value in required.items() if not value]
    if any(login.values()):
        missing += [name for name, value in login.items() if not value]
    if missing or not (host and sender):
        names = ", ".join(PREFIX + name.upper() for name in missing)
        raise SettingsError(f"wrong setting: notification by e-mail also needs {names}")
    if given.smtp_user and given.smtp_security == "none":
        raise SettingsError(
            f"wrong setting: {PREFIX}SMTP_SECURITY = none would send the password readable; use starttls or tls"
        )
    return Email(
        host,
        given.smtp_port or USUAL_PORT[given.smtp_security],
        given.smtp_security,
        given.smtp_user,
        given.smtp_password,
        sender,
        tuple(recipients),
    )


def deliver(channels: tuple[Channel, ...], subject: str, lines: list[str], warn: Callable[[str], None]) -> None:
    """Send one message through every channel; a channel that does not take it costs one warning."""
    for channel in channels:
        try:
            channel.deliver(f"mentor-analytics: {subject}", "\n".join(lines), TIMEOUT_SECONDS)
        except Exception as error:  # whatever a far end does, the command ends as it would have
            warn(f"'{subject}' was not sent by {channel.name}: {_cause(error)}")


def _cause(error: Exception) -> str:
    """Why a delivery failed, without the texts that could hold the address or the login."""
    if isinstance(error, NotAcceptedError):
        return str(error)
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the server answered {error.smtp_code}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    return getattr(error, "strerror", None) or type(error).__name__
