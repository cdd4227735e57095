"""Services that apprise knows (Teams, ntfy, PagerDuty, …), each given as one of its addresses."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from errors import SettingsError

if TYPE_CHECKING:
    import apprise


class NotAcceptedError(Exception):
    """A service did not take a message; its text holds no secret."""


@dataclass(frozen=True)
class Service:
    """One address of apprise; `name` is its scheme, such as `ntfys`, which is no secret."""

    url: SecretStr
    name: str

    def deliver(self, subject: str, text: str, timeout_seconds: float) -> None:
        """Send one message.

        Raises:
            NotAcceptedError: the service refused it, or was not done in time; apprise says no more than that.
        """
        import apprise

        target = apprise.Apprise()
        target.add(_instance(self.url) or [])
        result = target.notify(body=text, title=subject, body_format=apprise.NotifyFormat.TEXT, timeout=timeout_seconds)
        if result.timeout_count:
            raise NotAcceptedError(f"no answer within {timeout_seconds:g} seconds")
        if not result:
            raise NotAcceptedError("the service did not accept it, or could not be reached")


def services(urls: list[SecretStr]) -> list[Service]:
    """The services behind the addresses.

    Raises:
        SettingsError: apprise cannot use an address; says which by its place, never what it is.
    """
    found = []
    for place, url in enumerate(urls, start=1):
        if _instance(url) is None:
            raise SettingsError(f"wrong setting: MENTOR_NOTIFY_URLS: address {place} is not one that apprise can use")
        found.append(Service(url, url.get_secret_value().partition("://")[0]))
    return found


def _instance(url: SecretStr) -> apprise.NotifyBase | None:
    import apprise

    # Both write addresses with their secrets at DEBUG, apprise those that it cannot use at ERROR too. For good,
    # not for a while: a delivery that is given up at the time limit goes on writing.
    logging.getLogger("apprise").disabled = True
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    return apprise.Apprise.instantiate(url.get_secret_value(), asset=apprise.AppriseAsset(storage_mode="memory"))
