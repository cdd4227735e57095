"""Starting the web application's server, on this machine only."""

from __future__ import annotations

import importlib.util
import os
import socket

from errors import MentorAnalyticsError
from presentation.charts.palette import LIGHT
from settings import PROJECT_ROOT, Settings

HOST = "127.0.0.1"
# Flags beat a user's own Streamlit configuration.
FLAGS = {
    "server.address": HOST,
    "server.showEmailPrompt": "false",
    "server.fileWatcherType": "none",
    "browser.serverAddress": HOST,
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    # Streamlit's own colours are too pale to read for some.
    "theme.base": "light",
    "theme.primaryColor": LIGHT["accent"],
    "theme.textColor": LIGHT["ink"],
    "theme.headingFontSizes": '["2.5rem", "1.6rem"]',
}


def serve(settings: Settings, port: int, opens_browser: bool) -> None:
    """Serve the application until it is interrupted.

    Args:
        opens_browser: open the page in a browser where there is a display.

    Raises:
        MentorAnalyticsError: Streamlit is not installed, or the port is taken.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise MentorAnalyticsError(
            "the application needs Streamlit; run: python -m pip install -r requirements-app.lock (or: make app)"
        )
    _refuse_taken(port)
    from streamlit.web.cli import main

    stay_offline()
    # The pages, and the commands they start, work on the warehouse that the command line named.
    os.environ["MENTOR_WAREHOUSE"] = str(settings.warehouse)
    os.environ["MENTOR_GATEWAY"] = settings.gateway
    flags = FLAGS | {"server.port": str(port)} | ({} if opens_browser else {"server.headless": "true"})
    main(
        ["run", str(PROJECT_ROOT / "app" / "main.py"), *(f"--{name}={value}" for name, value in flags.items())],
        standalone_mode=False,
    )


def stay_offline() -> None:
    """Compare a page's origin with this machine's names only.

    Asked by a page of an unknown origin, Streamlit would ask a server on the internet for this machine's address.
    """
    from streamlit import net_util

    net_util.get_external_ip = lambda: None


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise MentorAnalyticsError(
                f"port {port} cannot be used ({error.strerror or error}); name another with --port"
            ) from None
