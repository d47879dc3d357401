import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server import settings
from lsp_server.settings import _KNOWN, Reading, Settings, read

ROOT = Path(__file__).parents[2]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from([*_KNOWN, "other"])


def test_nothing_sent_gives_defaults() -> None:
    for raw in (None, {}, {"tabwright": {}}, {"tabwright": None}):
        assert read(raw).settings == Settings()
        assert read(raw).warnings == ()


def test_every_key_in_both_shapes() -> None:
    raw = {
        "enable": False, "debounceMs": 0, "adaptDebounce": False, "maxLines": 50, "deadlineMs": 50,
        "invokedDeadlineMs": 10_000, "triggerMode": "invoked", "inComments": False, "inStrings": False,
        "showAbove": 90, "showLinesAbove": 0, "candidates": 5, "languages": {"python": False},
        "threads": 64,
        "attribution": "block", "engine": "openai", "engineUrl": "https://h/v1", "engineModel": "m",
        "engineFim": "qwen", "engineContext": 512,
        "indexProject": False, "model": "/m", "signals": True, "signalsText": True, "logLevel": "debug",
    }  # fmt: skip
    expected = Settings(
        enable=False, debounce_ms=0, adapt_debounce=False, max_lines=50, deadline_ms=50,
        invoked_deadline_ms=10_000, trigger_mode="invoked", in_comments=False, in_strings=False,
        show_above=90, show_lines_above=0, candidates=5, languages={"python": False}, threads=64,
        index_project=False,
        attribution="block", engine="openai", engine_url="https://h/v1", engine_model="m",
        engine_fim="qwen", engine_context=512,
        model="/m", signals=True, signals_text=True, log_level="debug",
    )  # fmt: skip
    assert raw.keys() == _KNOWN.keys()
    assert read(raw).settings == read({"tabwright": raw}).settings == expected


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("enable", "yes", "true or false, not 'yes'; true is used"),
        ("debounceMs", -1, "a whole number from 0 to 2000, not -1; 75 is used"),
        ("debounceMs", 2001, "from 0 to 2000"),
        ("maxLines", 0, "a whole number from 1 to 50, not 0; 12 is used"),
        ("maxLines", True, "not true"),
        ("maxLines", 2.5, "not 2.5"),
        ("adaptDebounce", 1, "true or false, not 1; true is used"),
        ("deadlineMs", 49, "from 50 to 10000, not 49; 300 is used"),
        ("invokedDeadlineMs", 10_001, "from 50 to 10000, not 10001; 1500 is used"),
        ("inComments", "no", "true or false, not 'no'; true is used"),
        ("inStrings", 0, "true or false, not 0; true is used"),
        ("showAbove", 91, "a whole number from 0 to 90, not 91; 5 is used"),
        ("showAbove", 0.5, "a whole number from 0 to 90, not 0.5"),
        ("candidates", 0, "a whole number from 1 to 5, not 0; 3 is used"),
        ("triggerMode", "always", "one of automatic, invoked, not 'always'; 'automatic' is used"),
        ("triggerMode", ["automatic"], "one of automatic, invoked"),
        ("languages", {"python": "no"}, "an object of language ids with true or false"),
        ("languages", ["python"], "an object of language ids"),
        ("threads", 65, "from 0 to 64"),
        ("indexProject", 1, "true or false, not 1; true is used"),
        ("model", 5, "a path"),
        ("signals", "on", "true or false, not 'on'; false is used"),
        ("signalsText", 1, "true or false, not 1; false is used"),
        ("logLevel", "loud", "one of error, warning, info, debug"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(key: str, value: object, allowed: str) -> None:
    reading = read({key: value, "enable": True} if key != "enable" else {key: value})
    assert reading.settings == Settings()
    (warning,) = reading.warnings
    assert warning.startswith(f"Tabwright: the setting tabwright.{key} must be ")
    assert allowed in warning


def test_unknown_keys_and_things_that_are_no_object() -> None:
    assert read({"maxLine": 3}).unknown == ("maxLine",)
    (warning,) = read([1, 2]).warnings
    assert warning == "Tabwright: the settings must be an object, not [1, 2]; defaults are used."


def test_model_and_threads_count_at_start_only() -> None:
    current = Settings(model="/mine", threads=2)
    reading = read({"model": "/theirs", "threads": 2, "maxLines": 3}, current=current)
    assert reading.settings == Settings(model="/mine", threads=2, max_lines=3)
    assert reading.warnings == ("Tabwright: the setting tabwright.model takes effect after a restart.",)


NOW = Settings(enable=False, max_lines=3, languages={"python": False}, threads=2, model="/m")


@pytest.mark.parametrize("raw", [None, {}, {"tabwright": {}}, {"tabwright": None}])
def test_what_a_later_message_does_not_name_stays(raw: object) -> None:
    assert read(raw, current=NOW) == Reading(settings=NOW)


def test_a_later_message_changes_what_it_names() -> None:
    assert read({"maxLines": 5}, current=NOW).settings == replace(NOW, max_lines=5)
    reading = read({"maxLines": 0}, current=NOW)
    assert reading.settings == replace(NOW, max_lines=12)
    assert reading.warnings[0].endswith("; 12 is used.")
    reading = read([1], current=NOW)
    assert reading.settings == NOW
    assert reading.warnings[0].endswith("not [1]; nothing changes.")


def test_null_is_the_default_of_a_key() -> None:
    assert read(dict.fromkeys(_KNOWN)) == Reading(settings=Settings())
    later = read(dict.fromkeys(_KNOWN), current=NOW)
    assert later == Reading(settings=Settings(threads=2, model="/m"))


@given(st.dictionaries(KEYS, JSON))
def test_anything_gives_settings_in_range(raw: dict[str, object]) -> None:
    settings = read(raw).settings
    assert 0 <= settings.debounce_ms <= 2000
    assert 1 <= settings.max_lines <= 50
    assert 50 <= settings.deadline_ms <= 10_000
    assert 50 <= settings.invoked_deadline_ms <= 10_000
    assert 0 <= settings.show_above <= 90
    assert 1 <= settings.candidates <= 5
    assert settings.trigger_mode in ("automatic", "invoked")
    assert 0 <= settings.threads <= 64
    assert read(raw, current=Settings(model="/m")).settings.model == "/m"


def test_the_vs_code_extension_offers_every_setting_with_the_same_default_and_range() -> None:
    """Its defaults are sent as if they had been chosen, so another default there would be another setting."""
    manifest = json.loads((ROOT / "vscode-extension" / "package.json").read_text(encoding="utf-8"))
    offered = manifest["contributes"]["configuration"]["properties"]
    ours = {f"{settings.SECTION}.{key}": name for key, (name, *_) in _KNOWN.items()}
    assert {key for key in offered if not key.startswith("tabwright.server.")} == set(ours)
    for key, name in ours.items():
        one = offered[key]
        assert one["default"] == getattr(Settings(), name), key
        fits = _KNOWN[key.partition(".")[2]][2]
        for bound in ("minimum", "maximum"):
            if bound in one:
                assert fits(one[bound]), key
                assert not fits(one[bound] + (1 if bound == "maximum" else -1)), key
        if name in settings.AT_START:
            assert one["scope"] == "machine", f"a workspace must not choose {key}"


@pytest.mark.parametrize("raw", [[], {"tabwright": []}])
def test_an_empty_list_is_no_settings(raw: object) -> None:
    """Lua's empty table may be either; a box with a warning for it would tell Neovim's users nothing."""
    reading = read(raw)
    assert (reading.settings, reading.warnings) == (Settings(), ())
