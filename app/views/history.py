"""What ran when."""

from __future__ import annotations

import streamlit as st

from app.sentences import page


@page
def show() -> None:
    st.title("History")
