"""The web application; `python cli.py app` serves it."""

import streamlit as st

from app.views import explanations, history, pipeline, rebooking, reliability

st.set_page_config(page_title="mentor-analytics", layout="wide")
st.navigation(
    [
        st.Page(rebooking.show, title="Rebooking", default=True),
        *(
            st.Page(explanations.show(name), title=title, url_path=name)
            for name, (title, _) in explanations.CONTENT.items()
        ),
        st.Page(reliability.show, title="Reliability", url_path="reliability"),
        st.Page(pipeline.show, title="Pipeline", url_path="pipeline"),
        st.Page(history.show, title="History", url_path="history"),
    ]
).run()
