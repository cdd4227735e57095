"""What every page of figures is asked for, in its address: the environment and the moment."""

from __future__ import annotations

import streamlit as st

from app import published
from settings import Settings


def chosen(settings: Settings) -> tuple[str, str | None]:
    """The environment and the moment of the page's address: `prod` without one, and None for the latest event.

    Raises:
        WarehouseError: there is no warehouse yet, or it cannot be read.
    """
    built = published.environments(settings)
    environment = st.query_params.get("env")
    if len(built) > 1 and (environment is None or environment in built):
        environment = st.sidebar.selectbox("Environment", built, key="env", bind="query-params")
    as_of = st.sidebar.text_input(
        "As of",
        key="as_of",
        bind="query-params",
        placeholder="the latest event",
        help="A time such as 2023-07-01T12:00:00Z, UTC unless it says otherwise; empty: the latest event.",
    )
    return environment or "prod", (as_of or "").strip() or None
