"""Text of others (files, errors, addresses) shown as it is, and failures shown as one sentence."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import streamlit as st

from errors import MentorAnalyticsError


def verbatim(text: object) -> str:
    """Markdown that shows `text` as it is."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", str(text))


def page(show: Callable[[], None]) -> Callable[[], None]:
    """A page that shows a failure a user can act on as a sentence."""

    @functools.wraps(show)
    def shown() -> None:
        try:
            show()
        except MentorAnalyticsError as error:
            message = str(error).removeprefix("--")
            st.error(verbatim(message[:1].upper() + message[1:]))

    return shown
