"""The environment that the pages show."""

from __future__ import annotations

import streamlit as st

from app import published
from settings import Settings


def chosen_environment(settings: Settings) -> str:
    """The environment of the page's address, `prod` without one; to be chosen where there are several.

    Raises:
        WarehouseError: there is no warehouse yet, or it cannot be read.
    """
    built = published.environments(settings)
    asked = st.query_params.get("env")
    if len(built) > 1 and (asked is None or asked in built):
        return st.sidebar.selectbox("Environment", built, key="env", bind="query-params")
    return asked or "prod"
