"""Settings: what the environment may say, and what is refused with the name of the setting."""

from __future__ import annotations

import duckdb
import pytest

from errors import OptionError, SettingsError
from ingest.normalisation import title_case
from settings import load_settings


def test_thresholds_of_the_booking_system_have_their_defaults():
    settings = load_settings()
    assert (settings.max_double_booking_rate, settings.coarse_clock_share) == (0.01, 0.2)
    assert settings.max_feed_age_hours is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_double_booking_rate", "0", 0),
        ("coarse_clock_share", "1", 1),
        ("max_feed_age_hours", "48", 48),
        ("max_feed_age_hours", "none", None),
    ],
)
def test_the_environment_sets_a_threshold(monkeypatch, name, text, value):
    monkeypatch.setenv(f"MENTOR_{name.upper()}", text)
    assert getattr(load_settings(), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_double_booking_rate", "1.01"),
        ("max_double_booking_rate", "-0.01"),
        ("coarse_clock_share", "20"),
        ("coarse_clock_share", "some"),
        ("max_feed_age_hours", "0"),
        ("max_feed_age_hours", "1.5"),
        ("max_feed_age_hours", "two days"),
        # These led out of the times that engines know: the warehouse could not answer, or was not built.
        ("max_feed_age_hours", "100001"),
        ("rebooking_window_days", "999999999"),
        ("no_show_grace_days", "999999999"),
        ("orphan_grace_days", "999999999"),
        ("reschedule_hours", "999999999"),
        ("max_session_hours", "600000"),
        ("default_session_minutes", "999999999"),
        ("unusual_duration_minutes", "999999999"),
    ],
)
def test_a_threshold_that_cannot_be_is_refused_by_name(monkeypatch, name, text):
    monkeypatch.setenv(f"MENTOR_{name.upper()}", text)
    with pytest.raises(SettingsError, match=rf"^wrong setting: {name} = '{text}'"):
        load_settings()


def test_thresholds_that_no_model_reads_change_no_model():
    """What is compared with a rate when the question is asked rebuilds nothing."""
    variables = load_settings().model_variables()
    assert not {"max_double_booking_rate", "coarse_clock_share", "max_feed_age_hours"} & set(variables)


def test_the_environment_beats_the_file_in_any_case_and_an_option_beats_both(monkeypatch, tmp_path):
    (tmp_path / "settings.toml").write_text("orphan_grace_days = 3\nno_show_grace_days = 3\nthreads = 3\n")
    monkeypatch.setattr("settings.WORK_FOLDER", tmp_path)
    monkeypatch.setenv("mentor_no_show_grace_days", "4")
    monkeypatch.setenv("MENTOR_THREADS", "4")
    settings = load_settings(threads=5, gateway=None)
    assert (settings.orphan_grace_days, settings.no_show_grace_days, settings.threads) == (3, 4, 5)
    assert settings.warehouse == tmp_path / "warehouse.duckdb"


def test_a_wrong_option_is_wrong_usage_and_a_wrong_setting_beside_it_is_told_first(monkeypatch):
    with pytest.raises(OptionError, match=r"^wrong setting: gateway = 'mysql'"):
        load_settings(gateway="mysql")
    monkeypatch.setenv("MENTOR_THREADS", "many")
    with pytest.raises(SettingsError, match=r"^wrong setting: threads = 'many'") as refusal:
        load_settings(gateway="mysql")
    assert not isinstance(refusal.value, OptionError)


def test_a_name_in_the_file_that_is_no_setting_is_refused_and_one_in_the_environment_is_not(monkeypatch, tmp_path):
    monkeypatch.setenv("MENTOR_SOMETHING", "1")
    monkeypatch.setattr("settings.WORK_FOLDER", tmp_path)
    load_settings()
    (tmp_path / "settings.toml").write_text("something = 'secret'\n")
    with pytest.raises(SettingsError, match=r"^wrong setting: there is no setting something$"):
        load_settings()


def test_a_tier_is_named_as_loading_names_it(monkeypatch, tmp_path):
    """`Gold-plus` of a sheet was `Gold-Plus` of an option, and no spelling of the seed was right for both."""
    seed = tmp_path / "tier_groups.csv"
    monkeypatch.setattr("settings.TIER_GROUPS_FILE", seed)
    seed.write_text("tier,tier_category,tier_rank\nGold-plus,top_tier,1\nB2b,standard_tier,2\n")
    assert load_settings(group_a="  gold-PLUS ").group_a == ["Gold-plus"]
    assert load_settings().group_b == ["B2b"]
    with duckdb.connect() as connection:
        loaded = connection.execute(f"SELECT {title_case('tier')} FROM (VALUES (' gold-PLUS'), ('b2B')) AS t (tier)")
        assert [tier for (tier,) in loaded.fetchall()] == ["Gold-plus", "B2b"]
    seed.write_text("tier,tier_category,tier_rank\nGold-Plus,top_tier,1\nSilver,standard_tier,2\n")
    with pytest.raises(SettingsError, match="write the tier 'Gold-Plus' as 'Gold-plus'"):
        load_settings()


@pytest.mark.parametrize("text", ["threads = ", "threads = 'ü'\n".encode("latin-1")])
def test_a_file_that_cannot_be_read_is_one_line(monkeypatch, tmp_path, text):
    (tmp_path / "settings.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setattr("settings.WORK_FOLDER", tmp_path)
    with pytest.raises(SettingsError, match=r"^settings cannot be read: .+$"):
        load_settings()
