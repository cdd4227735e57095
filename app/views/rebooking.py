"""Do users of the top-tier mentors come back more often? The choice of the page is in its address."""

from __future__ import annotations

import streamlit as st

from analysis.answer.document import SMALL_GROUP
from analysis.statistics.proportions import wilson_interval
from app import published
from app.choice import chosen
from app.content import show_blocks, show_caveats
from app.sentences import page, verbatim
from errors import SettingsError
from presentation.document import Row, settings_of
from presentation.renderers.csv import rebooking_csv
from presentation.sections.definitions import definitions
from presentation.sections.rebooking import comparison, rates
from presentation.verdict import rebooking_sentence
from settings import Settings, known_tiers, load_settings

# The values that stand in the address; those of the settings are the command line's.
APPROACHES = ["sessions", "bookings"]
MATURITY = ["everyone", "mature"]
ATTRIBUTION = ["current", "at_session"]
MAX_WINDOW_DAYS = 3650


@page
def show() -> None:
    st.title("Rebooking")
    _say_what_the_address_gets_wrong()
    environment, as_of = chosen(load_settings())
    built = published.settings_as_built(load_settings(), environment)
    settings, approach, maturity = _choice(built)
    window = "rebooking_window_days"
    if settings.rebooking_window_days == built.rebooking_window_days:
        here = load_settings().rebooking_window_days
        document = published.answer(settings.model_copy(update={window: here}), environment, as_of)
    else:
        document = published.answer(settings, environment, as_of, asked=(window,))
    if maturity == "mature":
        document = mature_only(document, settings.confidence_level)
    settings = settings_of(document, settings)
    st.header(verbatim(rebooking_sentence(document, approach)))
    show_blocks([*rates(document, settings, approach), *comparison(document, settings)], document)
    show_caveats(document)
    st.download_button(
        "Download as CSV", rebooking_csv(document), f"rebooking_{maturity}.csv", "text/csv", on_click="ignore"
    )
    with st.expander("Definitions"):
        show_blocks(definitions(settings).blocks, document)
    st.caption("The address of this page holds the choice made here.")


def _say_what_the_address_gets_wrong() -> None:
    """A sentence for each parameter of the address that is not allowed; the page shows its default."""
    allowed = {
        "group_a": known_tiers(),
        "group_b": known_tiers(),
        "window_days": range(1, MAX_WINDOW_DAYS + 1),
        "no_limit": ["true", "false"],
        "tier_attribution": ATTRIBUTION,
        "approach": APPROACHES,
        "maturity": MATURITY,
    }
    for name, values in allowed.items():
        texts = [str(value) for value in values]
        wrong = [given for given in st.query_params.get_all(name) if given and given not in texts]
        if wrong:
            hint = f"1 to {MAX_WINDOW_DAYS}" if name == "window_days" else ", ".join(texts)
            st.warning(verbatim(f"The address asks for {name} = {', '.join(wrong)}, which is none of: {hint}."))


def _choice(settings: Settings) -> tuple[Settings, str, str]:
    """The settings, the approach and the maturity that the controls, and with them the address, ask for."""
    tiers = known_tiers()
    first, second, third = st.columns(3)
    group_a = first.multiselect("Group A", tiers, settings.group_a, key="group_a", bind="query-params")
    group_b = second.multiselect("Group B", tiers, settings.group_b, key="group_b", bind="query-params")
    with third:
        days, limit = st.columns([2, 1], vertical_alignment="bottom")
        no_limit = limit.checkbox(
            "No limit", settings.rebooking_window_days is None, key="no_limit", bind="query-params"
        )
        window_days = days.number_input(
            "Window in days",
            1,
            MAX_WINDOW_DAYS,
            settings.rebooking_window_days or 30,
            key="window_days",
            bind="query-params",
            disabled=no_limit,
        )
    approach = first.radio("Counted by", APPROACHES, key="approach", bind="query-params", horizontal=True)
    maturity = second.radio("Users", MATURITY, key="maturity", bind="query-params", horizontal=True)
    attribution = third.radio(
        "Tier of the mentor",
        ATTRIBUTION,
        ATTRIBUTION.index(settings.tier_attribution),
        key="tier_attribution",
        bind="query-params",
        horizontal=True,
    )
    for name, group in (("A", group_a), ("B", group_b)):
        if not group:
            raise SettingsError(f"group {name} is empty: choose at least one tier for it")
    if maturity == "mature" and no_limit:
        raise SettingsError(
            "without a limit no window is ever over, so no user is mature: set a window, or take everyone"
        )
    chosen = load_settings(
        warehouse=settings.warehouse,
        group_a=group_a,
        group_b=group_b,
        rebooking_window_days="none" if no_limit else window_days,
        tier_attribution=attribution,
    )
    return chosen, approach, maturity


def mature_only(document: Row, confidence_level: float) -> Row:
    """The document with the mature users in the place of all users, with their own intervals and comparison."""

    def figures(row: Row) -> Row:
        low, high = wilson_interval(row["mature_rebooked"], row["mature_users"], confidence_level)
        return row | {
            "users": row["mature_users"],
            "rebooked": row["mature_rebooked"],
            "rate": row["mature_rate"],
            "ci_low": low,
            "ci_high": high,
            "may_yet_rebook": 0,
        }

    parts = {
        approach: part
        | {name: [figures(row) for row in part[name]] for name in ("tiers", "groups")}
        | {"comparison": part["mature_comparison"]}
        for approach, part in document["rebooking"].items()
    }
    few = [
        f"Few mature users of {'/'.join(row['tiers'])}, so the interval is wide: {row['mature_users']}."
        for row in document["rebooking"]["sessions"]["groups"]
        if row["mature_users"] < SMALL_GROUP <= row["users"]
    ]
    return document | {"rebooking": parts, "warnings": few + document["warnings"]}
