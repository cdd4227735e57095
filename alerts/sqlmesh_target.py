"""SQLMesh's notifications of failed plans, runs and audits, in one message each.

SQLMesh's own targets do not fit: Slack's needs a package more, e-mail's knows only TLS with a login,
both send tracebacks, and an address that does not answer turns a warning into a failed run.
"""

from __future__ import annotations

from typing import Any

from pydantic import PrivateAttr
from sqlmesh.core.console import get_console
from sqlmesh.core.notification_target import GenericNotificationTarget, NotificationEvent
from sqlmesh.utils.errors import AuditError

from alerts.channels import Channel, deliver
from alerts.message import FAILED_AUDITS, hold


class FailureNotification(GenericNotificationTarget):  # type: ignore[misc]  # its base is frozen, and so is this
    """Gathers the failed audits of a plan or run and sends them when it ends."""

    channels: tuple[Channel, ...]
    notify_on: frozenset[NotificationEvent] = frozenset(
        {
            NotificationEvent.AUDIT_FAILURE,
            NotificationEvent.APPLY_FAILURE,
            NotificationEvent.APPLY_END,
            NotificationEvent.RUN_FAILURE,
            NotificationEvent.RUN_END,
        }
    )
    _audits: list[str] = PrivateAttr(default_factory=list)

    def notify_audit_failure(self, audit_error: AuditError, *_: Any, **__: Any) -> None:
        rows = "1 row" if audit_error.count == 1 else f"{audit_error.count:,} rows"
        model = f" of {audit_error.model_name}" if audit_error.model_name else ""
        line = f"audit {audit_error.audit_name}{model}: {rows} failed"
        if not hold(FAILED_AUDITS, [line]):
            self._audits.append(line)

    def notify_apply_failure(self, environment: str, plan_id: str, exc: str, *_: Any, **__: Any) -> None:
        self._send(f"sqlmesh plan of {environment} failed", _last_line(exc))

    def notify_run_failure(self, exc: str, *_: Any, **__: Any) -> None:
        self._send("sqlmesh run failed", _last_line(exc))

    def notify_apply_end(self, environment: str, plan_id: str, *_: Any, **__: Any) -> None:
        self._send(f"sqlmesh plan of {environment}: {FAILED_AUDITS}")

    def notify_run_end(self, environment: str, *_: Any, **__: Any) -> None:
        self._send(f"sqlmesh run of {environment}: {FAILED_AUDITS}")

    def _send(self, subject: str, failure: str | None = None) -> None:
        if hold(FAILED_AUDITS, []):
            return
        audits = list(dict.fromkeys(self._audits))
        self._audits.clear()
        # Where audits failed they are the reason; SQLMesh's own text says only that something did.
        lines = audits or ([failure] if failure else [])
        if lines:
            deliver(self.channels, subject, lines, get_console().log_warning)


def _last_line(trace: str) -> str:
    """The failure itself, without the code that led to it."""
    return (trace.strip().splitlines() or ["no reason given"])[-1]
